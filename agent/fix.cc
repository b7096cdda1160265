// SPDX-License-Identifier: Apache-2.0
#include "agent/fix.h"

#include <algorithm>

#include "agent/check/check_problem.h"
#include "agent/check/counting_checker.h"
#include "agent/fix/fix_run.h"
#include "agent/fix/fix_words.h"
#include "base/strings.h"

namespace agent {
namespace {

constexpr size_t kShownAlternatives = 3;  // a person reads them

}  // namespace

PatchEvidence FixRun::lines_of(const Winner& winner, const tools::WorkTree& tree, const tools::Edit& edit) const {
  PatchEvidence lines = evidence_of(coverage_, tree, edit);
  lines.turns_condition = std::any_of(winner.applied.begin(), winner.applied.end(),
                                      [](const Candidate& part) { return part.turns_condition; });
  return lines;
}

// What cannot be read or written down is left out: it is an aside.
void FixRun::add_alternatives(const tools::WorkTree& tree, tools::CandidateTrees& trees,
                              const std::vector<Winner>& winners, size_t chosen) {
  std::set<std::string> told = refuted_;
  told.insert(winners[chosen].result.tree);
  for (const Winner& winner : winners) {
    if (!told.insert(winner.result.tree).second) continue;
    ++report_.also_passed;
    if (report_.alternatives.size() >= kShownAlternatives) continue;
    const auto edit = edit_of(tree, winner.overlay);
    const auto id = edit ? trees.add(*edit) : edit.error();
    auto patch = id ? trees.patch(*id) : id.error();
    if (!patch) continue;
    report_.alternatives.push_back(
        {std::move(*patch), proposers_of(winner), changes_of(winner), lines_of(winner, tree, *edit)});
  }
}

base::Status FixRun::accept(const tools::WorkTree& tree, const std::vector<Winner>& winners, size_t chosen) {
  const Winner& winner = winners[chosen];
  auto edit = edit_of(tree, winner.overlay);
  if (!edit) return std::move(edit).error();
  auto trees = tools::CandidateTrees::create(tree);
  if (!trees) return std::move(trees).error();
  auto id = (*trees)->add(*edit);
  if (!id) return std::move(id).error();
  auto patch = (*trees)->patch(*id);
  if (!patch) return std::move(patch).error();
  report_.status = FixReport::Status::kVerified;
  report_.lines = lines_of(winner, tree, *edit);
  report_.edit = std::move(*edit);
  report_.patch = std::move(*patch);
  report_.proposer = proposers_of(winner);
  report_.summary = base::cat(changes_of(winner), ". The check failed without it and passes with it.");
  add_alternatives(tree, **trees, winners, chosen);
  return base::ok();
}

void FixRun::say_what_was_tried(const SearchResult& found) {
  std::vector<std::string>& tried = report_.tried;
  if (!failing_.empty()) tried.insert(tried.begin(), base::cat("fails: ", some_of(failing_)));
  if (flaky_) tried.push_back("the check passed once on the unchanged work tree: it does not fail every time");
  if (found.best_partial) say_of_part(*found.best_partial, tried);
  tried.insert(tried.end(), unconfirmed_.begin(), unconfirmed_.end());
  tried.insert(tried.end(), found.hollow.begin(), found.hollow.end());
  if (found.timed_out > 0)
    tried.push_back(base::cat(found.timed_out, " of the runs ran out of time or memory, with at most ",
                              seconds_text(report_.candidate_limit_seconds), " each: their tests said nothing"));
  if (found.out_of_time) tried.push_back(end_of_time(found_left_, request_.budget_time));
  report_.summary =
      flaky_      ? "The check is not steady: it passed and failed on the same files."
      : unproven_ ? "A change made the check pass once, but no time was left to prove it: it is not offered."
                  : base::cat("No change was found that makes the check pass (", found.checks,
                              found.checks == 1 ? " run of the check)." : " runs of the check).");
}

base::Result<FixReport> FixRun::run() {
  auto tree = tools::WorkTree::open(request_.root);
  if (!tree) return std::move(tree).error();
  if (base::trim(request_.check).empty())
    return base::invalid("The check is empty: name a command that fails now and should pass.");
  auto checker = open_check_runner(*tree, request_.check, allowed_);
  if (!checker) return std::move(checker).error();
  auto ahead = std::make_unique<AheadChecker>(
      std::move(*checker), [&tree, this] { return open_check_runner(*tree, request_.check, allowed_); });
  ahead_ = ahead.get();
  checker_ = std::make_unique<CountingChecker>(std::move(ahead), request_.check);
  tell("running the check", request_.check);
  auto first = checker_->run({}, stop_);
  if (!first) return std::move(first).error();
  report_.evidence.push_back(evidence_of(*first));
  if (first->passed) {
    if (auto problem = check_problem(*first, {})) return base::invalid(std::move(*problem));
    report_.status = FixReport::Status::kAlreadyPasses;
    report_.summary = "The check passes as it is: nothing to repair.";
    report_.seconds = seconds();
    return std::move(report_);
  }
  auto found = search(*tree, std::move(*first));
  if (!found) return std::move(found).error();
  found_left_ = left();
  report_.checks = found->checks;
  report_.others_tried = found->others_tried;
  report_.candidates = found->candidates;
  report_.timed_out = found->timed_out;
  report_.candidate_limit_seconds = std::chrono::duration<double>(found->longest_limit).count();
  for (size_t i = 0; i < found->winners.size() && !flaky_; ++i) {
    Winner& winner = found->winners[i];
    if (base::Status smaller = minimise(*tree, winner); !smaller) return std::move(smaller).error();
    auto confirmed = confirm(winner);
    if (!confirmed) return std::move(confirmed).error();
    if (unproven_) break;
    if (!*confirmed) {
      refuted_.insert(winner.result.tree);
      continue;
    }
    if (base::Status accepted = accept(*tree, found->winners, i); !accepted) return std::move(accepted).error();
    break;
  }
  if (report_.status != FixReport::Status::kVerified) say_what_was_tried(*found);
  report_.seconds = seconds();
  return std::move(report_);
}

base::Result<FixReport> fix(const FixRequest& request, const std::function<void(const FixProgress&)>& progress,
                            std::stop_token stop) {
  return FixRun(request, progress, std::move(stop)).run();
}

}  // namespace agent
