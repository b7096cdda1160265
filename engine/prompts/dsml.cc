// SPDX-License-Identifier: Apache-2.0
// Prompts of DeepSeek V3.2: calls as DSML tags. Source: encoding/ of the checkpoint, encoding_dsv32.py.
#include "engine/prompts/dsml.h"

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
  if (!in.is(0, Role::kSystem)) dsml_tools(in, kV32ToolsHead, kV32ToolsTail, out);
  for (size_t i = 0; i < in.messages.size(); ++i) {
    const Message& m = in.messages[i];
    const auto index = static_cast<int64_t>(i);
    in.at(i, out);
    switch (m.role) {
      case Role::kSystem:
        out.plain(m.content);
        if (i == 0) dsml_tools(in, kV32ToolsHead, kV32ToolsTail, out);
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
        dsml_calls(m, kV32Tags, out);
        out.format("<｜end▁of▁sentence｜>");
        break;
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
void dsml_tools(const RenderInput& in, std::string_view head, std::string_view tail, PieceWriter& out) {
  if (in.tools.empty()) return;
  out.format("\n\n");
  out.format(head);
  for (size_t i = 0; i < in.tools.size(); ++i) {
    if (i > 0) out.format("\n");
    out.plain(function_json(in.tools[i]));
  }
  out.format(tail);
}

void dsml_calls(const Message& message, const DsmlTags& tags, PieceWriter& out) {
  if (message.tool_calls.empty()) return;
  out.format(base::cat("\n\n<｜DSML｜", tags.block, ">\n"));
  for (const ToolCall& call : message.tool_calls) {
    out.format(base::cat("<｜DSML｜", tags.call, " name=\""));
    out.plain(call.name);
    out.format("\">\n");
    const std::vector<JsonMember> arguments = json_members(call.arguments);
    for (size_t i = 0; i < arguments.size(); ++i) {
      const bool text = is_json_string(arguments[i].value);
      if (i > 0) out.format("\n");
      out.format(base::cat("<｜DSML｜", tags.argument, " name=\""));
      out.plain(arguments[i].key);
      out.format(text ? "\" string=\"true\">" : "\" string=\"false\">");
      out.plain(text ? json_string_value(arguments[i].value) : arguments[i].value);
      out.format(base::cat("</｜DSML｜", tags.argument, ">"));
    }
    out.format(base::cat("\n</｜DSML｜", tags.call, ">\n"));
  }
  out.format(base::cat("</｜DSML｜", tags.block, ">"));
}

}  // namespace engine
