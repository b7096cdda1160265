// SPDX-License-Identifier: Apache-2.0
// agent/check/test_counts.h: how many tests a run of the check says it has run, and whether a pass has run those that failed.
//
// Reads the closing lines of pytest, unittest, doctest, Catch2, GoogleTest, ctest, Automake, cargo, nextest, go,
// node:test, Mocha, Jest, Vitest and Surefire. The output is data; what is not known of a tool is not guessed.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace agent {

enum class TestTool {
  kPytest,
  kUnittest,
  kDoctest,
  kCatch2,
  kGoogleTest,
  kCtest,
  kAutomake,
  kCargo,
  kNextest,
  kGoPackages,
  kGoTests,  // under -v
  kNodeTest,
  kMocha,
  kJest,
  kVitest,
  kSurefire,
};

// Of all the tool's closing lines in an output. `failed` may count more than tests: hooks, subtests, whole files.
struct TestCount {
  int passed = 0, failed = 0, skipped = 0;
  int ran() const { return passed + failed; }
};
using TestCounts = std::map<TestTool, TestCount>;

TestCounts read_test_counts(std::string_view output);

std::string_view tool_name(TestTool tool);  // "pytest", "go test -v"

// "pytest: 23 passed, 1 failed, 2 skipped"; tools apart by "; ", empty where there are none.
std::string counts_words(const TestCounts& counts);

// Whether tools were at work, and none of them ran a test.
bool ran_no_test(const TestCounts& counts);

// Why a run of `check` that passed says nothing of the tests that ran `before`, when it failed: fewer pass than passed
// then, or what failed is skipped now. Nothing where it may have run them, or one of the two does not tell.
std::optional<std::string> hollow_pass(const TestCounts& before, const TestCounts& now, std::string_view check);

}  // namespace agent
