// SPDX-License-Identifier: Apache-2.0
// Every family on the GPU: against Hugging Face's logits in f32, against the CPU's reference pass in every number
// format. Where there is no GPU, ctest lists the program as skipped.
#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/sampling.h"
#include "tests/engine/cuda_kit.h"
#include "tests/engine/synthetic_model.h"
#include "tests/engine/tiny_model.h"

namespace {

using namespace engine;
using namespace engine::test;

// Of half of the tokens where caches and activations are rounded to 8 bits of fraction (bfloat16) or to 8 bits a block,
// some ten times from end to end, 2^-9 each; 8 bits a block are 2^-8 of a block's largest. A token whose experts are a
// close call may take others, so no bound holds for all.
constexpr double kRoundedBound = 2e-2, kEightBitBound = 8e-2;

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

// For the number formats: an emulated tile of a product costs the same however few of its rows are there.
DeepseekV2Config config_of_formats(bool wide) {
  DeepseekV2Config c = wide ? wide_config() : small_config();
  if (kEmulated) c.n_layers = 2, c.n_experts = 4;
  return c;
}

using Divisions = std::vector<std::vector<size_t>>;

std::vector<float> in_pieces(Model& model, const TinyModel& tiny, const std::vector<size_t>& pieces) {
  const auto cache = model.make_cache(static_cast<int64_t>(tiny.tokens.size()));
  return logits_of(model, *cache, tiny.n_vocab, tiny.tokens, 0, pieces);
}

// What the scales beside a model's matrices look like.
struct Scales {
  DType values, type;
  int32_t block_rows, block_columns;
};

// Gives each matrix of `view`'s type scales of about 1 (FP8) or 1/6 of what its width asks for (FP4), kept by the model.
void put_scales_beside(TensorView& view, const Scales& scales, SyntheticModel& model, std::mt19937& random) {
  if (!view || view.type != scales.values) return;
  const int64_t per_row = (view.n_in() + scales.block_columns - 1) / scales.block_columns,
                n = (view.n_rows() + scales.block_rows - 1) / scales.block_rows * per_row;
  auto& bytes = *model.memory.emplace_back(std::make_unique<std::vector<std::byte>>());
  const float largest = view.type == DType::kFP4 ? 6.0f * std::sqrt(static_cast<float>(view.n_in())) : 1.0f;
  for (int64_t i = 0; i < n; ++i) {
    const float value = (0.5f + static_cast<float>(random()) * 0x1p-32f) / largest;
    const auto bits = std::bit_cast<uint32_t>(value);
    if (scales.type == DType::kF8_E8M0) {
      bytes.push_back(static_cast<std::byte>(bits >> 23 & 255U));
    } else {
      for (int shift = 0; shift < 32; shift += 8) bytes.push_back(static_cast<std::byte>(bits >> shift & 255U));
    }
  }
  view.scales = {bytes.data(), scales.type, scales.block_rows, scales.block_columns, per_row, 0};
}

void put_scales_beside(SyntheticModel& model, const Scales& scales) {
  std::mt19937 random(3);
  const auto put = [&](TensorView& view) { put_scales_beside(view, scales, model, random); };
  put(model.weights.head);
  for (DeepseekV2Layer& layer : model.weights.layers) {
    for (TensorView* view :
         {&layer.q, &layer.kv_a, &layer.kv_b, &layer.k_b, &layer.v_b, &layer.o, &layer.ff.gate, &layer.ff.up,
          &layer.ff.down, &layer.ff.shared_gate, &layer.ff.shared_up, &layer.ff.shared_down})
      put(*view);
    for (auto* experts : {&layer.ff.expert_gate, &layer.ff.expert_up, &layer.ff.expert_down})
      for (TensorView& view : *experts) put(view);
  }
}

std::vector<int32_t> some_tokens(const SyntheticModel& made) {
  std::vector<int32_t> tokens(kEmulated ? 40 : 150);
  for (size_t t = 0; t < tokens.size(); ++t)
    tokens[t] = static_cast<int32_t>(t * 37 % static_cast<size_t>(made.config.n_vocab));
  return tokens;
}

// As a chunk and token by token, against the CPU's reference pass.
void expect_reference_logits(Accelerator& device, const SyntheticModel& made, const UploadOptions& options,
                             double bound) {
  const std::vector<int32_t> tokens = some_tokens(made);
  const std::vector<float> want =
      run_in_pieces(*make_deepseek_v2_reference(made.config, made.weights), made.config, tokens, {64});
  const auto model = on_gpu(device.make_deepseek_v2(made.config, made.weights, options));
  for (const std::vector<size_t>& pieces :
       kEmulated ? Divisions{{tokens.size()}, {tokens.size() - 4, 1}} : Divisions{{tokens.size()}, {1}, {100, 1, 20}}) {
    CAPTURE(pieces[0]);
    const std::vector<float> got = run_in_pieces(*model, made.config, tokens, pieces);
    // What follows the first piece is looked at alone: the middle of all tokens' errors would not show it.
    const size_t n_vocab = static_cast<size_t>(made.config.n_vocab),
                 first = pieces[0] < tokens.size() ? pieces[0] * n_vocab : 0;
    if (bound == kExactBound)
      CHECK(relative_error(got, want) <= bound);
    else
      CHECK(typical_error(std::span(got).subspan(first), std::span(want).subspan(first), n_vocab) <= bound);
  }
}

}  // namespace

