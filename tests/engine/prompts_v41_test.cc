// SPDX-License-Identifier: Apache-2.0
// Conversations with DeepSeek V4.1.
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

using namespace prompts_kit;

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
