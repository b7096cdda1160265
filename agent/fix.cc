// SPDX-License-Identifier: Apache-2.0
#include "agent/fix.h"

#include <algorithm>
#include <optional>
#include <set>
#include <thread>

#include "agent/check/ahead_checker.h"
#include "agent/check/check_output.h"
#include "agent/check/check_problem.h"
#include "agent/check/check_runner.h"
#include "agent/check/counting_checker.h"
#include "agent/code/code_base.h"
#include "agent/fix/fix_words.h"
#include "agent/fix/proposals.h"
#include "agent/fix/rebuild.h"
#include "agent/fix/search.h"
#include "agent/fix/traced_sources.h"
#include "agent/trace/coverage.h"
#include "agent/trace/tracers.h"
#include "base/memory.h"
#include "base/strings.h"
#include "tools/work_tree.h"

namespace agent {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// Of a check that ran out of its time: the repaired one needs less than this part of it, or a busy machine could be the
// whole difference.
constexpr double kClearlyFaster = .5;
constexpr double kBuiltAlready = 5;            // seconds: a shorter first run may have compiled nothing
constexpr double kSlowCheck = 1.5;             // seconds from which on the order of tests matters
constexpr double kWorthIt = .7;                // of the whole check's time: what the failing tests alone may take
constexpr int kTraceShare = 3;                 // of the time that is left, the most for a traced run
constexpr double kBuiltShare = .5;             // of a traced run, for building again what was built before
constexpr int kBuiltRuns = 4;                  // a traced one, and some on candidates
constexpr milliseconds kShortestTrace{1'000};  // hardly an interpreter starts in less
constexpr size_t kShownAlternatives = 3;       // a person reads them

// Runs side by side while it lives.
class RunsAhead {
 public:
  RunsAhead(AheadChecker& checker, size_t n, milliseconds first_limit) : checker_(checker) {
    checker_.start(n, first_limit);
  }
  ~RunsAhead() { checker_.finish(); }
  RunsAhead(const RunsAhead&) = delete;
  RunsAhead& operator=(const RunsAhead&) = delete;

 private:
  AheadChecker& checker_;
};

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
  double seconds() const { return std::chrono::duration<double>(Clock::now() - started_).count(); }
  milliseconds left() const {
    return std::max(milliseconds(0), std::chrono::duration_cast<milliseconds>(deadline_ - Clock::now()));
  }
  void tell(std::string phase, std::string detail, int checks = 0, int candidates = 0) const {
    if (progress_) progress_({std::move(phase), std::move(detail), checks, candidates, seconds()});
  }
  base::Result<SearchResult> search(const tools::WorkTree& tree, CheckResult first);
  void localise_by_traces(const tools::WorkTree& tree, const CheckResult& first, const PathResolver& resolver,
                          CheckReading& reading, const TracedLanguages& traced, const CodeBase& code);
  base::Status measure_rebuild(const CheckResult& first, const CheckReading& reading, const tools::WorkTree& tree, const CodeBase& code);
  base::Status fail_early(CheckReading& reading, CheckResult& first, const PathResolver& resolver);
  base::Result<bool> confirm(Winner& winner);
  void no_time_for_proof(const std::string& change);
  base::Status minimise(const tools::WorkTree& tree, Winner& winner);
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
  bool hung_ = false;           // the unchanged code ran out of the user's limit, or of memory
  bool unproven_ = false;       // something passed, and there was no time for its proof
  milliseconds found_left_{0};  // of the time, as the search ended
  std::optional<RunLimit> limit_;
  std::set<std::string> rebuilt_;         // files whose compilation limit_ knows of
  std::optional<CheckResult> rebuild_;    // the run that told
  Coverage coverage_;                     // of the work tree; empty where nothing was traced
  std::vector<std::string> failing_;      // tests that the check calls failed, on the unchanged code
  std::set<std::string> refuted_;         // trees that passed once, and then did not
  std::vector<std::string> unconfirmed_;  // what passed once, and why it is not offered
};

base::Result<SearchResult> FixRun::search(const tools::WorkTree& tree, CheckResult first) {
  auto listed = tree.list(stop_);
  if (!listed) return std::move(listed).error();
  std::vector<std::string> paths;
  for (const tools::FileEntry& entry : *listed) paths.push_back(entry.path);
  TracedLanguages traced = traced_languages(paths, request_.check, first.output);
  const PathResolver resolver(tree.root(), std::move(paths));
  tell("localising", "reading the check's output");
  CheckReading reading = read_check_output(first.output, resolver);
  if (auto problem = check_problem(first, reading)) return base::invalid(std::move(*problem));
  if (first.endless()) reading.symptoms.insert(Symptom::kTimeout);
  failing_ = reading.failing;
  const std::vector<std::string> changed = tree.changed_files();

  std::vector<std::string> read_first;
  for (const Place& place : reading.places) read_first.push_back(place.path);
  read_first.insert(read_first.end(), request_.focus.begin(), request_.focus.end());
  read_first.insert(read_first.end(), changed.begin(),
                    changed.begin() + static_cast<std::ptrdiff_t>(std::min<size_t>(changed.size(), 50)));
  auto code = CodeBase::load(tree, request_.check, read_first, stop_);
  if (!code) return std::move(code).error();

  hung_ = first.endless();
  limit_.emplace(first, reading.build_failed, allowed_);
  if (base::Status measured = measure_rebuild(first, reading, tree, *code); !measured) return std::move(measured).error();
  // Where a file cannot be read no line of it has run, nor of a package that does not compile. Of a hang the tracers of
  // Node know nothing.
  traced.go &= !reading.build_failed;
  traced.cpp &= !reading.build_failed;
  const bool unreadable = reading.build_failed && reading.symptoms.contains(Symptom::kSyntax);
  if ((hung_ ? traced.python || traced.go || traced.cpp : traced.any()) && !unreadable)
    localise_by_traces(tree, first, resolver, reading, traced, *code);

  if (base::Status early = fail_early(reading, first, resolver); !early) return std::move(early).error();
  std::unique_ptr<ModelJudge> judge;
  if (request_.model != nullptr) {
    auto opened = ModelJudge::open(request_.model);
    if (!opened) return std::move(opened).error();
    judge = std::move(*opened);
  }
  const ProposeContext context{*code, coverage_, changed, request_, judge.get(), deadline_};
  const auto propose_here = [&](const Ground& ground, std::stop_token stop) -> base::Result<std::vector<Candidate>> {
    auto proposals = propose(context, ground, stop);
    if (!proposals) return std::move(proposals).error();
    if (ground.applied.empty()) report_.tried = proposals->evidence;
    return std::move(proposals->candidates);
  };
  Search search(*checker_, tree, resolver, propose_here, [&](const std::string& detail, int checks, int candidates) {
    tell("trying", detail, checks, candidates);
  });
  const size_t n_runs = request_.side_by_side > 0
                            ? static_cast<size_t>(request_.side_by_side)
                            : runs_side_by_side(rebuild_ ? *rebuild_ : first, std::thread::hardware_concurrency(), base::available_memory());
  const RunsAhead runs_ahead(*ahead_, n_runs, limit_->patient());
  const SearchBudget budget{request_.budget_checks, started_, deadline_, *limit_, [] { return Clock::now(); }, rebuilt_};
  return search.run({{}, {}, std::move(reading), std::move(first.output)}, budget, stop_);
}

// In a work tree that is built already: what candidates in the most suspect file take.
base::Status FixRun::measure_rebuild(const CheckResult& first, const CheckReading& reading, const tools::WorkTree& tree,
                                     const CodeBase& code) {
  if (first.seconds >= kBuiltAlready || !limit_->may_rebuild()) return base::ok();
  const Suspects suspects = localise({code, reading, coverage_, tree.changed_files(), request_.focus, request_.check});
  const std::string* path = nullptr;
  double most = 0;
  for (const auto& [suspect, lines] : suspects.lines)
    for (const auto& [line, weight] : lines)
      if (weight > most && is_compiled(suspect)) most = weight, path = &suspect;
  if (path == nullptr) return base::ok();
  tell("localising", base::cat("building ", *path, " again, unchanged, to see how long that takes"));
  auto rebuilt = run_rebuilt(*checker_, tree, *path, std::min(allowed_, left() / kTraceShare), stop_);
  if (!rebuilt) return std::move(rebuilt).error();
  if (!*rebuilt) return base::ok();
  if ((*rebuilt)->passed)
    return base::invalid(base::cat("The check fails, and passes once ", *path, " is built again, unchanged: what is built is out of "
                                   "date, or the check is not steady. Build all anew, and run it twice."));
  if ((*rebuilt)->endless())
    unconfirmed_.push_back(base::cat("with ", *path, " built again, unchanged, the check takes longer than ", seconds_text((*rebuilt)->seconds),
                                     ": allow each run more (--check-timeout), and all of them (--timeout)"));
  limit_->know_rebuild(**rebuilt);
  rebuilt_.insert(*path);
  rebuild_ = std::move(*rebuilt);
  return base::ok();
}

void FixRun::localise_by_traces(const tools::WorkTree& tree, const CheckResult& first, const PathResolver& resolver,
                                CheckReading& reading, const TracedLanguages& traced, const CodeBase& code) {
  const double usual = first.endless() ? first.last_output_seconds : std::max(first.seconds, rebuild_ ? rebuild_->seconds : 0);
  const milliseconds wanted = std::min(allowed_, milliseconds(static_cast<int64_t>(usual * 10'000) + 10'000));
  const milliseconds given = std::min(wanted, left() / kTraceShare);
  if (given < kShortestTrace) return;
  // What is built takes as long as before at least, and where no run comes after it there is no use in knowing more.
  const bool only_cpp = !traced.python && !traced.node && !traced.go;
  const milliseconds built(static_cast<int64_t>(usual * 1000));
  if (only_cpp && (given < built || left() < kBuiltRuns * built + limit_->proof())) return;
  std::optional<std::vector<std::string>> sources;
  if (traced.cpp) {
    const Suspects named = localise({code, reading, coverage_, tree.changed_files(), request_.focus, request_.check});
    sources = traced_sources(code, named, kBuiltShare * std::chrono::duration<double>(given).count());
  }
  tell("localising", first.endless() ? "tracing where the tests hang" : "tracing which lines the failing tests run");
  // What hangs would take the time of all that comes after it.
  const std::vector<std::string> in_front = first.endless() ? std::vector<std::string>() : reading.failing;
  coverage_ = trace_check(tree.root(), request_.check, given, first.endless(), resolver, stop_, in_front, sources);
  for (const TracedFailure& failure : coverage_.failures) read_symptoms(failure.message, reading.symptoms);
  if (!first.endless()) return;
  limit_->know_hang(coverage_.calm.seconds, coverage_.calm.memory_bytes);
  // The tracer has ended the tests that hang, so that this run has told of them and of those after them.
  if (!coverage_.output.empty()) reading.failing = read_check_output(coverage_.output, resolver).failing;
}

// Of a check that takes long the tests that fail go first. What the candidates' runs are compared with is then the
// unchanged code under the same order.
base::Status FixRun::fail_early(CheckReading& reading, CheckResult& first, const PathResolver& resolver) {
  if (first.endless() || first.seconds < kSlowCheck ||
      first.seconds > std::chrono::duration<double>(left() / kTraceShare).count())
    return base::ok();
  auto told = checker_->put_first(reading.failing);
  if (!told) return std::move(told).error();
  if (!*told) return base::ok();
  tell("localising", "running the failing tests first");
  auto again = checker_->run({}, stop_);
  if (!again) return std::move(again).error();
  CheckReading early = read_check_output(again->output, resolver);
  const bool same =
      !again->passed && !again->endless() && !early.failing.empty() &&
      std::includes(reading.failing.begin(), reading.failing.end(), early.failing.begin(), early.failing.end());
  if (!same || again->seconds > kWorthIt * first.seconds) return checker_->reset();
  early.symptoms.insert(reading.symptoms.begin(), reading.symptoms.end());
  reading = std::move(early);
  first.output = std::move(again->output);
  return base::ok();
}

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
                  : base::cat("No change was found that makes the check pass (", found.checks, " runs of the check).");
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

}  // namespace

base::Result<FixReport> fix(const FixRequest& request, const std::function<void(const FixProgress&)>& progress,
                            std::stop_token stop) {
  return FixRun(request, progress, std::move(stop)).run();
}

}  // namespace agent
