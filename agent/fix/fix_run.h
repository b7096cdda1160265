// SPDX-License-Identifier: Apache-2.0
// agent/fix/fix_run.h: one repair, from the first run of the check to the report (agent/fix.h).
//
// Where    fix_search.cc: what the check says, where to look, the search. fix_proof.cc: what passed is made smaller and
//          seen to repair. fix.cc: the whole, and what is told of it.
// Threads  The caller's.
#pragma once
#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "agent/check/ahead_checker.h"
#include "agent/check/check_output.h"
#include "agent/check/check_runner.h"
#include "agent/code/code_base.h"
#include "agent/fix.h"
#include "agent/fix/search.h"
#include "agent/trace/coverage.h"
#include "agent/trace/tracers.h"
#include "tools/work_tree.h"

namespace agent {

class FixRun {
 public:
  FixRun(const FixRequest& request, const std::function<void(const FixProgress&)>& progress, std::stop_token stop)
      : request_(request),
        progress_(progress),
        stop_(std::move(stop)),
        started_(Clock::now()),
        deadline_(started_ + request.budget_time),
        allowed_(std::min<milliseconds>(request.check_timeout, request.budget_time)) {}

  base::Result<FixReport> run();

 private:
  using Clock = SearchBudget::Clock;
  using milliseconds = std::chrono::milliseconds;

  double seconds() const { return std::chrono::duration<double>(Clock::now() - started_).count(); }
  milliseconds left() const {
    return std::max(milliseconds(0), std::chrono::duration_cast<milliseconds>(deadline_ - Clock::now()));
  }
  void tell(std::string phase, std::string detail, int checks = 0, int candidates = 0) const {
    if (progress_) progress_({std::move(phase), std::move(detail), checks, candidates, seconds()});
  }
  // fix_search.cc
  base::Result<SearchResult> search(const tools::WorkTree& tree, CheckResult first);
  void localise_by_traces(const tools::WorkTree& tree, const CheckResult& first, const PathResolver& resolver,
                          CheckReading& reading, const TracedLanguages& traced, const CodeBase& code);
  base::Status measure_rebuild(const CheckResult& first, const CheckReading& reading, const tools::WorkTree& tree,
                               const CodeBase& code);
  base::Status fail_early(CheckReading& reading, CheckResult& first, const PathResolver& resolver);
  // fix_proof.cc
  base::Result<bool> confirm(Winner& winner);
  void no_time_for_proof(const std::string& change);
  base::Status minimise(const tools::WorkTree& tree, Winner& winner);
  // fix.cc
  base::Status accept(const tools::WorkTree& tree, const std::vector<Winner>& winners, size_t chosen);
  PatchEvidence lines_of(const Winner& winner, const tools::WorkTree& tree, const tools::Edit& edit) const;
  void add_alternatives(const tools::WorkTree& tree, tools::CandidateTrees& trees, const std::vector<Winner>& winners,
                        size_t chosen);
  void say_what_was_tried(const SearchResult& found);

  const FixRequest& request_;
  const std::function<void(const FixProgress&)>& progress_;
  const std::stop_token stop_;
  const Clock::time_point started_, deadline_;
  const milliseconds allowed_;  // of one run
  std::unique_ptr<Checker> checker_;
  AheadChecker* ahead_ = nullptr;  // in checker_
  FixReport report_;
  bool flaky_ = false;
  bool hung_ = false;                     // the unchanged code ran out of the user's limit, or of memory
  bool unproven_ = false;                 // something passed, and there was no time for its proof
  milliseconds found_left_{0};            // of the time, as the search ended
  std::optional<RunLimit> limit_;
  std::set<std::string> rebuilt_;         // files whose compilation limit_ knows of
  std::optional<CheckResult> rebuild_;  // the run that told
  Coverage coverage_;                     // of the work tree; empty where nothing was traced
  std::vector<std::string> failing_;      // tests that the check calls failed, on the unchanged code
  std::set<std::string> refuted_;         // trees that passed once, and then did not
  std::vector<std::string> unconfirmed_;  // what passed once, and why it is not offered
};

}  // namespace agent
