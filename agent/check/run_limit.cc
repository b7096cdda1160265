// SPDX-License-Identifier: Apache-2.0
#include "agent/check/run_limit.h"

#include <algorithm>
#include <cmath>

namespace agent {
namespace {

using std::chrono::milliseconds;

constexpr double kTimes = 6;  // the usual time: a busy machine, and tests that the failing run did not reach
// Where some hang others will, and each costs its whole limit: of the runs that ended, and of the first alone.
constexpr double kTimesAmongHangs = 3, kTimesOfFirstAmongHangs = 2;
constexpr milliseconds kShortest{3'000};  // of checks that take no time: what a busy machine may make of them
constexpr milliseconds kUnbuilt{10'000};  // the shortest while hardly a run has got as far as a test
constexpr int kEnoughEndless = 2;         // runs that hung, more say nothing new
constexpr int kEnoughEnded = 3;           // runs after which the candidates' own times speak
// Of the longest run alone: what took far longer than all others is damage that slows its tests more often than what a
// repair needs, and the next of its kind shall not take longer still.
constexpr double kTimesOutlier = 2;
// A first run was cold at worst: a third of it may be believed of every other, so that twice of it is always allowed.
constexpr double kWarmShare = 1. / 3;
constexpr double kHungFloor = .1, kHungCeiling = .25;  // of the user's limit, where the unchanged code never ended
constexpr double kTimesRebuilt = 2;  // others are built beside it
// What a traced run took beside hanging is an upper bound already, but for the repaired test's own time.
constexpr double kTimesTraced = 3;
constexpr milliseconds kShortestTraced{1'500};  // every second candidate may hang: each costs this
constexpr double kPatience = 5;
constexpr uint64_t kMemoryTimes = 4,
                   kLeastMemory = 128u << 20;  // of what was held before the first run began to fill it
constexpr double kProofSlack = 1.5;            // on a proof's runs: a busy machine
constexpr milliseconds kProofSetUp{500};       // a fresh copy, and what lies between the runs
constexpr milliseconds kLeastTry{1'000};

milliseconds from_seconds(double seconds) {
  return milliseconds(static_cast<int64_t>(seconds * 1000));
}

milliseconds times(double factor, milliseconds time) {
  return milliseconds(static_cast<int64_t>(factor * static_cast<double>(time.count())));
}

}  // namespace

RunLimit::RunLimit(const CheckResult& first, bool build_failed, milliseconds allowed)
    : allowed_(allowed),
      first_hung_(first.endless()),
      first_filled_(first.out_of_memory),
      first_built_(!build_failed),
      first_seconds_(first.endless() ? first.last_output_seconds : first.seconds) {}

// A kTimes-th of what the candidates' own runs allow the next one.
double RunLimit::candidates_seconds() const {
  if (n_ended_ < kEnoughEnded) return longest_seconds_;
  return std::max(second_longest_, longest_seconds_ * kTimesOutlier / kTimes);
}

double RunLimit::usual_seconds() const {
  if (traced_seconds_ > 0 && n_ended_ == 0) return traced_seconds_;
  const double first = n_ended_ >= kEnoughEnded ? first_seconds_ * kWarmShare : first_seconds_;
  // What a run that hung wrote last may be a part of its endless loop.
  if (traced_seconds_ > 0 || (!first_hung_ && !first_built_)) return candidates_seconds();
  return std::max({candidates_seconds(), first, rebuilt_seconds_});
}

// Half as many times the usual with each run that hung, down to what a busy machine may need.
double RunLimit::limit_seconds() const {
  const bool enough = n_ended_ >= kEnoughEnded;
  const double times =
      std::max(enough || first_hung_ ? kTimesAmongHangs : kTimesOfFirstAmongHangs, std::ldexp(kTimes, -n_endless_));
  if (!enough || first_hung_) return std::max(times * usual_seconds(), kTimesOutlier * longest_seconds_);
  return std::max({times * second_longest_, kTimesOutlier * longest_seconds_,
                   first_built_ ? times * kWarmShare * first_seconds_ : 0, kTimesRebuilt * rebuilt_seconds_});
}

milliseconds RunLimit::now() const {
  const bool enough = n_ended_ >= kEnoughEnded;
  if (!first_hung_ && !first_built_ && n_ended_ == 0) return allowed_;  // no run has shown how long the tests take
  if (traced_seconds_ > 0)
    return std::min(allowed_, std::max({kShortestTraced, from_seconds(kTimesTraced * traced_seconds_),
                                        from_seconds(kTimes * candidates_seconds())}));
  milliseconds limit = std::max(kShortest, from_seconds(limit_seconds()));
  if (!first_built_ && !enough) limit = std::max(limit, kUnbuilt);
  if (first_hung_ && !enough) {
    // What writes for ever, or nothing at all, says little about the tests before it.
    const double whole = static_cast<double>(allowed_.count()) / 1000;
    limit = std::clamp(limit, std::max(kShortest, from_seconds(kHungFloor * whole)),
                       std::max(kUnbuilt, from_seconds(kHungCeiling * whole)));
  }
  return std::min(limit, allowed_);
}

milliseconds RunLimit::patient() const {
  return std::min(allowed_, times(kPatience, now()));
}

milliseconds RunLimit::least() const {
  return std::min(now(), std::max(kLeastTry, times(kProofSlack, from_seconds(usual_seconds()))));
}

uint64_t RunLimit::memory() const {
  if (!first_filled_ || traced_memory_ == 0) return 0;
  return std::max(kLeastMemory, kMemoryTimes * traced_memory_);
}

milliseconds RunLimit::unrepaired(milliseconds repaired) const {
  return first_hung_ ? std::min(allowed_, std::max(kShortest, times(kPatience, repaired))) : allowed_;
}

milliseconds RunLimit::proof(milliseconds repaired) const {
  const milliseconds without = first_hung_ ? unrepaired(repaired)
                                           : times(kProofSlack, from_seconds(std::max(first_seconds_, rebuilt_seconds_)));
  return kProofSetUp + std::min(allowed_, times(kProofSlack, repaired)) + std::min(allowed_, without);
}

milliseconds RunLimit::proof() const {
  return proof(from_seconds(usual_seconds()));
}

void RunLimit::know_hang(double seconds, uint64_t memory_bytes) {
  if (!first_hung_ || seconds <= 0) return;
  traced_seconds_ = seconds;
  traced_memory_ = memory_bytes;
}

void RunLimit::know_rebuild(const CheckResult& rebuilt) {
  if (!may_rebuild()) return;
  const double whole = static_cast<double>(allowed_.count()) / 1000;
  rebuilt_seconds_ = std::max(rebuilt_seconds_, rebuilt.endless() ? whole : rebuilt.seconds);
  n_endless_ = 0;
}

void RunLimit::saw(const CheckResult& result, bool build_failed) {
  if (result.endless()) n_endless_ = std::min(n_endless_ + 1, kEnoughEndless);
  if (result.endless() || build_failed) return;
  ++n_ended_;
  second_longest_ = std::max(second_longest_, std::min(longest_seconds_, result.seconds));
  longest_seconds_ = std::max(longest_seconds_, result.seconds);
}

}  // namespace agent
