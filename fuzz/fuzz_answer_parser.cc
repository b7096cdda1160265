// SPDX-License-Identifier: Apache-2.0
// A model's answer in every format. Input: a byte that chooses where the answer is cut, then the answer; a conversation
// in JSON is read and rendered from the same bytes.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "engine/prompts.h"
#include "engine/prompts/json_text.h"

namespace {

std::optional<int32_t> no_id(std::string_view) {
  return std::nullopt;
}

const std::vector<engine::Tool> kTools = {
    {"edit", "",
     R"({"properties": {"path": {"type": "string"}, "n": {"type": "integer"}, "note": {"type": ["string", "null"]}}})"}};

// The message and the reasons, as one text.
std::string read(const engine::ChatFormat& format, std::string_view text, size_t step) {
  const auto parser = format.answer_parser({}, kTools);
  engine::Answer answer;
  int ends = 0;
  const auto take = [&](const std::vector<engine::AnswerEvent>& events) {
    engine::collect(events, answer);
    for (const engine::AnswerEvent& event : events) {
      ends += event.kind == engine::AnswerEvent::Kind::kEnd;
      // What is called whole must be an object.
      if (event.kind != engine::AnswerEvent::Kind::kCall) continue;
      const auto json = engine::canonical_json(event.call.arguments, false);
      if (!json || json->text != event.call.arguments || event.call.name.empty()) std::abort();
      engine::json_members(json->text);
      engine::indented_json(json->text, 2);
    }
  };
  for (; !text.empty(); text.remove_prefix(std::min(step, text.size()))) take(parser->feed_text(text.substr(0, step)));
  take(parser->finish());
  if (ends != 1) std::abort();
  std::string all = answer.message.reasoning + "\n" + answer.message.content;
  for (const engine::ToolCall& call : answer.message.tool_calls) all += "\n" + call.id + call.name + call.arguments;
  for (const std::string& reason : answer.refused) all += "\n" + reason;
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view answer(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto conversation = engine::conversation_from_json(answer);
  for (const char* name :
       {"qwen2.5", "qwen3", "qwen3_coder", "deepseek_v2", "deepseek_r1", "deepseek_v3.1", "deepseek_v3.2", "llama3.1",
        "mistral_v3", "mistral_v11", "gpt_oss", "deepseek_v4", "deepseek_v4.1"}) {
    const auto format = engine::chat_format_named(name, no_id);
    if (!format) std::abort();
    if (read(*format, answer, answer.size() + 1) != read(*format, answer, 1 + data[0] % 16)) std::abort();
    if (conversation && !format->render(conversation->messages, conversation->tools, conversation->options)) continue;
  }
  return 0;
}
