// SPDX-License-Identifier: Apache-2.0
// `graft fix --check CMD`: a patch on stdout, proven in the sandbox, or an honest no.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "agent/evidence_words.h"
#include "agent/fix.h"
#include "agent/report_json.h"
#include "base/json.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "cli/last_words.h"
#include "cli/model_option.h"
#include "cli/patch_output.h"
#include "cli/progress_line.h"
#include "tools/apply.h"

namespace cli {
namespace {

constexpr size_t kColumn = 15;    // where the second column begins
constexpr size_t kSaidLines = 8;  // of a check's output, the last ones

struct FixOptions {
  std::string check;
  std::vector<std::string> paths;
  int budget = 60;
  int timeout_s = 600, check_timeout_s = 60;
  int jobs = 0;
  bool apply = false;
  ModelChoice model;
};

void explain_evidence(const agent::FixReport& report, bool colours) {
  const agent::Strength strength = agent::strength_of(report);
  const char* colour = !colours                             ? ""
                       : strength == agent::Strength::kFair ? "\x1b[32m"
                       : strength == agent::Strength::kWeak ? "\x1b[33m"
                                                            : "";
  std::string words = agent::evidence_words(report);
  std::fprintf(stderr, "  %-12s %s%s%s: ", "evidence", colour, std::string(agent::strength_name(strength)).c_str(),
               *colour ? "\x1b[0m" : "");
  // A line for the tests, one for the other changes.
  for (size_t end = words.find("; "); end != std::string::npos; end = words.find("; ")) {
    std::fprintf(stderr, "%s\n  %-12s ", words.substr(0, end).c_str(), "");
    words.erase(0, end + 2);
  }
  std::fprintf(stderr, "%s\n", words.c_str());
}

void explain_alternatives(const agent::FixReport& report, bool colours) {
  for (const agent::Alternative& one : report.alternatives) {
    std::fprintf(stderr, "  %-12s %s\n", "also passes", printable(one.summary).c_str());
    std::fputs(short_diff(one.patch, std::string(kColumn, ' '), colours).c_str(), stderr);
  }
  if (report.alternatives.empty()) return;
  const int more = report.also_passed - static_cast<int>(report.alternatives.size());
  std::fprintf(stderr, "  %-12s %s%s\n", "", report.alternatives.size() > 1 ? "each " : "",
               std::string(agent::kAlternativeChecked).c_str());
  if (more > 0) std::fprintf(stderr, "  %-12s and %d more\n", "", more);
}

void explain_failure(const agent::CheckRun& run) {
  const char* label = "it says";
  for (const std::string& line : last_words(run.output_tail, kSaidLines)) {
    std::fprintf(stderr, "  %-12s %s\n", label, printable(line).c_str());
    label = "";
  }
}

void explain(const agent::FixReport& report) {
  const bool colours = colours_on_stderr();
  const bool good = report.status != agent::FixReport::Status::kNone;
  const char* mark = !colours ? "" : good ? "\x1b[32m" : "\x1b[33m";
  std::fprintf(stderr, "%s%s%s\n", mark, report.summary.c_str(), colours ? "\x1b[0m" : "");
  if (report.status == agent::FixReport::Status::kVerified) {
    explain_evidence(report, colours);
    std::fprintf(stderr, "  proposed by  %s\n", report.proposer.c_str());
  }
  for (const agent::CheckRun& run : report.evidence)
    std::fprintf(stderr, "  %-12s %s in %.1f s%s%s\n",
                 run.tree == "base" ? "unchanged" : run.tree.substr(0, 10).c_str(), run.ending.c_str(), run.seconds,
                 run.tests.empty() ? "" : "; ", agent::counts_words(run.tests).c_str());
  if (report.status == agent::FixReport::Status::kNone) {
    if (!report.evidence.empty()) explain_failure(report.evidence.front());
    for (const std::string& line : report.tried) std::fprintf(stderr, "  %s\n", line.c_str());
  }
  explain_alternatives(report, colours);
  std::string unended;
  if (report.timed_out > 0) unended = base::cat(" (", report.timed_out, " ran out of time)");
  std::fprintf(stderr, "  %d candidates, %d run%s of the check%s, %.1f s\n", report.candidates, report.checks,
               report.checks == 1 ? "" : "s", unended.c_str(), report.seconds);
}

void run(const FixOptions& options, Context& context) {
  auto model = load_model(options.model);
  if (!model) return context.fail(model.error());
  agent::FixRequest request;
  request.root = context.folder;
  request.check = options.check;
  request.focus = options.paths;
  request.budget_checks = options.budget;
  request.budget_time = std::chrono::seconds(options.timeout_s);
  request.check_timeout = std::chrono::seconds(std::min(options.check_timeout_s, options.timeout_s));
  request.side_by_side = options.jobs;
  request.model = *model;

  ProgressLine progress;
  const auto show = [&](const agent::FixProgress& now) {
    const std::string count =
        now.phase == "trying" ? base::cat("check ", now.checks + 1, "/", options.budget, "  ") : "";
    progress.show(now.phase, count + now.detail);
  };
  auto report = agent::fix(request, show, context.stop);
  progress.clear();
  if (!report) return context.fail(report.error());
  context.exit_code = report->status == agent::FixReport::Status::kNone ? 1 : 0;
  if (context.json)
    std::printf("%s\n", base::dump_json(agent::fix_json(*report)).c_str());
  else
    print_patch(report->patch);
  explain(*report);
  if (!options.apply || report->status != agent::FixReport::Status::kVerified) return;
  const auto task = tools::write_edit(context.folder, report->edit, base::cat("fix: ", options.check));
  if (!task) return context.fail(task.error());
  std::fprintf(stderr, "  applied as task %s; `graft undo` takes it back\n", task->id.c_str());
}

}  // namespace

void add_fix_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<FixOptions>();
  CLI::App* command = app.add_subcommand("fix", "Repair the work tree until a check passes; prints a git patch");
  command->add_option("--check", options->check, "Shell command that fails now and should exit 0")
      ->type_name("CMD")
      ->required();
  command->add_flag("--apply", options->apply, "Also write the repair to the work tree (`graft undo` takes it back)");
  command->add_option("--budget", options->budget, "Runs of the check on candidates")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  command->add_option("--timeout", options->timeout_s, "Seconds for all of it, the proof as well")
      ->check(CLI::Range(1, 86400))
      ->capture_default_str();
  command
      ->add_option("--check-timeout", options->check_timeout_s,
                   "Seconds for one run of the check; candidates get less, by what the runs before took")
      ->check(CLI::Range(1, 86400))
      ->capture_default_str();
  command->add_option("-j,--jobs", options->jobs, "Runs of the check on candidates at once; 0: by cores and memory")
      ->check(CLI::Range(0, 64))
      ->capture_default_str();
  command->add_flag("--no-model", options->model.none, "Without the model: enumerators only");
  add_model_choice(*command, options->model);
  command->add_option("PATH", options->paths, "Files or folders to look in first, relative to the work tree");
  command->callback([options, &context] { run(*options, context); });
}

}  // namespace cli
