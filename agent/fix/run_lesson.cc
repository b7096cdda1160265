// SPDX-License-Identifier: Apache-2.0
#include "agent/fix/run_lesson.h"

#include <algorithm>
#include <set>

namespace agent {
namespace {

// Any damage to a line that runs changes the failure: that alone speaks for nothing. A part repaired does, though most
// often it is luck.
constexpr Lesson kNoEffect{.45, .92}, kOtherFailure{.95, .98}, kMoreFailures{.85, .97}, kPartly{1.5, 1.2},
    kDoesNotBuild{.95, 1}, kHangs{.8, 1};

}  // namespace

CheckReading reading_of(const CheckResult& result, const PathResolver& resolver) {
  CheckReading reading = read_check_output(result.output, resolver);
  reading.crashed |= result.ending.starts_with("killed by signal");
  return reading;
}

Lesson lesson_of(const CheckReading& before, const CheckReading& after, bool endless) {
  const bool same = after.fingerprint == before.fingerprint;
  // Still in the same loop, as far as can be seen.
  if (endless) return same && before.symptoms.contains(Symptom::kTimeout) ? kNoEffect : kHangs;
  if (same) return kNoEffect;
  if (is_partial(before, after)) return kPartly;
  if (after.build_failed && !before.build_failed) return kDoesNotBuild;
  return after.failing.size() > before.failing.size() ? kMoreFailures : kOtherFailure;
}

bool is_partial(const CheckReading& before, const CheckReading& after) {
  if (before.build_failed && !after.build_failed) return true;
  if (after.build_failed) return before.build_failed && after.n_errors > 0 && after.n_errors < before.n_errors;
  if (after.crashed && !before.crashed) return false;
  return !after.failing.empty() && after.failing.size() < before.failing.size() &&
         std::includes(before.failing.begin(), before.failing.end(), after.failing.begin(), after.failing.end());
}

bool is_next_message(const Candidate& candidate, const CheckReading& before, const CheckReading& after) {
  if (!candidate.proposer.starts_with("diagnostic") || !before.build_failed || !after.build_failed) return false;
  const auto errors = [](const CheckReading& reading) {
    std::set<std::string> messages;
    for (const Place& place : reading.places)
      if (place.kind == PlaceKind::kError) messages.insert(place.message);
    return messages;
  };
  const std::set<std::string> old = errors(before), now = errors(after);
  return !now.empty() && now.size() <= old.size() &&
         std::none_of(now.begin(), now.end(), [&](const std::string& message) { return old.contains(message); });
}

}  // namespace agent
