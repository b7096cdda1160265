// SPDX-License-Identifier: Apache-2.0
// Prompts of DeepSeek V2, V3, R1 and V3.1. V3.2 and V4: dsml.cc.
#include <array>

#include "engine/prompts/answer_machines.h"
#include "engine/prompts/family.h"

namespace engine {
namespace {

base::Status render_v2(const RenderInput& in, PieceWriter& out) {
  in.at(0, out);
  out.format("<｜begin▁of▁sentence｜>");
  for (size_t i = 0; i < in.messages.size(); ++i) {
    const Message& m = in.messages[i];
    in.at(i, out);
    if (m.role == Role::kUser) out.format("User: ");
    if (m.role == Role::kAssistant) out.format("Assistant: ");
    out.plain(m.content);
    out.format(m.role == Role::kAssistant ? "<｜end▁of▁sentence｜>" : "\n\n");
  }
  in.at(in.messages.size(), out);
  if (in.options.generation_prompt) out.format("Assistant:");
  return base::ok();
}

// All system messages stand at the front; one that comes later can only be written while the front is.
base::Status system_text(const RenderInput& in, PieceWriter& out) {
  out.format("<｜begin▁of▁sentence｜>");
  bool first = true;
  for (size_t i = 0; i < in.messages.size(); ++i) {
    if (in.messages[i].role != Role::kSystem) continue;
    if (in.options.first > 0 && i >= in.options.first)
      return base::invalid("message " + std::to_string(i) + ": this format has system messages at its start alone");
    if (!first) out.format("\n\n");
    out.plain(in.messages[i].content);
    first = false;
  }
  return base::ok();
}

void fenced_call(const ToolCall& call, PieceWriter& out) {
  out.format("<｜tool▁call▁begin｜>function<｜tool▁sep｜>");
  out.plain(call.name);
  out.format("\n```json\n");
  out.plain(call.arguments);
  out.format("\n```<｜tool▁call▁end｜>");
}

base::Status render_v3_or_r1(const RenderInput& in, PieceWriter& out, bool reasons) {
  in.at(0, out);
  if (base::Status front = system_text(in, out); !front) return front;
  if (!in.tools.empty()) {
    out.format(
        "\n\n# Tools\n\nYou may call one or more functions to assist with the user query.\n\nYou are provided with "
        "function "
        "signatures within <tools></tools> XML tags:\n<tools>");
    for (const Tool& tool : in.tools) {
      out.format("\n");
      out.plain(tool_json(tool));
    }
    out.format(
        "\n</tools>\n\nFor function call returns, you should first print <｜tool▁calls▁begin｜>For each function call, "
        "you should "
        "return object "
        "like:\n<｜tool▁call▁begin｜>function<｜tool▁sep｜><function_name>\n```json\n<function_arguments_in_json_"
        "format>\n```<｜tool▁call▁end｜>At the end of function call returns, you should print "
        "<｜tool▁calls▁end｜><｜end▁of▁sentence｜>");
  }
  for (size_t i = 0; i < in.messages.size(); ++i) {
    const Message& m = in.messages[i];
    in.at(i, out);
    if (m.role == Role::kUser) {
      out.format("<｜User｜>");
      out.plain(m.content);
    } else if (m.role == Role::kTool) {
      const bool first = i == 0 || !in.is(i - 1, Role::kTool);
      out.format(first ? "<｜tool▁outputs▁begin｜><｜tool▁output▁begin｜>" : "\n<｜tool▁output▁begin｜>");
      out.plain(m.content);
      out.format("<｜tool▁output▁end｜>");
      if (!in.is(i + 1, Role::kTool)) out.format("<｜tool▁outputs▁end｜>");
    } else if (m.role == Role::kAssistant) {
      if (i == 0 || !in.is(i - 1, Role::kTool)) out.format("<｜Assistant｜>");  // after results it goes on
      if (reasons && in.options.keep_reasoning && !m.reasoning.empty()) {
        out.format("<think>\n");
        out.plain(m.reasoning);
        out.format("\n</think>\n\n");
      }
      out.plain(m.content);
      for (size_t c = 0; c < m.tool_calls.size(); ++c) {
        out.format(c == 0 ? "<｜tool▁calls▁begin｜>" : "\n");
        fenced_call(m.tool_calls[c], out);
      }
      if (!m.tool_calls.empty()) out.format("<｜tool▁calls▁end｜>");
      out.format("<｜end▁of▁sentence｜>");
    }
  }
  in.at(in.messages.size(), out);
  if (in.options.generation_prompt && !(!in.messages.empty() && in.is(in.messages.size() - 1, Role::kTool))) {
    out.format("<｜Assistant｜>");
    if (reasons) out.format(in.options.thinking ? "<think>\n" : "<think>\n\n</think>\n\n");
  }
  return base::ok();
}

base::Status render_v3(const RenderInput& in, PieceWriter& out) {
  return render_v3_or_r1(in, out, false);
}
base::Status render_r1(const RenderInput& in, PieceWriter& out) {
  return render_v3_or_r1(in, out, true);
}

// The model's card gives the words about tools.
base::Status render_v31(const RenderInput& in, PieceWriter& out) {
  in.at(0, out);
  if (base::Status front = system_text(in, out); !front) return front;
  if (!in.tools.empty()) {
    out.format("\n\n## Tools\nYou have access to the following tools:\n");
    for (const Tool& tool : in.tools) {
      out.format("\n### ");
      out.plain(tool.name);
      out.format("\nDescription: ");
      out.plain(tool.description);
      out.format("\n\nParameters: ");
      out.plain(tool.parameters.empty() ? "{}" : tool.parameters);
      out.format("\n");
    }
    out.format(
        "\nIMPORTANT: ALWAYS adhere to this exact format for tool "
        "use:\n<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>tool_call_name<｜tool▁sep｜>tool_call_arguments<"
        "｜tool▁call▁end｜>"
        "{additional_tool_calls}<｜tool▁calls▁end｜>\n\nWhere:\n- `tool_call_name` must be an exact match to one of "
        "the available "
        "tools\n- `tool_call_arguments` must be valid JSON that strictly follows the tool's Parameters Schema\n- For "
        "multiple "
        "tool calls, chain them directly without separators or spaces");
  }
  for (size_t i = 0; i < in.messages.size(); ++i) {
    const Message& m = in.messages[i];
    in.at(i, out);
    if (m.role == Role::kUser) {
      out.format("<｜User｜>");
      out.plain(m.content);
    } else if (m.role == Role::kTool) {
      out.format("<｜tool▁output▁begin｜>");
      out.plain(m.content);
      out.format("<｜tool▁output▁end｜>");
    } else if (m.role == Role::kAssistant) {
      if (i > 0 && in.is(i - 1, Role::kUser)) {
        out.format("<｜Assistant｜>");
        if (in.options.keep_reasoning && !m.reasoning.empty()) {
          out.format("<think>");
          out.plain(m.reasoning);
        }
        out.format("</think>");
      }
      out.plain(m.content);
      for (size_t c = 0; c < m.tool_calls.size(); ++c) {
        if (c == 0) out.format("<｜tool▁calls▁begin｜>");
        out.format("<｜tool▁call▁begin｜>");
        out.plain(m.tool_calls[c].name);
        out.format("<｜tool▁sep｜>");
        out.plain(m.tool_calls[c].arguments);
        out.format("<｜tool▁call▁end｜>");
      }
      if (!m.tool_calls.empty()) out.format("<｜tool▁calls▁end｜>");
      out.format("<｜end▁of▁sentence｜>");
    }
  }
  in.at(in.messages.size(), out);
  if (in.options.generation_prompt && !in.messages.empty() && in.is(in.messages.size() - 1, Role::kUser))
    out.format(in.options.thinking ? "<｜Assistant｜><think>" : "<｜Assistant｜></think>");
  return base::ok();
}

constexpr std::array<std::string_view, 2> kV2Markers = {"<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"};
constexpr std::array<std::string_view, 15> kV3Markers = {"<think>",
                                                         "</think>",
                                                         "<｜tool▁calls▁begin｜>",
                                                         "<｜tool▁calls▁end｜>",
                                                         "<｜tool▁call▁begin｜>",
                                                         "<｜tool▁call▁end｜>",
                                                         "<｜tool▁sep｜>",
                                                         "<｜begin▁of▁sentence｜>",
                                                         "<｜end▁of▁sentence｜>",
                                                         "<｜User｜>",
                                                         "<｜Assistant｜>",
                                                         "<｜tool▁outputs▁begin｜>",
                                                         "<｜tool▁outputs▁end｜>",
                                                         "<｜tool▁output▁begin｜>",
                                                         "<｜tool▁output▁end｜>"};

}  // namespace

const PromptFamily kDeepseekV2 = {
    "deepseek_v2",           kV2Markers, false,     false,       false, OldReasoning::kNone,
    "<｜end▁of▁sentence｜>", "",         render_v2, text_machine};
const PromptFamily kDeepseekV3 = {
    "deepseek_v3",          kV3Markers, true, false, true, OldReasoning::kNone, "<｜end▁of▁sentence｜>", "", render_v3,
    deepseek_fenced_machine};
const PromptFamily kDeepseekR1 = {"deepseek_r1",
                                  kV3Markers,
                                  true,
                                  true,
                                  true,
                                  OldReasoning::kDropped,
                                  "<｜end▁of▁sentence｜>",
                                  "",
                                  render_r1,
                                  deepseek_fenced_machine};
const PromptFamily kDeepseekV31 = {
    "deepseek_v3.1", kV3Markers,           true, true, true, OldReasoning::kDropped, "<｜end▁of▁sentence｜>", "",
    render_v31,      deepseek_bare_machine};

}  // namespace engine
