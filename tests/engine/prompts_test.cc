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

namespace {

using engine::AnswerEvent;
using engine::Message;
using engine::PromptPiece;
using engine::Role;
using Kind = AnswerEvent::Kind;

// Special tokens of all families at once; a vocabulary of bytes stands behind them.
const std::vector<std::string> kSpecial = {"<think>",
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
constexpr int32_t kFirstByte = 1000;

std::optional<int32_t> id_of(std::string_view text) {
  for (size_t i = 0; i < kSpecial.size(); ++i)
    if (kSpecial[i] == text) return static_cast<int32_t>(i);
  return std::nullopt;
}

// The special tokens that a family's format knows.
std::vector<int32_t> markers_of(std::string_view family) {
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

std::string bytes_of(int32_t id) {
  return id < kFirstByte ? kSpecial[static_cast<size_t>(id)] : std::string(1, static_cast<char>(id - kFirstByte));
}

std::string text_of(const std::vector<PromptPiece>& pieces) {
  std::string text;
  for (const PromptPiece& piece : pieces) text += piece.text;
  return text;
}

engine::ChatFormat format_of(std::string_view name) {
  auto format = engine::chat_format_named(name, id_of);
  REQUIRE(format);
  return *format;
}

const std::vector<std::string> kFamilies = {
    "qwen2.5",       "qwen3",         "qwen3_coder", "deepseek_v2",   "deepseek_v3", "deepseek_r1",
    "deepseek_v3.1", "deepseek_v3.2", "deepseek_v4", "deepseek_v4.1", "llama3",      "llama3.1",
    "mistral_v3",    "mistral_v7",    "mistral_v11", "mistral_v13",   "gpt_oss"};

// Neighbouring parts of one kind as one; the arguments' preview is left out.
std::vector<AnswerEvent> joined(const std::vector<AnswerEvent>& events) {
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

std::string shown(const std::vector<AnswerEvent>& events) {
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

Fed feed_tokens(const engine::ChatFormat& format, std::span<const int32_t> tokens, std::span<const engine::Tool> tools,
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

Fed feed_text(
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

const std::vector<engine::Tool> kTools = {
    {"edit", "Edit a file.",
     R"({"type": "object", "properties": {"path": {"type": "string"}, "n": {"type": "integer"}, "all": {"type": "boolean"}, "list": {"type": "array"}, "note": {"type": ["string", "null"]}}})"},
    {"look", "", R"({"type": "object", "properties": {"where": {"type": "string"}}})"}};

}  // namespace

namespace {

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

namespace {

bool dsml(std::string_view family) {
  return family == "deepseek_v3.2" || family.starts_with("deepseek_v4");
}

// The words between a question and the answer that a format's history has, and that a prompt would end with.
std::string header_of(std::string_view family) {
  if (family.starts_with("qwen")) return "<|im_start|>assistant";
  if (family == "deepseek_v2") return "Assistant: ";
  if (dsml(family)) return "";
  if (family.starts_with("deepseek")) return "<｜Assistant｜>";
  if (family.starts_with("llama")) return "<|start_header_id|>assistant<|end_header_id|>\n\n";
  return family == "gpt_oss" ? "<|start|>assistant" : "";
}

class RandomMessages {
 public:
  explicit RandomMessages(uint64_t seed) : random_(seed) {}
  size_t below(size_t n) { return random_() % n; }

  std::string words(bool lines) {
    static const std::vector<std::string> kWords = {"code",       "größe", "日本",  "{\"a\": 1}", "</tag>", "<", "\\n",
                                                    "\"quoted\"", "😀",     "a<b>c", "[x]",        "it's",   "}"};
    std::string out = "w";
    for (size_t n = below(6); n > 0; --n) out += (lines && below(3) == 0 ? "\n\n" : " ") + kWords[below(kWords.size())];
    return out + "e";
  }
  engine::ToolCall call(bool id) {
    engine::ToolCall c;
    if (id) c.id = base::cat("call", 10000 + below(80000));
    if (below(3) == 0) {
      c.name = "look";
      c.arguments = below(2) == 0 ? "{}" : "{\"where\": " + engine::json_quoted(words(true)) + "}";
      return c;
    }
    c.name = "edit";
    c.arguments = "{\"path\": " + engine::json_quoted(words(true));
    if (below(2) == 0) c.arguments += base::cat(", \"n\": ", below(1000));
    if (below(2) == 0) c.arguments += below(2) == 0 ? ", \"all\": true" : ", \"all\": false";
    if (below(2) == 0) c.arguments += ", \"list\": [1, {\"x\": " + engine::json_quoted(words(true)) + "}, null]";
    if (below(2) == 0) c.arguments += ", \"note\": null";
    c.arguments += "}";
    return c;
  }

 private:
  std::mt19937_64 random_;
};

}  // namespace

TEST_CASE("prompts: an answer as rendered is read back as it was, whole, byte by byte and in any pieces") {
  for (const std::string& family : kFamilies) {
    const engine::ChatFormat format = format_of(family);
    RandomMessages random(7);
    for (int round = 0; round < 150; ++round) {
      const bool calls = format.has_tools() && random.below(2) == 0;
      const bool text_with_calls = family != "llama3.1" && family != "mistral_v3";
      Message m{Role::kAssistant, "", "", {}, ""};
      if (!calls || (text_with_calls && random.below(2) == 0)) m.content = random.words(true);
      if (format.has_thinking() && random.below(2) == 0) m.reasoning = random.words(true);
      if (calls)
        for (size_t n = 1 + (format.has_parallel_calls() ? random.below(3) : 0); n > 0; --n)
          m.tool_calls.push_back(random.call(family.starts_with("mistral") && family != "mistral_v13"));
      engine::ChatOptions options;
      options.generation_prompt = false;
      options.keep_reasoning = true;
      options.thinking = format.has_thinking() && !m.reasoning.empty();
      const std::vector<Message> conversation = {{Role::kUser, "q", "", {}, ""}, m};
      CAPTURE(family);
      CAPTURE(round);
      auto before = format.render(std::span(conversation).first(1), {}, options);
      options.first = 1;
      const auto answer = format.render(conversation, {}, options);
      REQUIRE_MESSAGE(answer, (answer ? "" : answer.error().message));
      REQUIRE(before);
      std::string header = header_of(family);
      std::string text = text_of(*answer);
      REQUIRE(text.starts_with(header));
      text.erase(0, header.size());
      if (family.starts_with("qwen") && text.starts_with('\n')) text.erase(0, 1);
      CAPTURE(text);
      if (dsml(family)) {  // the question's end opens the thought
        options.first = 0;
        options.generation_prompt = true;
        before = format.render(std::span(conversation).first(1), {}, options);
        REQUIRE(before);
      } else {
        before->clear();
      }
      const Fed whole = feed_text(
          format, text, kTools, [] { return std::string::npos; }, *before);
      CHECK_MESSAGE(whole.answer.message == m, shown(whole.events));
      CHECK(whole.answer.refused.empty());
      CHECK_FALSE(whole.answer.repaired);
      for (int split = 0; split < 4; ++split) {
        const Fed pieces = feed_text(
            format, text, kTools, [&] { return split == 0 ? size_t{1} : 1 + random.below(9); }, *before);
        CHECK(shown(pieces.events) == shown(whole.events));
      }
      std::vector<int32_t> tokens;
      size_t skip = text_of(*answer).size() - text.size();
      for (const int32_t id : format.tokens(*answer, HostileTokenizer{markers_of(family)})) {
        if (skip == 0)
          tokens.push_back(id);
        else
          skip -= bytes_of(id).size();
      }
      const Fed as_tokens = feed_tokens(format, tokens, kTools, *before);
      CHECK_MESSAGE(shown(as_tokens.events) == shown(whole.events), shown(as_tokens.events));
    }
  }
}

TEST_CASE("prompts: damaged calls are repaired where there is one way to read them, else refused with a reason") {
  struct Case {
    const char *family, *answer, *wanted;
  };
  const Case cases[] = {
      // JSON between tags
      {"qwen2.5", "<tool_call>\n{\"name\": \"look\", \"arguments\": {\"where\": \"x\"",
       "begin(look) arguments({\"where\": \"x\") call(look{\"where\": \"x\"} repaired) end() "},
      {"qwen2.5", "<tool_call>{\"name\": \"look\", \"arguments\": {\"where\": \"x\",}}</tool_call>",
       "begin(look) arguments({\"where\": \"x\",}) call(look{\"where\": \"x\"} repaired) end() "},
      {"qwen2.5", "<tool_call>{\"name\": \"look\", \"arguments\": {\"where\": \"x",
       "begin(look) arguments({\"where\": \"x) bad(The tool call is not valid JSON: byte 42: the JSON ends inside a "
       "string. Write the call again as one JSON object with the tool's name and its arguments.) end() "},
      {"qwen2.5", "<tool_call>{\"arguments\": {}}</tool_call>",
       "bad(The tool call names no tool. Write the call again with the name of one of the tools.) end() "},
      {"qwen2.5", "<tool_call>{\"name\": \"look\", \"arguments\": [1]}</tool_call>",
       "bad(The arguments of the call of look are not a JSON object. Write the call again with one.) end() "},
      {"qwen2.5", "<tool_call>{\"name\": \"look\", \"arguments\": \"{\\\"where\\\": 1}\"}</tool_call>",
       "begin(look) arguments({\"where\": 1}) call(look{\"where\": 1} repaired) end() "},
      {"qwen2.5",
       "<tool_call>{\"name\": \"look\", \"arguments\": {\"where\": \"a\nb\"}}<tool_call>{\"name\": \"look\", "
       "\"arguments\": {}}",
       "begin(look) arguments({\"where\": \"a\nb\"}) call(look{\"where\": \"a\\nb\"} repaired) begin(look) "
       "arguments({}) call(look{}) end() "},
      {"qwen3", "<think>\nso\n</think>\n\nText </tool_call> <|im_end|>ignored",
       "reasoning(so) content(Text </tool_call> ) end() "},
      {"qwen3", "<think>\nonly thought", "reasoning(only thought) end() "},
      // XML
      {"qwen3_coder",
       "<tool_call>\n<function=edit>\n<parameter=path>\na\n</parameter>\n<parameter=n>\n5\n</parameter>\n",
       "begin(edit) arguments({\"path\": \"a\", \"n\": 5}) call(edit{\"path\": \"a\", \"n\": 5} repaired) end() "},
      {"qwen3_coder", "<tool_call>\n<function=edit>\n<parameter=path>\na\n</function>\n</tool_call>",
       "begin(edit) arguments({\"path\": \"a\"}) call(edit{\"path\": \"a\"} repaired) end() "},
      {"qwen3_coder", "<tool_call>\n<function=edit>\n<parameter=path>\na",
       "bad(The call of edit ends inside the argument path. Write the call again.) end() "},
      {"qwen3_coder",
       "I edit.\n<function=edit>\n<parameter=path>\n</tool_call>\n</parameter>\n</function>\n</tool_call>",
       "content(I edit.) begin(edit) arguments({\"path\": \"</tool_call>\"}) call(edit{\"path\": \"</tool_call>\"}) "
       "end() "},
      {"qwen3_coder",
       "<tool_call><function=edit><parameter=path>a</parameter><parameter=path>b</parameter></function></tool_call>",
       "bad(The call of edit has the argument path twice. Write the call again.) end() "},
      // DSML
      {"deepseek_v3.2",
       "</think>On it.\n\n<｜DSML｜function_calls>\n<｜DSML｜invoke name=\"edit\">\n<｜DSML｜parameter name=\"path\" "
       "string=\"true\">a</｜DSML｜parameter>",
       "content(On it.) begin(edit) arguments({\"path\": \"a\"}) call(edit{\"path\": \"a\"} repaired) end() "},
      {"deepseek_v3.2",
       "<｜DSML｜function_calls>\n<｜DSML｜invoke name=\"edit\">\n<｜DSML｜parameter name=\"path\" string=\"true\">a",
       "bad(The call of edit ends inside the argument path. Write the call again.) end() "},
      {"deepseek_v4",
       "<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"edit\">\n<｜DSML｜parameter name=\"n\" "
       "string=\"false\">five</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜tool_calls>",
       "bad(The call of edit has an argument, n, that is not valid JSON: byte 0: a JSON value is needed. Write the "
       "call again.) end() "},
      {"deepseek_v4.1",
       "On it.\n\n<｜DSML｜ calls>\n<｜DSML｜ invoke name=\"edit\">\n<｜DSML｜ parameter name=\"path\" "
       "string=\"true\">a "
       "b</｜DSML｜ parameter>\n<｜DSML｜ parameter name=\"n\" string=\"false\">5</｜DSML｜ parameter>\n</｜DSML｜ "
       "invoke>\n<｜DSML｜ invoke name=\"look\">\n\n</｜DSML｜ invoke>\n</｜DSML｜ calls>",
       "content(On it.) begin(edit) arguments({\"path\": \"a b\", \"n\": 5}) call(edit{\"path\": \"a b\", \"n\": 5}) "
       "begin(look) arguments({}) call(look{}) end() "},
      {"deepseek_v4.1",  // V4's tags
       "<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"edit\">\n<｜DSML｜parameter name=\"path\" "
       "string=\"true\">a</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜tool_calls>",
       "begin(edit) arguments({\"path\": \"a\"}) call(edit{\"path\": \"a\"} repaired) end() "},
      {"deepseek_v4.1",  // one argument's end without its space, the next one's end missing
       "<｜DSML｜ calls>\n<｜DSML｜ invoke name=\"edit\">\n<｜DSML｜ parameter name=\"path\" "
       "string=\"true\">a</｜DSML｜parameter>\n<｜DSML｜ parameter name=\"list\" string=\"false\">[1]\n<｜DSML｜ "
       "parameter "
       "name=\"n\" string=\"false\">2</｜DSML｜ parameter>",
       "begin(edit) arguments({\"path\": \"a\", \"list\": [1], \"n\": 2}) call(edit{\"path\": \"a\", \"list\": [1], "
       "\"n\": 2} repaired) end() "},
      {"deepseek_v4.1",
       "<｜DSML｜ calls>\n<｜DSML｜ invoke name=\"edit\">\n<｜DSML｜ parameter name=\"path\" string=\"true\">a",
       "bad(The call of edit ends inside the argument path. Write the call again.) end() "},
      {"deepseek_v4.1",
       "<｜DSML｜ calls>\n<｜DSML｜ invoke name=\"edit\">\n<｜DSML｜ parameter name=\"n\" string=\"false\">1</｜DSML｜ "
       "parameter>\n<｜DSML｜ parameter name=\"n\" string=\"false\">2</｜DSML｜ parameter>\n</｜DSML｜ "
       "invoke>\n</｜DSML｜ calls>",
       "bad(The call of edit has the argument n twice. Write the call again.) end() "},
      {"deepseek_v4.1", "<｜DSML｜ calls>\n",
       "bad(The call of a tool ends before it has begun. Write the call again.) end() "},
      {"deepseek_v4",  // V4.1's tags
       "<｜DSML｜ calls>\n<｜DSML｜ invoke name=\"look\">\n</｜DSML｜ invoke>\n</｜DSML｜ calls>",
       "begin(look) arguments({}) call(look{} repaired) end() "},
      // DeepSeek's tokens
      {"deepseek_v3.1", "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>look<｜tool▁sep｜>{\"where\": 1",
       "begin(look) arguments({\"where\": 1) call(look{\"where\": 1} repaired) end() "},
      {"deepseek_v3",
       "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>look\n```json\n{\"where\": 1}\n",
       "begin(look) arguments({\"where\": 1}) call(look{\"where\": 1}) end() "},
      {"deepseek_v3.1", "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>look",
       "bad(The tool call ends before its arguments. Write the call again.) end() "},
      // Bare JSON, arrays, channels
      {"llama3.1", "{\"name\": \"look\", \"parameters\": {\"where\": 1}",
       "begin(look) arguments({\"where\": 1}) call(look{\"where\": 1} repaired) end() "},
      {"llama3.1", "{\"answer\": 42}", "content({\"answer\": 42}) end() "},
      {"mistral_v3",
       "[TOOL_CALLS][{\"name\": \"look\", \"arguments\": {}, \"id\": \"abcdefghi\"}, {\"name\": \"look\", "
       "\"arguments\": {\"where\": 2}",
       "begin(look) arguments({}) call(abcdefghi:look{}) begin(look) arguments({\"where\": 2}) call(look{\"where\": 2} "
       "repaired) end() "},
      {"mistral_v13", "[TOOL_CALLS]look[ARGS]{\"where\": True",
       "begin(look) arguments({\"where\": True) call(look{\"where\": true} repaired) end() "},
      {"gpt_oss",
       "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>commentary to=functions.look "
       "<|constrain|>json<|message|>{\"where\": 1",
       "reasoning(hm) begin(look) arguments({\"where\": 1) call(look{\"where\": 1} repaired) end() "},
      {"gpt_oss", "<|channel|>analysis<|message|>hm<|channel|>final<|message|>Done.<|return|>",
       "reasoning(hm) content(Done.) end() "},
      // Text where none is expected
      {"deepseek_v3.1", "<｜tool▁calls▁begin｜> \n stray text <｜tool▁calls▁end｜>", "content(stray text ) end() "},
      {"mistral_v3", "[TOOL_CALLS] [{\"name\": \"look\", \"arguments\": {}}] after {it}",
       "begin(look) arguments({}) call(look{}) content( after {it}) end() "},
      {"gpt_oss", "<|channel|>final<|message|>a<|end|> \n b c", "content(a\n\nb c) end() "},
      {"gpt_oss", "no header at all", "content(no header at all) end() "},
  };
  for (const Case& c : cases) {
    CAPTURE(std::string(c.family));
    CAPTURE(std::string(c.answer));
    const engine::ChatFormat format = format_of(c.family);
    const Fed whole = feed_text(format, c.answer, kTools);
    CHECK(shown(whole.events) == std::string(c.wanted));
    CHECK(shown(feed_text(format, c.answer, kTools, [] { return size_t{1}; }).events) == std::string(c.wanted));
  }
}

TEST_CASE("prompts: DeepSeek V4.1's answer, hand-written from its description, is read alike in every split") {
  const engine::ChatFormat format = format_of("deepseek_v4.1");
  const std::vector<PromptPiece> prompt = {{id_of("<think>"), "<think>"}};
  const std::string answer =
      "Both < files.</think>I look & <b>.\n\n<｜DSML｜ calls>\n<｜DSML｜ invoke name=\"look\">\n<｜DSML｜ parameter "
      "name=\"where\" string=\"true\">\n x <y> \n</｜DSML｜ parameter>\n</｜DSML｜ invoke>\n</｜DSML｜ "
      "calls><｜end▁of▁sentence｜>";
  const std::string wanted =
      "reasoning(Both < files.) content(I look & <b>.) begin(look) arguments({\"where\": \"\\n x <y> \\n\"}) "
      "call(look{\"where\": \"\\n x <y> \\n\"}) end() ";
  for (size_t a = 0; a <= answer.size(); ++a)
    for (size_t b = a; b <= answer.size(); b += 7) {
      std::vector<size_t> parts = {a, b - a, answer.size()};
      size_t next = 0;
      const auto cut = [&] {
        while (next + 1 < parts.size() && parts[next] == 0) ++next;
        return parts[std::min(next++, parts.size() - 1)];
      };
      REQUIRE(shown(feed_text(format, answer, kTools, cut, prompt).events) == wanted);
    }
}

TEST_CASE("prompts: DeepSeek V4.1 keeps what was thought since the last question or word of the system") {
  const std::vector<Message> talk = {{Role::kUser, "a", "", {}, ""},
                                     {Role::kAssistant, "b", "one", {}, ""},
                                     {Role::kSystem, "s", "", {}, ""},
                                     {Role::kAssistant, "c", "two", {}, ""}};
  engine::ChatOptions options;
  options.generation_prompt = false;
  const std::string front =
      "<｜begin▁of▁sentence｜><｜System｜>Reasoning Effort: 75 (range 1-100, the higher the value, the more thorough "
      "the "
      "reasoning)\n\n<｜User｜>a<｜Assistant｜>";
  const auto text = [&] { return text_of(*format_of("deepseek_v4.1").render(talk, {}, options)); };
  const std::string end = "<｜System｜>s<｜Assistant｜><think>two</think>c<｜end▁of▁sentence｜>";
  CHECK(text() == front + "</think>b<｜end▁of▁sentence｜>" + end);
  options.keep_reasoning = true;
  CHECK(text() == front + "<think>one</think>b<｜end▁of▁sentence｜>" + end);
  options.thinking = false;
  CHECK(text() ==
        "<｜begin▁of▁sentence｜><｜User｜>a<｜Assistant｜></think>b<｜end▁of▁sentence｜><｜System｜>s<｜Assistant｜></"
        "think>c<｜end▁of▁"
        "sentence｜>");
}

TEST_CASE("prompts: DeepSeek V4.1's effort is a level or a number, and anything else is refused") {
  const auto front = [](std::string_view json) {
    const auto conversation = engine::conversation_from_json(json);
    REQUIRE(conversation);
    const auto pieces = format_of("deepseek_v4.1").render(conversation->messages, {}, conversation->options);
    return pieces ? text_of(*pieces) : pieces.error().message;
  };
  const auto with = [&](std::string_view options) {
    return front(base::cat("{\"messages\": [{\"role\": \"user\", \"content\": \"q\"}], ", options, "}"));
  };
  const auto line = [](std::string_view number) {
    return base::cat("<｜begin▁of▁sentence｜><｜System｜>Reasoning Effort: ", number,
                     " (range 1-100, the higher the value, the more thorough the "
                     "reasoning)\n\n<｜User｜>q<｜Assistant｜><think>");
  };
  CHECK(with("\"effort\": 37") == line("37"));
  CHECK(with("\"effort\": \"37\"") == line("37"));
  CHECK(with("\"effort\": 1") == line("1"));
  CHECK(with("\"effort\": 100") == line("100"));
  CHECK(with("\"effort\": null") == line("75"));
  CHECK(with("\"effort\": 37, \"thinking\": false") == "<｜begin▁of▁sentence｜><｜User｜>q<｜Assistant｜></think>");
  for (const char* bad : {"0", "101", "-5", "\"99999999999999999999\"", "\"medium\"", "\"5x\"", "\" 5\"", "\"+5\""})
    CHECK(with(base::cat("\"effort\": ", bad)).find("numbers from 1 to 100") != std::string::npos);
  CHECK_FALSE(engine::conversation_from_json("{\"messages\": [], \"effort\": 1.5}"));
}

TEST_CASE("prompts: a marker spelled by the model in plain tokens calls no tool") {
  const engine::ChatFormat format = format_of("qwen2.5");
  const std::string spelled = "To call: <tool_call>{\"name\": \"look\", \"arguments\": {}}</tool_call>";
  std::vector<int32_t> tokens;
  for (const char c : spelled) tokens.push_back(kFirstByte + static_cast<unsigned char>(c));
  const Fed fed = feed_tokens(format, tokens, kTools);
  CHECK(fed.answer.message.content == spelled);
  CHECK(fed.answer.message.tool_calls.empty());
}

TEST_CASE("prompts: a call too long or too many calls are refused within bounded memory") {
  const engine::ChatFormat format = format_of("qwen2.5");
  const auto parser = format.answer_parser({}, kTools);
  engine::Answer answer;
  engine::collect(parser->feed_text("<tool_call>{\"name\": \"look\", \"arguments\": {\"where\": \""), answer);
  const std::string part(1 << 20, 'x');
  for (int i = 0; i < 6; ++i) engine::collect(parser->feed_text(part), answer);
  engine::collect(parser->feed_text("\"}}</tool_call>after"), answer);
  engine::collect(parser->finish(), answer);
  CHECK(answer.message.tool_calls.empty());
  REQUIRE(answer.refused.size() == 1);
  CHECK(answer.refused[0].find("longer than 4 MiB") != std::string::npos);
  std::string many;
  for (int i = 0; i < 200; ++i) many += "<tool_call>{\"name\": \"look\", \"arguments\": {}}</tool_call>";
  const Fed fed = feed_text(format, many, kTools);
  CHECK(fed.answer.message.tool_calls.size() == engine::AnswerParser::kMaxCalls);
  CHECK(fed.answer.refused.size() == 1);
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
