// SPDX-License-Identifier: Apache-2.0
#include "base/line_index.h"

#include <doctest/doctest.h>

#include <random>
#include <string>

using base::ByteColumn, base::LineIndex, base::Utf16Column, base::Utf32Column;

TEST_CASE("LineIndex: lines end at LF, CRLF and lone CR") {
  const std::string_view text = "a\nb\r\nc\rd";
  const LineIndex index(text);
  REQUIRE(index.n_lines() == 4);
  CHECK(index.line(text, 0) == "a");
  CHECK(index.line(text, 1) == "b");
  CHECK(index.line(text, 2) == "c");
  CHECK(index.line(text, 3) == "d");
  CHECK(index.line_of(2) == 1);
}

TEST_CASE("LineIndex: an empty text has one empty line, a final newline opens another") {
  CHECK(LineIndex("").n_lines() == 1);
  CHECK(LineIndex("a\n").n_lines() == 2);
}

TEST_CASE("LineIndex: columns in bytes, UTF-16 units and code points") {
  const std::string_view text = "x = \"\xF0\x9F\x98\x80\xC3\xA9\" + 1";  // an emoji (4 bytes, 2 units), an e acute (2 bytes, 1 unit)
  const LineIndex index(text);
  const size_t plus = text.find('+');
  CHECK(index.byte_column(plus).value == plus);
  CHECK(index.utf16_column(text, plus).value == plus - 3);
  CHECK(index.utf32_column(text, plus).value == plus - 4);
  CHECK(index.offset(text, 0, Utf16Column{static_cast<uint32_t>(plus - 3)}) == plus);
  CHECK(index.offset(text, 0, Utf32Column{static_cast<uint32_t>(plus - 4)}) == plus);
  // The middle of a character is its start.
  CHECK(index.offset(text, 0, Utf16Column{6}) == 5);
  CHECK(index.offset(text, 0, ByteColumn{7}) == 5);
}

TEST_CASE("LineIndex: positions past the end are clamped") {
  const std::string_view text = "ab\ncd";
  const LineIndex index(text);
  CHECK(index.offset(text, 0, Utf16Column{99}) == 2);
  CHECK(index.offset(text, 9, Utf16Column{0}) == text.size());
}

TEST_CASE("LineIndex: after random splices it equals an index made anew") {
  std::mt19937 random(7);
  const std::string alphabet = "ab\r\n";
  const auto draw = [&](size_t n) { return static_cast<size_t>(random() % (n + 1)); };
  std::string text;
  LineIndex index(text);
  for (int step = 0; step < 20'000; ++step) {
    const size_t begin = draw(text.size());
    const size_t old_end = begin + draw(std::min<size_t>(text.size() - begin, 4));
    std::string inserted;
    for (size_t n = draw(text.size() > 40 ? 1 : 5); n > 0; --n) inserted += alphabet[random() % alphabet.size()];
    text.replace(begin, old_end - begin, inserted);
    index.splice(text, begin, old_end, begin + inserted.size());
    const LineIndex anew(text);
    REQUIRE(index.n_lines() == anew.n_lines());
    for (size_t line = 0; line < anew.n_lines(); ++line) REQUIRE(index.line_start(line) == anew.line_start(line));
  }
}
