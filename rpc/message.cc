// SPDX-License-Identifier: Apache-2.0
#include "rpc/message.h"

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "base/utf8.h"

namespace rpc {
namespace {

using base::Json;

// The value of the four hex digits of "\uXXXX" at `at`, or -1.
int escape_value(std::string_view text, size_t at) {
  if (at + 6 > text.size() || text[at] != '\\' || text[at + 1] != 'u') return -1;
  int value = 0;
  for (const char c : text.substr(at + 2, 4)) {
    const int digit = base::hex_digit(c);
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

bool is_high(int unit) {
  return unit >= 0xD800 && unit <= 0xDBFF;
}
bool is_low(int unit) {
  return unit >= 0xDC00 && unit <= 0xDFFF;
}

void replace_lone_surrogates(std::string& json) {
  for (size_t i = 0; i + 1 < json.size(); ++i) {
    if (json[i] != '\\') continue;
    const int unit = escape_value(json, i);
    if (is_high(unit) && is_low(escape_value(json, i + 6))) {
      i += 11;
    } else if (is_high(unit) || is_low(unit)) {
      json.replace(i, 6, "\\uFFFD");
      i += 5;
    } else {
      ++i;  // the escaped character, so that "\\\\u" is no escape
    }
  }
}

Message invalid_message(RpcCode code, std::string text, std::string id = "null") {
  Message message;
  message.id = std::move(id);
  message.params = std::make_shared<Json>(Json::object());
  message.error = RpcError{code, std::move(text)};
  return message;
}

bool is_id(const Json& id) {
  return id.is_string() || id.is_number_integer();
}

RpcError read_error(const Json& error) {
  return {static_cast<RpcCode>(base::json_int(error, "code", static_cast<int>(RpcCode::kInternalError))),
          base::json_string(error, "message")};
}

// JSON-RPC 2.0, section 5: a member apart from "params", which may be an object or an array and may be left out.
Message classify(Json& value) {
  if (value.is_array()) {
    Message batch =
        invalid_message(RpcCode::kInvalidRequest, "Batches are not taken: send one message after the other.");
    batch.params = std::make_shared<Json>(std::move(value));
    return batch;
  }
  if (!value.is_object()) return invalid_message(RpcCode::kInvalidRequest, "A message is a JSON object.");
  const auto id = value.find("id");
  const bool has_id = id != value.end() && !id->is_null();
  const std::string id_text = has_id && is_id(*id) ? base::dump_json(*id) : "null";
  if (base::json_string(value, "jsonrpc") != "2.0")
    return invalid_message(RpcCode::kInvalidRequest, "The member \"jsonrpc\" is not \"2.0\".", id_text);
  if (has_id && !is_id(*id))
    return invalid_message(RpcCode::kInvalidRequest, "An id is a string or a whole number.", id_text);

  Message message;
  message.id = id_text;
  message.null_id = id != value.end() && id->is_null();
  if (const auto method = value.find("method"); method != value.end()) {
    if (!method->is_string()) return invalid_message(RpcCode::kInvalidRequest, "The method is not a string.", id_text);
    message.kind = has_id ? Message::Kind::kRequest : Message::Kind::kNotification;
    message.method = method->get<std::string>();
    const auto params = value.find("params");
    const bool given = params != value.end() && !params->is_null();
    if (given && !params->is_structured())
      return invalid_message(RpcCode::kInvalidRequest, "The params are neither an object nor an array.", id_text);
    message.params = std::make_shared<Json>(given ? std::move(*params) : Json::object());
    return message;
  }
  const auto result = value.find("result");
  const auto error = value.find("error");
  if (result == value.end() && error == value.end())
    return invalid_message(RpcCode::kInvalidRequest, "A message has a method, a result or an error.", id_text);
  message.kind = Message::Kind::kResponse;
  message.params = std::make_shared<Json>(result != value.end() ? std::move(*result) : Json());
  if (error != value.end() && !error->is_null()) message.error = read_error(*error);
  return message;
}

// Envelopes are put together as text: the id is text already.
std::string envelope(std::string_view head, const Json& payload) {
  std::string out = "{\"jsonrpc\":\"2.0\",";
  out.append(head).append(base::dump_json(payload)).push_back('}');
  return out;
}

}  // namespace

Message parse_message(std::string body) {
  if (!base::is_utf8(body)) body = base::to_valid_utf8(body);
  if (body.find("\\ud") != std::string::npos || body.find("\\uD") != std::string::npos) replace_lone_surrogates(body);
  auto value = base::parse_json(body);
  // The library's text quotes the input, which may be a user's file: say where only.
  if (!value) return invalid_message(RpcCode::kParseError, "The message is not JSON.");
  return classify(*value);
}

Message read_message(Json value) { return classify(value); }

std::string request_text(std::string_view id, std::string_view method, const Json& params) {
  return envelope(base::cat("\"id\":", id, ",\"method\":", base::dump_json(Json(method)), ",\"params\":"), params);
}

std::string notification_text(std::string_view method, const Json& params) {
  return envelope(base::cat("\"method\":", base::dump_json(Json(method)), ",\"params\":"), params);
}

std::string result_text(std::string_view id, const Json& result) {
  return envelope(base::cat("\"id\":", id, ",\"result\":"), result);
}

std::string error_text(std::string_view id, const RpcError& error) {
  Json object = {{"code", static_cast<int>(error.code)}, {"message", error.message}};
  if (error.data) object["data"] = *error.data;
  return envelope(id.empty() ? "\"error\":" : base::cat("\"id\":", id, ",\"error\":"), object);
}

}  // namespace rpc
