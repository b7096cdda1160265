// SPDX-License-Identifier: Apache-2.0
// rpc/message.h: JSON-RPC 2.0 messages: read without trust, written as text.
//
// Errors   A body that is no message gives Kind::kInvalid with the answer that the sender is owed; nothing throws.
// Note     An id is kept as its JSON text (`7`, `"a"`), which is how it goes back. A batch is kInvalid and has its
//          array as params, for protocols that take some.
// Source   JSON-RPC 2.0; the codes of LSP 3.17, "Base Protocol", and of MCP 2026-07-28, "Error Codes".
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace rpc {

enum class RpcCode : int {
  kParseError = -32700,
  kInvalidRequest = -32600,
  kMethodNotFound = -32601,
  kInvalidParams = -32602,
  kInternalError = -32603,
  kServerNotInitialized = -32002,
  kRequestFailed = -32803,
  kContentModified = -32801,
  kRequestCancelled = -32800,
  kUnsupportedProtocolVersion = -32022,
};

struct RpcError {
  RpcCode code = RpcCode::kInternalError;
  std::string message;
  std::shared_ptr<const base::Json> data = {};  // may be null
};

struct Message {
  enum class Kind { kRequest, kNotification, kResponse, kInvalid };
  Kind kind = Kind::kInvalid;
  std::string id = "null";  // JSON text; "null" for a notification, or where it could not be read
  bool null_id = false;     // a notification that has an id, which is null
  std::string method;
  std::shared_ptr<const base::Json> params;  // never null; an empty object where absent; of a response: its result
  std::optional<RpcError> error;             // of a response; of kInvalid: what to answer
};

// `body` may hold bytes that are not UTF-8 and escapes of lone surrogates (a JavaScript client can send half of a
// pair): they become U+FFFD, which counts one UTF-16 unit as they did, so that positions after them stay right.
Message parse_message(std::string body);
// The same of a value that was read already, such as one of a batch.
Message read_message(base::Json value);

std::string request_text(std::string_view id, std::string_view method, const base::Json& params);
std::string notification_text(std::string_view method, const base::Json& params);
std::string result_text(std::string_view id, const base::Json& result);
// An empty id: the message has none.
std::string error_text(std::string_view id, const RpcError& error);

}  // namespace rpc
