// SPDX-License-Identifier: Apache-2.0
// Every family on the GPU: against Hugging Face's logits in f32, against the CPU's reference pass in every number
// format. Where there is no GPU, ctest lists the program as skipped.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>
#include <numeric>

#include "engine/accelerator.h"
#include "engine/engine.h"
#include "engine/sampling.h"
#include "tests/engine/synthetic_model.h"
#include "tests/engine/tiny_model.h"

extern "C" base::Result<engine::Accelerator*> graft_cuda_module(int version);

namespace {

using namespace engine;
using namespace engine::test;

#ifdef GRAFT_CUDA_EMULATED
constexpr bool kEmulated = true;  // some ten thousand times slower
#else
constexpr bool kEmulated = false;
#endif

Accelerator* gpu() {
#ifdef GRAFT_CUDA_EMULATED
  const auto opened = graft_cuda_module(kCudaModuleVersion);  // linked into the test (tests/cuda_emulator)
#else
  const auto opened = open_cuda();
#endif
  if (!opened) std::printf("[skipped] cuda: %s\n", opened.error().message.c_str());
  return opened ? *opened : nullptr;
}

std::unique_ptr<Model> on_gpu(base::Result<std::unique_ptr<Model>> made) {
  REQUIRE_MESSAGE(made, made.error().message);
  return std::move(*made);
}

// Of the largest difference in f32, relative to the largest logit: sums are taken in another order than the CPU's.
constexpr double kExactBound = 1e-4;
// Of half of the tokens where caches and activations are rounded to 8 bits of fraction (bfloat16) or to 8 bits a block,
// some ten times from end to end, 2^-9 each; 8 bits a block are 2^-8 of a block's largest. A token whose experts are a
// close call may take others, so no bound holds for all.
constexpr double kRoundedBound = 2e-2, kEightBitBound = 8e-2;

UploadOptions in_f32() {
  UploadOptions options;
  options.exact = true;
  return options;
}

// The middle one of the tokens' relative errors.
double typical_error(std::span<const float> got, std::span<const float> want, size_t n_vocab) {
  std::vector<double> errors;
  for (size_t at = 0; at < want.size(); at += n_vocab)
    errors.push_back(relative_error(got.subspan(at, n_vocab), want.subspan(at, n_vocab)));
  std::nth_element(errors.begin(), errors.begin() + static_cast<std::ptrdiff_t>(errors.size() / 2), errors.end());
  return errors[errors.size() / 2];
}

// Widths of whole blocks of 256.
DeepseekV2Config wide_config() {
  DeepseekV2Config c = small_config();
  c.hidden_size = c.kv_lora_rank = c.dense_intermediate = c.expert_intermediate = 256;
  c.n_heads = 4;
  c.v_head_dim = 64;
  return c;
}

using Divisions = std::vector<std::vector<size_t>>;

std::vector<float> in_pieces(Model& model, const TinyModel& tiny, const std::vector<size_t>& pieces) {
  const auto cache = model.make_cache(static_cast<int64_t>(tiny.tokens.size()));
  return logits_of(model, *cache, tiny.n_vocab, tiny.tokens, 0, pieces);
}

}  // namespace

TEST_CASE("cuda: every family's logits in f32, in one piece, in uneven pieces, token by token, and after going back") {
  Accelerator* device = gpu();
  if (!device) return;
  for (const char* name : {"deepseek_v2", "deepseek_v3", "llama", "llama_biased", "llama_linear", "mistral", "qwen2",
                           "qwen3", "qwen3_moe", "qwen3_moe_one", "qwen3_moe_sparse", "gpt_oss"}) {
    CAPTURE(std::string(name));
    const TinyModel tiny = read_model(name);
    const auto model = on_gpu(tiny.family->make_accelerated(*device, in_f32()));
    for (const std::vector<size_t>& pieces : kEmulated
                                                 ? Divisions{{tiny.tokens.size()}, {3, 1, 7, 2, 5}}
                                                 : Divisions{{tiny.tokens.size()}, {1}, {2}, {3, 1, 7, 2, 5}, {16}}) {
      CAPTURE(pieces[0]);
      CHECK(relative_error(in_pieces(*model, tiny, pieces), tiny.logits) <= kExactBound);
    }
    const auto cache = model->make_cache(static_cast<int64_t>(tiny.tokens.size()));
    std::vector<int32_t> other(tiny.tokens.rbegin(), tiny.tokens.rend());
    logits_of(*model, *cache, tiny.n_vocab, other, 0, {4});
    const auto kept = static_cast<size_t>(cache->rewind(0));
    const std::vector<float> again = logits_of(*model, *cache, tiny.n_vocab, tiny.tokens, kept, {6});
    CHECK(relative_error(again, std::span(tiny.logits).subspan(kept * static_cast<size_t>(tiny.n_vocab))) <=
          kExactBound);
    // The greedy text, one token at a time.
    std::vector<int32_t> all = tiny.tokens;
    all.insert(all.end(), tiny.greedy.begin(), tiny.greedy.end() - 1);
    const auto longer = model->make_cache(static_cast<int64_t>(all.size()));
    const std::vector<float> logits = logits_of(*model, *longer, tiny.n_vocab, all, 0, {tiny.tokens.size(), 1});
    std::vector<int32_t> chosen;
    for (size_t t = tiny.tokens.size() - 1; t < all.size(); ++t)
      chosen.push_back(
          argmax(std::span(logits).subspan(t * static_cast<size_t>(tiny.n_vocab), static_cast<size_t>(tiny.n_vocab))));
    CHECK(chosen == tiny.greedy);
  }
}

