// SPDX-License-Identifier: Apache-2.0
#include "engine/prompts.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <random>

#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"
#include "engine/prompts/json_text.h"
#include "tests/engine/prompts_kit.h"

namespace {

using namespace prompts_kit;

// The cases of a golden file: text, special tokens in order, and that text of others makes none.
void check_golden(const char* file, size_t at_least) {
  auto text = base::read_file(std::filesystem::path(GRAFT_SOURCE_DIR) / "tests/data/engine/prompts" / file, 1 << 24);
  REQUIRE(text);
  const auto json = nlohmann::ordered_json::parse(*text);
  REQUIRE(json["cases"].size() > at_least);
  for (const auto& c : json["cases"]) {
    nlohmann::ordered_json source = c["options"];
    source["messages"] = json["conversations"][c["name"].get<std::string>()];
    if (c["tools"].get<bool>()) source["tools"] = json["tools"];
    const auto conversation = engine::conversation_from_json(source.dump());
    REQUIRE_MESSAGE(conversation, (conversation ? "" : conversation.error().message));
    CAPTURE(c["family"].get<std::string>());
    CAPTURE(c["name"].get<std::string>());
    CAPTURE(conversation->options.thinking);
    CAPTURE(conversation->options.effort);
    const engine::ChatFormat format = format_of(c["family"].get<std::string>());
    const auto pieces = format.render(conversation->messages, conversation->tools, conversation->options);
    CHECK_MESSAGE(pieces, (pieces ? "" : pieces.error().message));
    if (!pieces) continue;
    CHECK(text_of(*pieces) == c["text"].get<std::string>());
    std::vector<int32_t> wanted, special;
    std::string back;
    for (const PromptPiece& piece : *pieces)
      if (piece.token) wanted.push_back(*piece.token);
    if (c.contains("special")) {
      std::vector<std::string> spelled;
      for (const int32_t id : wanted) spelled.push_back(bytes_of(id));
      CHECK(spelled == c["special"].get<std::vector<std::string>>());
    }
    for (const int32_t id : format.tokens(*pieces, HostileTokenizer{markers_of(format.name())})) {
      if (id < kFirstByte) special.push_back(id);
      back += bytes_of(id);
    }
    CHECK(special == wanted);
    CHECK(back == c["text"].get<std::string>());
  }
}

}  // namespace

TEST_CASE("prompts: every family's prompt is that of its published template, and text makes no special token") {
  check_golden("golden.json", 200);
}

TEST_CASE("prompts: DeepSeek V4.1's prompt is that of its makers' library, system words and efforts included") {
  check_golden("v41.json", 60);
}
TEST_CASE("prompts: a history is extended without its past, and equals the rendered whole") {
  const std::vector<Message> talk = {{Role::kSystem, "s", "", {}, ""},
                                     {Role::kUser, "one", "", {}, ""},
                                     {Role::kAssistant, "two", "", {}, ""},
                                     {Role::kUser, "three", "", {}, ""}};
  for (const std::string& family : kFamilies) {
    CAPTURE(family);
    const engine::ChatFormat format = format_of(family);
    engine::ChatOptions options;
    options.thinking = false;
    const auto whole = format.render(talk, {}, options);
    options.first = 3;
    const auto tail = format.extend_history(talk, {}, options, true);
    const auto cut_short = format.extend_history(talk, {}, options, false);
    REQUIRE(whole);
    REQUIRE(tail);
    REQUIRE(cut_short);
    if (family != "mistral_v3")
      CHECK(text_of(*whole).ends_with(text_of(*tail)));  // there the system's words move to the last question
    CHECK(text_of(*cut_short).ends_with(text_of(*tail)));
    CHECK(text_of(*cut_short) != text_of(*tail));
    CHECK(text_of(*tail).find("three") != std::string::npos);
    CHECK(text_of(*tail).find("one") == std::string::npos);
    options.first = 2;
    CHECK_FALSE(format.extend_history(talk, {}, options, true));
  }
}

