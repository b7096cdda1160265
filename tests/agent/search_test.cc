// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "tests/agent/search_kit.h"

namespace {
using agent::Candidate;
using agent::CheckResult;
using test::change;
using test::Fixture;
}  // namespace

TEST_CASE("search: candidates run by falling score, and the one that passes wins") {
  Fixture f("x = 1\n",
            [](const std::string& text) { return text == "x = 3\n" ? "" : "FAILED test_a.py::test_x - got " + text; });
  const auto result = f.run({change(4, 1, "2", .1), change(4, 1, "3", .2), change(4, 1, "4", .3)});
  REQUIRE(result);
  REQUIRE(result->winners.size() == 1);
  CHECK(result->winners[0].applied[0].description == "to 3");
  CHECK(f.checker.runs[0] == "x = 4\n");
  CHECK(f.checker.runs[1] == "x = 3\n");
}

TEST_CASE("search: the states that come next by what is known are told before each run, and change nothing") {
  const auto fails = [](const std::string& text) { return text == "x = 5\n" ? "" : "FAILED test_a.py::test_x - got " + text; };
  const std::vector<Candidate> candidates = {change(4, 1, "2", .9), change(4, 1, ")", .8), change(4, 1, "3", .7),
                                             change(0, 6, "x = 2\n", .6), change(4, 1, "4", .5), change(4, 1, "5", .4)};
  Fixture alone("x = 1\n", fails), beside("x = 1\n", fails);
  beside.checker.n_side_by_side = 3;
  const auto first = alone.run(candidates), second = beside.run(candidates);
  REQUIRE(first);
  REQUIRE(second);
  CHECK(alone.checker.expected.empty());
  CHECK(beside.checker.runs == alone.checker.runs);
  CHECK(beside.checker.runs.size() == 4);
  CHECK(second->winners.size() == first->winners.size());
  CHECK(second->candidates == first->candidates);
  using Texts = std::vector<std::string>;
  REQUIRE(beside.checker.expected.size() == 4);
  CHECK(beside.checker.expected[0] == Texts{"x = 3\n", "x = 4\n"});  // not what runs now, by whatever way it is reached
  CHECK(beside.checker.expected[1] == Texts{"x = 4\n", "x = 5\n"});
  CHECK(beside.checker.expected[3].empty());
}

TEST_CASE("search: what does not parse or leads to a known tree costs no run") {
  Fixture f("x = 1\n", [](const std::string&) { return "FAILED test_a.py::test_x - no"; });
  const auto result =
      f.run({change(4, 1, ")", .9), change(4, 1, "2", .8), change(0, 6, "x = 2\n", .7), change(4, 1, "1", .6)});
  REQUIRE(result);
  CHECK(result->winners.empty());
  CHECK(result->checks == 1);
}

TEST_CASE("search: the budget of runs is kept") {
  Fixture f("x = 1\n", [](const std::string& text) { return "FAILED test_a.py::test_x - got " + text; });
  std::vector<Candidate> many;
  for (int i = 2; i < 50; ++i) many.push_back(change(4, 1, std::to_string(i), 1.0 / i));
  const auto result = f.run(many, 7);
  REQUIRE(result);
  CHECK(result->checks == 7);
  CHECK(f.checker.runs.size() == 7);
}

TEST_CASE("search: lines whose changes have no effect are left for others") {
  // Line 1 does not matter to the check; line 2 does. Line 1's candidates look a little better.
  Fixture f("a = 1\nb = 1\n", [](const std::string& text) {
    const std::string second = text.substr(text.find('\n') + 1);
    return second == "b = 9\n" ? std::string() : "FAILED test_a.py::test_b - got " + second;
  });
  std::vector<Candidate> all;
  for (int i = 2; i < 10; ++i) {
    all.push_back(change(4, 1, std::to_string(i), 1.0 - .01 * i, 1));
    all.push_back(change(10, 1, std::to_string(i), .9 - .01 * i, 2));
  }
  const auto result = f.run(all);
  REQUIRE(result);
  REQUIRE(result->winners.size() == 1);
  const auto passed = std::find(f.checker.runs.begin(), f.checker.runs.end(), "a = 1\nb = 9\n");
  CHECK(passed - f.checker.runs.begin() < 12);  // in order of the scores alone it would be the last of 16
}

