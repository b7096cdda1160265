// SPDX-License-Identifier: Apache-2.0
#include "lsp/client.h"

#include <nlohmann/json.hpp>

#include "base/log.h"

namespace lsp {
namespace {

using base::Json;

// The value at a path of member names; null where any is missing.
const Json& at(const Json& root, std::initializer_list<const char*> path) {
  static const Json none;
  const Json* value = &root;
  for (const char* key : path) {
    if (!value->is_object()) return none;
    const auto found = value->find(key);
    if (found == value->end()) return none;
    value = &*found;
  }
  return *value;
}

bool is_true(const Json& value) {
  return value.is_boolean() && value.get<bool>();
}

bool lists(const Json& array, std::string_view text) {
  if (!array.is_array()) return false;
  for (const Json& item : array)
    if (item.is_string() && item.get_ref<const std::string&>() == text) return true;
  return false;
}

// The client's list is ordered by its preference; utf-16 where it has none that we know (LSP 3.17,
// "PositionEncodingKind").
PositionEncoding choose_encoding(const Json& offered) {
  if (!offered.is_array()) return PositionEncoding::kUtf16;
  for (const Json& name : offered)
    for (const auto encoding : {PositionEncoding::kUtf8, PositionEncoding::kUtf16, PositionEncoding::kUtf32})
      if (name.is_string() && name.get_ref<const std::string&>() == encoding_name(encoding)) return encoding;
  return PositionEncoding::kUtf16;
}

base::LogLevel level_of(MessageType type) {
  switch (type) {
    case MessageType::kError:
      return base::LogLevel::kError;
    case MessageType::kWarning:
      return base::LogLevel::kWarning;
    default:
      return base::LogLevel::kInfo;
  }
}

}  // namespace

ClientCapabilities read_capabilities(const Json& params) {
  const Json& all = at(params, {"capabilities"});
  const Json& edits = at(all, {"workspace", "workspaceEdit"});
  const Json& resources = at(edits, {"resourceOperations"});
  ClientCapabilities can;
  can.position_encoding = choose_encoding(at(all, {"general", "positionEncodings"}));
  can.hierarchical_symbols = is_true(at(all, {"textDocument", "documentSymbol", "hierarchicalDocumentSymbolSupport"}));
  can.work_done_progress = is_true(at(all, {"window", "workDoneProgress"}));
  can.configuration = is_true(at(all, {"workspace", "configuration"}));
  can.workspace_folders = is_true(at(all, {"workspace", "workspaceFolders"}));
  can.apply_edit = is_true(at(all, {"workspace", "applyEdit"}));
  can.document_changes = is_true(at(edits, {"documentChanges"}));
  can.change_annotations = at(edits, {"changeAnnotationSupport"}).is_object();
  can.create_files = lists(resources, "create");
  can.rename_files = lists(resources, "rename");
  can.delete_files = lists(resources, "delete");
  can.disabled_code_actions = is_true(at(all, {"textDocument", "codeAction", "disabledSupport"}));
  return can;
}

void Client::refuse(std::string_view id, const RpcError& error) const {
  send_(error_text(id, error));
  log(MessageType::kWarning, "refused: " + error.message);
}

void Client::notify(std::string_view method, const Json& params) const {
  send_(notification_text(method, params));
}

void Client::log(MessageType type, std::string_view text) const {
  base::log(level_of(type), text);
  notify("window/logMessage", {{"type", static_cast<int>(type)}, {"message", text}});
}

void Client::show(MessageType type, std::string_view text) const {
  notify("window/showMessage", {{"type", static_cast<int>(type)}, {"message", text}});
}

void Client::request(std::string_view method, const Json& params, Answered answered) {
  // A string: no client mixes it up with the numbers of its own requests.
  const std::string id = "\"graft-" + std::to_string(++n_requests_) + "\"";
  asked_[id] = std::move(answered);
  send_(request_text(id, method, params));
}

bool Client::receive(const Message& response) {
  const auto found = asked_.find(response.id);
  if (found == asked_.end()) return false;
  const Answered answered = std::move(found->second);
  asked_.erase(found);
  answered(*response.params, response.error);
  return true;
}

}  // namespace lsp
