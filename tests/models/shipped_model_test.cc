// SPDX-License-Identifier: Apache-2.0
// models/graft-tiny.gguf against tests/data/models/graft-tiny.json, which models/train/export.py --golden wrote from the
// trainer's own forward pass over the same file.
#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/json.h"
#include "engine/engine.h"

namespace {

using engine::Token;

const std::filesystem::path kRoot = GRAFT_SOURCE_DIR;

std::shared_ptr<const engine::Engine> shipped_model(engine::Numerics numerics) {
  auto loaded = engine::Engine::load(kRoot / "models/graft-tiny.gguf", {.numerics = numerics, .n_threads = 2});
  REQUIRE_MESSAGE(loaded, (loaded ? "" : loaded.error().message));
  return *loaded;
}

base::Json golden() {
  const auto text = base::read_file(kRoot / "tests/data/models/graft-tiny.json", 1 << 20);
  REQUIRE(text);
  auto json = base::parse_json(*text);
  REQUIRE(json);
  return *json;
}

}  // namespace

TEST_CASE("shipped model: declares what it was trained for and stays small") {
  const auto model = shipped_model(engine::Numerics::kFast);
  CHECK(model->has_capability("fim"));
  CHECK(model->info().family == "deepseek_v2");
  CHECK(model->info().n_ctx_train == 1024);
  CHECK(model->compute().activation_bits == 16);
  CHECK(std::filesystem::file_size(kRoot / "models/graft-tiny.gguf") + std::filesystem::file_size(kRoot / "models/graft-tiny.ngrams") < 40'000'000);
}

TEST_CASE("shipped model: gives texts the probabilities that its trainer gave them") {
  // Both paths quantise activations or round differently from the trainer; 1 % of the sum is far below one changed token.
  for (const auto numerics : {engine::Numerics::kReference, engine::Numerics::kFast}) {
    const auto model = shipped_model(numerics);
    auto session = model->open_session(256);
    REQUIRE(session);
    const base::Json expected = golden();
    for (const base::Json& entry : expected["texts"]) {
      const auto tokens = entry["tokens"].get<std::vector<Token>>();
      CHECK(model->tokenize(entry["text"].get<std::string>()) == tokens);
      CHECK(model->detokenize(tokens) == entry["text"].get<std::string>());
      const std::vector<Token> prompt = {*model->special_tokens().bos};
      const auto logprob = engine::continuation_logprob(**session, prompt, tokens, {});
      REQUIRE(logprob);
      CHECK(*logprob == doctest::Approx(entry["logprob"].get<double>()).epsilon(0.01));
    }
  }
}

TEST_CASE("shipped model: the same greedy tokens alone, in a batch, after a fork, and read one by one") {
  const auto model = shipped_model(engine::Numerics::kFast);
  const std::vector<std::string> texts = {"int main(int argc, char** argv) {\n  ", "def area(width, height):\n", "for (size_t i = 0; i < "};
  engine::GenerateOptions options;
  options.max_tokens = 12;
  std::vector<std::vector<Token>> prompts, want;
  std::vector<std::unique_ptr<engine::Session>> sessions;
  for (const std::string& text : texts) {
    prompts.push_back(model->tokenize(text));
    auto session = model->open_session(256);
    REQUIRE(session);
    const auto alone = engine::generate(**session, prompts.back(), options, {});
    REQUIRE(alone);
    want.push_back(alone->tokens);
    // What was written, one token after the other in a fork of the prompt: the same bits.
    REQUIRE((*session)->sync(prompts.back(), {}));
    auto fork = (*session)->fork();
    REQUIRE(fork);
    for (const Token token : alone->tokens) REQUIRE((*fork)->append(std::span(&token, 1), {}, {}));
    auto whole = model->open_session(256);
    REQUIRE(whole);
    REQUIRE((*whole)->append((*fork)->tokens(), {}, {}));
    CHECK(std::equal((*fork)->logits().begin(), (*fork)->logits().end(), (*whole)->logits().begin()));
    auto next = model->open_session(256);
    REQUIRE(next);
    sessions.push_back(std::move(*next));
  }
  std::vector<engine::GenerateRequest> requests;
  for (size_t i = 0; i < texts.size(); ++i) requests.push_back({sessions[i].get(), prompts[i], options});
  const auto together = engine::generate_together(requests, {});
  for (size_t i = 0; i < texts.size(); ++i) {
    REQUIRE(together[i]);
    CHECK(together[i]->tokens == want[i]);
  }
}

TEST_CASE("shipped model: builds the fill-in prompt it was trained on and completes as its trainer does") {
  const auto model = shipped_model(engine::Numerics::kReference);
  const base::Json expected = golden();
  const base::Json& fill = expected["fill"];
  const auto prefix = fill["prefix"].get<std::string>(), suffix = fill["suffix"].get<std::string>();
  const auto prompt = model->fim_prompt({.prefix = prefix, .suffix = suffix, .path = "area.py"});
  REQUIRE(prompt);
  CHECK(*prompt == fill["prompt"].get<std::vector<Token>>());
  const auto greedy = fill["greedy"].get<std::vector<Token>>();
  REQUIRE_FALSE(greedy.empty());
  auto session = model->open_session(256);
  REQUIRE(session);
  engine::GenerateOptions options;
  options.max_tokens = static_cast<int>(greedy.size());
  const auto got = engine::generate(**session, *prompt, options, {});
  REQUIRE(got);
  std::vector<Token> tokens = got->tokens;
  tokens.resize(std::min(tokens.size(), greedy.size()));
  CHECK(tokens == greedy);
}
