// SPDX-License-Identifier: Apache-2.0
// The forward pass against itself: other paths, threads, chunks, shapes.
#include <doctest/doctest.h>

#include <cmath>

#include "engine/kernels/attention.h"
#include "tests/engine/synthetic_model.h"

namespace {

using namespace engine;
using namespace engine::test;

std::vector<int32_t> some_tokens(const DeepseekV2Config& config, size_t n) {
  std::vector<int32_t> tokens(n);
  for (size_t i = 0; i < n; ++i) tokens[i] = static_cast<int32_t>((i * i * 31 + 17 * i + 5) % static_cast<size_t>(config.n_vocab));
  return tokens;
}

std::unique_ptr<Model> fast_model(const SyntheticModel& m, ThreadPool& pool, bool pack = true, const FastKernels& kernels = best_kernels(),
                                  CacheType cache = CacheType::kAuto) {
  return make_deepseek_v2_fast(m.config, m.weights, kernels, pool, pack, cache);
}

double rms_error(const std::vector<float>& got, const std::vector<float>& want) {
  double squares = 0.0, size = 0.0;
  for (size_t i = 0; i < want.size(); ++i) {
    const double difference = static_cast<double>(got[i]) - static_cast<double>(want[i]);
    squares += difference * difference;
    size += static_cast<double>(want[i]) * static_cast<double>(want[i]);
  }
  return std::sqrt(squares / size);
}

// Shapes that are awkward for vectors, panels, blocks and shares.
std::vector<DeepseekV2Config> awkward_float_configs() {
  std::vector<DeepseekV2Config> all;
  DeepseekV2Config c = small_config();
  c.q_lora_rank = 24;
  c.selection = ExpertSelection::kGroupLimitedGreedy;
  c.n_groups = 4;
  c.n_groups_used = 2;
  c.expert_weight_scale = 2.5f;
  c.normalize_expert_weights = true;
  all.push_back(c);
  c = small_config();
  c.hidden_size = 50;
  c.kv_lora_rank = 21;
  c.qk_nope_dim = 13;
  c.qk_rope_dim = 6;
  c.v_head_dim = 11;
  c.n_heads = 5;
  c.dense_intermediate = 37;
  c.expert_intermediate = 19;
  c.n_shared_experts = 1;
  all.push_back(c);
  c = small_config();  // one expert, no shared one, no dense layer, one head
  c.n_experts = c.n_experts_used = 1;
  c.n_shared_experts = 0;
  c.n_dense_layers = 0;
  c.dense_intermediate = 0;
  c.n_heads = 1;
  c.scoring = Scoring::kSigmoid;
  c.yarn = {};
  all.push_back(c);
  c = small_config();  // dense alone; more heads than attention takes at once
  c.n_experts = c.n_experts_used = c.n_shared_experts = c.expert_intermediate = 0;
  c.n_heads = 37;
  all.push_back(c);
  return all;
}

}  // namespace

TEST_CASE("model: the absorbed fast pass agrees with the expanded reference on float weights") {
  ThreadPool pool(2);
  for (const DeepseekV2Config& config : awkward_float_configs())
    for (const DType type : {DType::kF32, DType::kF16, DType::kBF16})
      for (const KvForm form : {KvForm::kJoined, KvForm::kSplit}) {
        CAPTURE(config.hidden_size); CAPTURE(config.n_heads); CAPTURE(std::string(traits(type).name));
        const auto m = make_model(config, type, form);
        const std::vector<int32_t> tokens = some_tokens(config, 70);
        const std::vector<float> want = run_in_pieces(*make_deepseek_v2_reference(config, m->weights), config, tokens, {64});
        for (const FastKernels* kernels : all_kernels()) {
          CAPTURE(std::string(kernels->name));
          // Same products, other order of f32 sums through three layers.
          CHECK(relative_error(run_in_pieces(*fast_model(*m, pool, true, *kernels), config, tokens, {64}), want) <= 2e-5);
        }
      }
}

