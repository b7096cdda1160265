// SPDX-License-Identifier: Apache-2.0
// `graft test FILE[:SYMBOL]`: tests that were built, run repeatedly and shown to kill mutants.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "agent/report_json.h"
#include "agent/test_writer.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/patch_output.h"
#include "tools/apply.h"

namespace cli {
namespace {

struct TestOptions {
  std::string place;  // FILE[:SYMBOL]
  int timeout_s = 300;
  int mutants = 48;
  bool apply = false;
};

// The file ends at the first colon behind which no file of that longer name lies: "src/a.cc:larder::parse".
void split_place(const std::filesystem::path& folder, const std::string& place, agent::TestRequest& request) {
  request.file = place;
  for (size_t colon = place.find(':'); colon != std::string::npos; colon = place.find(':', colon + 1)) {
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(folder / place.substr(0, colon), ignored)) continue;
    request.file = place.substr(0, colon);
    request.symbol = place.substr(colon + 1);
    return;
  }
}

class ProgressLine {
 public:
  ~ProgressLine() { clear(); }
  void show(const agent::TestProgress& at) {
    if (!terminal_) return;
    std::fprintf(stderr, "\r\033[K%s: %s %d/%d", at.detail.c_str(), at.phase.c_str(), at.done, at.total);
    shown_ = true;
  }
  void clear() {
    if (shown_) std::fputs("\r\033[K", stderr);
    shown_ = false;
  }

 private:
  const bool terminal_ = ::isatty(STDERR_FILENO) == 1;
  bool shown_ = false;
};

bool verified(const agent::TestReport& report) { return report.status == agent::TestReport::Status::kVerified; }

void print_json(const agent::TestReport& report, bool applied) {
  base::Json document = agent::test_json(report);
  document["applied"] = applied;
  std::printf("%s\n", base::dump_json(document).c_str());
}

void print_text(const agent::TestReport& report) {
  print_patch(report.patch);
  std::fflush(stdout);
  for (const agent::TestedFunction& one : report.functions) {
    if (!one.reason.empty()) {
      std::fprintf(stderr, "%s: nothing kept: %s.\n", one.name.c_str(), one.reason.c_str());
      continue;
    }
    std::fprintf(stderr, "%s: %zu tests with %d of %d recorded calls; they fail for %d of %d mutants.\n",
                 one.name.c_str(), one.tests.size(), one.cases_kept, one.cases_stable, one.mutants_killed,
                 one.mutants_tried);
  }
  if (verified(report))
    std::fprintf(stderr, "Passed %d of %d runs in the sandbox: %s\n", report.passing_runs, report.passing_runs,
                 report.command.c_str());
  if (!report.note.empty()) std::fprintf(stderr, "%s\n", report.note.c_str());
  std::fprintf(stderr, "The tests say what the code does today; whether that is right is yours to judge. %.1f s.\n",
               report.seconds);
}

void run(const TestOptions& options, Context& context) {
  agent::TestRequest request;
  request.root = context.folder;
  request.budget_time = std::chrono::seconds(options.timeout_s);
  request.max_mutants = options.mutants;
  split_place(context.folder, options.place, request);

  ProgressLine line;
  auto report = agent::write_tests(request, [&line](const agent::TestProgress& at) { line.show(at); }, context.stop);
  line.clear();
  if (!report) return context.fail(report.error());
  const bool apply = options.apply && verified(*report);
  if (apply) {
    const auto task = tools::write_edit(request.root, report->edit, "test " + options.place);
    if (!task) return context.fail(task.error());
  }
  if (context.json)
    print_json(*report, apply);
  else
    print_text(*report);
  if (apply && !context.json) std::fprintf(stderr, "Written to %s; `graft undo` takes it back.\n", report->test_file.c_str());
  context.exit_code = verified(*report) ? 0 : 1;
}

}  // namespace

void add_test_command(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand(
      "test", "Write tests for a function (Python with pytest, C++ with doctest) and print them as a git patch");
  auto options = std::make_shared<TestOptions>();
  command->add_option("place", options->place, "File, and the function in it; without one, all that no test names")
      ->type_name("FILE[:SYMBOL]")
      ->required();
  command->add_flag("--apply", options->apply, "Write the tests into the work tree as well");
  command->add_option("--timeout", options->timeout_s, "Seconds for trying mutants")
      ->check(CLI::Range(1, 86400))
      ->capture_default_str();
  command->add_option("--mutants", options->mutants, "At most so many mutants of each function")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->callback([options, &context] { run(*options, context); });
}

}  // namespace cli
