// SPDX-License-Identifier: Apache-2.0
#include "agent/test_writer.h"

#include <algorithm>
#include <memory>

#include "agent/test_writer/test_kit.h"
#include "agent/test_writer/test_select.h"
#include "base/strings.h"
#include "tools/work_tree.h"

namespace agent {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kMaxCases = 72;    // calls recorded for one function
constexpr int kPassingRuns = 5;
constexpr size_t kMaxFileBytes = 1u << 20;
constexpr size_t kTailBytes = 2000;

// What is known of one function after recording and mutants; the text of its tests comes last.
struct Candidate {
  const TestTarget* target = nullptr;
  std::vector<TestCase> cases;
  std::vector<Behaviour> seen;
  std::vector<Mutation> killed;  // mutants that the cases tell from the function as it is
};

class Writer {
 public:
  Writer(const TestRequest& request, const std::function<void(const TestProgress&)>& progress, std::stop_token stop)
      : request_(request), progress_(progress), stop_(std::move(stop)), deadline_(Clock::now() + request.budget_time) {}

  base::Result<TestReport> run() {
    const auto begin = Clock::now();
    base::Status done = open();
    if (done) done = choose_targets();
    for (size_t i = 0; done && i < chosen_.size(); ++i) done = study(*chosen_[i]);
    if (done) done = finish();
    if (!done) return std::move(done).error();
    report_.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    return std::move(report_);
  }

 private:
  base::Status open() {
    auto tree = tools::WorkTree::open(request_.root);
    if (!tree) return std::move(tree).error();
    tree_ = std::make_unique<tools::WorkTree>(std::move(*tree));
    auto text = tree_->read(request_.file);
    if (!text) return std::move(text).error();
    if (text->size() > kMaxFileBytes)
      return base::invalid(base::cat(request_.file, " has more than 1 MB: too large to write tests for."));
    text_ = std::move(*text);

    const auto language = tools::language_of_path(request_.file);
    const bool python = language == tools::Language::kPython;
    const bool cpp = language == tools::Language::kCpp || (language == tools::Language::kC && is_header());
    if (!python && !cpp)
      return base::invalid(base::cat("graft test writes tests for Python (pytest) and C++ (doctest); ", request_.file,
                                     " is neither."));
    auto syntax = tools::SyntaxTree::parse(python ? tools::Language::kPython : tools::Language::kCpp, text_, stop_);
    if (!syntax) return std::move(syntax).error();
    syntax_ = std::make_unique<tools::SyntaxTree>(std::move(*syntax));

    auto workspace = sandbox::Workspace::create(request_.root);
    if (!workspace) return std::move(workspace).error();
    workspace_ = std::move(*workspace);
    const TestKitOptions options{tree_.get(), workspace_.get(), request_.file, text_};
    auto kit = python ? make_python_test_kit(options, stop_) : make_cpp_test_kit(options, stop_);
    if (!kit) return std::move(kit).error();
    kit_ = std::move(*kit);
    report_.test_file = kit_->test_path();
    return base::ok();
  }

  bool is_header() const { return request_.file.ends_with(".h"); }

  base::Status choose_targets() {
    const std::string& wanted = request_.symbol;
    for (const TestTarget& target : kit_->targets()) {
      const std::string full = target.qualified(kit_->separator());
      const std::string tail = std::string(kit_->separator()) + wanted;
      if (wanted.empty()) {
        if (target.unsupported.empty() && !kit_->named_by_tests(target)) chosen_.push_back(&target);
      } else if (full == wanted || full.ends_with(tail)) {
        chosen_.push_back(&target);
      }
    }
    if (chosen_.empty() && !wanted.empty()) {
      std::string names;
      for (const TestTarget& target : kit_->targets())
        if (target.unsupported.empty()) names += (names.empty() ? "" : ", ") + target.qualified(kit_->separator());
      return base::invalid(base::cat(request_.file, " has no function `", wanted, "`. It has: ",
                                     names.empty() ? "none that a test could call" : names, "."));
    }
    if (chosen_.empty())
      report_.note = "Every function of " + request_.file +
                     " that a test can call is named in a test already; name one to add tests for it.";
    return base::ok();
  }

  void say(const char* phase, const std::string& detail, size_t done, size_t total) const {
    if (progress_) progress_({phase, detail, static_cast<int>(done), static_cast<int>(total)});
  }

  // Records what the function does, and keeps the calls that tell mutants from it.
  base::Status study(const TestTarget& target) {
    TestedFunction tested;
    tested.name = target.qualified(kit_->separator());
    auto candidate = record_twice(target, tested);
    if (!candidate && candidate.error().code != base::ErrorCode::kNotFound) return std::move(candidate).error();
    if (!candidate) tested.reason = candidate.error().message;
    if (candidate && tested.reason.empty()) {
      base::Status killed = try_mutants(*candidate, tested);
      if (!killed) return killed;
      if (tested.reason.empty()) candidates_.push_back(std::move(*candidate));
    }
    report_.functions.push_back(std::move(tested));
    return base::ok();
  }

