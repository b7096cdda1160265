// SPDX-License-Identifier: Apache-2.0
// Prompts of Llama 3 and of Llama 3.1 to 3.3.
#include <array>

#include "base/strings.h"
#include "engine/prompts/answer_machines.h"
#include "engine/prompts/family.h"
#include "engine/prompts/json_text.h"

namespace engine {
namespace {

void header(PieceWriter& out, std::string_view role) {
  out.format("<|start_header_id|>");
  out.format(role);
  out.format("<|end_header_id|>\n\n");
}

std::string_view role_name(Role role) {
  return role == Role::kSystem      ? "system"
         : role == Role::kUser      ? "user"
         : role == Role::kAssistant ? "assistant"
                                    : "ipython";
}

void turn(PieceWriter& out, const Message& m) {
  header(out, role_name(m.role));
  out.plain(base::trim(m.content));
  out.format("<|eot_id|>");
}

base::Status render_llama30(const RenderInput& in, PieceWriter& out) {
  in.at(0, out);
  out.format("<|begin_of_text|>");
  for (size_t i = 0; i < in.messages.size(); ++i) {
    in.at(i, out);
    turn(out, in.messages[i]);
  }
  in.at(in.messages.size(), out);
  if (in.options.generation_prompt) header(out, "assistant");
  return base::ok();
}

// "2026-05-01" as "01 May 2026"; the templates' own day where none is given or it is no such date.
std::string day_of(const std::string& today) {
  constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  if (today.size() == 10 && today[4] == '-' && today[7] == '-') {
    const int month = (today[5] - '0') * 10 + today[6] - '0';
    if (month >= 1 && month <= 12)
      return base::cat(today.substr(8), " ", kMonths[static_cast<size_t>(month) - 1], " ", today.substr(0, 4));
  }
  return "26 Jul 2024";
}

// Tools stand in the first user message, as the published template has it unless told otherwise.
void first_question(const RenderInput& in, std::string_view content, PieceWriter& out) {
  header(out, "user");
  out.format(
      "Given the following functions, please respond with a JSON for a function call with its proper arguments that "
      "best "
      "answers the given prompt.\n\nRespond in the format {\"name\": function name, \"parameters\": dictionary of "
      "argument name "
      "and its value}.Do not use variables.\n\n");
  for (const Tool& tool : in.tools) {
    out.plain(indented_json(tool_json(tool), 4));
    out.format("\n\n");
  }
  out.plain(base::trim(content));
  out.format("<|eot_id|>");
}

base::Status render_llama31(const RenderInput& in, PieceWriter& out) {
  const bool system = in.is(0, Role::kSystem);
  in.at(0, out);
  out.format("<|begin_of_text|>");
  header(out, "system");
  if (!in.tools.empty()) out.format("Environment: ipython\n");
  out.format("Cutting Knowledge Date: December 2023\nToday Date: ");
  out.plain(day_of(in.options.today));
  out.format("\n\n");
  if (system) out.plain(base::trim(in.messages[0].content));
  out.format("<|eot_id|>");
  for (size_t i = system ? 1 : 0; i < in.messages.size(); ++i) {
    const Message& m = in.messages[i];
    in.at(i, out);
    if (i == (system ? 1 : 0) && !in.tools.empty()) {
      if (m.role != Role::kUser)
        return base::invalid(
            "Llama 3.1 writes tools into the first user message; the conversation begins with another.");
      first_question(in, m.content, out);
    } else if (m.role == Role::kAssistant && !m.tool_calls.empty()) {
      if (!base::trim(m.content).empty())
        return base::invalid(base::cat("message ", i, ": Llama 3.1 writes text or a call, not both in one message"));
      header(out, "assistant");
      out.format("{\"name\": \"");
      out.plain(m.tool_calls[0].name);
      out.format("\", \"parameters\": ");
      out.plain(m.tool_calls[0].arguments);
      out.format("}<|eot_id|>");
    } else if (m.role == Role::kTool) {
      header(out, "ipython");
      out.plain(json_quoted(m.content));
      out.format("<|eot_id|>");
    } else {
      turn(out, m);
    }
  }
  in.at(in.messages.size(), out);
  if (in.options.generation_prompt) header(out, "assistant");
  return base::ok();
}

constexpr std::array<std::string_view, 6> kMarkers = {"<|python_tag|>",    "<|begin_of_text|>", "<|start_header_id|>",
                                                      "<|end_header_id|>", "<|eot_id|>",        "<|eom_id|>"};

}  // namespace

const PromptFamily kLlama30 = {"llama3",     kMarkers, false,          false,       false, OldReasoning::kNone,
                               "<|eot_id|>", "",       render_llama30, text_machine};
const PromptFamily kLlama31 = {"llama3.1",          kMarkers,     true, false,          false,
                               OldReasoning::kNone, "<|eot_id|>", "",   render_llama31, bare_json_machine};

}  // namespace engine
