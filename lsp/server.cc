// SPDX-License-Identifier: Apache-2.0
#include "lsp/server.h"

#include <nlohmann/json.hpp>

#include "base/log.h"
#include "base/strings.h"
#include "lsp/structure.h"
#include "lsp/uri.h"

namespace lsp {

using base::Json;

const std::map<std::string, Server::RequestHandler, std::less<>>& Server::request_handlers() {
  static const std::map<std::string, RequestHandler, std::less<>> handlers = {
      {"initialize", &Server::on_initialize},
      {"shutdown", &Server::on_shutdown},
      {"textDocument/documentSymbol", &Server::on_document_symbol},
      {"textDocument/foldingRange", &Server::on_folding_range},
      {"textDocument/selectionRange", &Server::on_selection_range},
      {"textDocument/inlineCompletion", &Server::on_inline_completion},
      {"textDocument/copilotInlineEdit", &Server::on_copilot_inline_edit},
      {"graft/nextEdit", &Server::on_next_edit},
      {"textDocument/codeAction", &Server::on_code_action},
      {"workspace/executeCommand", &Server::on_execute_command},
  };
  return handlers;
}

const std::map<std::string, Server::NotificationHandler, std::less<>>& Server::notification_handlers() {
  static const std::map<std::string, NotificationHandler, std::less<>> handlers = {
      {"initialized", &Server::on_initialized},
      {"$/cancelRequest", &Server::on_cancel},
      {"window/workDoneProgress/cancel", &Server::on_progress_cancel},
      {"textDocument/didOpen", &Server::on_did_open},
      {"textDocument/didChange", &Server::on_did_change},
      {"textDocument/didSave", &Server::on_did_save},
      {"textDocument/didClose", &Server::on_did_close},
      {"workspace/didChangeConfiguration", &Server::on_did_change_configuration},
      {"workspace/didChangeWorkspaceFolders", &Server::on_did_change_workspace_folders},
  };
  return handlers;
}

Server::Server(const Services& services, const ServeOptions& options, Send send, Post post)
    : services_(services),
      options_(options),
      post_(post),
      client_(send),
      requests_(send,
                [this](const std::string& method, const RpcError& error) {
                  const bool usual =
                      error.code == RpcCode::kRequestCancelled || error.code == RpcCode::kContentModified;
                  const std::string line = base::cat(method, " failed: ", error.message);
                  if (usual)
                    base::log(base::LogLevel::kDebug, line);
                  else
                    client_.log(MessageType::kWarning, line);
                }),
      status_(client_),
      workers_(options.n_workers),
      trees_(workers_, post),
      engine_(services_, client_, status_, options.n_workers > 0),
      fix_(services_, client_, documents_, engine_, status_, post, options.n_workers > 0) {}

Server::~Server() {
  finish();
}

void Server::receive(const Message& message) {
  switch (message.kind) {
    case Message::Kind::kRequest:
      return handle_request(message);
    case Message::Kind::kNotification:
      return handle_notification(message);
    case Message::Kind::kResponse:
      if (!client_.receive(message)) base::log(base::LogLevel::kInfo, "a response to nothing that was asked");
      return;
    case Message::Kind::kInvalid:
      break;
  }
  client_.refuse(message.id, *message.error);
}

void Server::broken_frame(const std::string& why) {
  client_.refuse("null", {RpcCode::kParseError, why});
}

void Server::lost() {
  if (state_ != State::kExited) base::log(base::LogLevel::kInfo, "the client is gone");
  state_ = State::kExited;
}

void Server::finish() {
  requests_.fail_all({RpcCode::kRequestCancelled, "The server is ending."});
  parent_.reset();
  trees_.stop();
  engine_.finish();  // first: a repair may wait for the model
  fix_.finish();
  workers_.finish();
}

void Server::handle_request(const Message& message) {
  // LSP 3.17, "Server lifecycle".
  if (state_ == State::kCreated && message.method != "initialize")
    return client_.refuse(message.id, {RpcCode::kServerNotInitialized, "The first request is initialize."});
  if (state_ == State::kShutDown || state_ == State::kExited)
    return client_.refuse(message.id, {RpcCode::kInvalidRequest, "The server was shut down."});
  if (state_ == State::kRunning && message.method == "initialize")
    return client_.refuse(message.id, {RpcCode::kInvalidRequest, "The server was initialized before."});
  const auto handler = request_handlers().find(message.method);
  if (handler == request_handlers().end())
    return client_.refuse(message.id,
                          {RpcCode::kMethodNotFound, base::cat("There is no method ", message.method, ".")});
  auto reply = requests_.open(message.id, message.method);
  if (!reply) return client_.refuse(message.id, {RpcCode::kInvalidRequest, "A request with this id is still running."});
  (this->*handler->second)(*message.params, std::move(*reply));
}

void Server::handle_notification(const Message& message) {
  if (message.method == "exit") {
    exit_code_ = state_ == State::kShutDown ? 0 : 1;
    state_ = State::kExited;
    return;
  }
  if (state_ != State::kRunning) return;
  const auto handler = notification_handlers().find(message.method);
  if (handler != notification_handlers().end()) (this->*handler->second)(*message.params);
}

void Server::on_initialize(const Json& params, Reply reply) {
  client_.capabilities = read_capabilities(params);
  workspace_.initialize(params);
  std::vector<std::string> problems;
  if (const auto given = params.find("initializationOptions"); given != params.end()) {
    initial_settings_ = read_settings(*given, {}, problems);
    if (base::json_string(*given, "fixResult") == "return") fix_result_ = FixResult::kReturn;
  }
  settings_ = initial_settings_;
  watch_parent(params);
  state_ = State::kRunning;

  Json result = {{"serverInfo", {{"name", "graft"}, {"version", options_.version}}},
                 {"capabilities",
                  {{"positionEncoding", encoding_name(client_.capabilities.position_encoding)},
                   {"textDocumentSync", {{"openClose", true}, {"change", 2}, {"save", {{"includeText", false}}}}},
                   {"documentSymbolProvider", {{"label", "Graft"}}},
                   {"foldingRangeProvider", true},
                   {"selectionRangeProvider", true},
                   {"workspace", {{"workspaceFolders", {{"supported", true}, {"changeNotifications", true}}}}}}}};
  Json& provides = result["capabilities"];
  provides["inlineCompletionProvider"] = Json::object();
  provides["codeActionProvider"] = {{"codeActionKinds", {"refactor.rewrite"}}};
  if (services_.fix) {
    provides["codeActionProvider"]["codeActionKinds"].push_back("quickfix");
    provides["executeCommandProvider"] = {{"commands", {kFixCommand}}, {"workDoneProgress", true}};
  }
  reply.result(result);
  for (const auto& problem : problems) client_.log(MessageType::kWarning, problem);
}

void Server::on_initialized(const Json&) {
  report_health();
  if (client_.capabilities.configuration)
    fetch_settings();
  else
    engine_.load(settings_.model_path);
}

void Server::on_shutdown(const Json&, Reply reply) {
  state_ = State::kShutDown;
  reply.result(nullptr);
  requests_.fail_all({RpcCode::kRequestCancelled, "The server was shut down."});
}

void Server::on_cancel(const Json& params) {
  const auto id = params.find("id");
  if (id != params.end()) requests_.fail(base::dump_json(*id), {RpcCode::kRequestCancelled, "Cancelled."});
}

void Server::on_progress_cancel(const Json& params) {
  fix_.cancel(params);
}

void Server::on_did_open(const Json& params) {
  const auto document = documents_.open(params);
  if (!document) return client_.log(MessageType::kWarning, document.error().message);
  trees_.opened(*document);
}

void Server::on_did_change(const Json& params) {
  const auto changed = documents_.change(params, client_.capabilities.position_encoding);
  if (!changed) return client_.log(MessageType::kWarning, changed.error().message);
  trees_.changed(*changed);
  engine_.document_changed(changed->document->uri);
}

void Server::on_did_save(const Json& params) {
  if (const auto saved = documents_.save(params); !saved) client_.log(MessageType::kWarning, saved.error().message);
}

void Server::on_did_close(const Json& params) {
  const auto uri = documents_.close(params);
  if (!uri) return client_.log(MessageType::kWarning, uri.error().message);
  trees_.closed(*uri);
}

void Server::on_document_symbol(const Json& params, Reply reply) {
  const auto document = document_of(params, reply);
  if (!document) return;
  trees_.ask(
      document, std::move(reply),
      [encoding = client_.capabilities.position_encoding, nested = client_.capabilities.hierarchical_symbols](
          const Document& of, const tools::SyntaxTree& tree) { return document_symbols(of, tree, encoding, nested); });
}

void Server::on_folding_range(const Json& params, Reply reply) {
  const auto document = document_of(params, reply);
  if (!document) return;
  trees_.ask(document, std::move(reply),
             [](const Document& of, const tools::SyntaxTree& tree) { return folding_ranges(of, tree); });
}

void Server::on_selection_range(const Json& params, Reply reply) {
  const auto document = document_of(params, reply);
  if (!document) return;
  std::vector<Position> positions;
  const auto given = params.find("positions");
  if (given != params.end() && given->is_array())
    for (const Json& item : *given)
      if (const auto position = read_position(item)) positions.push_back(*position);
  if (given == params.end() || positions.size() != given->size())
    return reply.fail({RpcCode::kInvalidParams, "selectionRange without a list of positions."});
  trees_.ask(document, std::move(reply),
             [encoding = client_.capabilities.position_encoding, positions = std::move(positions)](
                 const Document& of, const tools::SyntaxTree& tree) {
               return selection_ranges(of, tree, encoding, positions);
             });
}

void Server::on_execute_command(const Json& params, Reply reply) {
  const std::string command = base::json_string(params, "command");
  if (command != kFixCommand)
    return reply.fail({RpcCode::kInvalidParams, base::cat("There is no command ", command, ".")});
  const auto arguments = params.find("arguments");
  const bool given = arguments != params.end() && arguments->is_array() && !arguments->empty();
  const std::string uri = given ? base::json_string(arguments->front(), "uri") : std::string();
  // Run from a command palette, without a document: the first folder.
  const Folder* folder = workspace_.folder_of(uri);
  if (folder == nullptr && uri.empty() && !workspace_.folders().empty()) folder = &workspace_.folders().front();
  fix_.start(params, folder, folder == nullptr ? settings_ : settings_of(folder->uri), fix_result_, std::move(reply));
}

DocumentPtr Server::document_of(const Json& params, Reply& reply) {
  auto document = documents_.find(document_uri(params));
  if (!document) reply.fail({RpcCode::kInvalidParams, "The document is not open."});
  return document;
}

void Server::on_did_change_configuration(const Json& params) {
  const auto given = params.find("settings");
  // Clients with workspace/configuration send null here and want to be asked.
  if (given == params.end() || !given->is_object()) return fetch_settings();
  of_folder_.clear();
  take_settings("", *given);
  engine_.load(settings_.model_path);
}

void Server::on_did_change_workspace_folders(const Json& params) {
  workspace_.change(params);
  fetch_settings();
}

void Server::fetch_settings() {
  if (!client_.capabilities.configuration) return;
  std::vector<std::string> scopes = {""};
  for (const Folder& folder : workspace_.folders()) scopes.push_back(folder.uri);
  Json items = Json::array();
  for (const std::string& scope : scopes) {
    Json item = {{"section", "graft"}};
    if (!scope.empty()) item["scopeUri"] = scope;
    items.push_back(std::move(item));
  }
  client_.request("workspace/configuration", {{"items", std::move(items)}},
                  [this, scopes = std::move(scopes)](const Json& result, const std::optional<RpcError>& error) {
                    if (error) client_.log(MessageType::kWarning, "workspace/configuration: " + error->message);
                    for (size_t i = 0; i < scopes.size() && i < result.size() && result.is_array(); ++i)
                      take_settings(scopes[i], result[i]);
                    engine_.load(settings_.model_path);
                  });
}

void Server::take_settings(const std::string& folder_uri, const Json& section) {
  std::vector<std::string> problems;
  Settings read = read_settings(section, initial_settings_, problems);
  for (const auto& problem : problems) client_.log(MessageType::kWarning, problem);
  if (folder_uri.empty())
    settings_ = std::move(read);
  else
    of_folder_[folder_uri] = std::move(read);
}

const Settings& Server::settings_of(const std::string& uri) const {
  const Folder* folder = workspace_.folder_of(uri);
  const auto found = folder == nullptr ? of_folder_.end() : of_folder_.find(folder->uri);
  return found == of_folder_.end() ? settings_ : found->second;
}

void Server::report_health() {
  client_.log(MessageType::kInfo, base::cat("graft ", options_.version, ": positions in ",
                                            encoding_name(client_.capabilities.position_encoding), ", ",
                                            workspace_.folders().size(), " folders."));
  Job job = [isolation = services_.isolation, &client = std::as_const(client_)] {
    client.log(MessageType::kInfo, "Sandbox: " + (isolation ? isolation() : std::string("not built in.")));
  };
  workers_.submit(job);
}

// The streams end when the editor dies, except where another process holds them open too.
void Server::watch_parent(const Json& params) {
  const int64_t pid = base::json_int(params, "processId", 0);
  if (pid == 0) return;
  auto watch = ProcessWatch::create(pid, [this] { post_([this] { lost(); }); });
  if (watch)
    parent_ = std::move(*watch);
  else
    base::log(base::LogLevel::kInfo, watch.error().message);
}

}  // namespace lsp
