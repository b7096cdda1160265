// SPDX-License-Identifier: Apache-2.0
// lsp/fix_command.h: "Fix with Graft": the code action and the command graft.fix behind it (docs/editor-protocol.md).
//
// Promise  A fix is made for what is saved: with unsaved changes in the project it is refused, by name. Its edit is
//          held back where the text changed meanwhile. One fix at a time.
// Threads  All members on the main thread; the work is done on the agent thread, and its end is posted back.
#pragma once
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "lsp/client.h"
#include "lsp/documents.h"
#include "lsp/engine_thread.h"
#include "lsp/lsp.h"
#include "lsp/progress.h"
#include "lsp/rpc.h"
#include "lsp/settings.h"
#include "lsp/status.h"
#include "lsp/trees.h"
#include "lsp/workspace.h"
#include "lsp/workspace_edit.h"

namespace lsp {

inline constexpr const char* kFixCommand = "graft.fix";

// Who applies a verified edit: the server asks the editor to, or the plugin does after its own review.
enum class FixResult { kApply, kReturn };

class FixCommand {
 public:
  FixCommand(const Services& services, Client& client, const Documents& documents, EngineThread& engine, Status& status,
             Post post, bool threaded);

  // Params of textDocument/codeAction.
  base::Json code_actions(const base::Json& params, const Settings& settings) const;

  // Params of workspace/executeCommand; `folder` may be null.
  void start(const base::Json& params, const Folder* folder, const Settings& settings, FixResult result, Reply reply);
  // Params of window/workDoneProgress/cancel.
  void cancel(const base::Json& params);
  void finish() { agent_.finish(); }

 private:
  struct Task;
  void run(const std::shared_ptr<Task>& task);
  base::Result<agent::FixReport> repair(Task& task);
  void deliver(const std::shared_ptr<Task>& task, const base::Result<agent::FixReport>& report,
               const base::Result<std::vector<PreparedFile>>& files);
  void hand_over(const std::shared_ptr<Task>& task, base::Json result, base::Json edit);
  void end(const std::shared_ptr<Task>& task, const std::string& summary);

  const Services& services_;
  Client& client_;
  const Documents& documents_;
  EngineThread& engine_;
  Status& status_;
  const Post post_;
  std::shared_ptr<Task> running_;
  Workers agent_;
};

}  // namespace lsp
