// SPDX-License-Identifier: Apache-2.0
// lsp/server.h: lifecycle and routing: what the main thread does with each message.
//
// Threads  All members on the main thread. `send` and `post` are called from any thread until finish() returns.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "lsp/client.h"
#include "lsp/documents.h"
#include "lsp/engine_thread.h"
#include "lsp/fix_command.h"
#include "lsp/lsp.h"
#include "lsp/next_edit.h"
#include "lsp/rpc.h"
#include "lsp/settings.h"
#include "lsp/status.h"
#include "lsp/trees.h"
#include "lsp/workspace.h"

namespace lsp {

class Server final : public rpc::Conversation {
 public:
  Server(const Services& services, const ServeOptions& options, Send send, Post post);
  ~Server();

  void receive(const Message& message) override;
  // A frame that could not be read; JSON-RPC wants an answer without an id.
  void broken_frame(const std::string& why) override;
  // The client is gone, or we are asked to end.
  void lost() override;
  // Answers what is open, stops all work and waits for it.
  void finish() override;

  bool finished() const override { return state_ == State::kExited; }
  int exit_code() const { return exit_code_; }
  size_t n_open_requests() const { return requests_.size(); }

 private:
  enum class State { kCreated, kRunning, kShutDown, kExited };
  using RequestHandler = void (Server::*)(const base::Json& params, Reply reply);
  using NotificationHandler = void (Server::*)(const base::Json& params);
  static const std::map<std::string, RequestHandler, std::less<>>& request_handlers();
  static const std::map<std::string, NotificationHandler, std::less<>>& notification_handlers();

  void handle_request(const Message& message);
  void handle_notification(const Message& message);

  void on_initialize(const base::Json& params, Reply reply);
  void on_shutdown(const base::Json& params, Reply reply);
  void on_document_symbol(const base::Json& params, Reply reply);
  void on_folding_range(const base::Json& params, Reply reply);
  void on_selection_range(const base::Json& params, Reply reply);
  void on_inline_completion(const base::Json& params, Reply reply);
  void on_copilot_inline_edit(const base::Json& params, Reply reply);
  void on_next_edit(const base::Json& params, Reply reply);
  void on_code_action(const base::Json& params, Reply reply);
  void on_execute_command(const base::Json& params, Reply reply);

  void on_initialized(const base::Json& params);
  void on_cancel(const base::Json& params);
  void on_progress_cancel(const base::Json& params);
  void on_did_open(const base::Json& params);
  void on_did_change(const base::Json& params);
  void on_did_save(const base::Json& params);
  void on_did_close(const base::Json& params);
  void on_did_change_configuration(const base::Json& params);
  void on_did_change_workspace_folders(const base::Json& params);

  // The open document that a request names; otherwise `reply` has been answered.
  DocumentPtr document_of(const base::Json& params, Reply& reply);
  // False, and `reply` answered, where the client asks about another version than the one here.
  bool is_fresh(const base::Json& params, const Document& document, Reply& reply) const;
  void complete(const base::Json& params, InlineDialect dialect, Reply reply);
  void complete_with_model(InlineQuestion question, Reply reply);
  // Runs `use` on the main thread with the next edits of the document, unless the document has changed by then.
  using UseNextEdits = std::function<void(Reply reply, const Document& document, const NextEdits& offers)>;
  void with_next_edits(const DocumentPtr& document, size_t cursor, Reply reply, UseNextEdits use);
  void fetch_settings();
  void take_settings(const std::string& folder_uri, const base::Json& section);
  const Settings& settings_of(const std::string& uri) const;
  void report_health();
  void watch_parent(const base::Json& params);

  const Services services_;
  const ServeOptions options_;
  const Post post_;
  Client client_;
  Requests requests_;
  State state_ = State::kCreated;
  int exit_code_ = 1;
  Workspace workspace_;
  Settings initial_settings_;                  // of initializationOptions
  Settings settings_;                          // without a folder
  std::map<std::string, Settings> of_folder_;  // by folder URI
  FixResult fix_result_ = FixResult::kApply;   // of initializationOptions
  Documents documents_;
  std::unique_ptr<ProcessWatch> parent_;
  Status status_;
  Workers workers_;
  Trees trees_;
  EngineThread engine_;
  FixCommand fix_;
};

}  // namespace lsp
