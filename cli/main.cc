// SPDX-License-Identifier: Apache-2.0
// The `graft` program: global options, Ctrl-C, and the table of commands.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <exception>
#include <thread>

#include "cli/commands.h"

namespace {

// One thread waits for SIGINT and SIGTERM and requests the stop: no work in a signal handler. A second signal ends the
// process at once. The signals stay blocked in all other threads, which inherit the mask.
class SignalThread {
 public:
  SignalThread() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGINT);
    sigaddset(&signals_, SIGTERM);
    sigaddset(&signals_, SIGUSR1);  // ends the thread
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    thread_ = std::thread([this] {
      for (int received = 0, n = 0; sigwait(&signals_, &received) == 0 && received != SIGUSR1;) {
        if (++n > 1) ::_exit(130);
        stop_.request_stop();
      }
    });
  }
  ~SignalThread() {
    pthread_kill(thread_.native_handle(), SIGUSR1);
    thread_.join();
  }
  std::stop_token token() const { return stop_.get_token(); }

 private:
  sigset_t signals_{};
  std::stop_source stop_;
  std::thread thread_;
};

int run(int argc, char** argv) {
  CLI::App app("Graft: a code-editor agent that runs on your own machine. Local, private, verified.", "graft");
  cli::Context context;
  app.add_option("-C", context.folder, "Work in this folder")->type_name("DIR")->check(CLI::ExistingDirectory);
  app.add_option("--config", context.config, "Configuration file")->type_name("FILE")->check(CLI::ExistingFile);
  app.add_flag("--json", context.json, "Print for a machine: JSON on stdout, everything else on stderr");
  app.require_subcommand(1);
  app.fallthrough();  // global options may follow the command
  cli::add_apply_command(app, context);
  cli::add_doctor_command(app, context);
  cli::add_ci_command(app, context);
  cli::add_complete_command(app, context);
  cli::add_fix_command(app, context);
  cli::add_lsp_command(app, context);
  cli::add_mcp_command(app, context);
  cli::add_model_command(app, context);
  cli::add_model_bench_command(app, context);
  cli::add_model_generate_command(app, context);
  cli::add_model_quantize_command(app, context);
  cli::add_model_score_command(app, context);
  cli::add_next_edit_command(app, context);
  cli::add_sandbox_command(app, context);
  cli::add_test_command(app, context);
  cli::add_undo_command(app, context);
  cli::add_version_command(app, context);

  SignalThread signals;
  context.stop = signals.token();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  return context.exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a reader that went away is an error of write(), not our end
  try {
    return run(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "graft: internal error: %s\n", e.what());
    return 2;
  }
}
