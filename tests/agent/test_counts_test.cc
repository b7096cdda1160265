// SPDX-License-Identifier: Apache-2.0
#include "agent/check/test_counts.h"

#include <doctest/doctest.h>

#include "agent/check/counting_checker.h"

namespace {

using agent::TestCount;
using agent::TestTool;

struct Said {
  TestTool tool;
  const char* output;
  TestCount want;
};

// Closing lines as the tools write them, between lines of other kinds.
const Said kSaid[] = {
    {TestTool::kPytest,
     "x.py:3: AssertionError\n=========== 2 failed, 10 passed, 1 skipped, 3 warnings in 0.05s ===========\n",
     {10, 2, 1}},
    {TestTool::kPytest, "..F\n1 failed, 2 passed in 61.20s (0:01:01)\n", {2, 1, 0}},
    {TestTool::kPytest, "\x1b[31m\x1b[1m1 failed\x1b[0m, \x1b[32m2 passed\x1b[0m\x1b[31m in 0.01s\x1b[0m\n", {2, 1, 0}},
    {TestTool::kPytest, "1 failed, 1 passed, 2 subtests passed in 0.01s\n", {1, 1, 0}},
    {TestTool::kPytest, "no tests ran in 0.01s\n", {0, 0, 0}},
    {TestTool::kPytest, "3 deselected in 0.01s\n", {0, 0, 0}},
    {TestTool::kUnittest, "Ran 13 tests in 0.003s\n\nFAILED (failures=1, errors=2, skipped=3)\n", {7, 3, 3}},
    {TestTool::kUnittest, "Ran 1 test in 0.003s\n\nOK\n", {1, 0, 0}},
    {TestTool::kUnittest, "Ran 2 tests in 0.003s\n\nFAILED (failures=5)\n", {0, 5, 0}},  // subtests
    {TestTool::kDoctest,
     "[doctest] test cases:  13 |  12 passed |  1 failed | 4 skipped\n[doctest] assertions: 40 | 39 passed | 1 failed "
     "|\n",
     {12, 1, 4}},
    {TestTool::kCatch2, "test cases: 3 | 2 passed | 1 failed\nassertions: 9 | 8 passed | 1 failed\n", {2, 1, 0}},
    {TestTool::kCatch2, "All tests passed (9 assertions in 3 test cases)\n", {3, 0, 0}},
    {TestTool::kCatch2, "All tests passed (1 assertion in 1 test case)\n", {1, 0, 0}},
    {TestTool::kGoogleTest,
     "[==========] 6 tests from 2 test suites ran. (0 ms total)\n[  PASSED  ] 3 tests.\n[  SKIPPED ] 1 test, listed "
     "below:\n[  SKIPPED ] A.B\n"
     "[  FAILED  ] 2 tests, listed below:\n[  FAILED  ] A.C\n",
     {3, 2, 1}},
    {TestTool::kCtest,
     "67% tests passed, 1 tests failed out of 3\n\nThe following tests did not run:\n\t  3 - s (Skipped)\n",
     {1, 1, 1}},
    {TestTool::kCtest, "100% tests passed, 0 tests failed out of 3\n", {3, 0, 0}},
    {TestTool::kAutomake, "# TOTAL: 6\n# PASS:  3\n# SKIP:  1\n# XFAIL: 0\n# FAIL:  2\n", {3, 2, 1}},
    {TestTool::kCargo,
     "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.00s\n"
     "test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.20s\n",
     {13, 1, 1}},
    {TestTool::kNextest, "     Summary [   0.012s] 13 tests run: 12 passed, 1 failed, 2 skipped\n", {12, 1, 2}},
    {TestTool::kGoPackages,
     "ok  \tx/a\t0.001s\nok  \tx/b\t(cached)\nFAIL\tx/c\t0.002s\n?   \tx/d\t[no test files]\nok  \tx/e\t0.001s [no "
     "tests to run]\nFAIL\n",
     {2, 1, 2}},
    {TestTool::kGoTests,
     "=== RUN   TestA\n--- FAIL: TestA (0.00s)\n=== RUN   TestB\n    --- PASS: TestB/in (0.00s)\n--- PASS: TestB "
     "(0.00s)\n--- SKIP: TestC (0.00s)\n",
     {1, 1, 1}},
    {TestTool::kNodeTest,
     "# tests 4\n# suites 0\n# pass 2\n# fail 1\n# cancelled 0\n# skipped 1\n# todo 0\n",
     {2, 1, 1}},
    {TestTool::kNodeTest, "ℹ tests 2\nℹ pass 2\nℹ fail 0\nℹ skipped 0\n", {2, 0, 0}},
    {TestTool::kMocha, "  12 passing (5ms)\n  1 pending\n  2 failing\n\n  1) a test\n", {12, 2, 1}},
    {TestTool::kJest,
     "Test Suites: 1 failed, 1 passed, 2 total\nTests:       1 failed, 2 skipped, 12 passed, 15 total\n",
     {12, 1, 2}},
    {TestTool::kVitest, " Test Files  1 failed (1)\n      Tests  1 failed | 12 passed | 2 skipped (15)\n", {12, 1, 2}},
    {TestTool::kSurefire,
     "[ERROR] Tests run: 3, Failures: 1, Errors: 0, Skipped: 0, Time elapsed: 0.05 s <<< FAILURE! -- in a.BTest\n"
     "[ERROR] Tests run: 5, Failures: 1, Errors: 1, Skipped: 1\n",
     {2, 2, 1}},
};

agent::TestCounts counts(TestTool tool, TestCount count) {
  return {{tool, count}};
}

// Says what it is told to.
class Scripted final : public agent::Checker {
 public:
  base::Result<std::string> tree_of(const agent::Overlay&) override { return std::string("t"); }
  base::Result<agent::CheckResult> run(const agent::Overlay& overlay, std::stop_token) override {
    agent::CheckResult result = overlay.empty() ? unchanged : changed;
    result.ending = result.passed ? "exit 0" : "exit 1";
    return result;
  }
  base::Status reset() override { return base::ok(); }
  void set_bounds(agent::RunBounds) override {}
  agent::CheckResult unchanged, changed;
};

}  // namespace