TEST_CASE("model: on quantised weights all paths agree, and stay near the reference") {
  ThreadPool pool(2);
  for (const DType type : {DType::kQ8_0, DType::kQ4_0, DType::kQ4_1, DType::kQ5_1, DType::kIQ4_NL, DType::kMXFP4})
    for (const KvForm form : {KvForm::kJoined, KvForm::kSplit})
      for (const int q_lora : {0, 64}) {
        CAPTURE(std::string(traits(type).name)); CAPTURE(q_lora);
        DeepseekV2Config config = small_config();
        config.q_lora_rank = q_lora;
        config.n_experts_used = config.n_experts;  // or a rounding decides which expert is chosen: no bound holds then
        const auto m = make_model(config, type, form);
        const std::vector<int32_t> tokens = some_tokens(config, 70);
        const std::vector<float> want = run_in_pieces(*make_deepseek_v2_reference(config, m->weights), config, tokens, {64});
        const std::vector<float> portable = run_in_pieces(*fast_model(*m, pool, true, *portable_kernels()), config, tokens, {64});
        // 8-bit activations: each of some 8 products per layer is off by about 0.4 % of its size, independently, through
        // three layers: 0.004 * sqrt(24) = 2 %. A wrong scale or a lost block gives over 20 %.
        CHECK(rms_error(portable, want) <= 0.04);
        for (const FastKernels* kernels : all_kernels()) {
          CAPTURE(std::string(kernels->name));
          const std::vector<float> got = run_in_pieces(*fast_model(*m, pool, true, *kernels), config, tokens, {64});
          CHECK(rms_error(got, want) <= 0.04);
          // Between paths only f32 sums differ; now and then that moves an activation to the next of 255 steps. Queries and
          // weights in bf16 move many: the paths' 8-bit roundings are then independent, each 2 % off.
          CHECK(rms_error(got, portable) <= (kernels == avx512_bf16_kernels() || kernels == amx_kernels() ? 0.04 : 0.02));
          // 16 bits: a 258th of the error, and rows in f32. What else rounds is f32 sums.
          const auto wide = fast_model(*m, pool, true, wide_kernels(*kernels), CacheType::kF32);
          CHECK(rms_error(run_in_pieces(*wide, config, tokens, {64}), want) <= 0.04 / 250);
        }
      }
}

TEST_CASE("model: one token at a time, uneven chunks and one prefill give the same bits") {
  for (const FastKernels* kernels : all_kernels_and_widths())
    for (const DType type : {DType::kF32, DType::kF16, DType::kBF16, DType::kQ8_0, DType::kQ4_0, DType::kQ5_0, DType::kQ4_1})
      for (const int q_lora : {0, 32}) {
        CAPTURE(std::string(kernels->name)); CAPTURE(kernels->wide); CAPTURE(std::string(traits(type).name)); CAPTURE(q_lora);
        ThreadPool pool(2);
        DeepseekV2Config config = small_config();
        config.q_lora_rank = q_lora;
        const auto m = make_model(config, type);
        const auto model = fast_model(*m, pool, true, *kernels);
        const std::vector<int32_t> tokens = some_tokens(config, 75);
        const std::vector<float> prefill = run_in_pieces(*model, config, tokens, {75});
        CHECK(run_in_pieces(*model, config, tokens, {1}) == prefill);
        CHECK(run_in_pieces(*model, config, tokens, {5, 1, 33, 2, 3, 16, 7}) == prefill);
      }
}

TEST_CASE("model: a cache in bf16 stays near the reference, takes half the memory, and chunks and threads change no bit") {
  for (DeepseekV2Config config : awkward_float_configs()) {
    config.n_experts_used = config.n_experts;  // or a rounding decides which expert is chosen: no bound holds then
    config.n_groups_used = config.n_groups;
    const auto m = make_model(config, DType::kF32);
    const std::vector<int32_t> tokens = some_tokens(config, 150);
    ThreadPool alone(1), pool(2);
    const std::vector<float> want = run_in_pieces(*make_deepseek_v2_reference(config, m->weights), config, tokens, {64});
    for (const FastKernels* kernels : all_kernels()) {
      CAPTURE(std::string(kernels->name)); CAPTURE(config.hidden_size); CAPTURE(config.n_heads);
      const auto model = fast_model(*m, pool, true, *kernels, CacheType::kBf16);
      CHECK(2 * model->cache_bytes(1000) == fast_model(*m, pool, true, *kernels)->cache_bytes(1000));
      const std::vector<float> prefill = run_in_pieces(*model, config, tokens, {150});
      // docs/kv-cache.md: a layer's attention is off by some 0.3 % of its size, three layers by sqrt(3) of that, and twice as
      // much where scores are large. A row that is misplaced gives over 10 %.
      CHECK(rms_error(prefill, want) <= 0.01);
      CHECK(rms_error(prefill, want) > 1e-5);  // or nothing was rounded
      CHECK(run_in_pieces(*model, config, tokens, {1}) == prefill);
      CHECK(run_in_pieces(*model, config, tokens, {5, 1, 33, 2, 3, 16, 7, 80}) == prefill);
      CHECK(run_in_pieces(*fast_model(*m, alone, false, *kernels, CacheType::kBf16), config, tokens, {99}) == prefill);
    }
  }
}

