// SPDX-License-Identifier: Apache-2.0
// Prompts of Mistral's instruct models by the version of their tokenizer: v3 (Nemo), v7 (Small 3.1), v11 (Small 3.2)
// and v13 (Devstral). Source: mistral-common's chat templates.
#include <array>

#include "base/json.h"
#include "base/strings.h"
#include "engine/prompts/answer_machines.h"
#include "engine/prompts/family.h"
#include "engine/prompts/json_text.h"

namespace engine {
namespace {

std::string tools_json(std::span<const Tool> tools) {
  std::string json = "[";
  for (const Tool& tool : tools) json += (json.size() > 1 ? ", " : "") + tool_json(tool);
  return json + "]";
}

bool is_call_id(std::string_view id) {
  if (id.size() != 9) return false;
  for (const char c : id)
    if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))) return false;
  return true;
}

base::Error bad_id(size_t i) {
  return base::invalid(base::cat("message ", i, ": Mistral's call ids are nine letters or digits"));
}

// A result in v3 is a JSON value where it is one number, else a string.
std::string result_json(const std::string& content) {
  const auto json = canonical_json(content, false);
  const bool number = json && json->text == content && !content.empty() &&
                      (content[0] == '-' || (content[0] >= '0' && content[0] <= '9'));
  return number && content.find_first_of("eE") == std::string::npos ? content : json_quoted(content);
}

base::Status calls(const RenderInput& in, size_t i, int version, PieceWriter& out) {
  const Message& m = in.messages[i];
  for (size_t c = 0; c < m.tool_calls.size(); ++c) {
    const ToolCall& call = m.tool_calls[c];
    if (version < 13 && !is_call_id(call.id)) return bad_id(i);
    if (version < 11) {
      out.format(c == 0 ? "[TOOL_CALLS][{\"name\": \"" : ", {\"name\": \"");
      out.plain(call.name);
      out.format("\", \"arguments\": ");
      out.plain(call.arguments);
      out.format(", \"id\": \"");
      out.plain(call.id);
      out.format("\"}");
      if (c + 1 == m.tool_calls.size()) out.format("]");
      continue;
    }
    out.format("[TOOL_CALLS]");
    out.plain(call.name);
    if (version < 13) {
      out.format("[CALL_ID]");
      out.plain(call.id);
    }
    out.format("[ARGS]");
    out.plain(call.arguments);
  }
  return base::ok();
}

base::Status result(const RenderInput& in, size_t i, int version, PieceWriter& out) {
  const Message& m = in.messages[i];
  if (version < 13 && !is_call_id(m.tool_call_id)) return bad_id(i);
  out.format("[TOOL_RESULTS]");
  if (version < 7) {
    out.plain("{\"content\": " + result_json(m.content) + ", \"call_id\": \"" + m.tool_call_id + "\"}");
  } else {
    if (version < 13) {
      out.plain(m.tool_call_id);
      out.format("[TOOL_CONTENT]");
    }
    out.plain(m.content);
  }
  out.format("[/TOOL_RESULTS]");
  return base::ok();
}

base::Status render(const RenderInput& in, PieceWriter& out, int version) {
  in.at(0, out);
  out.format("<s>");
  std::string system;
  for (size_t i = 0; i < in.messages.size() && version < 7; ++i)
    if (in.is(i, Role::kSystem)) system += (system.empty() ? "" : "\n\n") + in.messages[i].content;
  // Neighbouring user messages are one turn: its first is where tools and, in v3, the system's words stand.
  int64_t last_turn = -1;
  for (size_t i = 0; i < in.messages.size(); ++i)
    if (in.is(i, Role::kUser) && (i == 0 || !in.is(i - 1, Role::kUser)) && (version < 13 || last_turn < 0))
      last_turn = static_cast<int64_t>(i);
  for (size_t i = 0; i < in.messages.size(); ++i) {
    const Message& m = in.messages[i];
    in.at(i, out);
    switch (m.role) {
      case Role::kSystem:
        if (version < 7) break;
        out.format("[SYSTEM_PROMPT]");
        out.plain(m.content);
        out.format("[/SYSTEM_PROMPT]");
        break;
      case Role::kUser: {
        const bool last = static_cast<int64_t>(i) == last_turn;
        if (last && !in.tools.empty()) {
          out.format("[AVAILABLE_TOOLS]");
          out.plain(tools_json(in.tools));
          out.format("[/AVAILABLE_TOOLS]");
        }
        out.format("[INST]");
        if (last && !system.empty()) out.plain(system + "\n\n");
        out.plain(m.content);
        while (in.is(i + 1, Role::kUser)) out.plain("\n\n" + in.messages[++i].content);
        out.format("[/INST]");
        break;
      }
      case Role::kAssistant:
        if (version < 7 && !m.content.empty() && !m.tool_calls.empty())
          return base::invalid(base::cat("message ", i, ": this format writes text or calls, not both in one message"));
        out.plain(m.content);
        if (base::Status written = calls(in, i, version, out); !written) return written;
        out.format("</s>");
        break;
      case Role::kTool:
        if (base::Status written = result(in, i, version, out); !written) return written;
        break;
    }
  }
  return base::ok();  // the answer follows [/INST] or a result as it is
}

base::Status render_v3(const RenderInput& in, PieceWriter& out) {
  return render(in, out, 3);
}
base::Status render_v7(const RenderInput& in, PieceWriter& out) {
  return render(in, out, 7);
}
base::Status render_v11(const RenderInput& in, PieceWriter& out) {
  return render(in, out, 11);
}
base::Status render_v13(const RenderInput& in, PieceWriter& out) {
  return render(in, out, 13);
}

constexpr std::array<std::string_view, 14> kMarkers = {"[TOOL_CALLS]",
                                                       "[ARGS]",
                                                       "[CALL_ID]",
                                                       "<s>",
                                                       "</s>",
                                                       "[INST]",
                                                       "[/INST]",
                                                       "[SYSTEM_PROMPT]",
                                                       "[/SYSTEM_PROMPT]",
                                                       "[AVAILABLE_TOOLS]",
                                                       "[/AVAILABLE_TOOLS]",
                                                       "[TOOL_RESULTS]",
                                                       "[/TOOL_RESULTS]",
                                                       "[TOOL_CONTENT]"};

}  // namespace

const PromptFamily kMistralV3 = {"mistral_v3",        kMarkers, true, false,     true,
                                 OldReasoning::kNone, "</s>",   "",   render_v3, mistral_machine};
const PromptFamily kMistralV7 = {"mistral_v7",        kMarkers, true, false,     true,
                                 OldReasoning::kNone, "</s>",   "",   render_v7, mistral_machine};
const PromptFamily kMistralV11 = {"mistral_v11",       kMarkers, true, false,      true,
                                  OldReasoning::kNone, "</s>",   "",   render_v11, mistral_machine};
const PromptFamily kMistralV13 = {"mistral_v13",       kMarkers, true, false,      true,
                                  OldReasoning::kNone, "</s>",   "",   render_v13, mistral_machine};

}  // namespace engine
