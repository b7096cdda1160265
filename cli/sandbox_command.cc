// SPDX-License-Identifier: Apache-2.0
// `graft sandbox run`: a command, exactly as the agent would run it.
#include "sandbox/sandbox.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "cli/commands.h"

namespace cli {
namespace {

struct RunOptions {
  std::vector<std::string> command;
  std::vector<std::filesystem::path> writable, readable, reveal;
  bool network = false;
  double timeout_s = 60;
  uint64_t memory_mib = 4096;
};

const char* name_of(sandbox::Ending ending) {
  switch (ending) {
    case sandbox::Ending::kExited: return "exited";
    case sandbox::Ending::kSignalled: return "signalled";
    case sandbox::Ending::kTimedOut: return "timed_out";
    case sandbox::Ending::kOutOfMemory: return "out_of_memory";
    case sandbox::Ending::kCancelled: return "cancelled";
    case sandbox::Ending::kOutOfDisk: return "out_of_disk";
    case sandbox::Ending::kTooManyProcesses: return "too_many_processes";
  }
  return "exited";
}

void print_json(const sandbox::Outcome& outcome, const std::vector<std::filesystem::path>& changed) {
  base::Json paths = base::Json::array();
  for (const auto& path : changed) paths.push_back(path.string());
  const base::Json report = {{"ending", name_of(outcome.ending)},
                             {"exit_code", outcome.exit_code},
                             {"signal", outcome.signal},
                             {"summary", sandbox::describe(outcome)},
                             {"seconds", outcome.seconds.count()},
                             {"output", outcome.output},
                             {"output_dropped_bytes", outcome.output_dropped_bytes},
                             {"changed", std::move(paths)},
                             {"isolation", sandbox::probe_isolation().kind}};
  std::printf("%s\n", base::dump_json(report).c_str());
}

int exit_code_of(const sandbox::Outcome& outcome) {
  if (outcome.ending == sandbox::Ending::kExited) return outcome.exit_code;
  return outcome.ending == sandbox::Ending::kCancelled ? 130 : 1;
}

void run(const RunOptions& options, Context& context) {
  auto workspace = sandbox::Workspace::create(context.folder, options.reveal);
  if (!workspace) return context.fail(workspace.error());

  sandbox::Policy policy;
  policy.network = options.network;
  policy.writable = options.writable;
  policy.readable = options.readable;
  policy.limits.wall = std::chrono::milliseconds(static_cast<int64_t>(options.timeout_s * 1000));
  policy.limits.memory_bytes = options.memory_mib << 20;
  const auto show = [&](std::string_view text) {
    if (context.json) return;
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
  };
  // One word is shell text, as --check takes it; more are a program and its arguments.
  sandbox::Command command{options.command, {}};
  if (options.command.size() == 1) command = sandbox::shell_command(options.command.front());
  const auto outcome = (*workspace)->run(command, policy, context.stop, show);
  if (!outcome) return context.fail(outcome.error());
  if (context.json) {
    const auto changed = (*workspace)->changed_paths();
    if (!changed) return context.fail(changed.error());
    print_json(*outcome, *changed);
  } else if (outcome->ending != sandbox::Ending::kExited) {
    std::fprintf(stderr, "graft: sandbox run: %s\n", sandbox::describe(*outcome).c_str());
  }
  context.exit_code = exit_code_of(*outcome);
}

}  // namespace

void add_sandbox_command(CLI::App& app, Context& context) {
  CLI::App* group = app.add_subcommand("sandbox", "Run commands isolated from this machine");
  group->require_subcommand(1);
  CLI::App* command = group->add_subcommand(
      "run", "Run a command in a copy-on-write view of the folder (-C), without network; the exit code is the command's");
  auto options = std::make_shared<RunOptions>();
  command->add_option("--write", options->writable, "Folder that is written for real (may be repeated)")->type_name("DIR");
  command->add_option("--read", options->readable, "Further folder to show, read-only (may be repeated)")->type_name("DIR");
  command->add_option("--reveal", options->reveal, "File that looks like a secret but may be seen, relative to the folder")
      ->type_name("PATH");
  command->add_flag("--net", options->network, "Share this machine's network");
  command->add_option("--timeout", options->timeout_s, "Seconds until the command is ended")
      ->check(CLI::Range(0.001, 604800.0))
      ->capture_default_str();
  command->add_option("--memory", options->memory_mib, "Memory of all its processes together, in MiB")
      ->type_name("MB")
      ->check(CLI::Range(uint64_t{1}, uint64_t{1} << 24))
      ->capture_default_str();
  command->add_option("command", options->command, "After `--`: a program and its arguments, or one word of shell text")
      ->required();
  command->callback([options, &context] { run(*options, context); });
}

}  // namespace cli