TEST_CASE("search: a kind of edit that the compiler keeps refusing leaves its turn to others") {
  Fixture f("a = 1\nb = 1\n", [](const std::string& text) -> std::string {
    if (text.find("a = 1") == std::string::npos) return "a.py:1:5: error: no such name\n";
    return text == "a = 1\nb = 9\n" ? "" : "FAILED test_a.py::test_b - got " + text;
  });
  std::vector<Candidate> all;
  for (int i = 2; i < 22; ++i) {
    all.push_back(change(4, 1, std::to_string(i), 1.0 - .001 * i, 1));
    all.back().kind = agent::MutationKind::kVariable;
  }
  for (int i = 5; i < 10; ++i) {
    all.push_back(change(10, 1, std::to_string(i), .5 - .001 * i, 2));
    all.back().kind = agent::MutationKind::kComparison;
  }
  const auto result = f.run(all);
  REQUIRE(result);
  REQUIRE(result->winners.size() == 1);
  const auto passed = std::find(f.checker.runs.begin(), f.checker.runs.end(), "a = 1\nb = 9\n");
  CHECK(passed - f.checker.runs.begin() < 10);  // without it line 1 alone takes fourteen runs
}

TEST_CASE("search: a repair of one failing test is the ground for the next") {
  Fixture f("a = 1\nb = 1\n", [](const std::string& text) {
    std::string out;
    if (text.find("a = 2") == std::string::npos) out += "FAILED test_a.py::test_a - no\n";
    if (text.find("b = 2") == std::string::npos) out += "FAILED test_a.py::test_b - no\n";
    return out;
  });
  f.next = {change(10, 1, "2", 1, 2)};
  const auto result = f.run({change(4, 1, "2", 1, 1)});
  REQUIRE(result);
  REQUIRE(result->winners.size() == 1);
  CHECK(result->winners[0].applied.size() == 2);
  CHECK(result->winners[0].overlay.at("a.py") == "a = 2\nb = 2\n");
  CHECK(f.grounds == std::vector<size_t>{0, 1});
}

TEST_CASE("search: of two that pass in two steps, the one whose first step was likelier ranks first") {
  Fixture f("a = 1\nb = 1\n", [](const std::string& text) {
    std::string out;
    if (text.find("a = 1") != std::string::npos) out += "FAILED test_a.py::test_a - no\n";
    if (text.find("b = 2") == std::string::npos) out += "FAILED test_a.py::test_b - no\n";
    return out;
  });
  // On top of the less likely one the second step has few rivals.
  f.next_on = [](const agent::Ground& ground) {
    std::vector<Candidate> next = {change(10, 1, "2", 1, 2)};
    if (ground.applied[0].description == "to 2") next.push_back(change(10, 1, "9", .5, 2));
    return next;
  };
  const auto result = f.run({change(4, 1, "2", 1, 1), change(4, 1, "3", .5, 1)});
  REQUIRE(result);
  REQUIRE(result->winners.size() == 2);
  CHECK(result->winners[0].overlay.at("a.py") == "a = 2\nb = 2\n");
}

TEST_CASE("search: of changes that repair a part the one that leaves the least is told, with what it leaves") {
  Fixture f("a = 1\nb = 1\n", [](const std::string& text) {
    std::string out = "FAILED test_a.py::test_elsewhere - no\n";
    if (text.find("a = 1") != std::string::npos) out += "FAILED test_a.py::test_a - no\n";
    if (text.find("a = 3") == std::string::npos) out += "FAILED test_a.py::test_b - no\n";
    return out;
  });
  const auto result =
      f.run({change(4, 1, "2", .9), change(4, 1, "3", .8), change(4, 1, "4", .7), change(4, 1, "5", .6)});
  REQUIRE(result);
  CHECK(result->winners.empty());
  REQUIRE(result->best_partial);
  CHECK(result->best_partial->changes == std::vector<std::string>{"a.py:1 to 3"});
  CHECK(result->best_partial->before.failing.size() == 3);
  CHECK(result->best_partial->after.failing == std::vector<std::string>{"test_a.py::test_elsewhere"});
}

