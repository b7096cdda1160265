// SPDX-License-Identifier: Apache-2.0
// Prompts of DeepSeek V3.2 and V4: calls as DSML tags. Source: encoding/ of the checkpoints, encoding_dsv32.py and
// encoding_dsv4.py.
#include <algorithm>
#include <array>

#include "base/strings.h"
#include "engine/prompts/answer_machines.h"
#include "engine/prompts/family.h"
#include "engine/prompts/json_text.h"

namespace engine {
namespace {

constexpr std::string_view kV32ToolsHead =
    R"(## Tools
You have access to a set of tools you can use to answer the user's question.
You can invoke functions by writing a "<｜DSML｜function_calls>" block like the following as part of your reply to the user:
<｜DSML｜function_calls>
<｜DSML｜invoke name="$FUNCTION_NAME">
<｜DSML｜parameter name="$PARAMETER_NAME" string="true|false">$PARAMETER_VALUE</｜DSML｜parameter>
...
</｜DSML｜invoke>
<｜DSML｜invoke name="$FUNCTION_NAME2">
...
</｜DSML｜invoke>
</｜DSML｜function_calls>
String and scalar parameters should be specified as is without any escaping or quotes, while lists and objects should use JSON format. The "string" attribute should be set to "true" for string type parameters and "false" for other types (numbers, booleans, arrays, objects).
If the thinking_mode is enabled, then after function results you should strongly consider outputting a thinking block. Here is an example:
<｜DSML｜function_calls>
...
</｜DSML｜function_calls>
<function_results>
...
</function_results>
<think>...thinking about results</think>
Here are the functions available in JSONSchema format:
<functions>
)";
constexpr std::string_view kV32ToolsTail = "\n</functions>\n";
constexpr std::string_view kV4ToolsHead =
    R"(## Tools

You have access to a set of tools to help answer the user's question. You can invoke tools by writing a "<｜DSML｜tool_calls>" block like the following:

<｜DSML｜tool_calls>
<｜DSML｜invoke name="$TOOL_NAME">
<｜DSML｜parameter name="$PARAMETER_NAME" string="true|false">$PARAMETER_VALUE</｜DSML｜parameter>
...
</｜DSML｜invoke>
<｜DSML｜invoke name="$TOOL_NAME2">
...
</｜DSML｜invoke>
</｜DSML｜tool_calls>

String parameters should be specified as is and set `string="true"`. For all other types (numbers, booleans, arrays, objects), pass the value in JSON format and set `string="false"`.

If thinking_mode is enabled (triggered by <think>), you MUST output your complete reasoning inside <think>...</think> BEFORE any tool calls or final response.

Otherwise, output directly after </think> with tool calls or final response.

### Available Tool Schemas

)";
constexpr std::string_view kV4ToolsTail =
    "\n\nYou MUST strictly follow the above defined tool name and parameter schemas to invoke tool calls.\n";
// Of encoding_dsv4.py, for the effort "max".
constexpr std::string_view kV4EffortMax =
    "Reasoning Effort: Absolute maximum with no shortcuts permitted.\nYou MUST be very thorough in your thinking and "
    "comprehensively decompose the problem to resolve the root cause, rigorously stress-testing your logic against all "
    "potential "
    "paths, edge cases, and adversarial scenarios.\nExplicitly write out your entire deliberation process, documenting "
    "every "
    "intermediate step, considered alternative, and rejected hypothesis to ensure absolutely no assumption is left "
    "unchecked.\n\n";

void list_tools(const RenderInput& in, std::string_view head, std::string_view tail, PieceWriter& out) {
  if (in.tools.empty()) return;
  out.format("\n\n");
  out.format(head);
  for (size_t i = 0; i < in.tools.size(); ++i) {
    if (i > 0) out.format("\n");
    out.plain(function_json(in.tools[i]));
  }
  out.format(tail);
}

void calls(const Message& m, std::string_view block, PieceWriter& out) {
  if (m.tool_calls.empty()) return;
  out.format("\n\n<｜DSML｜");
  out.format(block);
  out.format(">\n");
  for (const ToolCall& call : m.tool_calls) {
    out.format("<｜DSML｜invoke name=\"");
    out.plain(call.name);
    out.format("\">\n");
    const std::vector<JsonMember> arguments = json_members(call.arguments);
    for (size_t i = 0; i < arguments.size(); ++i) {
      const bool text = is_json_string(arguments[i].value);
      if (i > 0) out.format("\n");
      out.format("<｜DSML｜parameter name=\"");
      out.plain(arguments[i].key);
      out.format(text ? "\" string=\"true\">" : "\" string=\"false\">");
      out.plain(text ? json_string_value(arguments[i].value) : arguments[i].value);
      out.format("</｜DSML｜parameter>");
    }
    out.format("\n</｜DSML｜invoke>\n");
  }
  out.format("</｜DSML｜");
  out.format(block);
  out.format(">");
}

// The index of the call that result i answers among its message's calls; results are in the order of the calls.
base::Result<size_t> result_order(const RenderInput& in, size_t i) {
  size_t asked = i;
  while (asked > 0 && in.is(asked, Role::kTool)) --asked;
  if (!in.is(asked, Role::kAssistant) || in.messages[asked].tool_calls.size() < i - asked)
    return base::invalid(base::cat("message ", i, ": a tool's result without a call before it"));
  return i - asked - 1;
}

