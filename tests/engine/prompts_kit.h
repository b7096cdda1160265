// SPDX-License-Identifier: Apache-2.0
// tests/engine/prompts_kit.h: what the tests of prompts and answers share: special tokens, a tokenizer, an answer fed in pieces.
#pragma once
#include <doctest/doctest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"
#include "engine/prompts.h"

namespace prompts_kit {

using engine::AnswerEvent;
using engine::Message;
using engine::PromptPiece;
using engine::Role;
using Kind = AnswerEvent::Kind;

// Special tokens of all families at once; a vocabulary of bytes stands behind them.
inline const std::vector<std::string> kSpecial = {"<think>",
                                           "</think>",
                                           "<tool_call>",
                                           "</tool_call>",
                                           "<tool_response>",
                                           "</tool_response>",
                                           "<|im_start|>",
                                           "<|im_end|>",
                                           "<｜begin▁of▁sentence｜>",
                                           "<｜end▁of▁sentence｜>",
                                           "<｜User｜>",
                                           "<｜Assistant｜>",
                                           "<｜tool▁calls▁begin｜>",
                                           "<｜tool▁calls▁end｜>",
                                           "<｜tool▁call▁begin｜>",
                                           "<｜tool▁call▁end｜>",
                                           "<｜tool▁sep｜>",
                                           "<｜tool▁outputs▁begin｜>",
                                           "<｜tool▁outputs▁end｜>",
                                           "<｜tool▁output▁begin｜>",
                                           "<｜tool▁output▁end｜>",
                                           "｜DSML｜",
                                           "<｜System｜>",
                                           "<｜latest_reminder｜>",
                                           "<｜deepseek_image｜>",
                                           "<｜image｜>",
                                           "<|python_tag|>",
                                           "<|begin_of_text|>",
                                           "<|start_header_id|>",
                                           "<|end_header_id|>",
                                           "<|eot_id|>",
                                           "<|eom_id|>",
                                           "[TOOL_CALLS]",
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
                                           "[TOOL_CONTENT]",
                                           "<|start|>",
                                           "<|message|>",
                                           "<|channel|>",
                                           "<|end|>",
                                           "<|call|>",
                                           "<|return|>",
                                           "<|constrain|>"};
inline constexpr int32_t kFirstByte = 1000;

inline std::optional<int32_t> id_of(std::string_view text) {
  for (size_t i = 0; i < kSpecial.size(); ++i)
    if (kSpecial[i] == text) return static_cast<int32_t>(i);
  return std::nullopt;
}

// The special tokens that a family's format knows.
inline std::vector<int32_t> markers_of(std::string_view family) {
  std::vector<int32_t> ids;
  const auto record = [&](std::string_view text) {
    if (const auto id = id_of(text)) ids.push_back(*id);
    return id_of(text);
  };
  REQUIRE(engine::chat_format_named(family, record));
  return ids;
}

// As hostile as a tokenizer can be: every special token of the family is found in plain text.
struct HostileTokenizer {
  std::vector<int32_t> markers;
  std::vector<int32_t> operator()(std::string_view text) const {
    std::vector<int32_t> ids;
    while (!text.empty()) {
      size_t n = 1;
      int32_t id = kFirstByte + static_cast<unsigned char>(text[0]);
      for (const int32_t m : markers)
        if (const std::string& marker = kSpecial[static_cast<size_t>(m)]; text.starts_with(marker)) {
          id = m;
          n = marker.size();
        }
      ids.push_back(id);
      text.remove_prefix(n);
    }
    return ids;
  }
};

inline std::string bytes_of(int32_t id) {
  return id < kFirstByte ? kSpecial[static_cast<size_t>(id)] : std::string(1, static_cast<char>(id - kFirstByte));
}

inline std::string text_of(const std::vector<PromptPiece>& pieces) {
  std::string text;
  for (const PromptPiece& piece : pieces) text += piece.text;
  return text;
}

inline engine::ChatFormat format_of(std::string_view name) {
  auto format = engine::chat_format_named(name, id_of);
  REQUIRE(format);
  return *format;
}

inline const std::vector<std::string> kFamilies = {
    "qwen2.5",       "qwen3",         "qwen3_coder", "deepseek_v2",   "deepseek_v3", "deepseek_r1",
    "deepseek_v3.1", "deepseek_v3.2", "deepseek_v4", "deepseek_v4.1", "llama3",      "llama3.1",
    "mistral_v3",    "mistral_v7",    "mistral_v11", "mistral_v13",   "gpt_oss"};

// Neighbouring parts of one kind as one; the arguments' preview is left out.
inline std::vector<AnswerEvent> joined(const std::vector<AnswerEvent>& events) {
  std::vector<AnswerEvent> out;
  for (const AnswerEvent& event : events) {
    const bool text = event.kind == Kind::kReasoning || event.kind == Kind::kContent || event.kind == Kind::kArguments;
    if (text && !out.empty() && out.back().kind == event.kind)
      out.back().text += event.text;
    else
      out.push_back(event);
  }
  return out;
}

inline std::string shown(const std::vector<AnswerEvent>& events) {
  std::string out;
  constexpr const char* kNames[] = {"reasoning", "content", "begin", "arguments", "call", "bad", "end"};
  for (const AnswerEvent& e : joined(events))
    out += base::cat(kNames[static_cast<int>(e.kind)], "(", e.text, e.call.id.empty() ? "" : e.call.id + ":",
                     e.call.name, e.call.arguments, e.repaired ? " repaired" : "", ") ");
  return out;
}

struct Fed {
  std::vector<AnswerEvent> events;
  engine::Answer answer;
};

inline Fed feed_tokens(const engine::ChatFormat& format, std::span<const int32_t> tokens, std::span<const engine::Tool> tools,
                std::span<const PromptPiece> prompt = {}) {
  Fed fed;
  const auto parser = format.answer_parser(prompt, tools);
  const auto add = [&](std::vector<AnswerEvent> events) {
    engine::collect(events, fed.answer);
    fed.events.insert(fed.events.end(), events.begin(), events.end());
  };
  for (const int32_t token : tokens) add(parser->feed(token, bytes_of(token)));
  add(parser->finish());
  return fed;
}

inline Fed feed_text(
    const engine::ChatFormat& format, std::string_view text, std::span<const engine::Tool> tools,
    const std::function<size_t()>& cut = [] { return std::string::npos; }, std::span<const PromptPiece> prompt = {}) {
  Fed fed;
  const auto parser = format.answer_parser(prompt, tools);
  const auto add = [&](std::vector<AnswerEvent> events) {
    engine::collect(events, fed.answer);
    fed.events.insert(fed.events.end(), events.begin(), events.end());
  };
  while (!text.empty()) {
    const size_t n = std::min(cut(), text.size());
    add(parser->feed_text(text.substr(0, n)));
    text.remove_prefix(n);
  }
  add(parser->finish());
  return fed;
}

inline const std::vector<engine::Tool> kTools = {
    {"edit", "Edit a file.",
     R"({"type": "object", "properties": {"path": {"type": "string"}, "n": {"type": "integer"}, "all": {"type": "boolean"}, "list": {"type": "array"}, "note": {"type": ["string", "null"]}}})"},
    {"look", "", R"({"type": "object", "properties": {"where": {"type": "string"}}})"}};

}  // namespace prompts_kit