TEST_CASE("search: what repaired nothing on one ground comes last on the next, wherever its text has gone") {
  Fixture f("a = 1\nb = 1\nc = 1\n", [](const std::string& text) {
    std::string out;
    if (text.find("a = 200") == std::string::npos) out += "FAILED test_a.py::test_a - no\n";
    if (text.find("b = 2") == std::string::npos || text.find("c = 3") == std::string::npos)
      out += "FAILED test_a.py::test_bc - no " + text.substr(text.find('b')) + "\n";
    return out;
  });
  // Two bytes on once `a` is repaired. There the first of these looks best, but was in vain before.
  f.next = {change(12, 1, "7", .9, 2), change(12, 1, "2", .5, 2), change(18, 1, "3", .4, 3)};
  const auto result = f.run({change(10, 1, "7", .9, 2), change(4, 1, "200", .8, 1)}, 4);
  REQUIRE(result);
  REQUIRE(f.checker.runs.size() >= 3);
  CHECK(f.checker.runs[0] == "a = 1\nb = 7\nc = 1\n");
  CHECK(f.checker.runs[1] == "a = 200\nb = 1\nc = 1\n");
  CHECK(f.checker.runs[2] == "a = 200\nb = 2\nc = 1\n");
}

TEST_CASE("search: a line that made no difference on one ground makes none on the next") {
  Fixture f("a = 1\nb = 1\nc = 1\n", [](const std::string& text) {
    std::string out;
    if (text.find("a = 2") == std::string::npos) out += "FAILED test_a.py::test_a - no\n";
    if (text.find("c = 2") == std::string::npos) out += "FAILED test_a.py::test_c - no\n";
    return out;
  });
  f.next = {change(10, 1, "8", .6, 2), change(16, 1, "2", .5, 3)};
  const auto result = f.run({change(10, 1, "7", .9, 2), change(4, 1, "2", .8, 1)}, 3);
  REQUIRE(result);
  REQUIRE(f.checker.runs.size() == 3);
  CHECK(f.checker.runs[2] == "a = 2\nb = 1\nc = 2\n");
  CHECK(result->winners.size() == 1);
}

TEST_CASE("search: a compiler that goes on to its next message after a repair of the first is one to follow") {
  const auto compiler = [](const std::string& text) -> std::string {
    if (text.find("a = 1") != std::string::npos) return "error[E1]: no `a`\n --> a.py:1:1\n";
    if (text.find("a = 2") != std::string::npos && text.find("b = 1") != std::string::npos)
      return "error[E2]: no `b`\n --> a.py:2:1\n";
    if (text.find("a = 3") != std::string::npos) return "error[E1]: no `a`\n --> a.py:1:1\n";
    return text == "a = 2\nb = 2\n" ? "" : "error[E9]: no\n --> a.py:1:1\n";
  };
  const auto by_message = [](Candidate candidate) {
    candidate.proposer = "diagnostic: misspelt name";
    return candidate;
  };
  Fixture f("a = 1\nb = 1\n", compiler);
  f.next = {by_message(change(10, 1, "2", 1, 2))};
  const auto result = f.run({by_message(change(4, 1, "2", 1, 1))});
  REQUIRE(result);
  REQUIRE(result->winners.size() == 1);
  CHECK(f.grounds == std::vector<size_t>{0, 1});
  // Any damage changes what a compiler says: without a message behind it that is no progress, nor is the same message
  // again.
  Fixture mutated("a = 1\nb = 1\n", compiler);
  REQUIRE(mutated.run({change(4, 1, "2", 1, 1)}));
  CHECK(mutated.grounds == std::vector<size_t>{0});
  Fixture worse("a = 1\nb = 1\n", [](const std::string& text) -> std::string {
    return text.find("a = 1") != std::string::npos ? "error[E1]: no `a`\n --> a.py:1:1\n"
                                                   : "error[E2]: b\n --> a.py:2:1\nerror[E3]: c\n --> a.py:2:1\n";
  });
  REQUIRE(worse.run({by_message(change(4, 1, "2", 1, 1))}));
  CHECK(worse.grounds == std::vector<size_t>{0});
  Fixture same("a = 1\nb = 1\n", compiler);
  REQUIRE(same.run({by_message(change(4, 1, "3", 1, 1))}));
  CHECK(same.grounds == std::vector<size_t>{0});
}

TEST_CASE("search: of two that pass, the one that takes no code away ranks first") {
  Fixture f("x = 1\ny = 1\n",
            [](const std::string& text) { return text == "x = 1\ny = 1\n" ? "FAILED test_a.py::t - no" : ""; });
  Candidate removal = change(6, 6, "", 1, 2);
  removal.removes_code = true;
  const auto result = f.run({removal, change(4, 1, "2", .6, 1)});
  REQUIRE(result);
  REQUIRE(result->winners.size() == 2);
  CHECK_FALSE(result->winners[0].applied[0].removes_code);
}