TEST_CASE("cuda: every family's logits in f32, in one piece, in uneven pieces, token by token, and after going back") {
  Accelerator* device = gpu();
  if (!device) return;
  // Families of the same passes' shapes are left to GPUs.
  const std::vector<std::string> others = {
      "deepseek_v4_renamed", "llama_biased", "llama_linear", "mistral", "qwen2", "qwen3", "qwen3_moe_one"};
  std::vector<std::string> names = {"deepseek_v2", "deepseek_v3", "deepseek_v32",     "deepseek_v4",
                                    "llama",       "qwen3_moe",   "qwen3_moe_sparse", "gpt_oss"};
  if (!kEmulated) names.insert(names.end(), others.begin(), others.end());
  for (const std::string& name : names) {
    CAPTURE(name);
    const TinyModel tiny = read_model(name);
    const auto model = on_gpu(tiny.family->make_accelerated(*device, in_f32()));
    for (const std::vector<size_t>& pieces :
         kEmulated ? Divisions{{3, 1, 7, 2, 5}} : Divisions{{tiny.tokens.size()}, {1}, {2}, {3, 1, 7, 2, 5}, {16}}) {
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
    CHECK(relative_error(std::span(logits).first(tiny.logits.size()), tiny.logits) <= kExactBound);
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

TEST_CASE("cuda: checkpoints with scales beside their weights give Hugging Face's logits") {
  Accelerator* device = gpu();
  if (!device) return;
  for (const char* name : {"deepseek_v3_fp8", "qwen3_moe_fp8", "gpt_oss_mxfp4"}) {
    CAPTURE(std::string(name));
    const TinyModel tiny = read_model(name);
    const auto model = on_gpu(tiny.family->make_accelerated(*device, in_f32()));
    CHECK(relative_error(in_pieces(*model, tiny, {tiny.tokens.size() - 1, 1}), tiny.logits) <= kExactBound);
  }
}

TEST_CASE("cuda: a model of bfloat16 in its own number format stays near Hugging Face's logits") {
  Accelerator* device = gpu();
  if (!device) return;
  for (const char* name : {"deepseek_v3", "deepseek_v32", "deepseek_v4"}) {
    CAPTURE(std::string(name));
    const TinyModel tiny = read_model(name);
    const auto model = on_gpu(tiny.family->make_accelerated(*device, {}));
    for (const std::vector<size_t>& pieces : Divisions{{tiny.tokens.size()}, {1}})
      CHECK(typical_error(in_pieces(*model, tiny, pieces), tiny.logits, static_cast<size_t>(tiny.n_vocab)) <=
            kRoundedBound);
  }
}

TEST_CASE("cuda: every number format against the CPU's reference pass, as a chunk and token by token") {
  Accelerator* device = gpu();
  if (!device) return;
  for (int i = 0; i < kDTypes; ++i) {
    const auto type = static_cast<DType>(i);
    CAPTURE(std::string(traits(type).name));
    // One of each layout on the device is enough for the emulator.
    constexpr DType kLayouts[] = {DType::kF32,  DType::kF16,    DType::kBF16,  DType::kQ8_0, DType::kQ4_0,
                                  DType::kQ4_K, DType::kIQ4_NL, DType::kMXFP4, DType::kQ6_K, DType::kF8_E4M3};
    if (kEmulated && std::find(std::begin(kLayouts), std::end(kLayouts), type) == std::end(kLayouts)) continue;
    const bool blocks_of_256 = traits(type).block_values == 256;
    const auto made = make_model(config_of_formats(blocks_of_256), type,
                                 blocks_of_256 || i % 2 == 1 ? KvForm::kJoined : KvForm::kSplit);
    const bool floats = type == DType::kF16 || type == DType::kBF16 || type == DType::kF8_E4M3;
    expect_reference_logits(*device, *made, {},
                            type == DType::kF32 ? kExactBound
                            : floats            ? kRoundedBound
                                                : kEightBitBound);
  }
}

TEST_CASE("cuda: FP8 and FP4 with scales beside them against the CPU's reference pass") {
  Accelerator* device = gpu();
  if (!device) return;
  for (const Scales& scales : {Scales{DType::kF8_E4M3, DType::kF32, 16, 32},
                               {DType::kF8_E4M3, DType::kF8_E8M0, 128, 128},
                               {DType::kF8_E4M3, DType::kF32, 1, 1 << 20},
                               {DType::kFP4, DType::kF8_E8M0, 1, 32}}) {
    CAPTURE(std::string(traits(scales.values).name));
    CAPTURE(scales.block_columns);
    const bool wide = scales.block_columns == 128;
    const auto made = make_model(config_of_formats(wide), scales.values, wide ? KvForm::kJoined : KvForm::kSplit);
    put_scales_beside(*made, scales);
    expect_reference_logits(*device, *made, {}, scales.values == DType::kFP4 ? kEightBitBound : kRoundedBound);
    if (scales.block_columns == 32) expect_reference_logits(*device, *made, in_f32(), kExactBound);
  }
}

TEST_CASE("cuda: a code of NaN in F8_E4M3 makes logits NaN, as on the CPU") {
  Accelerator* device = gpu();
  if (!device) return;
  const auto made = make_model(small_config(), DType::kF8_E4M3);
  std::vector<std::byte> head(made->weights.head.data, made->weights.head.data + made->weights.head.size_bytes());
  const auto width = static_cast<size_t>(made->config.hidden_size);
  head[5 * width + 40] = std::byte{0x7f};
  head[148 * width] = std::byte{0xff};  // among the rows beyond the last whole eight
  made->weights.head.data = head.data();
  const auto model = on_gpu(device->make_deepseek_v2(made->config, made->weights, {}));
  const std::vector<float> logits = run_in_pieces(*model, made->config, std::vector<int32_t>{3, 4, 5}, {2, 1});
  for (size_t i = 0; i < logits.size(); ++i) {
    const size_t token = i % static_cast<size_t>(made->config.n_vocab);
    CHECK(std::isnan(logits[i]) == (token == 5 || token == 148));
  }
}

TEST_CASE("cuda: scales that cannot be laid out are refused by name") {
  Accelerator* device = gpu();
  if (!device) return;
  const auto reason = [&](const Scales& scales) {
    const auto made = make_model(small_config(), scales.values);
    put_scales_beside(*made, scales);
    const auto refused = device->make_deepseek_v2(made->config, made->weights, {});
    return refused ? std::string() : refused.error().message;
  };
  CHECK(reason({DType::kF8_E4M3, DType::kF32, 1, 48}).find("multiples of 32") != std::string::npos);
  CHECK(reason({DType::kFP4, DType::kF32, 1, 32}).find("F8_E8M0") != std::string::npos);
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

TEST_CASE("cuda: DeepSeek-V4 over more tokens than its rings hold, and going back in them") {
  Accelerator* device = gpu();
  if (!device) return;
  const TinyModel tiny = read_model("deepseek_v4");
  const auto model = on_gpu(tiny.family->make_accelerated(*device, in_f32()));
  constexpr size_t kTokens = 330, kBack = 200;
  std::vector<int32_t> tokens(kTokens);
  for (size_t t = 0; t < kTokens; ++t)
    tokens[t] = static_cast<int32_t>((t * t + 7 * t) % static_cast<size_t>(tiny.n_vocab));
  const auto reference = tiny.family->make_reference();
  const auto own = reference->make_cache(kTokens), cache = model->make_cache(kTokens);
  const std::vector<float> want = logits_of(*reference, *own, tiny.n_vocab, tokens, 0, {32});
  CHECK(relative_error(logits_of(*model, *cache, tiny.n_vocab, tokens, 0, {200, 1, 100, 29}), want) <= kExactBound);
  REQUIRE(cache->rewind(kBack) == kBack);
  CHECK(relative_error(logits_of(*model, *cache, tiny.n_vocab, tokens, kBack, {60, 1, 69}),
                       std::span(want).subspan(kBack * static_cast<size_t>(tiny.n_vocab))) <= kExactBound);
  CHECK(cache->fork(10) == nullptr);
  CHECK(cache->rewind(10) == 0);
}

TEST_CASE("cuda: timelines of different lengths step together") {
  Accelerator* device = gpu();
  if (!device) return;
  for (const char* name : {"deepseek_v3", "deepseek_v32", "deepseek_v4", "llama", "qwen3_moe", "gpt_oss"})
    for (const bool exact : {true, false}) {
      if (!exact && std::string_view(name).substr(0, 8) != "deepseek") continue;  // whose heads are too odd for it
      CAPTURE(std::string(name));
      CAPTURE(exact);
      const TinyModel tiny = read_model(name);
      const auto n_vocab = static_cast<size_t>(tiny.n_vocab);
      const auto model = on_gpu(tiny.family->make_accelerated(*device, exact ? in_f32() : UploadOptions()));
      REQUIRE(model->max_batch() >= 16);
      constexpr size_t kSteps = 2;
      std::vector<std::vector<int32_t>> tokens;
      std::vector<std::vector<float>> want;
      std::vector<std::unique_ptr<Cache>> caches;
      for (const size_t past : {0, 5, 45}) {
        tokens.emplace_back();
        for (size_t t = 0; t < past + kSteps; ++t)
          tokens.back().push_back(static_cast<int32_t>((t * 31 + past * 7 + 3) % n_vocab));
        const auto alone = model->make_cache(static_cast<int64_t>(past + kSteps));
        want.push_back(logits_of(*model, *alone, tiny.n_vocab, tokens.back(), 0, {past + kSteps}));
        caches.push_back(model->make_cache(static_cast<int64_t>(past + kSteps)));
        if (past > 0) logits_of(*model, *caches.back(), tiny.n_vocab, std::span(tokens.back()).first(past), 0, {past});
      }
      for (size_t s = 0; s < kSteps; ++s) {
        std::vector<BatchPlace> places;
        std::vector<int32_t> next;
        for (size_t i = 0; i < caches.size(); ++i) {
          const size_t at = tokens[i].size() - kSteps + s;
          places.push_back({caches[i].get(), static_cast<int64_t>(at)});
          next.push_back(tokens[i][at]);
        }
        std::vector<float> logits(caches.size() * n_vocab);
        ForwardRequest request;
        request.tokens = next;
        request.batch = places;
        request.all_logits = true;
        request.logits = logits.data();
        REQUIRE(model->forward(request));
        for (size_t i = 0; i < caches.size(); ++i) {
          const size_t at = tokens[i].size() - kSteps + s;
          CHECK(relative_error(std::span(logits).subspan(i * n_vocab, n_vocab),
                               std::span(want[i]).subspan(at * n_vocab, n_vocab)) <=
                (exact ? kExactBound : kRoundedBound));
        }
      }
    }
}
