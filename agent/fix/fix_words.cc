// SPDX-License-Identifier: Apache-2.0
#include "agent/fix/fix_words.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <set>

#include "base/strings.h"
#include "base/utf8.h"

namespace agent {
namespace {

constexpr size_t kTailBytes = 2000;
constexpr size_t kNamedTests = 3;  // in a sentence
constexpr int kWorthTelling = 2;   // seconds: with less a person would say that none were left

std::string tail_of(const std::string& output) {
  if (output.size() <= kTailBytes) return base::to_valid_utf8(output);
  std::string tail = output.substr(output.size() - kTailBytes);
  if (const size_t line = tail.find('\n'); line != std::string::npos) tail.erase(0, line + 1);
  return base::to_valid_utf8(tail);
}

}  // namespace

CheckRun evidence_of(const CheckResult& result) {
  return {result.tree, result.ending, result.seconds, tail_of(result.output),
          result.output_cut ? TestCounts() : read_test_counts(result.output)};
}

std::string seconds_text(double seconds) {
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), "%.1f s", seconds);
  return text.data();
}

std::string changes_of(const Winner& winner) {
  std::string changes;
  for (const Candidate& part : winner.applied)
    changes += base::cat(changes.empty() ? "" : "; ", part.path, ":", part.line, ": ", part.description);
  return changes;
}

std::string proposers_of(const Winner& winner) {
  std::set<std::string> seen;
  std::string proposers;
  for (const Candidate& part : winner.applied)
    if (seen.insert(part.proposer).second) proposers += (proposers.empty() ? "" : ", ") + part.proposer;
  return proposers;
}

std::string some_of(const std::vector<std::string>& tests) {
  std::string some;
  for (size_t i = 0; i < std::min(tests.size(), kNamedTests); ++i) some += (i > 0 ? ", " : "") + tests[i];
  if (tests.size() > kNamedTests) some += base::cat(" and ", tests.size() - kNamedTests, " more");
  return some;
}

std::string end_of_time(std::chrono::milliseconds left, std::chrono::seconds whole) {
  const auto rest = std::chrono::duration_cast<std::chrono::seconds>(left).count();
  if (rest < kWorthTelling) return base::cat("the time of ", whole.count(), " s was used up");
  return base::cat("of the ", whole.count(), " s the last ", rest,
                   " are too few for another run and the proof of what it may find: allow more, or a shorter check");
}

// Often what is left fails for a reason of its own, which no edit here will change.
void say_of_part(const Partial& part, std::vector<std::string>& tried) {
  for (const std::string& change : part.changes) tried.push_back(base::cat("repairs a part: ", change));
  const std::vector<std::string>&before = part.before.failing, &after = part.after.failing;
  if (part.before.build_failed || part.after.build_failed || after.size() >= before.size()) return;
  tried.push_back(base::cat(before.size() - after.size(), " of the ", before.size(),
                            " failing tests pass with it. What still fails: ", some_of(after),
                            ". If that has another cause, leave it out of the check"));
}

}  // namespace agent
