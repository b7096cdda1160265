// SPDX-License-Identifier: Apache-2.0
// Answers, read back as they stream.
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
