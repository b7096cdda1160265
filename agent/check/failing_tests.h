// SPDX-License-Identifier: Apache-2.0
// agent/check/failing_tests.h: which tests a check's output calls failed, by the words of the tools that run tests.
//
// Names    As the tool writes them, without what differs between two equal runs (times, counts, TAP's numbers), so that
//          two readings can be compared: what one tool calls a test is called the same in every run of it.
// Accepts  Any text, a line at a time, without colours.
#pragma once
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace agent {

class FailingTests {
 public:
  void read(std::string_view line);
  // Sorted, each once.
  std::vector<std::string> names() const;

 private:
  void read_catch2(std::string_view line);

  std::string heading_;      // Catch2's, "case" or "case/section", above what failed in it
  bool in_heading_ = false;  // between its two lines of dashes
  std::set<std::string> names_;
  // Mocha's "  1) adds two": a list of anything where no "2 failing" stands in the output.
  std::set<std::string> numbered_;
  bool numbers_failures_ = false;
};

}  // namespace agent
