// SPDX-License-Identifier: Apache-2.0
// `graft ci --check CMD --format F`: the verified repair in the form that a review system takes.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "agent/ci_report.h"
#include "agent/evidence_words.h"
#include "agent/fix.h"
#include "cli/commands.h"
#include "cli/model_option.h"
#include "cli/progress_line.h"
#include "tools/work_tree.h"

namespace cli {
namespace {

struct CiOptions {
  std::string check, format = "patch";
  std::vector<std::string> paths;
  int budget = 60;
  int timeout_s = 600, check_timeout_s = 60;
  int jobs = 0;
  ModelChoice model;
};

void run(const CiOptions& options, Context& context) {
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
  auto report = agent::fix(
      request, [&](const agent::FixProgress& now) { progress.show(now.phase, now.detail); }, context.stop);
  progress.clear();
  if (!report) return context.fail(report.error());
  const auto tree = tools::WorkTree::open(context.folder);
  if (!tree) return context.fail(tree.error());
  const auto text =
      agent::ci_report(*agent::ci_format_of(options.format), *report, *tree, options.check, GRAFT_VERSION);
  if (!text) return context.fail(text.error());
  std::fputs(text->c_str(), stdout);
  std::fprintf(stderr, "%s\n", report->summary.c_str());
  if (report->status == agent::FixReport::Status::kVerified)
    std::fprintf(stderr, "Evidence: %s: %s\n", std::string(agent::strength_name(agent::strength_of(*report))).c_str(),
                 agent::evidence_words(*report).c_str());
  context.exit_code = report->status == agent::FixReport::Status::kNone ? 1 : 0;
}

}  // namespace

void add_ci_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<CiOptions>();
  CLI::App* command = app.add_subcommand("ci", "For a CI job: a verified repair as a patch or as review suggestions");
  command->add_option("--check", options->check, "Shell command that fails now and should exit 0")
      ->type_name("CMD")
      ->required();
  command->add_option("--format", options->format, "Form of the report")
      ->check(CLI::IsMember({"patch", "sarif", "rdjsonl", "github", "gitlab"}))
      ->capture_default_str();
  command->add_option("--budget", options->budget, "Runs of the check on candidates")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  command->add_option("--timeout", options->timeout_s, "Seconds for the search")
      ->check(CLI::Range(1, 86400))
      ->capture_default_str();
  command->add_option("-j,--jobs", options->jobs, "Runs of the check on candidates at once; 0: by cores and memory")
      ->check(CLI::Range(0, 64))
      ->capture_default_str();
  command->add_option("--check-timeout", options->check_timeout_s, "Seconds for one run of the check")
      ->check(CLI::Range(1, 86400))
      ->capture_default_str();
  command->add_flag("--no-model", options->model.none, "Without the model: enumerators only");
  add_model_choice(*command, options->model);
  command->add_option("PATH", options->paths, "Files or folders to look in first, relative to the work tree");
  command->callback([options, &context] { run(*options, context); });
}

}  // namespace cli