TEST_CASE("test counts: each tool's closing lines, alone and after one another") {
  std::string all;
  for (const Said& said : kSaid) {
    CAPTURE(said.output);
    const agent::TestCounts found = agent::read_test_counts(said.output);
    REQUIRE(found.contains(said.tool));
    const TestCount count = found.at(said.tool);
    CHECK(count.passed == said.want.passed);
    CHECK(count.failed == said.want.failed);
    CHECK(count.skipped == said.want.skipped);
    CHECK(found.size() == 1);
    all += said.output;
  }
  const agent::TestCounts sum = agent::read_test_counts(all);
  for (const Said& said : kSaid) CHECK(sum.contains(said.tool));
  CHECK(sum.at(TestTool::kPytest).passed == 15);
  CHECK(sum.at(TestTool::kDoctest).skipped == 4);
}

TEST_CASE("test counts: what only looks like a closing line, or has a number of any size, is nothing") {
  for (const char* output : {"",
                             "\n\n",
                             "passed in time",
                             "12 passing things",
                             "x failed, y passed in 3s",
                             "2 passed the bar in a hurry",
                             "# passages 3",
                             "Tests: none",
                             "ok then",
                             "Ran off in a hurry",
                             "--- FAIL: TestA (0.00s)\n",
                             "99999999999999999999 passed in 1s",
                             "12passed in 0.1s",
                             "2 erroring files in 3s",
                             "% tests passed",
                             "ℹ",
                             "# ",
                             "test cases",
                             "OK (skipped=3)",
                             "[  PASSED",
                             "Tests run: many"}) {
    CAPTURE(output);
    CHECK(agent::read_test_counts(output).empty());
  }
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "9999999 passed in 1s\n";
  CHECK(agent::read_test_counts(many).at(TestTool::kPytest).passed == 1'000'000'000);
}

TEST_CASE("test counts: in words, each tool with what it counted") {
  CHECK(agent::counts_words({}).empty());
  CHECK(agent::counts_words(counts(TestTool::kPytest, {24, 0, 0})) == "pytest: 24 passed");
  agent::TestCounts two = counts(TestTool::kDoctest, {0, 2, 0});
  two[TestTool::kCtest] = {3, 1, 4};
  CHECK(agent::counts_words(two) == "doctest: 0 passed, 2 failed; ctest: 3 passed, 1 failed, 4 skipped");
}

TEST_CASE("test counts: a pass is hollow where fewer tests pass than did before, or what failed is skipped") {
  const auto hollow = [](TestCount before, TestCount now, const char* check = "make check") {
    return agent::hollow_pass(counts(TestTool::kPytest, before), counts(TestTool::kPytest, now), check);
  };
  CHECK_FALSE(hollow({12, 1, 0}, {13, 0, 0}));
  CHECK_FALSE(hollow({12, 1, 2}, {13, 0, 2}));
  CHECK_FALSE(hollow({2, 1, 0}, {40, 0, 3}));   // the failing run ended early
  CHECK_FALSE(hollow({12, 1, 0}, {12, 0, 0}));  // what failed may have been no test: a hook, a whole file
  CHECK(hollow({12, 1, 0}, {11, 0, 0}));
  CHECK(hollow({12, 1, 0}, {12, 0, 1}));
  CHECK(hollow({0, 1, 0}, {0, 0, 1})->find("1 test that ran before is skipped") != std::string::npos);
  CHECK(hollow({12, 1, 0}, {0, 0, 0}));
  // Nothing is told: that matters only of a tool that the check itself is.
  const agent::TestCounts before = counts(TestTool::kPytest, {12, 1, 0});
  CHECK_FALSE(agent::hollow_pass(before, {}, "make check"));
  CHECK_FALSE(agent::hollow_pass(before, {}, "pytest -q > log || (cat log; false)"));
  CHECK_FALSE(agent::hollow_pass(before, {}, "./run_pytest_all"));
  CHECK_FALSE(agent::hollow_pass(before, {}, "./mypytest -q"));
  CHECK_FALSE(agent::hollow_pass(counts(TestTool::kPytest, {0, 0, 3}), {}, "pytest"));
  CHECK(agent::hollow_pass(before, {}, "python3 -m pytest -q"));
  CHECK(agent::hollow_pass(before, {}, "cd sub && .venv/bin/pytest"));
  CHECK_FALSE(agent::hollow_pass({}, counts(TestTool::kPytest, {0, 0, 0}), "pytest"));
  CHECK_FALSE(agent::hollow_pass(counts(TestTool::kPytest, {0, 0, 3}), counts(TestTool::kPytest, {0, 0, 4}), "pytest"));
  CHECK(agent::ran_no_test(counts(TestTool::kPytest, {0, 0, 3})));
  CHECK_FALSE(agent::ran_no_test(counts(TestTool::kPytest, {0, 1, 0})));
  CHECK_FALSE(agent::ran_no_test({}));
  // ctest shows what a program writes where it fails alone.
  agent::TestCounts nested = counts(TestTool::kCtest, {3, 1, 0});
  nested[TestTool::kDoctest] = {10, 1, 0};
  agent::TestCounts after = counts(TestTool::kCtest, {4, 0, 0});
  after[TestTool::kDoctest] = {2, 0, 0};
  CHECK_FALSE(agent::hollow_pass(nested, after, "ctest && ./other"));
  after[TestTool::kCtest] = {2, 0, 0};
  CHECK(agent::hollow_pass(nested, after, "ctest && ./other"));
}

TEST_CASE(
    "counting checker: a hollow pass is a failure with its reason; the unchanged code and cut outputs are let be") {
  auto made = std::make_unique<Scripted>();
  Scripted& inner = *made;
  agent::CountingChecker checker(std::move(made), "pytest");
  const agent::Overlay change = {{"a.py", "x"}};
  inner.unchanged.output = "1 failed, 12 passed in 0.05s\n";
  inner.changed.passed = true;
  inner.changed.output = "12 passed, 1 skipped in 0.05s\n";
  CHECK(checker.run(change, {})->passed);  // nothing to hold it against yet
  CHECK_FALSE(checker.run({}, {})->passed);
  const auto hollow = checker.run(change, {});
  REQUIRE(hollow);
  CHECK_FALSE(hollow->passed);
  CHECK(hollow->hollow.find("skipped") != std::string::npos);
  CHECK(hollow->ending.starts_with("exit 0, but "));
  inner.changed.output_cut = true;
  CHECK(checker.run(change, {})->passed);
  inner.changed.output_cut = false;
  inner.changed.output = "13 passed in 0.05s\n";
  CHECK(checker.run(change, {})->passed);
  CHECK(checker.run(change, {})->hollow.empty());
  // The first failing run counts, whatever comes after it.
  inner.unchanged.output = "1 failed, 2 passed in 0.05s\n";
  CHECK_FALSE(checker.run({}, {})->passed);
  inner.changed.output = "5 passed in 0.05s\n";
  CHECK_FALSE(checker.run(change, {})->passed);
  inner.unchanged.passed = true;
  inner.unchanged.output = "no tests ran in 0.05s\n";
  CHECK(checker.run({}, {})->passed);
}

TEST_CASE("counting checker: a run of the unchanged code that passes is nothing to hold others against") {
  auto made = std::make_unique<Scripted>();
  made->unchanged.passed = made->changed.passed = true;
  made->unchanged.output = "13 passed in 0.05s\n";
  made->changed.output = "12 passed in 0.05s\n";
  agent::CountingChecker checker(std::move(made), "pytest");
  CHECK(checker.run({}, {})->passed);
  CHECK(checker.run({{"a.py", "x"}}, {})->passed);
}
