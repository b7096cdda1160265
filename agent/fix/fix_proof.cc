// SPDX-License-Identifier: Apache-2.0
// What passed is made smaller, and seen to repair (fix_run.h).
#include <algorithm>

#include "agent/fix/fix_run.h"
#include "agent/fix/fix_words.h"
#include "base/strings.h"

namespace agent {
namespace {

using std::chrono::milliseconds;

// Of a check that ran out of its time: the repaired one needs less than this part of it, or a busy machine could be the
// whole difference.
constexpr double kClearlyFaster = .5;

}  // namespace

void FixRun::no_time_for_proof(const std::string& change) {
  unproven_ = true;
  unconfirmed_.push_back(base::cat("with ", change,
                                   " the check passed once; no time was left to prove it: allow more than ",
                                   request_.budget_time.count(), " s"));
}

// The winner passes again, from nothing built and nothing left behind; the work tree as it is still fails. Both have to
// end within the time that is left: what has not been seen to its end is no proof.
base::Result<bool> FixRun::confirm(Winner& winner) {
  tell("confirming", "running the check once more in a fresh copy", report_.checks, report_.candidates);
  const std::string change =
      base::cat(winner.applied.back().path, ":", winner.applied.back().line, " ", winner.applied.back().description);
  if (base::Status fresh = checker_->reset(); !fresh) return std::move(fresh).error();
  const milliseconds with = std::min(allowed_, left());
  if (with == milliseconds(0)) {
    no_time_for_proof(change);
    return false;
  }
  checker_->set_bounds({with});
  auto again = checker_->run(winner.overlay, stop_);
  if (!again) return std::move(again).error();
  if (!again->passed) {
    if (again->timed_out && with < allowed_)
      no_time_for_proof(change);
    else
      unconfirmed_.push_back(base::cat(change, " passed once, then ", again->ending));
    return false;
  }
  const double allowed = std::chrono::duration<double>(allowed_).count();
  if (hung_ && again->seconds > kClearlyFaster * allowed) {
    unconfirmed_.push_back(base::cat("with ", change, " the check passes in ", seconds_text(again->seconds),
                                     ", without it it ran out of ", seconds_text(allowed),
                                     ": too near to tell a repair from a slow run. Allow it more time"));
    return false;
  }
  const milliseconds wanted = limit_->unrepaired(milliseconds(static_cast<int64_t>(1000 * again->seconds)));
  const milliseconds without_it = std::min(wanted, left());
  if (without_it == milliseconds(0) || (hung_ && without_it < wanted)) {
    no_time_for_proof(change);
    return false;
  }
  checker_->set_bounds({without_it});
  auto without = checker_->run({}, stop_);
  if (!without) return std::move(without).error();
  if (without->passed) {
    flaky_ = true;
    return false;
  }
  if (without->timed_out && without_it < wanted) {
    no_time_for_proof(change);
    return false;
  }
  report_.evidence.push_back(evidence_of(winner.result));
  report_.evidence.push_back(evidence_of(*again));
  report_.evidence.push_back(evidence_of(*without));
  return true;
}

// Of several changes on top of one another, those that the check does not need go.
base::Status FixRun::minimise(const tools::WorkTree& tree, Winner& winner) {
  if (winner.applied.size() < 2) return base::ok();
  const milliseconds wanted = RunLimit(winner.result, false, allowed_).now();
  auto edit = edit_of(tree, winner.overlay);
  if (!edit) return std::move(edit).error();
  for (size_t file = 0; file < edit->files.size(); ++file)
    for (size_t i = 0; i < edit->files[file].replacements.size();) {
      if (edit->files.size() == 1 && edit->files[0].replacements.size() == 1) return base::ok();
      const milliseconds passed_in(static_cast<int64_t>(1000 * winner.result.seconds));
      const milliseconds limit = std::min(wanted, left() - limit_->proof(passed_in));
      if (limit < passed_in) return base::ok();  // the proof needs what is left
      checker_->set_bounds({limit});
      tell("minimising", edit->files[file].path, report_.checks, report_.candidates);
      std::vector<tools::Replacement> fewer = edit->files[file].replacements;
      fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
      auto original = tree.read(edit->files[file].path);
      if (!original) return std::move(original).error();
      Overlay overlay = winner.overlay;
      if (fewer.empty())
        overlay.erase(edit->files[file].path);
      else
        overlay[edit->files[file].path] = agent::apply(*original, fewer);
      auto result = checker_->run(overlay, stop_);
      if (!result) return std::move(result).error();
      if (!result->passed) {
        ++i;
        continue;
      }
      winner.overlay = std::move(overlay);
      winner.result = std::move(*result);
      edit->files[file].replacements = std::move(fewer);
    }
  return base::ok();
}

}  // namespace agent