TEST_CASE("model: workers that share out a long cache by its sections change no bit") {
  DeepseekV2Config many_heads = awkward_float_configs().back();
  for (const DeepseekV2Config& config : {small_config(), many_heads})
    for (const CacheType cache : {CacheType::kF32, CacheType::kBf16}) {
      CAPTURE(config.n_heads); CAPTURE(cache == CacheType::kBf16);
      const auto m = make_model(config, DType::kF32);
      // Sections of 512 rows: three are shared out, of which the last is short and then begins anew.
      const std::vector<int32_t> tokens = some_tokens(config, 3 * kAttentionSection + 6);
      const size_t kept = 12 * static_cast<size_t>(config.n_vocab);
      std::vector<float> want;
      for (const int threads : {1, 2, 5}) {
        CAPTURE(threads);
        ThreadPool pool(threads);
        const auto model = fast_model(*m, pool, true, best_kernels(), cache);
        const auto last_rows = [&](const std::vector<size_t>& pieces) {
          const std::vector<float> all = run_in_pieces(*model, config, tokens, pieces);
          return std::vector<float>(all.end() - static_cast<std::ptrdiff_t>(kept), all.end());
        };
        if (want.empty()) want = last_rows({256});
        CHECK(last_rows({256, 256, 256, 256, 6, 1, 1, 1, 256, 236, 1}) == want);
      }
    }
}

TEST_CASE("model: quantised weights choose a cache in bf16, others f32") {
  ThreadPool pool(1);
  for (const DType type : {DType::kF32, DType::kF16, DType::kBF16, DType::kQ8_0, DType::kQ4_0, DType::kMXFP4}) {
    CAPTURE(std::string(traits(type).name));
    const auto m = make_model(small_config(), type);
    const auto layout = [&](CacheType cache) { return fast_model(*m, pool, true, best_kernels(), cache)->make_cache(8)->layout(); };
    CHECK(layout(CacheType::kAuto).starts_with(is_quantized(type) ? "bf16 rows" : "f32 rows"));
    CHECK(layout(CacheType::kF32).starts_with("f32 rows"));
    CHECK(layout(CacheType::kBf16).starts_with("bf16 rows"));
  }
}

TEST_CASE("model: the reference gives the same bits in any chunks") {
  const auto m = make_model(small_config(), DType::kF32);
  const auto model = make_deepseek_v2_reference(m->config, m->weights);
  const std::vector<int32_t> tokens = some_tokens(m->config, 40);
  const std::vector<float> prefill = run_in_pieces(*model, m->config, tokens, {40});
  CHECK(run_in_pieces(*model, m->config, tokens, {1}) == prefill);
  CHECK(run_in_pieces(*model, m->config, tokens, {3, 16, 2, 7}) == prefill);
}

TEST_CASE("model: results do not depend on the number of threads, nor on packing") {
  for (const DType type : {DType::kF32, DType::kQ8_0, DType::kQ4_0}) {
    CAPTURE(std::string(traits(type).name));
    const auto m = make_model(small_config(), type);
    const std::vector<int32_t> tokens = some_tokens(m->config, 60);
    std::vector<float> want;
    for (const int n_threads : {1, 2, 3, 5, 8}) {
      CAPTURE(n_threads);
      ThreadPool pool(n_threads);
      for (const bool pack : {true, false}) {
        const std::vector<float> got = run_in_pieces(*fast_model(*m, pool, pack), m->config, tokens, {40, 1});
        if (want.empty()) want = got;
        CHECK(got == want);
      }
    }
  }
}

TEST_CASE("model: a stop request ends the pass between layers") {
  const auto m = make_model(small_config(), DType::kF32);
  ThreadPool pool(3);
  std::vector<std::unique_ptr<Model>> models;
  models.push_back(fast_model(*m, pool));
  models.push_back(make_deepseek_v2_reference(m->config, m->weights));
  for (const auto& model : models)
    for (const size_t n : {1, 20}) {
      std::stop_source stop;
      const std::unique_ptr<Cache> cache = model->make_cache(32);
      const std::vector<int32_t> tokens = some_tokens(m->config, n);
      ForwardRequest request;
      request.tokens = tokens;
      request.cache = cache.get();
      request.stop = stop.get_token();
      CHECK(model->forward(request));
      stop.request_stop();
      CHECK_FALSE(model->forward(request));
    }
}
