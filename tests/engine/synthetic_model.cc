// SPDX-License-Identifier: Apache-2.0
#include "tests/engine/synthetic_model.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

namespace engine::test {
namespace {

uint16_t to_f16(float x) {  // for normal values well inside the range
  const auto bits = std::bit_cast<uint32_t>(x);
  const int exponent = static_cast<int>(bits >> 23 & 255U) - 112;
  if (exponent <= 0) return 0;
  return static_cast<uint16_t>((bits >> 16 & 0x8000U) | static_cast<uint32_t>(exponent) << 10 | (bits >> 13 & 1023U));
}

// Where a block's f16 numbers stand, and what makes its random bytes values of spread 1 around 0.
struct BlockForm {
  int scale_at, least_at;
  float spread, least;
};
BlockForm block_form(DType type) {
  switch (type) {
    case DType::kQ8_0: return {0, -1, 74.0f, 0.0f};
    case DType::kQ4_1: return {0, 2, 4.6f, -7.5f};
    case DType::kQ5_0: return {0, -1, 9.2f, 0.0f};
    case DType::kQ5_1: return {0, 2, 9.2f, -15.5f};
    case DType::kQ2_K: return {80, 82, 12.0f, 1.5f};
    case DType::kQ3_K: return {108, -1, 42.0f, 0.0f};
    case DType::kQ4_K: return {0, 2, 300.0f, 7.5f};
    case DType::kQ5_K: return {0, 2, 600.0f, 15.5f};
    case DType::kQ6_K: return {208, -1, 1330.0f, 0.0f};
    case DType::kIQ2_XXS: return {0, -1, 50.0f, 0.0f};
    case DType::kIQ3_XXS: return {0, -1, 130.0f, 0.0f};
    case DType::kIQ4_NL: return {0, -1, 70.0f, 0.0f};
    case DType::kIQ4_XS: return {0, -1, 1290.0f, 0.0f};
    default: return {0, -1, 4.6f, 0.0f};
  }
}

// Towards zero; what is below the smallest normal number becomes 0.
std::byte to_e4m3(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value), sign = bits >> 24 & 0x80u;
  const int exponent = static_cast<int>(bits >> 23 & 255u) - 120;
  if (exponent < 1) return static_cast<std::byte>(sign);
  return static_cast<std::byte>(sign | static_cast<uint32_t>(exponent) << 3 | (bits >> 20 & 7u));
}

void put_u16(std::byte* p, uint16_t value) { std::memcpy(p, &value, 2); }

}  // namespace

DeepseekV2Config small_config() {
  DeepseekV2Config c;
  c.n_layers = 3;
  c.hidden_size = 64;
  c.n_heads = 3;
  c.n_vocab = 150;  // no multiple of a panel
  c.n_ctx_train = 512;
  c.kv_lora_rank = 32;
  c.qk_nope_dim = 32;
  c.qk_rope_dim = 8;
  c.v_head_dim = 32;
  c.dense_intermediate = 96;
  c.n_dense_layers = 1;
  c.n_experts = 8;
  c.n_experts_used = 3;
  c.n_shared_experts = 2;
  c.expert_intermediate = 32;
  c.rope_theta = 10000.0f;
  c.yarn.factor = 4.0f;
  c.yarn.original_context = 64;
  c.yarn.mscale = 0.707f;
  c.yarn.mscale_all_dim = 0.707f;
  return c;
}

std::vector<float> random_floats(std::mt19937& random, int64_t n, float scale) {
  std::vector<float> values(static_cast<size_t>(n));
  // Not std::normal_distribution: its draws differ between standard libraries.
  for (float& x : values) {
    float sum = 0.0f;
    for (int i = 0; i < 4; ++i) sum += static_cast<float>(random()) * 0x1p-32f - 0.5f;
    x = sum * 1.7f * scale;
  }
  return values;
}

