// SPDX-License-Identifier: Apache-2.0
// lsp/client.h: the editor on the other side: what it can do, what we tell it, what we ask it.
//
// Threads  Constant members from any thread; the rest, and all callbacks, on the main thread.
// Privacy  Nothing of the user's text goes into a log line above kDebug.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "lsp/position.h"
#include "lsp/rpc.h"

namespace lsp {

// LSP 3.18, `MessageType`.
enum class MessageType { kError = 1, kWarning = 2, kInfo = 3, kLog = 4 };

// Of `initialize`; everything off where the client does not say.
struct ClientCapabilities {
  PositionEncoding position_encoding = PositionEncoding::kUtf16;  // the one chosen
  bool hierarchical_symbols = false;
  bool work_done_progress = false;
  bool configuration = false;  // workspace/configuration
  bool workspace_folders = false;
  bool apply_edit = false;
  bool document_changes = false;
  bool change_annotations = false;
  bool create_files = false, rename_files = false, delete_files = false;
  bool disabled_code_actions = false;
};
ClientCapabilities read_capabilities(const base::Json& initialize_params);

class Client {
 public:
  explicit Client(Send send) : send_(std::move(send)) {}

  // Answers a message that never became a request in work.
  void refuse(std::string_view id, const RpcError& error) const;
  void notify(std::string_view method, const base::Json& params) const;
  // window/logMessage, and our own log. `text` is one line.
  void log(MessageType type, std::string_view text) const;
  // window/showMessage: for what the user asked for and must not miss.
  void show(MessageType type, std::string_view text) const;

  // `answered` gets the result, or the error. It is dropped at the end of the server.
  using Answered = std::function<void(const base::Json& result, const std::optional<RpcError>& error)>;
  void request(std::string_view method, const base::Json& params, Answered answered);
  // A response of the client; false where we asked nothing under that id.
  bool receive(const Message& response);

  ClientCapabilities capabilities;

 private:
  const Send send_;
  std::map<std::string, Answered> asked_;
  uint64_t n_requests_ = 0;
};

}  // namespace lsp
