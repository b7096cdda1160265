// SPDX-License-Identifier: Apache-2.0
#include "engine/fim.h"

#include <doctest/doctest.h>

#include <filesystem>

#include "base/file.h"

namespace {

engine::Tokenizer tokenizer() {
  auto text =
      base::read_file(std::filesystem::path(GRAFT_SOURCE_DIR) / "tests/data/engine/lite/tokenizer.json", 1 << 20);
  REQUIRE(text);
  auto tokenizer = engine::tokenizer_from_json(*text);
  REQUIRE(tokenizer);
  return std::move(*tokenizer);
}

const engine::FimFormat kSpm{2, 3, 4, engine::FimOrder::kSpm, 0};

}  // namespace

TEST_CASE("FIM prompt: marks and texts stand in the model's order") {
  const engine::Tokenizer t = tokenizer();
  const engine::FimRequest request{"int a = ", ";\n", "", 0};
  const auto spm = engine::make_fim_prompt(t, kSpm, request, 100);
  REQUIRE(spm);
  CHECK(t.decode(*spm) == "<|begin|><|fim_suffix|>;\n<|fim_prefix|>int a = <|fim_middle|>");
  const auto psm = engine::make_fim_prompt(t, {2, 3, 4, engine::FimOrder::kPsm, std::nullopt}, request, 100);
  REQUIRE(psm);
  CHECK(t.decode(*psm) == "<|fim_prefix|>int a = <|fim_suffix|>;\n<|fim_middle|>");
}

TEST_CASE("FIM prompt: marks written in the user's text stay text") {
  const engine::Tokenizer t = tokenizer();
  const auto prompt = engine::make_fim_prompt(t, kSpm, {"a<|fim_middle|>", "<|end|>", "", 0}, 100);
  REQUIRE(prompt);
  for (size_t i = 1; i + 1 < prompt->size(); ++i) CHECK((*prompt)[i] != 4);
  for (const engine::Token token : *prompt) CHECK(token != 1);
}

TEST_CASE("FIM prompt: the far ends go first, and a short side leaves its room to the other") {
  const engine::Tokenizer t = tokenizer();
  std::string before, after;
  for (int i = 0; i < 300; ++i) before += "B" + std::to_string(i) + "\n", after += "A" + std::to_string(i) + "\n";
  const auto text_of = [&](std::string_view prefix, std::string_view suffix, int max_tokens) {
    const auto prompt = engine::make_fim_prompt(t, kSpm, {prefix, suffix, "", 0}, max_tokens);
    REQUIRE(prompt);
    CHECK(prompt->size() == static_cast<size_t>(max_tokens));
    return t.decode(*prompt);
  };
  const std::string both = text_of(before, after, 94);
  CHECK(both.starts_with("<|begin|><|fim_suffix|>A0\nA1\n"));
  CHECK(both.ends_with("B298\nB299\n<|fim_middle|>"));
  CHECK(both.find("B0\n") == std::string::npos);
  CHECK(both.find("A299\n") == std::string::npos);
  const size_t split = both.find("<|fim_prefix|>");
  CHECK(t.encode(both.substr(0, split), true).size() == 2 + 30);  // begin, suffix mark, a third of the 90

  CHECK(text_of(before, "", 94).find("<|fim_suffix|><|fim_prefix|>") != std::string::npos);
  CHECK(text_of("", after, 94).ends_with("<|fim_prefix|><|fim_middle|>"));
}

TEST_CASE("FIM prompt: too little room for the marks is an error, just enough is not") {
  const engine::Tokenizer t = tokenizer();
  const auto none = engine::make_fim_prompt(t, kSpm, {"a", "b", "", 0}, 3);
  REQUIRE_FALSE(none);
  CHECK(none.error().code == base::ErrorCode::kExhausted);
  const auto bare = engine::make_fim_prompt(t, kSpm, {"a", "b", "", 0}, 4);
  REQUIRE(bare);
  CHECK(*bare == std::vector<engine::Token>{0, 3, 2, 4});
}

TEST_CASE("FIM prompt: a file of many megabytes costs what the room costs") {
  const engine::Tokenizer t = tokenizer();
  const std::string huge(size_t{32} << 20, 'x');  // one line: nowhere to cut but anywhere
  const auto prompt = engine::make_fim_prompt(t, kSpm, {huge, huge, "", 0}, 200);
  REQUIRE(prompt);
  CHECK(prompt->size() == 200);
}
