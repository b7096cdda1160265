// SPDX-License-Identifier: Apache-2.0
#include "agent/test_writer/test_select.h"

#include <doctest/doctest.h>

#include <set>

using agent::choose_mutants;
using agent::select_cases;

namespace {

tools::SyntaxTree parse(const char* text) {
  auto tree = tools::SyntaxTree::parse(tools::Language::kPython, text);
  REQUIRE(tree);
  return *tree;
}

}  // namespace

TEST_CASE("test_select: a case that kills nothing new is left out") {
  const std::vector<std::vector<bool>> kills = {{true, false, false}, {true, true, false}, {false, true, false}};
  CHECK(select_cases(kills, {1, 1, 1}) == std::vector<size_t>{1});
}

TEST_CASE("test_select: of two cases that kill the same the cheaper one is taken") {
  const std::vector<std::vector<bool>> kills = {{true, true}, {true, true}};
  CHECK(select_cases(kills, {30, 4}) == std::vector<size_t>{1});
}

TEST_CASE("test_select: a case taken early goes when later ones cover it") {
  // Greedy takes case 0 first (three kills), then needs 1 and 2 for the rest: those cover all that 0 killed.
  const std::vector<std::vector<bool>> kills = {
      {true, true, true, false, false}, {true, true, false, true, false}, {false, false, true, false, true}};
  CHECK(select_cases(kills, {1, 1, 1}) == std::vector<size_t>{1, 2});
}

TEST_CASE("test_select: without kills nothing is taken") {
  CHECK(select_cases({}, {}).empty());
  CHECK(select_cases({{false, false}}, {1}).empty());
  CHECK(select_cases({{}, {}}, {1, 1}).empty());
}

TEST_CASE("test_select: mutants stay in the body, parse, and are spread over it") {
  const char* text =
      "LIMIT = 10 + 1\n"
      "def clip(value, low, high):\n"
      "    if value < low:\n"
      "        return low\n"
      "    if value > high:\n"
      "        return high\n"
      "    return value\n";
  const tools::SyntaxTree tree = parse(text);
  const tools::Range body{std::string_view(text).find("if value < low"), std::string_view(text).size()};
  const auto few = choose_mutants(tree, "clip.py", body, 6);
  CHECK(few.size() == 6);
  std::set<size_t> places;
  for (const auto& mutant : few) {
    CHECK(mutant.replacement.begin >= body.begin);
    CHECK(mutant.replacement.end <= body.end);
    places.insert(mutant.replacement.begin);
  }
  CHECK(places.size() >= 4);
  CHECK(*places.rbegin() > std::string_view(text).find("if value > high"));
}
