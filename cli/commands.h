// SPDX-License-Identifier: Apache-2.0
// cli/commands.h: every subcommand of `graft`, one line each; each lives in cli/<name>_command.cc.
//
// A command registers its options and a callback that stores its exit code (docs: 0 done, 1 the honest "no", 2 wrong use or
// a broken environment, 130 cancelled) in Context::exit_code.
#pragma once
#include <filesystem>
#include <stop_token>
#include <string>

#include "base/result.h"

namespace CLI {
class App;
}

namespace cli {

struct Context {
  std::filesystem::path folder = ".";   // -C
  std::filesystem::path config;         // --config; empty: the default places
  bool json = false;                    // --json
  std::stop_token stop;                 // requested by Ctrl-C and SIGTERM
  int exit_code = 0;

  // Prints "graft: message" on stderr (or {"error": ...} on stdout under --json) and sets the exit code that the error's
  // code asks for: 130 for kCancelled, else 2.
  void fail(const base::Error& error);
};

void add_apply_command(CLI::App& app, Context& context);
void add_doctor_command(CLI::App& app, Context& context);
void add_ci_command(CLI::App& app, Context& context);
void add_complete_command(CLI::App& app, Context& context);
void add_fix_command(CLI::App& app, Context& context);
void add_lsp_command(CLI::App& app, Context& context);
void add_mcp_command(CLI::App& app, Context& context);
void add_model_command(CLI::App& app, Context& context);
void add_model_bench_command(CLI::App& app, Context& context);  // after add_model_command
void add_model_generate_command(CLI::App& app, Context& context);  // after add_model_command
void add_model_quantize_command(CLI::App& app, Context& context);  // after add_model_command
void add_model_score_command(CLI::App& app, Context& context);  // after add_model_command
void add_next_edit_command(CLI::App& app, Context& context);
void add_sandbox_command(CLI::App& app, Context& context);
void add_test_command(CLI::App& app, Context& context);
void add_undo_command(CLI::App& app, Context& context);  // and `graft log`
void add_version_command(CLI::App& app, Context& context);

}  // namespace cli