TEST_CASE("cuda: GGUF files give Hugging Face's logits") {
  Accelerator* device = gpu();
  if (!device) return;
  for (const char* name : {"deepseek_v3", "llama", "qwen3_moe_sparse", "gpt_oss_limit_7"}) {
    CAPTURE(std::string(name));
    const TinyModel tiny = read_model(name, Container::kGguf);
    const auto model = on_gpu(tiny.family->make_accelerated(*device, in_f32()));
    CHECK(relative_error(in_pieces(*model, tiny, {tiny.tokens.size()}), tiny.logits) <= kExactBound);
    CHECK(relative_error(in_pieces(*model, tiny, {1}), tiny.logits) <= kExactBound);
  }
}

TEST_CASE("cuda: a model of bfloat16 in its own number format stays near Hugging Face's logits") {
  Accelerator* device = gpu();
  if (!device) return;
  const TinyModel tiny = read_model("deepseek_v3");
  const auto model = on_gpu(tiny.family->make_accelerated(*device, {}));
  for (const std::vector<size_t>& pieces : Divisions{{tiny.tokens.size()}, {1}})
    CHECK(typical_error(in_pieces(*model, tiny, pieces), tiny.logits, static_cast<size_t>(tiny.n_vocab)) <=
          kRoundedBound);
}

TEST_CASE("cuda: every number format against the CPU's reference pass, as a chunk and token by token") {
  Accelerator* device = gpu();
  if (!device) return;
  for (int i = 0; i < kDTypes; ++i) {
    const auto type = static_cast<DType>(i);
    if (type == DType::kF8_E4M3 || type == DType::kFP4) continue;  // not taken yet
    CAPTURE(std::string(traits(type).name));
    const bool blocks_of_256 = traits(type).block_values == 256;
    const auto made = make_model(blocks_of_256 ? wide_config() : small_config(), type,
                                 blocks_of_256 || i % 2 == 1 ? KvForm::kJoined : KvForm::kSplit);
    std::vector<int32_t> tokens(kEmulated ? 40 : 150);
    for (size_t t = 0; t < tokens.size(); ++t)
      tokens[t] = static_cast<int32_t>(t * 37 % static_cast<size_t>(made->config.n_vocab));
    const std::vector<float> want =
        run_in_pieces(*make_deepseek_v2_reference(made->config, made->weights), made->config, tokens, {64});
    const auto model = on_gpu(device->make_deepseek_v2(made->config, made->weights, {}));
    for (const std::vector<size_t>& pieces :
         kEmulated ? Divisions{{tokens.size()}, {36, 1, 1}} : Divisions{{tokens.size()}, {1}, {100, 1, 20}}) {
      CAPTURE(pieces[0]);
      const std::vector<float> got = run_in_pieces(*model, made->config, tokens, pieces);
      if (type == DType::kF32)
        CHECK(relative_error(got, want) <= kExactBound);
      else
        CHECK(typical_error(got, want, static_cast<size_t>(made->config.n_vocab)) <=
              (type == DType::kF16 || type == DType::kBF16 ? kRoundedBound : kEightBitBound));
    }
  }
}

TEST_CASE("cuda: the same step gives the same bits") {
  Accelerator* device = gpu();
  if (!device) return;
  const auto made = make_model(small_config(), DType::kQ4_0);
  std::vector<int32_t> tokens(40);
  std::iota(tokens.begin(), tokens.end(), 1);
  const auto model = on_gpu(device->make_deepseek_v2(made->config, made->weights, {}));
  const std::vector<float> first = run_in_pieces(*model, made->config, tokens, {20, 1});
  for (int round = 0; round < 5; ++round) CHECK(run_in_pieces(*model, made->config, tokens, {20, 1}) == first);
}
