// SPDX-License-Identifier: Apache-2.0
// Conversations from JSON.
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/strings.h"
#include "engine/prompts.h"

namespace engine {
namespace {

using Json = nlohmann::ordered_json;  // the order of a schema's keys is part of a prompt

// Text of a member: absent and null are empty.
base::Result<std::string> text_of(const Json& object, const char* key, const std::string& where) {
  if (!object.contains(key) || object[key].is_null()) return std::string();
  if (!object[key].is_string()) return base::invalid(base::cat(where, ".", key, ": text is needed"));
  return object[key].get<std::string>();
}

// JSON that may be written as a value or as text.
base::Result<std::string> json_of(const Json& object, const char* key, const std::string& where) {
  if (!object.contains(key) || object[key].is_null()) return std::string();
  if (object[key].is_string()) return object[key].get<std::string>();
  if (!object[key].is_object()) return base::invalid(base::cat(where, ".", key, ": an object is needed"));
  return object[key].dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Fills each field from a Result or returns its error.
template <typename T>
base::Status put(T& field, base::Result<T> value) {
  if (!value) return std::move(value).error();
  field = std::move(*value);
  return base::ok();
}

const Json& inside(const Json& item) {
  return item.contains("function") && item["function"].is_object() ? item["function"] : item;
}

base::Result<ToolCall> call_of(const Json& item, const std::string& where) {
  if (!item.is_object()) return base::invalid(where + ": an object is needed");
  ToolCall call;
  if (base::Status s = put(call.id, text_of(item, "id", where)); !s) return std::move(s).error();
  if (base::Status s = put(call.name, text_of(inside(item), "name", where)); !s) return std::move(s).error();
  if (base::Status s = put(call.arguments, json_of(inside(item), "arguments", where)); !s) return std::move(s).error();
  if (call.name.empty()) return base::invalid(where + ": a name is needed");
  if (call.arguments.empty()) call.arguments = "{}";
  return call;
}

base::Result<Message> message_of(const Json& item, const std::string& where) {
  if (!item.is_object()) return base::invalid(where + ": an object is needed");
  Message m;
  std::string role;
  if (base::Status s = put(role, text_of(item, "role", where)); !s) return std::move(s).error();
  if (role == "system")
    m.role = Role::kSystem;
  else if (role == "user")
    m.role = Role::kUser;
  else if (role == "assistant")
    m.role = Role::kAssistant;
  else if (role == "tool")
    m.role = Role::kTool;
  else
    return base::invalid(where + ".role: \"system\", \"user\", \"assistant\" or \"tool\" is needed");
  if (base::Status s = put(m.content, text_of(item, "content", where)); !s) return std::move(s).error();
  if (base::Status s = put(m.reasoning, text_of(item, "reasoning", where)); !s) return std::move(s).error();
  if (base::Status s = put(m.tool_call_id, text_of(item, "tool_call_id", where)); !s) return std::move(s).error();
  if (!item.contains("tool_calls") || item["tool_calls"].is_null()) return m;
  if (!item["tool_calls"].is_array()) return base::invalid(where + ".tool_calls: an array is needed");
  for (const Json& call : item["tool_calls"]) {
    auto read = call_of(call, base::cat(where, ".tool_calls[", m.tool_calls.size(), "]"));
    if (!read) return std::move(read).error();
    m.tool_calls.push_back(std::move(*read));
  }
  return m;
}

base::Result<Tool> tool_of(const Json& item, const std::string& where) {
  if (!item.is_object()) return base::invalid(where + ": an object is needed");
  Tool tool;
  if (base::Status s = put(tool.name, text_of(inside(item), "name", where)); !s) return std::move(s).error();
  if (base::Status s = put(tool.description, text_of(inside(item), "description", where)); !s)
    return std::move(s).error();
  if (base::Status s = put(tool.parameters, json_of(inside(item), "parameters", where)); !s)
    return std::move(s).error();
  if (tool.name.empty()) return base::invalid(where + ": a name is needed");
  return tool;
}

base::Status flag(const Json& object, const char* key, bool& value) {
  if (!object.contains(key)) return base::ok();
  if (!object[key].is_boolean()) return base::invalid(base::cat(key, ": true or false is needed"));
  value = object[key].get<bool>();
  return base::ok();
}

}  // namespace

base::Result<Conversation> conversation_from_json(std::string_view text) {
  // The bound on nesting is base::parse_json's.
  if (const auto checked = base::parse_json(text); !checked) return checked.error();
  const Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return base::corrupt("the conversation is not valid JSON");
  Conversation c;
  const Json messages = json.is_array()                                 ? json
                        : json.is_object() && json.contains("messages") ? json["messages"]
                                                                        : Json();
  if (!messages.is_array()) return base::invalid("messages: an array is needed");
  for (const Json& item : messages) {
    auto message = message_of(item, base::cat("messages[", c.messages.size(), "]"));
    if (!message) return std::move(message).error();
    c.messages.push_back(std::move(*message));
  }
  if (!json.is_object()) return c;
  if (json.contains("tools") && !json["tools"].is_null()) {
    if (!json["tools"].is_array()) return base::invalid("tools: an array is needed");
    for (const Json& item : json["tools"]) {
      auto tool = tool_of(item, base::cat("tools[", c.tools.size(), "]"));
      if (!tool) return std::move(tool).error();
      c.tools.push_back(std::move(*tool));
    }
  }
  if (base::Status s = flag(json, "thinking", c.options.thinking); !s) return std::move(s).error();
  if (base::Status s = flag(json, "generation_prompt", c.options.generation_prompt); !s) return std::move(s).error();
  if (base::Status s = flag(json, "keep_reasoning", c.options.keep_reasoning); !s) return std::move(s).error();
  if (json.contains("effort") && json["effort"].is_number_integer())
    c.options.effort = json["effort"].dump();
  else if (base::Status s = put(c.options.effort, text_of(json, "effort", "conversation")); !s)
    return std::move(s).error();
  if (base::Status s = put(c.options.today, text_of(json, "today", "conversation")); !s) return std::move(s).error();
  return c;
}

}  // namespace engine
