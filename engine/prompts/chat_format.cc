// SPDX-License-Identifier: Apache-2.0
// ChatFormat: which family, and what all families share around their renderers.
#include <algorithm>
#include <array>

#include "base/strings.h"
#include "engine/prompts.h"
#include "engine/prompts/family.h"
#include "engine/prompts/json_text.h"

namespace engine {
namespace {

const std::array<const PromptFamily*, 17> kFamilies = {
    &kQwen25,      &kQwen3,       &kQwen3Coder, &kDeepseekV2,  &kDeepseekV3, &kDeepseekR1,
    &kDeepseekV31, &kDeepseekV32, &kDeepseekV4, &kDeepseekV41, &kLlama30,    &kLlama31,
    &kMistralV3,   &kMistralV7,   &kMistralV11, &kMistralV13,  &kGptOss};

using IdOf = std::function<std::optional<int32_t>(std::string_view)>;

// Words of the checkpoints' own templates decide where one vocabulary serves several formats; without a template, the
// plainest format that the vocabulary has the tokens for.
const PromptFamily* find_family(std::string_view architecture, std::string_view words, const IdOf& id_of) {
  const auto has = [&](std::string_view token) { return id_of(token).has_value(); };
  const auto says = [&](std::string_view text) { return words.find(text) != std::string_view::npos; };
  if (has("<|start|>") && has("<|channel|>") && has("<|message|>")) return &kGptOss;
  // Without its markers V4.1 would read their spellings as text: better no format than that.
  if (architecture == "deepseek_v41" || architecture == "deepseek41")
    return has("<｜System｜>") && has("<｜User｜>") && has("<｜Assistant｜>") && has("｜DSML｜") ? &kDeepseekV41
                                                                                                 : nullptr;
  if (architecture == "deepseek_v4" || architecture == "deepseek4") return &kDeepseekV4;
  if (architecture == "deepseek_v32" || architecture == "deepseek32" || (has("｜DSML｜") && has("<｜User｜>")))
    return &kDeepseekV32;
  if (has("<｜User｜>") && has("<｜Assistant｜>")) {
    if (!has("<think>")) return &kDeepseekV3;
    if (says("<｜tool▁call▁begin｜>") && !says("```json")) return &kDeepseekV31;
    if (words.empty() || says("<think>")) return &kDeepseekR1;
    return &kDeepseekV3;
  }
  if (has("<|im_start|>") && has("<|im_end|>") && architecture.starts_with("qwen")) {
    if (says("<function=")) return &kQwen3Coder;
    return architecture.starts_with("qwen3") ? &kQwen3 : &kQwen25;
  }
  if (has("<|start_header_id|>") && has("<|eot_id|>")) return has("<|python_tag|>") ? &kLlama31 : &kLlama30;
  if (has("[INST]") && has("[TOOL_CALLS]")) {
    if (!has("[SYSTEM_PROMPT]")) return &kMistralV3;
    if (!has("[ARGS]")) return &kMistralV7;
    return words.empty() || says("[CALL_ID]") ? &kMistralV11 : &kMistralV13;
  }
  const bool deepseek2 = architecture == "deepseek_v2" || architecture == "deepseek2";
  if (deepseek2 && has("<｜begin▁of▁sentence｜>") && says("Assistant:")) return &kDeepseekV2;
  return nullptr;
}

}  // namespace

ChatFormat::ChatFormat(const PromptFamily& family, const IdOf& id_of) : family_(&family) {
  for (const std::string_view marker : family.markers) ids_.push_back(id_of(marker));
}

std::string_view ChatFormat::name() const {
  return family_->name;
}
bool ChatFormat::has_tools() const {
  return family_->tools;
}
bool ChatFormat::has_thinking() const {
  return family_->thinking;
}
bool ChatFormat::has_parallel_calls() const {
  return family_->parallel_calls;
}
OldReasoning ChatFormat::old_reasoning() const {
  return family_->old_reasoning;
}

base::Result<std::vector<PromptPiece>> ChatFormat::render(std::span<const Message> messages,
                                                          std::span<const Tool> tools,
                                                          const ChatOptions& options) const {
  if (options.first > messages.size()) return base::invalid("options.first is behind the last message");
  if (!tools.empty() && !family_->tools)
    return base::invalid(base::cat("The format ", family_->name, " has no tools; offer none to this model."));
  std::vector<Tool> offered(tools.begin(), tools.end());
  for (Tool& tool : offered) {
    if (tool.parameters.empty()) continue;
    auto schema = canonical_json(tool.parameters, false);
    if (!schema) return std::move(schema).error().in(base::cat("tool ", tool.name, ", parameters"));
    if (!schema->text.starts_with('{'))
      return base::invalid(base::cat("tool ", tool.name, ": parameters: an object is needed"));
    tool.parameters = std::move(schema->text);
  }
  std::vector<Message> checked(messages.begin(), messages.end());
  for (size_t i = 0; i < checked.size(); ++i) {
    Message& m = checked[i];
    if (m.role != Role::kAssistant && (!m.tool_calls.empty() || !m.reasoning.empty()))
      return base::invalid(base::cat("message ", i, ": only an assistant has reasoning and tool calls"));
    if ((!m.tool_calls.empty() || m.role == Role::kTool) && !family_->tools)
      return base::invalid(base::cat("message ", i, ": the format ", family_->name, " has no tools"));
    if (m.tool_calls.size() > 1 && !family_->parallel_calls)
      return base::invalid(base::cat("message ", i, ": the format ", family_->name, " has one call in a message"));
    for (ToolCall& call : m.tool_calls) {
      auto arguments = canonical_json(call.arguments, false);
      if (!arguments) return std::move(arguments).error().in(base::cat("message ", i, ": arguments of ", call.name));
      if (!arguments->text.starts_with('{'))
        return base::invalid(base::cat("message ", i, ": arguments of ", call.name, ": an object is needed"));
      call.arguments = std::move(arguments->text);
    }
  }
  PieceWriter out(family_->markers, ids_);
  if (base::Status rendered = family_->render({checked, offered, options}, out); !rendered)
    return std::move(rendered).error();
  return out.take();
}

base::Result<std::vector<PromptPiece>> ChatFormat::extend_history(std::span<const Message> messages,
                                                                  std::span<const Tool> tools, ChatOptions options,
                                                                  bool ended) const {
  if (options.first == 0 || options.first > messages.size() || messages[options.first - 1].role != Role::kAssistant)
    return base::invalid("A history is extended after an answer: options.first must be behind an assistant's message.");
  PieceWriter joint(family_->markers, ids_);
  if (!ended) joint.format(family_->end_of_turn);
  joint.format(family_->after_turn);
  auto rest = render(messages, tools, options);
  if (!rest) return rest;
  std::vector<PromptPiece> pieces = joint.take();
  for (PromptPiece& piece : *rest) {
    if (!piece.token && !pieces.empty() && !pieces.back().token)
      pieces.back().text += piece.text;
    else
      pieces.push_back(std::move(piece));
  }
  return pieces;
}

// Some markers are found in text even where special tokens are not asked for. Text is cut behind the first character of
// each marker that it spells, so that none becomes a token.
std::vector<int32_t> ChatFormat::tokens(std::span<const PromptPiece> pieces,
                                        const std::function<std::vector<int32_t>(std::string_view)>& tokenize) const {
  std::vector<int32_t> out;
  const auto put = [&](std::string_view text) {
    if (text.empty()) return;
    const std::vector<int32_t> ids = tokenize(text);
    out.insert(out.end(), ids.begin(), ids.end());
  };
  for (const PromptPiece& piece : pieces) {
    if (piece.token) {
      out.push_back(*piece.token);
      continue;
    }
    std::string_view text = piece.text;
    for (size_t at = 0; (at = text.find_first_of("<[\xEF", at)) != std::string_view::npos;) {
      bool marker = false;
      for (size_t m = 0; m < ids_.size() && !marker; ++m)
        marker = ids_[m] && text.substr(at).starts_with(family_->markers[m]);
      if (!marker) {
        ++at;
        continue;
      }
      const size_t width = text[at] == '\xEF' ? 3 : 1;  // the bar of DSML, else "<" or "["
      put(text.substr(0, at + width));
      text.remove_prefix(at + width);
      at = 0;
    }
    put(text);
  }
  return out;
}

std::optional<ChatFormat> find_chat_format(std::string_view architecture, std::string_view template_text,
                                           const IdOf& id_of) {
  const PromptFamily* family = find_family(architecture, template_text, id_of);
  if (family == nullptr) return std::nullopt;
  return ChatFormat(*family, id_of);
}

std::optional<ChatFormat> chat_format_named(std::string_view name, const IdOf& id_of) {
  for (const PromptFamily* family : kFamilies)
    if (family->name == name) return ChatFormat(*family, id_of);
  return std::nullopt;
}

}  // namespace engine
