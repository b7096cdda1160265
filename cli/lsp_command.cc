// SPDX-License-Identifier: Apache-2.0
// `graft lsp`: the language server on standard input and output, or on one loopback connection.
#include <CLI/App.hpp>
#include <cstdio>

#include "agent/code/near_files.h"
#include "cli/commands.h"
#include "cli/model_option.h"
#include "lsp/lsp.h"
#include "sandbox/sandbox.h"

namespace cli {
namespace {

// While the user types on, somewhere else.
constexpr std::chrono::seconds kNearFilesPatience{5};

base::Result<std::unique_ptr<rpc::Transport>> open_transport(int port, std::stop_token stop) {
  if (port < 0) return rpc::stdio_transport();
  return rpc::accept_loopback(
      static_cast<uint16_t>(port),
      [](uint16_t taken) { std::fprintf(stderr, "graft: listening on 127.0.0.1:%d\n", taken); }, stop);
}

std::string describe_isolation() {
  const sandbox::Isolation& isolation = sandbox::probe_isolation();
  return isolation.available ? isolation.kind + "." : "not available, so nothing can be repaired here. " + isolation.fix;
}

lsp::Services services(uint64_t memory_limit) {
  lsp::Services services;
  services.load_model = [memory_limit](const std::filesystem::path& path) { return load_model({path, false, memory_limit}); };
  services.make_completer = agent::Completer::create;
  services.near_files = [](const std::filesystem::path& root, std::string_view path, std::stop_token stop) {
    return agent::near_files(root, path, kNearFilesPatience, stop);
  };
  services.fix = agent::fix;
  services.isolation = describe_isolation;
  return services;
}

}  // namespace

void add_lsp_command(CLI::App& app, Context& context) {
  struct Options {
    int port = -1;
    bool stdio = false;
    uint64_t memory_limit = 0;  // as engine::LoadOptions
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("lsp", "Language server for any editor, on standard input and output");
  command->add_option("--port", options->port, "Wait for one client on this loopback port; 0 takes a free one")
      ->check(CLI::Range(0, 65535));
  command->add_flag("--stdio", options->stdio, "Use standard input and output (the default; some editors pass it)");
  add_memory_option(*command, options->memory_limit);
  command->callback([&context, options] {
    auto transport = open_transport(options->port, context.stop);
    if (!transport) return context.fail(transport.error());
    context.exit_code = lsp::serve(**transport, services(options->memory_limit), {.version = GRAFT_VERSION}, context.stop);
    if (context.stop.stop_requested()) context.exit_code = 130;
  });
}

}  // namespace cli