  base::Result<Candidate> record_twice(const TestTarget& target, TestedFunction& tested) {
    Candidate candidate{&target, {}, {}, {}};
    if (!target.unsupported.empty()) {
      tested.reason = target.unsupported;
      return candidate;
    }
    auto cases = kit_->propose(target, kMaxCases, stop_);
    if (!cases) return std::move(cases).error();
    tested.cases_tried = static_cast<int>(cases->size());
    say("recording", tested.name, 0, 2);
    auto first = kit_->record(target, *cases, false, stop_);
    if (!first) return std::move(first).error();
    say("recording", tested.name, 1, 2);
    // In reverse order, so that what one call leaves behind for the next shows as well.
    auto second = kit_->record(target, *cases, true, stop_);
    if (!second) return std::move(second).error();

    std::string why = "no argument could be proposed";
    for (size_t i = 0; i < cases->size(); ++i) {
      const Behaviour& seen = (*first)[i];
      if (seen.kind == Behaviour::Kind::kUnusable) {
        why = "no proposed call could be used; the last one: " + seen.reason;
      } else if (!seen.same_as((*second)[i])) {
        why = "what it returns differs from run to run";
      } else {
        candidate.cases.push_back((*cases)[i]);
        candidate.seen.push_back(seen);
      }
    }
    tested.cases_stable = static_cast<int>(candidate.cases.size());
    if (candidate.cases.empty()) tested.reason = why;
    return candidate;
  }

  base::Status try_mutants(Candidate& candidate, TestedFunction& tested) {
    const std::vector<Mutation> mutants = choose_mutants(*syntax_, request_.file, candidate.target->body,
                                                         static_cast<size_t>(std::max(request_.max_mutants, 1)));
    std::vector<std::vector<bool>> kills(candidate.cases.size());
    std::vector<Mutation> built;
    bool out_of_time = false;
    for (size_t m = 0; m < mutants.size(); ++m) {
      if (stop_.stop_requested()) return base::cancelled();
      out_of_time = Clock::now() > deadline_;
      if (out_of_time) break;
      say("trying mutants", tested.name, m, mutants.size());
      if (base::Status put = put_mutant(mutants[m]); !put) return put;
      auto seen = kit_->record(*candidate.target, candidate.cases, false, stop_);
      if (!seen && seen.error().code != base::ErrorCode::kNotFound) return std::move(seen).error();
      if (!seen) continue;  // it does not build or load: nothing that a test would have to find
      built.push_back(mutants[m]);
      for (size_t c = 0; c < kills.size(); ++c) kills[c].push_back(!candidate.seen[c].same_as((*seen)[c]));
    }
    if (base::Status restored = put_original(); !restored) return restored;
    tested.mutants_tried = static_cast<int>(built.size());
    keep_killers(candidate, kills, built);
    if (candidate.cases.empty())
      tested.reason = built.empty() ? out_of_time ? "the time was used up before a mutant of it was tried"
                                                  : "no mutant of it could be built"
                                    : base::cat("none of ", tested.cases_stable, " recorded calls tells one of ",
                                                built.size(), " mutants from it");
    return base::ok();
  }

  static void keep_killers(Candidate& candidate, const std::vector<std::vector<bool>>& kills,
                           const std::vector<Mutation>& built) {
    std::vector<size_t> costs;
    for (size_t c = 0; c < candidate.cases.size(); ++c) {
      size_t cost = candidate.seen[c].text.size() + candidate.cases[c].receiver.size();
      for (const std::string& argument : candidate.cases[c].arguments) cost += argument.size();
      costs.push_back(cost);
    }
    Candidate kept{candidate.target, {}, {}, {}};
    const std::vector<size_t> taken = built.empty() ? std::vector<size_t>{} : select_cases(kills, costs);
    for (const size_t c : taken) {
      kept.cases.push_back(candidate.cases[c]);
      kept.seen.push_back(candidate.seen[c]);
    }
    for (size_t m = 0; m < built.size(); ++m)
      if (std::any_of(taken.begin(), taken.end(), [&](size_t c) { return kills[c][m]; })) kept.killed.push_back(built[m]);
    candidate = std::move(kept);
  }

  base::Status put_mutant(const Mutation& mutation) {
    std::string changed = text_;
    const tools::Replacement& edit = mutation.replacement;
    changed.replace(edit.begin, edit.end - edit.begin, edit.text);
    return workspace_->write_file(request_.file, changed);
  }
  base::Status put_original() { return workspace_->write_file(request_.file, text_); }

  // The finished tests of all functions: they must pass, again and again, and fail for mutants.
  base::Status finish() {
    RenderedTests all;
    for (const Candidate& candidate : candidates_) {
      TestedFunction& tested = function_of(candidate);
      RenderedTests tests = kit_->render(*candidate.target, candidate.cases, candidate.seen);
      base::Status judged = judge(candidate, tests, tested);
      if (!judged) return judged;
      if (!tested.reason.empty()) continue;
      tested.tests = tests.names;
      tested.cases_kept = static_cast<int>(candidate.cases.size());
      append(all, tests);
    }
    if (all.names.empty()) return base::ok();
    return prove(all);
  }

