// SPDX-License-Identifier: Apache-2.0
// `graft mcp`: the Model Context Protocol server on standard input and output.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "agent/code/near_files.h"
#include "base/file.h"
#include "cli/commands.h"
#include "cli/model_option.h"
#include "mcp/mcp.h"
#include "rpc/transport.h"
#include "tools/work_tree.h"

namespace cli {
namespace {

// For the files around: who asks for one completion waits for them.
constexpr std::chrono::milliseconds kNearFilesPatience{500};

struct McpOptions {
  mcp::ServeOptions serve;
  bool stdio = false;
  ModelChoice model;
};

mcp::Services services(const ModelChoice& model) {
  mcp::Services services;
  services.load_model = [model] { return load_model(model); };
  services.near_files = [](const std::filesystem::path& root, std::string_view path, std::stop_token stop) {
    return agent::near_files(root, path, kNearFilesPatience, stop);
  };
  return services;
}

void run(McpOptions& options, Context& context) {
  const auto tree = tools::WorkTree::open(context.folder);
  if (!tree) return context.fail(tree.error());
  // Where some clients start their servers; no tool has business there.
  if (tree->root() == tree->root().root_path())
    return context.fail(
        base::invalid("The work tree would be the whole file system: name the project's folder with -C."));
  options.serve.root = tree->root();
  options.serve.version = GRAFT_VERSION;
  auto transport = rpc::stdio_transport();
  if (!transport) return context.fail(transport.error());
  // The transport has its own descriptor: whatever else is printed, here or in a library, goes where logs go.
  if (::dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
    return context.fail(base::system_error(errno, "redirect standard output"));
  mcp::serve(**transport, services(options.model), options.serve, context.stop);
  if (context.stop.stop_requested()) context.exit_code = 130;
}

}  // namespace

void add_mcp_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<McpOptions>();
  mcp::ServeOptions& serve = options->serve;
  CLI::App* command = app.add_subcommand("mcp",
                                         "Model Context Protocol server for other agents, on standard input and "
                                         "output: repairs, tests, edits, completions");
  command->add_flag("--stdio", options->stdio, "Use standard input and output (the default; some clients pass it)");
  command
      ->add_option("--budget", serve.budget,
                   "Of a repair, where the call does not say: runs of the check on candidates")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  command->add_option("--timeout", serve.timeout_s, "The same: seconds for all of it, the proof as well")
      ->check(CLI::Range(1, 86400))
      ->capture_default_str();
  command->add_option("--check-timeout", serve.check_timeout_s, "The same: seconds for one run of the check")
      ->check(CLI::Range(1, 86400))
      ->capture_default_str();
  command->add_option("-j,--jobs", serve.jobs, "Runs of the check on candidates at once; 0: by cores and memory")
      ->check(CLI::Range(0, 64))
      ->capture_default_str();
  command->add_flag("--no-model", options->model.none,
                    "Without the model: no completions, repairs by enumerators only");
  add_model_choice(*command, options->model);
  command->callback([options, &context] { run(*options, context); });
}

}  // namespace cli
