// SPDX-License-Identifier: Apache-2.0
// agent/run_limit.h: how long the check may take on a candidate, learnt from the runs so far.
//
// A candidate may loop for ever, and each one that does costs its whole limit. What the first run took, of the unchanged
// code, says what is usual; but it may have been cold (a compilation, empty caches), may have ended early (a build that
// failed, a test tool that stops at the first failure), or may have hung itself.
// Units    Wall time. No limit is longer than the user's.
// Threads  One.
#pragma once
#include <chrono>

#include "agent/check_runner.h"

namespace agent {

class RunLimit {
 public:
  // `first` is the failing run of the unchanged code, `build_failed` whether it got as far as a test, `allowed` the user's
  // limit of one run.
  RunLimit(const CheckResult& first, bool build_failed, std::chrono::milliseconds allowed);

  std::chrono::milliseconds now() const;      // for the next candidate
  std::chrono::milliseconds patient() const;  // for a second try of one that ran out of time
  std::chrono::milliseconds allowed() const { return allowed_; }

  // A candidate's run: those that ended in their tests say how long a warm run takes.
  void saw(const CheckResult& result, bool build_failed);

 private:
  const std::chrono::milliseconds allowed_;
  const bool first_hung_, first_built_;
  const double first_seconds_;  // of a run that hung: until it last wrote something
  double longest_seconds_ = 0;  // of the candidates' runs that ended
  int n_ended_ = 0;
};

}  // namespace agent
