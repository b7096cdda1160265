// SPDX-License-Identifier: Apache-2.0
// agent/check/run_limit.h: how long the check may take on a candidate, learnt from the runs so far.
//
// A candidate may loop for ever, and each one that does costs its whole limit. What the first run took, of the
// unchanged code, says what is usual; but it may have been cold (a compilation, empty caches), may have ended early
// (a build that failed, a test tool that stops at the first failure), or may have hung itself: then a traced run may
// tell what it did beside hanging.
// Units    Wall time. No limit is longer than the user's.
// Threads  One.
#pragma once
#include <chrono>
#include <cstdint>

#include "agent/check/check_runner.h"

namespace agent {

class RunLimit {
 public:
  // `first` is the failing run of the unchanged code, `build_failed` whether it got as far as a test, `allowed` the
  // user's limit of one run.
  RunLimit(const CheckResult& first, bool build_failed, std::chrono::milliseconds allowed);

  std::chrono::milliseconds now() const;      // for the next candidate
  std::chrono::milliseconds patient() const;  // for a second try of one that ran out of time
  std::chrono::milliseconds allowed() const { return allowed_; }
  // Less than this is no fair try: what ends in its tests hardly would have.
  std::chrono::milliseconds least() const;
  // Memory of the next candidate, for one that fills it as the unchanged code does; 0: as much as the unchanged code
  // had.
  uint64_t memory() const;
  RunBounds next() const { return {now(), memory(), least()}; }

  // What the proof of a patch may take: the check once more with it, where that took `repaired`, and once without it.
  std::chrono::milliseconds proof(std::chrono::milliseconds repaired) const;
  std::chrono::milliseconds proof() const;  // of a patch that is not found yet
  // For the unchanged code in that proof. It has hung for the user's whole limit before; now several times what the
  // repaired code needs shows that it still does.
  std::chrono::milliseconds unrepaired(std::chrono::milliseconds repaired) const;

  // Of a first run that hung, as far as a traced run knows: what all that came to an end took under the tracer, which
  // is slower than without, and the most memory that it held before it hung. Nothing is known where `seconds` is 0.
  void know_hang(double seconds, uint64_t memory_bytes);
  // The unchanged code with one file built again, where the first run may have found all built. No candidate in that file
  // takes less; one that did not end in less time was not seen to hang.
  void know_rebuild(const CheckResult& rebuilt);
  // Whether such a run would tell anything: the unchanged code builds, and its tests end.
  bool may_rebuild() const { return first_built_ && !first_hung_; }
  // A candidate's run: those that ended in their tests say how long a warm run takes, those that did not that others
  // may not.
  void saw(const CheckResult& result, bool build_failed);

 private:
  double usual_seconds() const;
  double candidates_seconds() const;
  double limit_seconds() const;

  const std::chrono::milliseconds allowed_;
  const bool first_hung_, first_filled_, first_built_;
  const double first_seconds_;  // of a run that hung: until it last wrote something
  double rebuilt_seconds_ = 0;  // 0: not known
  double traced_seconds_ = 0;   // of what did not hang; 0: not known
  uint64_t traced_memory_ = 0;
  double longest_seconds_ = 0, second_longest_ = 0;  // of the candidates' runs that ended
  int n_ended_ = 0, n_endless_ = 0;
};

}  // namespace agent
