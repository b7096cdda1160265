// SPDX-License-Identifier: Apache-2.0
// agent/test_writer/test_kit.h: what the test writer has to know of one language and its test framework. Used inside agent/.
//
// Owns     A kit borrows the work tree and the workspace, which outlive it. The workspace's copy of the file under test may
//          hold a mutant while record() and run_tests() work.
// Errors   kInvalidArgument where the language's tools are missing, with what to install; kCancelled.
#pragma once
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "agent/test_writer/test_case.h"
#include "agent/test_writer/test_render.h"
#include "agent/test_writer/test_target.h"
#include "base/result.h"
#include "sandbox/sandbox.h"
#include "tools/work_tree.h"

namespace agent {

class TestKit {
 public:
  virtual ~TestKit() = default;

  virtual const std::vector<TestTarget>& targets() const = 0;  // of the file, by position
  virtual std::string_view separator() const = 0;              // between scope and name: "." or "::"
  virtual bool named_by_tests(const TestTarget& target) const = 0;

  virtual base::Result<std::vector<TestCase>> propose(const TestTarget& target, size_t at_most,
                                                      std::stop_token stop) = 0;

  // One Behaviour for each case. kNotFound: the program with the calls could not be built or did not start.
  virtual base::Result<std::vector<Behaviour>> record(const TestTarget& target, const std::vector<TestCase>& cases,
                                                      bool reverse, std::stop_token stop) = 0;

  // Tests for these cases, in the order given; adds their names to those that are taken.
  virtual RenderedTests render(const TestTarget& target, const std::vector<TestCase>& cases,
                               const std::vector<Behaviour>& seen) = 0;

  virtual const std::string& test_path() const = 0;     // relative; the file may not exist yet
  virtual const std::string& test_old_text() const = 0;  // empty for a new file
  virtual std::string test_text(const RenderedTests& tests) const = 0;  // of the whole file

  // Runs the named tests of the file as it is in the workspace. kNotFound: they could not be built.
  virtual base::Result<sandbox::Outcome> run_tests(const std::vector<std::string>& names, std::stop_token stop) = 0;
  virtual std::string command(const std::vector<std::string>& names) const = 0;  // the same, for a person
  virtual std::string note() const = 0;
};

struct TestKitOptions {
  const tools::WorkTree* tree = nullptr;
  sandbox::Workspace* workspace = nullptr;
  std::string file;
  std::string text;  // of the file
};
base::Result<std::unique_ptr<TestKit>> make_python_test_kit(const TestKitOptions& options, std::stop_token stop);
base::Result<std::unique_ptr<TestKit>> make_cpp_test_kit(const TestKitOptions& options, std::stop_token stop);

// The folder in the workspace for probes; it is never part of a patch.
inline constexpr std::string_view kProbeFolder = ".graft-test";

}  // namespace agent