std::vector<std::byte> random_matrix(std::mt19937& random, DType type, int64_t n_rows, int64_t n_in) {
  const int64_t n = n_rows * n_in;
  const float scale = 1.0f / std::sqrt(static_cast<float>(n_in));
  std::vector<std::byte> bytes(static_cast<size_t>(n / traits(type).block_values * traits(type).block_bytes));
  if (is_quantized(type)) {
    for (std::byte& b : bytes) b = static_cast<std::byte>(random() & 255U);
    const BlockForm form = block_form(type);
    for (size_t at = 0; at < bytes.size(); at += static_cast<size_t>(traits(type).block_bytes)) {
      if (type == DType::kMXFP4) {  // an exponent; the values are doubled
        bytes[at] = static_cast<std::byte>(128 + std::lround(std::log2(scale / 6.0f)) - static_cast<long>(random() % 2));
        continue;
      }
      const float unit = std::max(7e-5f, scale / form.spread) * (0.5f + static_cast<float>(random()) * 0x1p-32f);
      put_u16(bytes.data() + at + form.scale_at, to_f16(unit));
      if (form.least_at >= 0) put_u16(bytes.data() + at + form.least_at, to_f16(unit * form.least));
    }
    return bytes;
  }
  const std::vector<float> values = random_floats(random, n, scale);
  for (size_t i = 0; i < values.size(); ++i) {
    if (type == DType::kF32) std::memcpy(bytes.data() + 4 * i, &values[i], 4);
    if (type == DType::kF16) put_u16(bytes.data() + 2 * i, to_f16(values[i]));
    if (type == DType::kF8_E4M3)
      bytes[i] = to_e4m3(values[i]);
    if (type == DType::kBF16) put_u16(bytes.data() + 2 * i, static_cast<uint16_t>(std::bit_cast<uint32_t>(values[i]) >> 16));
  }
  return bytes;
}

TensorView view_of(const std::vector<std::byte>& bytes, DType type, std::vector<int64_t> shape) {
  TensorView view;
  view.type = type;
  view.n_dims = static_cast<int>(shape.size());
  std::copy(shape.begin(), shape.end(), view.shape.begin());
  view.data = bytes.data();
  REQUIRE(static_cast<size_t>(view.size_bytes()) == bytes.size());
  return view;
}

std::unique_ptr<SyntheticModel> make_model(const DeepseekV2Config& c, DType type, KvForm form, uint32_t seed) {
  auto model = std::make_unique<SyntheticModel>();
  model->config = c;
  std::mt19937 random(seed);
  const auto keep = [&](std::vector<std::byte> bytes, DType t, std::vector<int64_t> shape) {
    model->memory.push_back(std::make_unique<std::vector<std::byte>>(std::move(bytes)));
    return view_of(*model->memory.back(), t, std::move(shape));
  };
  const auto matrix = [&](int64_t rows, int64_t n_in, DType t) { return keep(random_matrix(random, t, rows, n_in), t, {rows, n_in}); };
  const auto norm = [&](int64_t n) {
    std::vector<float> gains = random_floats(random, n, 0.2f);
    for (float& g : gains) g += 1.0f;
    std::vector<std::byte> bytes(gains.size() * 4);
    std::memcpy(bytes.data(), gains.data(), bytes.size());
    return keep(std::move(bytes), DType::kF32, {n});
  };
  const int64_t d = c.hidden_size, heads = c.n_heads, qk = c.qk_nope_dim + c.qk_rope_dim, kv = c.kv_lora_rank;
  model->weights.embedding = matrix(c.n_vocab, d, DType::kF32);
  model->weights.norm = norm(d);
  model->weights.head = matrix(c.n_vocab, d, type);
  for (int l = 0; l < c.n_layers; ++l) {
    DeepseekV2Layer layer;
    layer.attn_norm = norm(d);
    if (c.q_lora_rank == 0) {
      layer.q = matrix(heads * qk, d, type);
    } else {
      layer.q_a = matrix(c.q_lora_rank, d, type);
      layer.q_a_norm = norm(c.q_lora_rank);
      layer.q_b = matrix(heads * qk, c.q_lora_rank, type);
    }
    layer.kv_a = matrix(kv + c.qk_rope_dim, d, type);
    layer.kv_a_norm = norm(kv);
    if (form == KvForm::kJoined) {
      layer.kv_b = matrix(heads * (c.qk_nope_dim + c.v_head_dim), kv, type);
    } else {
      layer.k_b = keep(random_matrix(random, type, heads * kv, c.qk_nope_dim), type, {heads, kv, c.qk_nope_dim});
      layer.v_b = keep(random_matrix(random, type, heads * c.v_head_dim, kv), type, {heads, c.v_head_dim, kv});
    }
    layer.o = matrix(d, heads * c.v_head_dim, type);
    layer.ff.norm = norm(d);
    if (l < c.n_dense_layers || c.n_experts == 0) {
      layer.ff.gate = matrix(c.dense_intermediate, d, type);
      layer.ff.up = matrix(c.dense_intermediate, d, type);
      layer.ff.down = matrix(d, c.dense_intermediate, type);
    } else {
      layer.ff.router = matrix(c.n_experts, d, DType::kF32);
      for (int e = 0; e < c.n_experts; ++e) {
        layer.ff.expert_gate.push_back(matrix(c.expert_intermediate, d, type));
        layer.ff.expert_up.push_back(matrix(c.expert_intermediate, d, type));
        layer.ff.expert_down.push_back(matrix(d, c.expert_intermediate, type));
      }
      const int64_t shared = int64_t{c.n_shared_experts} * c.expert_intermediate;
      if (shared > 0) {
        layer.ff.shared_gate = matrix(shared, d, type);
        layer.ff.shared_up = matrix(shared, d, type);
        layer.ff.shared_down = matrix(d, shared, type);
      }
    }
    model->weights.layers.push_back(std::move(layer));
  }
  return model;
}