TEST_CASE("search: of two that pass, a narrower change of like score ranks before one that turns a condition round") {
  const auto first_of = [](double narrow_score) {
    Fixture f("x = 1\ny = 1\n",
              [](const std::string& text) { return text == "x = 1\ny = 1\n" ? "FAILED test_a.py::t - no" : ""; });
    Candidate turned = change(4, 1, "3", 1, 1);
    turned.turns_condition = true;
    const auto result = f.run({turned, change(10, 1, "2", narrow_score, 2)});
    REQUIRE(result);
    REQUIRE(result->winners.size() == 2);
    return result->winners[0].applied[0].description;
  };
  CHECK(first_of(.3) == "to 2");
  CHECK(first_of(.02) == "to 3");  // far less likely than the other
}

TEST_CASE("search: beside a message that names the fault nothing far less likely is run") {
  Fixture f("x = 1\n", [](const std::string& text) { return text == "x = 1\n" ? "FAILED test_a.py::t - no" : ""; });
  Candidate named = change(4, 1, "2", 1);
  named.proposer = "diagnostic: misspelt name";
  const auto result = f.run({named, change(4, 1, "3", .5), change(4, 1, "4", .01)});
  REQUIRE(result);
  CHECK(f.checker.runs == std::vector<std::string>{"x = 2\n", "x = 3\n"});
}

TEST_CASE("search: a stop request ends it with kCancelled") {
  Fixture f("x = 1\n", [](const std::string&) { return "FAILED test_a.py::t - no"; });
  std::stop_source source;
  source.request_stop();
  const auto result = f.run({change(4, 1, "2", 1)}, 60, source.get_token());
  REQUIRE_FALSE(result);
  CHECK(result.error().code == base::ErrorCode::kCancelled);
}

TEST_CASE("search: a stop request while others are looked for ends it as well, after no further run") {
  std::stop_source source;
  Fixture f("x = 1\n", [&](const std::string& text) {
    if (text != "x = 2\n") return "FAILED test_a.py::t - got " + text;
    source.request_stop();
    return std::string();
  });
  const auto result = f.run({change(4, 1, "2", 1), change(4, 1, "3", .9)}, 60, source.get_token());
  REQUIRE_FALSE(result);
  CHECK(result.error().code == base::ErrorCode::kCancelled);
  CHECK(f.checker.runs.size() == 1);
}

TEST_CASE("search: a run whose pass is hollow is no repair, no part of one, and is told") {
  Fixture f("x = 1\n", [](const std::string& text) -> std::string {
    if (text == "x = 2\n") return "hollow";
    return text == "x = 3\n" ? "" : "FAILED test_a.py::test_x - no\nFAILED test_a.py::test_y - no";
  });
  const auto result = f.run({change(4, 1, "2", .9), change(4, 1, "3", .2)});
  REQUIRE(result);
  REQUIRE(result->winners.size() == 1);
  CHECK(result->winners[0].applied[0].description == "to 3");
  CHECK(f.grounds == std::vector<size_t>{0});
  REQUIRE(result->hollow.size() == 1);
  CHECK(result->hollow[0].find("a.py:1 to 2") != std::string::npos);
}

TEST_CASE("search: where a program crashes that did not before, tests that are not told of are not repaired") {
  const auto check = [](const std::string& text) -> std::string {
    const std::string ctest = "The following tests FAILED:\n\t 1 - outer (Failed)\n";
    if (text == "x = 4\n") return "";
    if (text == "x = 2\n") return "1/1 Test #1: outer ...***Exception: SegFault  0.00 sec\n" + ctest;
    return "t.c:12:inner:FAIL: Expected 4 Was 1\n" + ctest;
  };
  Fixture f("x = 1\n", check);
  auto result = f.run({change(4, 1, "2", .9), change(4, 1, "3", .8), change(4, 1, "4", .7)});
  REQUIRE(result);
  CHECK(f.grounds == std::vector<size_t>{0});  // nothing on top of the crash
  CHECK_FALSE(result->best_partial);
  CHECK(result->winners.size() == 1);
}
