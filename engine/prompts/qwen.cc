// SPDX-License-Identifier: Apache-2.0
// Prompts of Qwen2.5, Qwen2.5-Coder, Qwen3 and Qwen3-Coder: ChatML with calls as JSON or, Qwen3-Coder, as tags.
#include <algorithm>
#include <array>

#include "base/strings.h"
#include "engine/prompts/answer_machines.h"
#include "engine/prompts/family.h"
#include "engine/prompts/json_text.h"

namespace engine {
namespace {

constexpr std::string_view kToolsHead =
    "# Tools\n\nYou may call one or more functions to assist with the user query.\n\nYou are provided with function "
    "signatures "
    "within <tools></tools> XML tags:\n<tools>";
constexpr std::string_view kToolsTail =
    "\n</tools>\n\nFor each function call, return a json object with function name and arguments within "
    "<tool_call></tool_call> XML tags:\n<tool_call>\n{\"name\": <function-name>, \"arguments\": "
    "<args-json-object>}\n</tool_call><|im_end|>\n";
constexpr std::string_view kDefaultSystem = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.";

void list_tools(const RenderInput& in, PieceWriter& out) {
  out.format(kToolsHead);
  for (const Tool& tool : in.tools) {
    out.format("\n");
    out.plain(tool_json(tool));
  }
  out.format(kToolsTail);
}

void open_turn(PieceWriter& out, std::string_view role) {
  out.format("<|im_start|>");
  out.format(role);
}

void turn(PieceWriter& out, std::string_view role, std::string_view content) {
  open_turn(out, role);
  out.format("\n");
  out.plain(content);
  out.format("<|im_end|>\n");
}

void plain_turn(const Message& m, PieceWriter& out) {
  turn(out, m.role == Role::kUser ? "user" : m.role == Role::kSystem ? "system" : "assistant", m.content);
}

base::Status end_of_prompt(const RenderInput& in, PieceWriter& out) {
  in.at(in.messages.size(), out);
  if (in.options.generation_prompt) open_turn(out, "assistant\n");
  return base::ok();
}

void tool_result(const RenderInput& in, size_t i, PieceWriter& out) {
  if (i == 0 || !in.is(i - 1, Role::kTool)) open_turn(out, "user");
  out.format("\n<tool_response>\n");
  out.plain(in.messages[i].content);
  out.format("\n</tool_response>");
  if (!in.is(i + 1, Role::kTool)) out.format("<|im_end|>\n");
}

void json_call(const ToolCall& call, PieceWriter& out) {
  out.format("<tool_call>\n{\"name\": \"");
  out.plain(call.name);
  out.format("\", \"arguments\": ");
  out.plain(call.arguments);
  out.format("}\n</tool_call>");
}

base::Status render_qwen25(const RenderInput& in, PieceWriter& out) {
  const bool system = in.is(0, Role::kSystem);
  in.at(0, out);
  open_turn(out, "system\n");
  out.plain(system ? std::string_view(in.messages[0].content) : kDefaultSystem);
  if (in.tools.empty()) {
    out.format("<|im_end|>\n");
  } else {
    out.format("\n\n");
    list_tools(in, out);
  }
  for (size_t i = system ? 1 : 0; i < in.messages.size(); ++i) {
    const Message& m = in.messages[i];
    in.at(i, out);
    if (m.role == Role::kTool) {
      tool_result(in, i, out);
    } else if (m.role == Role::kAssistant && !m.tool_calls.empty()) {
      open_turn(out, "assistant");
      if (!m.content.empty()) {
        out.format("\n");
        out.plain(m.content);
      }
      for (const ToolCall& call : m.tool_calls) {
        out.format("\n");
        json_call(call, out);
      }
      out.format("<|im_end|>\n");
    } else {
      plain_turn(m, out);
    }
  }
  return end_of_prompt(in, out);
}

std::string_view strip_newlines(std::string_view text, bool back = true) {
  while (text.starts_with('\n')) text.remove_prefix(1);
  while (back && text.ends_with('\n')) text.remove_suffix(1);
  return text;
}

base::Status render_qwen3(const RenderInput& in, PieceWriter& out) {
  const bool system = in.is(0, Role::kSystem);
  in.at(0, out);
  if (!in.tools.empty() || system) {
    open_turn(out, "system\n");
    if (system) out.plain(in.messages[0].content);
    if (in.tools.empty()) {
      out.format("<|im_end|>\n");
    } else {
      if (system) out.format("\n\n");
      list_tools(in, out);
    }
  }
  // The last question: a user message that is not itself a tool's response.
  int64_t last_query = static_cast<int64_t>(in.messages.size()) - 1;
  for (size_t i = in.messages.size(); i > 0; --i) {
    const Message& m = in.messages[i - 1];
    if (m.role == Role::kUser &&
        !(m.content.starts_with("<tool_response>") && m.content.ends_with("</tool_response>"))) {
      last_query = static_cast<int64_t>(i) - 1;
      break;
    }
  }
  for (size_t i = system ? 1 : 0; i < in.messages.size(); ++i) {
    const Message& m = in.messages[i];
    in.at(i, out);
    if (m.role == Role::kTool) {
      tool_result(in, i, out);
      continue;
    }
    if (m.role != Role::kAssistant) {
      turn(out, m.role == Role::kUser ? "user" : "system", m.content);
      continue;
    }
    open_turn(out, "assistant\n");
    std::string_view content = m.content;
    const bool current = static_cast<int64_t>(i) > last_query && (i + 1 == in.messages.size() || !m.reasoning.empty());
    if (current || (in.options.keep_reasoning && !m.reasoning.empty())) {
      out.format("<think>\n");
      out.plain(strip_newlines(m.reasoning));
      out.format("\n</think>\n\n");
      content = strip_newlines(content, false);
    }
    out.plain(content);
    for (size_t c = 0; c < m.tool_calls.size(); ++c) {
      if (c > 0 || !m.content.empty()) out.format("\n");
      json_call(m.tool_calls[c], out);
    }
    out.format("<|im_end|>\n");
  }
  in.at(in.messages.size(), out);
  if (in.options.generation_prompt) {
    open_turn(out, "assistant\n");
    if (!in.options.thinking) out.format("<think>\n\n</think>\n\n");
  }
  return base::ok();
}

// A value as Jinja prints it: strings as they are, Python's words for the literals, JSON for the rest.
std::string printed(const std::string& json) {
  if (is_json_string(json)) return json_string_value(json);
  if (json == "true") return "True";
  if (json == "false") return "False";
  if (json == "null") return "None";
  return json;
}

// A group of types and the like, inside a tag.
std::string printed_types(const std::string& json) {
  if (!json.starts_with('[')) return printed(json);
  std::string out = "[";  // Python's list of strings
  for (const std::string& item : json_elements(json)) {
    if (out.size() > 1) out += ", ";
    out += is_json_string(item) ? "'" + json_string_value(item) + "'" : printed(item);
  }
  return out + "]";
}

void extra_keys(const std::vector<JsonMember>& members, std::initializer_list<std::string_view> handled,
                PieceWriter& out) {
  for (const JsonMember& member : members) {
    if (std::find(handled.begin(), handled.end(), member.key) != handled.end()) continue;
    out.plain("\n<" + member.key + ">" + printed(member.value) + "</" + member.key + ">");
  }
}

void coder_tool(const Tool& tool, PieceWriter& out) {
  out.format("\n<function>\n<name>");
  out.plain(tool.name);
  out.format("</name>");
  if (!tool.description.empty()) {
    out.format("\n<description>");
    out.plain(base::trim(tool.description));
    out.format("</description>");
  }
  out.format("\n<parameters>");
  const std::vector<JsonMember> schema =
      tool.parameters.empty() ? std::vector<JsonMember>() : json_members(tool.parameters);
  const std::string* properties = find_member(schema, "properties");
  if (properties != nullptr && properties->starts_with('{')) {
    for (const JsonMember& property : json_members(*properties)) {
      out.format("\n<parameter>\n<name>");
      out.plain(property.key);
      out.format("</name>");
      const std::vector<JsonMember> fields =
          property.value.starts_with('{') ? json_members(property.value) : std::vector<JsonMember>();
      if (const std::string* type = find_member(fields, "type")) {
        out.format("\n<type>");
        out.plain(printed_types(*type));
        out.format("</type>");
      }
      if (const std::string* description = find_member(fields, "description")) {
        out.format("\n<description>");
        out.plain(base::trim(printed(*description)));
        out.format("</description>");
      }
      extra_keys(fields, {"name", "type", "description"}, out);
      out.format("\n</parameter>");
    }
  }
  extra_keys(schema, {"type", "properties"}, out);
  out.format("\n</parameters>\n</function>");
}

constexpr std::string_view kCoderTail =
    "\n</tools>\n\nIf you choose to call a tool ONLY reply in the following format with NO "
    "suffix:\n\n<tool_call>\n<function=example_function_name>\n<parameter=example_parameter_1>\nvalue_1\n</"
    "parameter>\n<parameter=example_parameter_2>\nvalue_2\n</parameter>\n</function>\n</"
    "tool_call>\n\n<IMPORTANT>\nReminder:\n- Function calls MUST follow the specified format: the tool calling block "
    "MUST begin "
    "with an opening <tool_call> tag and end with a closing </tool_call> tag.\n- Required parameters MUST be "
    "specified\n- You "
    "may provide optional reasoning for your function call in natural language BEFORE the function call, but NOT "
    "after\n- If "
    "there is no function call available, answer the question like normal with your current knowledge and do not tell "
    "the user "
    "about function calls\n</IMPORTANT>";

base::Status render_qwen3_coder(const RenderInput& in, PieceWriter& out) {
  const bool system = in.is(0, Role::kSystem);
  in.at(0, out);
  if (system || !in.tools.empty()) {
    open_turn(out, "system\n");
    out.plain(system ? std::string_view(in.messages[0].content)
                     : "You are Qwen, a helpful AI assistant that can interact with a computer to solve tasks.");
    if (!in.tools.empty()) {
      out.format("\n\n# Tools\n\nYou have access to the following tools:\n\n<tools>");
      for (const Tool& tool : in.tools) coder_tool(tool, out);
      out.format(kCoderTail);
    }
    out.format("<|im_end|>\n");
  }
  for (size_t i = system ? 1 : 0; i < in.messages.size(); ++i) {
    const Message& m = in.messages[i];
    in.at(i, out);
    if (m.role == Role::kTool) {
      if (i > 0 && !in.is(i - 1, Role::kTool)) open_turn(out, "user\n");
      out.format("<tool_response>\n");
      out.plain(m.content);
      out.format("\n</tool_response>\n");
      if (!in.is(i + 1, Role::kTool)) out.format("<|im_end|>\n");
    } else if (m.role == Role::kAssistant && !m.tool_calls.empty()) {
      open_turn(out, "assistant");
      if (const std::string_view content = base::trim(m.content); !content.empty()) {
        out.format("\n");
        out.plain(content);
        out.format("\n");
      }
      for (const ToolCall& call : m.tool_calls) {
        out.format("\n<tool_call>\n<function=");
        out.plain(call.name);
        out.format(">\n");
        for (const JsonMember& argument : json_members(call.arguments)) {
          out.format("<parameter=");
          out.plain(argument.key);
          out.format(">\n");
          out.plain(printed(argument.value));
          out.format("\n</parameter>\n");
        }
        out.format("</function>\n</tool_call>");
      }
      out.format("<|im_end|>\n");
    } else {
      plain_turn(m, out);
    }
  }
  return end_of_prompt(in, out);
}

constexpr std::array<std::string_view, 8> kMarkers = {"<think>",         "</think>",        "<tool_call>",
                                                      "</tool_call>",    "<|im_start|>",    "<|im_end|>",
                                                      "<tool_response>", "</tool_response>"};
// The model leaves the tag around a call out at times.
constexpr std::array<std::string_view, 9> kCoderMarkers = {"<think>",      "</think>",        "<tool_call>",
                                                           "</tool_call>", "<function=",      "<|im_start|>",
                                                           "<|im_end|>",   "<tool_response>", "</tool_response>"};

}  // namespace

const PromptFamily kQwen25 = {"qwen2.5",           kMarkers,     true, false,         true,
                              OldReasoning::kNone, "<|im_end|>", "\n", render_qwen25, tagged_json_machine};
const PromptFamily kQwen3 = {
    "qwen3",      kMarkers,           true, true, true, OldReasoning::kUntilNextUser, "<|im_end|>", "\n",
    render_qwen3, tagged_json_machine};
const PromptFamily kQwen3Coder = {
    "qwen3_coder",      kCoderMarkers,     true, false, true, OldReasoning::kNone, "<|im_end|>", "\n",
    render_qwen3_coder, tagged_xml_machine};

}  // namespace engine