TEST_CASE("prompts: the family is found from the architecture, the vocabulary and the words of the template") {
  const auto found = [](std::string_view architecture, std::vector<std::string> vocabulary, std::string_view words) {
    const auto format =
        engine::find_chat_format(architecture, words, [&](std::string_view text) -> std::optional<int32_t> {
          for (size_t i = 0; i < vocabulary.size(); ++i)
            if (vocabulary[i] == text) return static_cast<int32_t>(i);
          return std::nullopt;
        });
    return format ? std::string(format->name()) : std::string("none");
  };
  const std::vector<std::string> chatml = {"<|im_start|>", "<|im_end|>"}, v3 = {"<｜User｜>", "<｜Assistant｜>"},
                                 r1 = {"<｜User｜>", "<｜Assistant｜>", "<think>"};
  CHECK(found("qwen2", chatml, "") == "qwen2.5");
  CHECK(found("qwen3_moe", chatml, "") == "qwen3");
  CHECK(found("qwen3_moe", chatml, "...<function=...") == "qwen3_coder");
  CHECK(found("deepseek_v3", v3, "") == "deepseek_v3");
  CHECK(found("deepseek2", r1, "") == "deepseek_r1");
  CHECK(found("deepseek_v3", r1, "<｜tool▁call▁begin｜>```json<think>") == "deepseek_r1");
  CHECK(found("deepseek_v3", r1, "<｜tool▁call▁begin｜></think>") == "deepseek_v3.1");
  CHECK(found("deepseek_v32", r1, "") == "deepseek_v3.2");
  CHECK(found("deepseek32", r1, "") == "deepseek_v3.2");
  CHECK(found("deepseek_v4", r1, "") == "deepseek_v4");
  const std::vector<std::string> dsml = {"<｜User｜>", "<｜Assistant｜>", "<think>", "｜DSML｜"};
  CHECK(found("", dsml, "") == "deepseek_v3.2");
  CHECK(found("deepseek_v41", dsml, "") == "none");  // V3.2's vocabulary lacks a marker of its format
  const std::vector<std::string> v41 = {"<｜User｜>", "<｜Assistant｜>", "<think>", "｜DSML｜", "<｜System｜>"};
  CHECK(found("deepseek_v41", v41, "") == "deepseek_v4.1");
  CHECK(found("deepseek41", v41, "") == "deepseek_v4.1");
  CHECK(found("deepseek_v4", v41, "") == "deepseek_v4");
  CHECK(found("deepseek_v2", {"<｜begin▁of▁sentence｜>"}, "{{ 'Assistant:' }}") == "deepseek_v2");
  CHECK(found("deepseek_v2", {"<｜begin▁of▁sentence｜>"}, "") == "none");
  CHECK(found("llama", {"<|start_header_id|>", "<|eot_id|>"}, "") == "llama3");
  CHECK(found("llama", {"<|start_header_id|>", "<|eot_id|>", "<|python_tag|>"}, "") == "llama3.1");
  CHECK(found("mistral", {"[INST]", "[TOOL_CALLS]"}, "") == "mistral_v3");
  CHECK(found("mistral", {"[INST]", "[TOOL_CALLS]", "[SYSTEM_PROMPT]"}, "") == "mistral_v7");
  CHECK(found("mistral", {"[INST]", "[TOOL_CALLS]", "[SYSTEM_PROMPT]", "[ARGS]"}, "[CALL_ID]") == "mistral_v11");
  CHECK(found("gpt_oss", {"<|start|>", "<|channel|>", "<|message|>"}, "") == "gpt_oss");
  CHECK(found("llama", {}, "") == "none");
}

TEST_CASE("prompts: what a format cannot say is refused, naming the message") {
  const auto refused = [](std::string_view family, std::vector<Message> talk, std::string_view mentions) {
    const auto pieces = format_of(family).render(talk, {}, {});
    REQUIRE_FALSE(pieces);
    CHECK_MESSAGE(pieces.error().message.find(mentions) != std::string::npos, pieces.error().message);
  };
  const engine::ToolCall call{"", "look", "{}"};
  refused("llama3.1", {{Role::kAssistant, "", "", {call, call}, ""}}, "message 0");
  refused("qwen3", {{Role::kUser, "", "", {}, ""}, {Role::kAssistant, "", "", {{"", "look", "{\"a\""}}, ""}},
          "message 1");
  refused("qwen3", {{Role::kUser, "", "x", {}, ""}}, "only an assistant");
  refused("mistral_v3", {{Role::kUser, "", "", {}, ""}, {Role::kAssistant, "", "", {call}, ""}}, "nine letters");
  refused("deepseek_v3.2", {{Role::kTool, "x", "", {}, ""}}, "without a call");
  refused("deepseek_v2", {{Role::kTool, "x", "", {}, ""}}, "has no tools");
  for (const char* json : {"{}", "{\"messages\": 1}", "[{\"role\": \"x\"}]", "[{\"role\": \"user\", \"content\": 1}]",
                           "[1]", "[", "[{\"role\": \"assistant\", \"tool_calls\": [{\"name\": \"\"}]}]"})
    CHECK_FALSE(engine::conversation_from_json(json));
}

TEST_CASE("json_text: the spelling of json.dumps, and repairs that are marked as such") {
  const auto canonical = [](std::string_view text, bool repair) {
    const auto json = engine::canonical_json(text, repair);
    return json ? json->text + (json->repaired ? " repaired" : "") : std::string("no");
  };
  CHECK(canonical("{\"b\":[1,2.50,-3e5,true,null],\"a\":{}}", false) ==
        "{\"b\": [1, 2.50, -3e5, true, null], \"a\": {}}");
  CHECK(canonical("\"\\u00e9\\ud83d\\ude00\\/\\u001f\\n\"", false) == "\"é😀/\\u001f\\n\"");
  for (const char* bad : {"{\"a\":1,}", "[1", "[1 2]", "{\"a\":True}", "[01]", "[1.]", "\"a\nb\"", "\"\\d\"", "{} {}",
                          "", "{\"a\"", "\"\\ud800\""}) {
    CAPTURE(bad);
    CHECK(canonical(bad, false) == "no");
  }
  CHECK(canonical("{\"a\":1,}", true) == "{\"a\": 1} repaired");
  CHECK(canonical("```json\n[1,\n2\n```", true) == "[1, 2] repaired");
  CHECK(canonical("{\"a\": \"\\d\"}}", true) == "{\"a\": \"\\\\d\"} repaired");
  CHECK(canonical("{\"a\": \"x", true) == "no");
  CHECK(canonical("{\"a\":", true) == "no");
  CHECK(canonical(std::string(100000, '['), true) == "no");
  CHECK(engine::indented_json("{\"a\": [1, {}], \"b\": \"{, }\"}", 2) ==
        "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": \"{, }\"\n}");
}