  TestedFunction& function_of(const Candidate& candidate) {
    const std::string name = candidate.target->qualified(kit_->separator());
    return *std::find_if(report_.functions.begin(), report_.functions.end(),
                         [&](const TestedFunction& one) { return one.name == name && one.reason.empty(); });
  }

  static void append(RenderedTests& all, const RenderedTests& more) {
    all.text += more.text;
    all.names.insert(all.names.end(), more.names.begin(), more.names.end());
    for (const std::string& line : more.imports) add_unique(all.imports, line);
  }

  // One function's tests alone: they pass, and the mutants that the calls found make them fail.
  base::Status judge(const Candidate& candidate, const RenderedTests& tests, TestedFunction& tested) {
    base::Status written = workspace_->write_file(kit_->test_path(), kit_->test_text(tests));
    if (!written) return written;
    auto outcome = kit_->run_tests(tests.names, stop_);
    if (!outcome && outcome.error().code != base::ErrorCode::kNotFound) return std::move(outcome).error();
    if (!outcome || !outcome->passed()) {
      tested.reason = "the tests that were written for it do not pass: " +
                      (outcome ? last_line(outcome->output) : outcome.error().message);
      return base::ok();
    }
    for (size_t m = 0; m < candidate.killed.size(); ++m) {
      if (stop_.stop_requested()) return base::cancelled();
      if (tested.mutants_killed > 0 && Clock::now() > deadline_) {  // one is what the promise needs
        tested.mutants_tried -= static_cast<int>(candidate.killed.size() - m);
        break;
      }
      say("running the new tests on mutants", tested.name, m, candidate.killed.size());
      if (base::Status put = put_mutant(candidate.killed[m]); !put) return put;
      outcome = kit_->run_tests(tests.names, stop_);
      if (!outcome && outcome.error().code != base::ErrorCode::kNotFound) return std::move(outcome).error();
      if (outcome && !outcome->passed() && outcome->ending != sandbox::Ending::kCancelled) ++tested.mutants_killed;
    }
    if (base::Status restored = put_original(); !restored) return restored;
    if (tested.mutants_killed == 0) tested.reason = "the tests that were written for it do not fail for any mutant";
    return base::ok();
  }

  base::Status prove(const RenderedTests& all) {
    const std::string text = kit_->test_text(all);
    if (base::Status written = workspace_->write_file(kit_->test_path(), text); !written) return written;
    report_.command = kit_->command(all.names);
    for (int run = 0; run < kPassingRuns; ++run) {
      if (stop_.stop_requested()) return base::cancelled();
      say("running the new tests", request_.file, static_cast<size_t>(run), kPassingRuns);
      auto outcome = kit_->run_tests(all.names, stop_);
      if (!outcome) return std::move(outcome).error();
      const std::string& output = outcome->output;
      report_.output_tail = output.substr(output.size() > kTailBytes ? output.size() - kTailBytes : 0);
      if (!outcome->passed()) {
        report_.note = base::cat("The tests together failed in run ", run + 1, " (", sandbox::describe(*outcome),
                                 "); nothing is offered.");
        return base::ok();
      }
      report_.passing_runs = run + 1;
    }
    return make_patch(text);
  }

  base::Status make_patch(const std::string& text) {
    tools::FileEdit file;
    file.path = kit_->test_path();
    const std::string& old_text = kit_->test_old_text();
    if (!tree_->read(file.path)) {
      file.action = tools::FileAction::kCreate;
      file.replacements.push_back({0, 0, text});
    } else {
      file.base = tools::content_hash(old_text);
      file.replacements.push_back({0, old_text.size(), text});
    }
    report_.edit.files.push_back(std::move(file));
    auto trees = tools::CandidateTrees::create(*tree_);
    if (!trees) return std::move(trees).error();
    auto id = (*trees)->add(report_.edit);
    if (!id) return std::move(id).error();
    auto patch = (*trees)->patch(*id);
    if (!patch) return std::move(patch).error();
    report_.patch = std::move(*patch);
    report_.note = kit_->note();
    report_.status = TestReport::Status::kVerified;
    return base::ok();
  }

  static std::string last_line(const std::string& output) {
    const auto lines = base::split_lines(output);
    for (auto line = lines.rbegin(); line != lines.rend(); ++line)
      if (!base::trim(*line).empty()) return std::string(base::trim(*line));
    return "no output";
  }

  const TestRequest& request_;
  const std::function<void(const TestProgress&)>& progress_;
  const std::stop_token stop_;
  const Clock::time_point deadline_;
  std::unique_ptr<tools::WorkTree> tree_;
  std::unique_ptr<sandbox::Workspace> workspace_;
  std::unique_ptr<tools::SyntaxTree> syntax_;
  std::unique_ptr<TestKit> kit_;
  std::string text_;
  std::vector<const TestTarget*> chosen_;
  std::vector<Candidate> candidates_;
  TestReport report_;
};

}  // namespace

base::Result<TestReport> write_tests(const TestRequest& request,
                                     const std::function<void(const TestProgress&)>& progress, std::stop_token stop) {
  return Writer(request, progress, std::move(stop)).run();
}

}  // namespace agent
