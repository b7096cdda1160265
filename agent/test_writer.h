// SPDX-License-Identifier: Apache-2.0
// agent/test_writer.h: `graft test`: tests for functions that have none, written by watching what the functions do.
//
// Nobody predicts a result here. Inputs are proposed (boundary values by type, literals of the code, calls seen elsewhere,
// changes of those), a probe runs them in the sandbox twice, and what came out the same way both times becomes an
// assertion. A test describes what the code does today: a person decides whether that is right.
//
// Promise  Every test in the patch was built, passed five times in the sandbox and fails for at least one mutant of the
//          function. The work tree is never touched here.
// Threads  write_tests() runs on the caller's thread and calls `progress` there; cancel through the stop token.
// Errors   kInvalidArgument for a file or symbol that is not there, or a language without test writer (Python with pytest
//          and C++ with doctest have one); kDenied without isolation. "Nothing worth keeping" is a TestReport with kNone.
#pragma once
#include <chrono>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "tools/edit.h"

namespace agent {

struct TestRequest {
  std::filesystem::path root;  // the work tree
  std::string file;            // relative to it
  std::string symbol;          // "parse", "Quantity.parse", "Stock::issue"; empty: all that no test names yet
  std::chrono::seconds budget_time{300};
  int max_mutants = 48;        // of each function
};

struct TestProgress {
  std::string phase;   // "recording", "trying mutants", "running the new tests"
  std::string detail;  // the function
  int done = 0, total = 0;
};

// What was done for one function.
struct TestedFunction {
  std::string name;
  int cases_tried = 0, cases_stable = 0, cases_kept = 0;
  std::vector<std::string> tests;              // names of the kept tests
  int mutants_tried = 0, mutants_killed = 0;   // by the finished tests
  std::string reason;                          // why nothing was kept; else empty
};

struct TestReport {
  enum class Status { kVerified, kNone } status = Status::kNone;
  tools::Edit edit;       // of kVerified
  std::string patch;      // git format
  std::string test_file;  // created or appended to
  std::vector<TestedFunction> functions;
  int passing_runs = 0;   // of the whole new test file, one after the other
  std::string command;    // that runs the tests
  std::string output_tail;
  std::string note;       // what a person has to do besides, such as naming a new file in the build; may be empty
  double seconds = 0;
};

base::Result<TestReport> write_tests(const TestRequest& request,
                                     const std::function<void(const TestProgress&)>& progress, std::stop_token stop);

}  // namespace agent
