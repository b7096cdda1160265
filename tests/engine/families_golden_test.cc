// SPDX-License-Identifier: Apache-2.0
// Every family's forward passes against Hugging Face's, on the tiny models of tests/data/engine/families (made by
// make_families.py): in one prefill, in uneven chunks, token by token, and after going back.
#include <doctest/doctest.h>

#include "engine/kernels/attention.h"
#include "tests/engine/session_kit.h"
#include "tests/engine/synthetic_model.h"
#include "tests/engine/tiny_model.h"

namespace {

using namespace engine;
using namespace engine::test;

}  // namespace

TEST_CASE("families: logits, greedy text, chunks and rewinding are exact in every family, on every path") {
  ThreadPool pool(2);
  for (const char* name :
       {"deepseek_v2", "deepseek_v3", "deepseek_v32", "deepseek_v4", "deepseek_v4_renamed", "deepseek_v41", "llama",
        "llama_biased", "llama_linear", "llama_mlp_biased", "mistral", "qwen2", "qwen3", "qwen3_moe", "qwen3_moe_one", "qwen3_moe_sparse",
        "gpt_oss", "deepseek_v3_fp8", "qwen3_fp8", "qwen3_moe_fp8"}) {
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

TEST_CASE("families: workers that share out a long cache by its sections change no bit") {
  for (const char* name : {"llama", "qwen3_moe", "gpt_oss", "deepseek_v3"}) {
    const TinyModel tiny = read_model(name);
    // Three sections of 512 rows, of which the last is short and then begins anew.
    const std::vector<int32_t> tokens = tokens_from(3, 3 * kAttentionSection + 6, tiny.n_vocab);
    std::vector<float> want;
    for (const int threads : {1, 2, 3, 7})
      for (const CacheType type : {CacheType::kF32, CacheType::kBf16}) {
        CAPTURE(std::string(name)); CAPTURE(threads); CAPTURE(type == CacheType::kBf16);
        ThreadPool pool(threads);
        const auto model = tiny.family->make_fast(best_kernels(), pool, true, type);
        const auto last_logits = [&](const std::vector<size_t>& pieces) {
          const auto cache = model->make_cache(static_cast<int64_t>(tokens.size()));
          const std::vector<float> all = logits_of(*model, *cache, tiny.n_vocab, tokens, 0, pieces);
          return std::vector<float>(all.end() - 12 * static_cast<std::ptrdiff_t>(tiny.n_vocab), all.end());
        };
        const std::vector<float> prefill = last_logits({256});
        CHECK(last_logits({256, 256, 256, 256, 6, 1, 1, 1, 256, 236, 1}) == prefill);
        if (type == CacheType::kF32 && want.empty()) want = prefill;
        if (type == CacheType::kF32) CHECK(prefill == want);
      }
  }
}

TEST_CASE("families: a GGUF file with llama.cpp's names gives the same logits") {
  ThreadPool pool(2);
  for (const char* name : {"deepseek_v3", "deepseek_v32", "deepseek_v4", "deepseek_v41", "llama", "qwen3_moe_sparse", "gpt_oss_limit_7"}) {
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
