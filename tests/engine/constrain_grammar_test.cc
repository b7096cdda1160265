// SPDX-License-Identifier: Apache-2.0
// Grammars in GBNF: masks against brute force, what is refused.
#include <doctest/doctest.h>

#include "tests/engine/constrain_support.h"

namespace engine::test {
namespace {

std::string error_of(std::string_view grammar) {
  const auto made = Constraint::from_grammar(grammar, byte_vocabulary());
  return made ? "" : made.error().message;
}

bool balanced(const std::string& text) {
  std::string open;
  for (const char c : text) {
    if (c == '(' || c == '[') open.push_back(c);
    if (c == ')' || c == ']') {
      if (open.empty() || open.back() != (c == ')' ? '(' : '[')) return false;
      open.pop_back();
    }
  }
  return open.empty();
}

}  // namespace

TEST_CASE("constrain grammar: nested brackets, every mask for every short text") {
  const auto constraint = Constraint::from_grammar(
      "root ::= item*   # any number\n"
      "item ::= \"(\" root \")\" |\n"
      "         \"[\" root \"]\"\n",
      vocabulary_of({"(", ")", "[", "]", "()", ")]", "[(", "])"}));
  REQUIRE(constraint);
  // Texts of two bytes or less, a token of two, and as many to close what is open.
  check_masks(*constraint, language_of("()[]", 8, balanced), 1);
}

TEST_CASE("constrain grammar: ambiguous rules, rules that may be empty, right recursion") {
  const auto vocabulary = vocabulary_of({"a", "b", "ab", "aa", "bb"});
  const auto same = [&](const char* grammar, const std::function<bool(const std::string&)>& holds) {
    CAPTURE(grammar);
    const auto constraint = Constraint::from_grammar(grammar, vocabulary);
    REQUIRE(constraint);
    check_masks(*constraint, language_of("ab", 11, holds), 3);
  };
  const auto n_of = [](const std::string& text, char c) { return std::count(text.begin(), text.end(), c); };
  same("root ::= \"a\" root \"b\" | \"a\" root | \"\"", [&](const std::string& t) {
    const size_t first_b = std::min(t.find('b'), t.size());
    return t.find('a', first_b) == std::string::npos && n_of(t, 'b') <= n_of(t, 'a');
  });
  same("root ::= x y\nx ::= \"a\"*\ny ::= x \"b\" x | x x", [&](const std::string& t) { return n_of(t, 'b') <= 1; });
  same("root ::= \"a\" root | \"b\" root | \"b\"", [](const std::string& t) { return !t.empty() && t.back() == 'b'; });
  same("root ::= p | q\np ::= \"a\" root \"a\"\nq ::= \"b\" root \"b\" | \"a\" | \"b\"",
       [](const std::string& t) { return t.size() % 2 == 1 && std::equal(t.begin(), t.end(), t.rbegin()); });
  same("root ::= (\"a\" | \"b\" e){2,3}\ne ::= e2\ne2 ::= \"\"",
       [](const std::string& t) { return t.size() >= 2 && t.size() <= 3; });
}

TEST_CASE("constrain grammar: classes, escapes, counts and comments") {
  const auto constraint = Constraint::from_grammar(
      "# a greeting\nroot ::= [^a-y\\n] \"\\x41\\u00e9\\\"\" name{2} (\n \"!\" | \"?\"\n)+ .\nname ::= [\\]x-]",
      byte_vocabulary());
  REQUIRE(constraint);
  CHECK(accepts(*constraint, "zA\xc3\xa9\"]x!?\xe2\x82\xac"));
  CHECK(accepts(*constraint,
                "\xe2\x82\xac"
                "A\xc3\xa9\"--!\n"));
  CHECK_FALSE(accepts(*constraint, "bA\xc3\xa9\"]x!?"));
  CHECK_FALSE(accepts(*constraint, "zA\xc3\xa9\"]!?"));
}

TEST_CASE("constrain grammar: deep nesting costs no more than its depth") {
  const auto constraint =
      Constraint::from_grammar("root ::= \"(\" root \")\" | \"x\"", byte_vocabulary({"((((", "))))"}));
  REQUIRE(constraint);
  ConstraintState state(*constraint);
  for (int i = 0; i < 2000; ++i) REQUIRE(state.accept_text("("));
  REQUIRE(state.accept_text("x"));
  CHECK(allowed(state) == std::set<std::string>{")", "))))"});
  for (int i = 0; i < 1998; ++i) REQUIRE(state.accept_text(")"));
  CHECK(allowed(state) == std::set<std::string>{")"});
}

TEST_CASE("constrain grammar: what is wrong is named with its line") {
  CHECK(error_of("root ::= root \"a\" | \"b\"").find("line 1: rule root can begin with itself") != std::string::npos);
  CHECK(error_of("root ::= x | \"b\"\nx ::= e root\ne ::= \"\" | \"c\"").find("can begin with itself") !=
        std::string::npos);
  CHECK(error_of("root ::= \"a\"\n\nother ::= missing").find("line 3: rule missing is used") != std::string::npos);
  CHECK(error_of("start ::= \"a\"").find("no rule named root") != std::string::npos);
  CHECK(error_of("root ::= \"a").find("not closed") != std::string::npos);
  CHECK(error_of("root ::= (\"a\"").find("not closed") != std::string::npos);
  CHECK(error_of("root ::= \"a\"\nroot ::= \"b\"").find("line 2: rule root is defined twice") != std::string::npos);
  CHECK(error_of("root ::= <think>").find("tokens in a grammar") != std::string::npos);
  CHECK(error_of("root ::= \"a\" )").find("')' is not expected") != std::string::npos);
  CHECK(error_of("root ::= \"a\"{3,2}").find("counts are") != std::string::npos);
  CHECK(error_of("root ::= \"a\" root").find("no text fits") != std::string::npos);
  CHECK(error_of("root ::= " + std::string(300, '(') + "\"a\"" + std::string(300, ')')).find("too deeply") !=
        std::string::npos);
}

}  // namespace engine::test