std::vector<const FastKernels*> all_kernels() {
  static bool said = false;
  std::vector<const FastKernels*> found = {portable_kernels()};
  for (const auto& [name, kernels] : {std::pair("avx2", avx2_kernels()), std::pair("avx512-vnni", avx512_kernels()),
                                    std::pair("avx512-bf16", avx512_bf16_kernels()), std::pair("amx-bf16", amx_kernels())}) {
    if (kernels)
      found.push_back(kernels);
    else if (!said)
      MESSAGE("skipped here: the " << std::string(name) << " paths; this CPU does not have them");
  }
  said = true;
  return found;
}

std::vector<const FastKernels*> all_kernels_and_widths() {
  std::vector<const FastKernels*> found = all_kernels();
  for (size_t i = 0, n = found.size(); i < n; ++i) found.push_back(&wide_kernels(*found[i]));
  return found;
}

std::vector<float> run_in_pieces(Model& model, const DeepseekV2Config& config, std::span<const int32_t> tokens,
                                 const std::vector<size_t>& pieces) {
  const std::unique_ptr<Cache> cache = model.make_cache(static_cast<int64_t>(tokens.size()));
  const auto n_vocab = static_cast<size_t>(config.n_vocab);
  std::vector<float> logits(tokens.size() * n_vocab);
  for (size_t done = 0, i = 0; done < tokens.size(); ++i) {
    const size_t n = std::min({pieces[std::min(i, pieces.size() - 1)], tokens.size() - done, static_cast<size_t>(model.max_tokens())});
    ForwardRequest request;
    request.tokens = tokens.subspan(done, n);
    request.position = static_cast<int64_t>(done);
    request.cache = cache.get();
    request.logits = logits.data() + done * n_vocab;
    request.all_logits = true;
    REQUIRE(model.forward(request));
    done += n;
  }
  return logits;
}

double relative_error(std::span<const float> got, std::span<const float> want) {
  REQUIRE(got.size() == want.size());
  double error = 0.0, top = 1e-30;
  for (size_t i = 0; i < want.size(); ++i) {
    if (std::isnan(got[i]) != std::isnan(want[i])) return std::numeric_limits<double>::infinity();
    if (std::isnan(got[i])) continue;
    error = std::max(error, std::fabs(static_cast<double>(got[i]) - static_cast<double>(want[i])));
    top = std::max(top, std::fabs(static_cast<double>(want[i])));
  }
  return error / top;
}

}  // namespace engine::test
