// SPDX-License-Identifier: Apache-2.0
// What the check says, where to look, and the search (fix_run.h).
#include <algorithm>
#include <thread>

#include "agent/check/check_problem.h"
#include "agent/fix/fix_run.h"
#include "agent/fix/fix_words.h"
#include "agent/fix/proposals.h"
#include "agent/fix/rebuild.h"
#include "agent/fix/run_lesson.h"
#include "agent/fix/traced_sources.h"
#include "base/memory.h"
#include "base/strings.h"

namespace agent {
namespace {

using std::chrono::milliseconds;

constexpr double kBuiltAlready = 5;            // seconds: a shorter first run may have compiled nothing
constexpr double kSlowCheck = 1.5;             // seconds from which on the order of tests matters
constexpr double kWorthIt = .7;                // of the whole check's time: what the failing tests alone may take
constexpr int kTraceShare = 3;                 // of the time that is left, the most for a traced run
constexpr double kBuiltShare = .5;             // of a traced run, for building again what was built before
constexpr int kBuiltRuns = 4;                  // a traced one, and some on candidates
constexpr milliseconds kShortestTrace{1'000};  // hardly an interpreter starts in less

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

}  // namespace

base::Result<SearchResult> FixRun::search(const tools::WorkTree& tree, CheckResult first) {
  auto listed = tree.list(stop_);
  if (!listed) return std::move(listed).error();
  std::vector<std::string> paths;
  for (const tools::FileEntry& entry : *listed) paths.push_back(entry.path);
  TracedLanguages traced = traced_languages(paths, request_.check, first.output);
  const PathResolver resolver(tree.root(), std::move(paths));
  tell("localising", "reading the check's output");
  CheckReading reading = reading_of(first, resolver);
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
  if (base::Status measured = measure_rebuild(first, reading, tree, *code); !measured)
    return std::move(measured).error();
  if (flaky_) return SearchResult();
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
                            : runs_side_by_side(rebuild_ ? *rebuild_ : first, std::thread::hardware_concurrency(),
                                                base::available_memory());
  const RunsAhead runs_ahead(*ahead_, n_runs, limit_->patient());
  SearchBudget budget{request_.budget_checks, started_, deadline_, *limit_};
  budget.rebuilt = rebuilt_;
  return search.run({{}, {}, std::move(reading), std::move(first.output)}, budget, stop_);
}

// In a work tree that is built already: what candidates in the most suspect file take.
base::Status FixRun::measure_rebuild(const CheckResult& first, const CheckReading& reading, const tools::WorkTree& tree,
                                     const CodeBase& code) {
  if (first.seconds >= kBuiltAlready || !limit_->may_rebuild()) return base::ok();
  const Suspects suspects = localise({code, reading, coverage_, tree.changed_files(), request_.focus, request_.check});
  const std::string path = most_suspect_compiled(suspects);
  if (path.empty()) return base::ok();
  tell("localising", base::cat("building ", path, " again, unchanged, to see how long that takes"));
  auto rebuilt = run_rebuilt(*checker_, tree, path, std::min(allowed_, left() / kTraceShare), stop_);
  if (!rebuilt) return std::move(rebuilt).error();
  if (!*rebuilt) return base::ok();
  if ((*rebuilt)->passed) {  // once more as it was: from the same old build, or not steady
    if (base::Status as_it_was = checker_->reset(); !as_it_was) return as_it_was;
    checker_->set_bounds({std::min(allowed_, left())});
    auto again = checker_->run({}, stop_);
    if (!again) return std::move(again).error();
    flaky_ = again->passed;
    if (flaky_) return base::ok();
    return base::invalid(base::cat("The check fails, and passes once ", path,
                                   " is built again, unchanged: what is built is out of date. Build all anew."));
  }
  if ((*rebuilt)->endless())
    unconfirmed_.push_back(base::cat("with ", path, " built again, unchanged, the check takes longer than ",
                                     seconds_text((*rebuilt)->seconds),
                                     ": allow each run more (--check-timeout), and all of them (--timeout)"));
  limit_->know_rebuild(**rebuilt);
  rebuilt_.insert(path);
  rebuild_ = std::move(*rebuilt);
  return base::ok();
}

void FixRun::localise_by_traces(const tools::WorkTree& tree, const CheckResult& first, const PathResolver& resolver,
                                CheckReading& reading, const TracedLanguages& traced, const CodeBase& code) {
  const double built_again = rebuild_ ? rebuild_->seconds : 0;
  const double usual = first.endless() ? first.last_output_seconds : std::max(first.seconds, built_again);
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
  CheckReading early = reading_of(*again, resolver);
  const bool same =
      !again->passed && !again->endless() && !early.failing.empty() &&
      std::includes(reading.failing.begin(), reading.failing.end(), early.failing.begin(), early.failing.end());
  if (!same || again->seconds > kWorthIt * first.seconds) return checker_->reset();
  early.symptoms.insert(reading.symptoms.begin(), reading.symptoms.end());
  reading = std::move(early);
  first.output = std::move(again->output);
  return base::ok();
}

}  // namespace agent
