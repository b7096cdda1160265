// SPDX-License-Identifier: Apache-2.0
// lsp/lsp.h: the language server's front door. What it speaks and refuses stands in docs/lsp.md.
//
// Threads  Fixed roles: a reader (bytes to messages), the caller's thread as main thread (documents, routing, the table
//          of requests; it never waits for work), workers (parsing, answers from trees), one engine thread (the model's
//          sessions), one agent thread (fixes), a writer. serve() returns when all of them have ended.
#pragma once
#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "agent/complete.h"
#include "agent/fix.h"
#include "agent/next_edit.h"
#include "base/result.h"
#include "engine/engine.h"
#include "rpc/transport.h"

namespace lsp {

// What the server stands on; tests bring their own. A part that is missing (empty) is said to be unavailable.
struct Services {
  // Empty path: the shipped model; null where there is none. Called on the engine thread.
  std::function<base::Result<std::shared_ptr<const engine::Engine>>(const std::filesystem::path&)> load_model;
  std::function<base::Result<std::unique_ptr<agent::Completer>>(std::shared_ptr<const engine::Engine>)> make_completer;
  // Texts of the project that completions in a file may copy from, as agent::near_files(). Called on the engine thread, while nobody waits.
  std::function<base::Result<std::vector<std::string>>(const std::filesystem::path& root, std::string_view path, std::stop_token stop)>
      near_files;
  std::function<base::Result<agent::FixReport>(const agent::FixRequest&,
                                               const std::function<void(const agent::FixProgress&)>&, std::stop_token)>
      fix;
  // Where a change is likely to be made again. Called on workers, of which several may be in it at once.
  std::function<base::Result<std::vector<agent::NextEdit>>(const agent::NextEditRequest&, std::stop_token)> next_edits =
      agent::next_edits;
  std::function<std::string()> isolation;  // what the sandbox gives on this machine, in words
};

struct ServeOptions {
  std::string version;
  int n_workers = 2;  // parsing is short, and the machine is the user's
};

// Serves one client until it leaves. The exit code of LSP: 0 after shutdown and exit, else 1.
int serve(rpc::Transport& transport, const Services& services, const ServeOptions& options, std::stop_token stop);

}  // namespace lsp
