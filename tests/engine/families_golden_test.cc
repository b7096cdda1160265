// SPDX-License-Identifier: Apache-2.0
// Every family's forward passes against Hugging Face's, on the tiny models of tests/data/engine/families (made by
// make_families.py): in one prefill, in uneven chunks, token by token, and after going back.
#include <doctest/doctest.h>

#include <algorithm>

#include "engine/sampling.h"
#include "tests/engine/synthetic_model.h"
#include "tests/engine/tiny_model.h"

namespace {

using namespace engine;
using namespace engine::test;

// The greedy text is fed in one token at a time: every logit row's best must be the next token.
void check_greedy(Model& model, const TinyModel& tiny) {
  std::vector<int32_t> all = tiny.tokens;
  all.insert(all.end(), tiny.greedy.begin(), tiny.greedy.end() - 1);
  const auto cache = model.make_cache(static_cast<int64_t>(all.size()));
  const std::vector<float> logits = logits_of(model, *cache, tiny.n_vocab, all, 0, {tiny.tokens.size(), 1});
  std::vector<int32_t> chosen;
  for (size_t t = tiny.tokens.size() - 1; t < all.size(); ++t)
    chosen.push_back(argmax(std::span(logits).subspan(t * static_cast<size_t>(tiny.n_vocab), static_cast<size_t>(tiny.n_vocab))));
  CHECK(chosen == tiny.greedy);
}

void check_model(Model& model, const TinyModel& tiny) {
  const auto n_ctx = static_cast<int64_t>(tiny.tokens.size());
  const auto n_vocab = static_cast<size_t>(tiny.n_vocab);
  const auto cache = model.make_cache(n_ctx);
  const std::vector<float> whole = logits_of(model, *cache, tiny.n_vocab, tiny.tokens, 0, {tiny.tokens.size()});
  CHECK(relative_error(whole, tiny.logits) <= 1e-4);
  check_greedy(model, tiny);
  for (const std::vector<size_t>& pieces : std::vector<std::vector<size_t>>{{1}, {2}, {3, 1, 7, 2, 5}, {16}, {5, 1}}) {
    const auto other = model.make_cache(n_ctx);
    const bool same = logits_of(model, *other, tiny.n_vocab, tiny.tokens, 0, pieces) == whole;
    CHECK_MESSAGE(same, "pieces from " << pieces[0]);
  }
  // Back to each place, with other tokens written over what was there in between.
  for (size_t keep = 0; keep < tiny.tokens.size(); keep += 7) {
    std::vector<int32_t> changed = tiny.tokens;
    std::reverse(changed.begin() + static_cast<std::ptrdiff_t>(keep), changed.end());
    const auto held = static_cast<size_t>(cache->rewind(static_cast<int64_t>(keep)));
    REQUIRE(held <= keep);
    logits_of(model, *cache, tiny.n_vocab, changed, held, {4});
    const auto back = static_cast<size_t>(cache->rewind(static_cast<int64_t>(keep)));
    REQUIRE(back <= keep);
    const std::vector<float> again = logits_of(model, *cache, tiny.n_vocab, tiny.tokens, back, {6});
    CHECK(std::equal(again.begin(), again.end(), whole.begin() + static_cast<std::ptrdiff_t>(back * n_vocab)));
  }
}

}  // namespace

TEST_CASE("families: logits, greedy text, chunks and rewinding are exact in every family, on every path") {
  ThreadPool pool(2);
  for (const char* name : {"deepseek_v3", "deepseek_v32", "deepseek_v4", "deepseek_v4_renamed", "llama", "llama_biased", "mistral", "qwen2", "qwen3", "qwen3_moe", "qwen3_moe_sparse", "gpt_oss",
                           "deepseek_v3_fp8", "qwen3_fp8", "qwen3_moe_fp8"}) {
    CAPTURE(std::string(name));
    const TinyModel tiny = read_model(name);
    check_model(*tiny.family->make_reference(), tiny);
    for (const FastKernels* kernels : all_kernels()) {
      CAPTURE(std::string(kernels->name));
      check_model(*tiny.family->make_fast(*kernels, pool, true), tiny);
    }
    check_model(*tiny.family->make_fast(best_kernels(), pool, false), tiny);
  }
}

TEST_CASE("families: a GGUF file with llama.cpp's names gives the same logits") {
  ThreadPool pool(2);
  for (const char* name : {"deepseek_v3", "deepseek_v4", "llama", "qwen3_moe_sparse", "gpt_oss_limit_7"}) {
    CAPTURE(std::string(name));
    const TinyModel tiny = read_model(name, Container::kGguf);
    check_model(*tiny.family->make_reference(), tiny);
    check_model(*tiny.family->make_fast(best_kernels(), pool, true), tiny);
    ModelInfo info;
    tiny.family->describe(info);
    CHECK(info.n_vocab == tiny.n_vocab);
    CHECK(info.weight_bytes > 0);
  }
}
