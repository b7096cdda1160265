// SPDX-License-Identifier: Apache-2.0
// Every family's forward passes against Hugging Face's, on the tiny models of tests/data/engine/families (made by
// make_families.py): in one prefill, in uneven chunks, token by token, and after going back.
#include <doctest/doctest.h>

#include "tests/engine/synthetic_model.h"
#include "tests/engine/tiny_model.h"

namespace {

using namespace engine;
using namespace engine::test;

}  // namespace

TEST_CASE("families: logits, greedy text, chunks and rewinding are exact in every family, on every path") {
  ThreadPool pool(2);
  for (const char* name : {"deepseek_v3", "deepseek_v32", "deepseek_v4", "deepseek_v4_renamed", "deepseek_v41", "llama", "llama_biased", "mistral", "qwen2", "qwen3", "qwen3_moe", "qwen3_moe_sparse", "gpt_oss",
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
