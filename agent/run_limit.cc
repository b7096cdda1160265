// SPDX-License-Identifier: Apache-2.0
#include "agent/run_limit.h"

#include <algorithm>

namespace agent {
namespace {

using std::chrono::milliseconds;

constexpr double kTimes = 6;               // the usual time: a busy machine, and tests that the failing run did not reach
constexpr milliseconds kShortest{3'000};   // of checks that take no time: what a busy machine may make of them
constexpr milliseconds kUnbuilt{10'000};   // the shortest while hardly a run has got as far as a test
constexpr int kEnoughEnded = 3;            // runs after which the candidates' own times speak
// A first run was cold at worst: a third of it may be believed of every other, so that twice of it is always allowed.
constexpr double kWarmShare = 1. / 3;
constexpr double kHungFloor = .1, kHungCeiling = .25;  // of the user's limit, where the unchanged code never ended
constexpr double kPatience = 5;

milliseconds from_seconds(double seconds) { return milliseconds(static_cast<int64_t>(seconds * 1000)); }

}  // namespace

RunLimit::RunLimit(const CheckResult& first, bool build_failed, milliseconds allowed)
    : allowed_(allowed),
      first_hung_(first.endless()),
      first_built_(!build_failed),
      first_seconds_(first.endless() ? first.last_output_seconds : first.seconds) {}

milliseconds RunLimit::now() const {
  const bool enough = n_ended_ >= kEnoughEnded;
  if (!first_hung_ && !first_built_ && n_ended_ == 0) return allowed_;  // no run has shown how long the tests take
  double usual = longest_seconds_;
  if (first_hung_ || first_built_) usual = std::max(usual, enough ? first_seconds_ * kWarmShare : first_seconds_);
  milliseconds limit = std::max(kShortest, from_seconds(kTimes * usual));
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
  return std::min(allowed_, milliseconds(static_cast<int64_t>(kPatience * static_cast<double>(now().count()))));
}

void RunLimit::saw(const CheckResult& result, bool build_failed) {
  if (result.endless() || build_failed) return;
  ++n_ended_;
  longest_seconds_ = std::max(longest_seconds_, result.seconds);
}

}  // namespace agent
