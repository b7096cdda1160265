// SPDX-License-Identifier: Apache-2.0
// Spans of lines that occur once, against all spans of small texts.
#include <doctest/doctest.h>

#include <map>

#include "base/strings.h"
#include "tests/engine/constrain_support.h"

namespace engine::test {
namespace {

std::set<std::string> unique_spans_of(std::string_view text, size_t max_lines) {
  const auto lines = base::split_lines(text);
  std::map<std::string, int> counts;
  for (size_t from = 0; from < lines.size(); ++from) {
    std::string span;
    for (size_t i = from; i < lines.size() && i < from + max_lines; ++i) {
      if (i > from) span += '\n';
      span += lines[i];
      ++counts[span];
    }
  }
  std::set<std::string> once;
  for (const auto& [span, n] : counts)
    if (n == 1 && !span.empty()) once.insert(span);
  return once;
}

}  // namespace

TEST_CASE("constrain spans: every mask is what a list of all spans says") {
  const auto vocabulary = vocabulary_of({"a", "b", "\n", "a\n", "ab", "\n\n", "b\na"});
  for (const char* text :
       {"a\nb\na\nab\n", "a\na\na", "ab\n\nab\nb\n\n", "a\nb\na\nb\na\nb", "b", "\n\na\n\n\na\n", "aa\na\naab\naa\na"})
    for (const uint32_t max_lines : {1u, 2u, 3u, 100u}) {
      CAPTURE(text);
      CAPTURE(max_lines);
      const auto expected = unique_spans_of(text, max_lines);
      const auto constraint = Constraint::from_unique_spans(text, max_lines, vocabulary);
      REQUIRE(bool(constraint) == !expected.empty());
      if (constraint) check_masks(*constraint, expected, 5);
    }
}

TEST_CASE("constrain spans: a long text of equal lines has one span per length, and is built quickly") {
  std::string text;
  for (int i = 0; i < 20000; ++i) text += "}\n";
  text += "return 1;\n";
  const auto constraint = Constraint::from_unique_spans(text, 3, byte_vocabulary({"}\n", "return"}));
  REQUIRE(constraint);
  CHECK(accepts(*constraint, "return 1;"));
  CHECK(accepts(*constraint, "}\n}\nreturn 1;"));
  CHECK_FALSE(accepts(*constraint, "}\n}\n}\nreturn 1;"));
  CHECK_FALSE(accepts(*constraint, "}"));
  CHECK_FALSE(accepts(*constraint, "return"));
  CHECK(Constraint::from_unique_spans("", 3, byte_vocabulary()).error().code == base::ErrorCode::kInvalidArgument);
}

}  // namespace engine::test
