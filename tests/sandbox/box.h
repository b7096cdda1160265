// SPDX-License-Identifier: Apache-2.0
// tests/sandbox/box.h: a source folder with a workspace over it, for one test.
#pragma once
#include <doctest/doctest.h>

#include <chrono>
#include <cstdio>
#include <string>

#include "sandbox/workspace.h"
#include "tests/support/temp_dir.h"

// Ends a case, and says so, where this machine gives no isolation.
#define REQUIRE_ISOLATION()                                                                                   \
  if (!sandbox::probe_isolation().available) {                                                                \
    test::say_skipped("commands cannot be isolated here. To fix it: " + sandbox::probe_isolation().fix);      \
    return;                                                                                                   \
  }

namespace test {

inline void say_skipped(const std::string& reason) { std::printf("[skipped] sandbox: %s\n", reason.c_str()); }

inline sandbox::Policy short_policy() {
  sandbox::Policy policy;
  policy.limits.wall = std::chrono::seconds(60);  // a bound for a broken test; no case waits for it
  policy.limits.memory_bytes = 1ull << 30;
  return policy;
}

class Box {
 public:
  explicit Box(sandbox::WorkspaceOptions options = {}) : options_(std::move(options)) {}

  TempDir source;  // fill it before the first use of the workspace

  sandbox::Workspace& workspace() {
    if (!workspace_) {
      auto made = sandbox::create_workspace(source.path(), options_);
      REQUIRE_MESSAGE(made, made.error().message);
      workspace_ = std::move(*made);
    }
    return *workspace_;
  }

  sandbox::Outcome run(const sandbox::Command& command, const sandbox::Policy& policy = short_policy(),
                       std::stop_token stop = {}) {
    auto outcome = workspace().run(command, policy, std::move(stop));
    REQUIRE_MESSAGE(outcome, outcome.error().message);
    return std::move(*outcome);
  }
  sandbox::Outcome sh(const std::string& text, const sandbox::Policy& policy = short_policy()) {
    return run(sandbox::shell_command(text), policy);
  }
  // The output of a command that must succeed.
  std::string out(const std::string& text, const sandbox::Policy& policy = short_policy()) {
    const sandbox::Outcome outcome = sh(text, policy);
    CHECK_MESSAGE(outcome.passed(), sandbox::describe(outcome), ": ", outcome.output);
    return outcome.output;
  }

  void drop() { workspace_.reset(); }

 private:
  sandbox::WorkspaceOptions options_;
  std::unique_ptr<sandbox::Workspace> workspace_;
};

}  // namespace test