base::Status render_v32(const RenderInput& in, PieceWriter& out) {
  const int64_t last_user = in.last_user();
  const bool thinking = in.options.thinking;
  in.at(0, out);
  out.format("<｜begin▁of▁sentence｜>");
  if (!in.is(0, Role::kSystem)) list_tools(in, kV32ToolsHead, kV32ToolsTail, out);
  for (size_t i = 0; i < in.messages.size(); ++i) {
    const Message& m = in.messages[i];
    const auto index = static_cast<int64_t>(i);
    in.at(i, out);
    switch (m.role) {
      case Role::kSystem:
        out.plain(m.content);
        if (i == 0) list_tools(in, kV32ToolsHead, kV32ToolsTail, out);
        break;
      case Role::kUser:
        out.format("<｜User｜>");
        out.plain(m.content);
        if (in.options.generation_prompt || i + 1 < in.messages.size())
          out.format(thinking && (index == last_user || in.options.keep_reasoning) ? "<｜Assistant｜><think>"
                                                                                   : "<｜Assistant｜></think>");
        break;
      case Role::kTool: {
        const auto order = result_order(in, i);
        if (!order) return order.error();
        if (*order == 0) out.format("\n\n<function_results>");
        out.format("\n<result>");
        out.plain(m.content);
        out.format("</result>");
        if (!in.is(i + 1, Role::kTool)) {
          out.format("\n</function_results>");
          if (!in.options.generation_prompt && i + 1 == in.messages.size()) break;
          out.format("\n\n");
          out.format(thinking && (index >= last_user || in.options.keep_reasoning) ? "<think>" : "</think>");
        }
        break;
      }
      case Role::kAssistant:
        if (thinking && (index > last_user || in.options.keep_reasoning)) {
          out.plain(m.reasoning);
          out.format("</think>");
        }
        out.plain(m.content);
        calls(m, "function_calls", out);
        out.format("<｜end▁of▁sentence｜>");
        break;
    }
  }
  return base::ok();
}

// Results stand in the order of the calls; those of unknown ids keep their place behind.
std::vector<size_t> results_in_order(const RenderInput& in, size_t begin, size_t end) {
  std::vector<size_t> order;
  for (size_t i = begin; i < end; ++i) order.push_back(i);
  if (begin == 0 || !in.is(begin - 1, Role::kAssistant)) return order;
  const std::vector<ToolCall>& asked = in.messages[begin - 1].tool_calls;
  const auto rank = [&](size_t i) {
    for (size_t c = 0; c < asked.size(); ++c)
      if (!asked[c].id.empty() && asked[c].id == in.messages[i].tool_call_id) return c;
    return size_t{0};  // as the reference implementation does
  };
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return rank(a) < rank(b); });
  return order;
}

base::Status render_v4(const RenderInput& in, PieceWriter& out) {
  const bool thinking = in.options.thinking;
  if (!in.options.effort.empty() && in.options.effort != "high" && in.options.effort != "max")
    return base::invalid("The effort is \"" + in.options.effort + "\"; DeepSeek V4 knows \"high\" and \"max\".");
  const bool keep = in.options.keep_reasoning || !in.tools.empty();
  // A run of results and questions is one user turn; its first message is where the turn begins.
  int64_t last_turn = -1;
  for (size_t i = 0; i < in.messages.size(); ++i)
    if (in.is(i, Role::kUser) || in.is(i, Role::kTool)) last_turn = static_cast<int64_t>(i);
  in.at(0, out);
  out.format("<｜begin▁of▁sentence｜>");
  if (thinking && in.options.effort == "max") out.format(kV4EffortMax);
  if (!in.is(0, Role::kSystem)) list_tools(in, kV4ToolsHead, kV4ToolsTail, out);
  const auto asks = [&](size_t i) { return in.is(i, Role::kUser) || in.is(i, Role::kTool); };
  for (size_t i = 0; i < in.messages.size(); ++i) {
    const Message& m = in.messages[i];
    in.at(i, out);
    if (m.role == Role::kSystem) {
      out.plain(m.content);
      if (i == 0) list_tools(in, kV4ToolsHead, kV4ToolsTail, out);
    } else if (m.role == Role::kAssistant) {
      if (thinking && (keep || static_cast<int64_t>(i) > last_turn)) {
        out.plain(m.reasoning);
        out.format("</think>");
      }
      out.plain(m.content);
      calls(m, "tool_calls", out);
      out.format("<｜end▁of▁sentence｜>");
    } else {
      size_t end = i, results_end = i;
      while (asks(end)) ++end;
      while (results_end < end && in.is(results_end, Role::kTool)) ++results_end;
      out.format("<｜User｜>");
      bool first = true;
      const auto part = [&](const Message& message) {
        if (!first) out.format("\n\n");
        first = false;
        if (message.role == Role::kTool) out.format("<tool_result>");
        out.plain(message.content);
        if (message.role == Role::kTool) out.format("</tool_result>");
      };
      for (const size_t r : results_in_order(in, i, results_end)) part(in.messages[r]);
      for (size_t r = results_end; r < end; ++r) part(in.messages[r]);
      if (in.is(end, Role::kAssistant) || (end == in.messages.size() && in.options.generation_prompt)) {
        out.format("<｜Assistant｜>");
        const bool opens = thinking && (keep || static_cast<int64_t>(end) > last_turn);
        out.format(opens ? "<think>" : "</think>");
      }
      i = end - 1;
    }
  }
  return base::ok();
}

constexpr std::array<std::string_view, 7> kMarkers = {
    "<think>",    "</think>",       "｜DSML｜", "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>",
    "<｜User｜>", "<｜Assistant｜>"};

}  // namespace

const PromptFamily kDeepseekV32 = {
    "deepseek_v3.2",         kMarkers, true,       true,        true, OldReasoning::kUntilNextUser,
    "<｜end▁of▁sentence｜>", "",       render_v32, dsml_machine};
const PromptFamily kDeepseekV4 = {
    "deepseek_v4",           kMarkers, true,      true,        true, OldReasoning::kKeptWithTools,
    "<｜end▁of▁sentence｜>", "",       render_v4, dsml_machine};

}  // namespace engine
