// SPDX-License-Identifier: Apache-2.0
#include "base/utf8.h"

#include <doctest/doctest.h>

TEST_CASE("is_utf8: overlong forms, surrogates, cut sequences and values past U+10FFFF are refused") {
  CHECK(base::is_utf8("plain \xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80"));
  CHECK_FALSE(base::is_utf8("\xC0\x80"));
  CHECK_FALSE(base::is_utf8("\xED\xA0\x80"));
  CHECK_FALSE(base::is_utf8("\xE2\x82"));
  CHECK_FALSE(base::is_utf8("\xF4\x90\x80\x80"));
  CHECK_FALSE(base::is_utf8("\xFF"));
}

TEST_CASE("append_utf8 and decode_utf8 agree for every code point at a length border") {
  for (uint32_t c : {0x0u, 0x7Fu, 0x80u, 0x7FFu, 0x800u, 0xD7FFu, 0xE000u, 0xFFFFu, 0x10000u, 0x10FFFFu}) {
    std::string text;
    base::append_utf8(text, c);
    const base::CodePoint back = base::decode_utf8(text);
    CHECK(back.valid);
    CHECK(back.value == c);
    CHECK(back.n_bytes == static_cast<int>(text.size()));
  }
}

TEST_CASE("to_valid_utf8: one replacement per bad byte") {
  CHECK(base::to_valid_utf8("a\xFF\xFE" "b") == "a\xEF\xBF\xBD\xEF\xBF\xBD" "b");
}
