// SPDX-License-Identifier: Apache-2.0
#include "engine/deepseek_v2_fast.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "engine/formats/dequantize.h"

namespace engine {
namespace {

float attention_scale(const DeepseekV2Config& config) {
  const float m = yarn_attention_scale(config.yarn);
  return m * m / std::sqrt(static_cast<float>(config.qk_nope_dim + config.qk_rope_dim));
}

int64_t ff_width(const DeepseekV2Config& c) {
  return std::max<int64_t>(c.dense_intermediate, std::max(1, c.n_shared_experts) * int64_t{c.expert_intermediate});
}

constexpr int64_t kTilePanels = 4;  // panels of a many-token product that are added to the hidden state at once

}  // namespace

DeepseekV2Fast::DeepseekV2Fast(const DeepseekV2Config& config, const DeepseekV2Weights& weights, const FastKernels& kernels,
                               ThreadPool& pool, bool pack)
    : config_(config),
      kernels_(kernels),
      pool_(pool),
      weights_(config, weights, pool, pack),
      rope_(config.qk_rope_dim, config.rope_theta, config.yarn),
      attention_scale_(attention_scale(config)),
      latent_width_(round_up(config.kv_lora_rank, kBlockValues)),
      cache_width_(std::max(round_up(config.kv_lora_rank + config.qk_rope_dim, 16), latent_width_)),
      nope_width_(round_up(config.qk_nope_dim, kBlockValues)),
      n_ff_rows_(int64_t{kChunk} * std::max(1, config.n_experts_used)),
      hidden_(kChunk, config.hidden_size),
      input_(kChunk, config.hidden_size),
      q_low_(kChunk, std::max(1, config.q_lora_rank)),
      query_nope_(kChunk, config.n_heads * nope_width_),
      latents_(kChunk, config.n_heads * latent_width_),
      heads_(kChunk, int64_t{config.n_heads} * config.v_head_dim),
      middle_(kChunk, ff_width(config)),
      expert_middle_(n_ff_rows_, config.expert_intermediate),
      q_(static_cast<size_t>(kChunk * config.n_heads * (config.qk_nope_dim + config.qk_rope_dim))),
      kv_(static_cast<size_t>(kChunk * (config.kv_lora_rank + config.qk_rope_dim))),
      queries_(static_cast<size_t>(kChunk * config.n_heads * cache_width_)),
      router_logits_(static_cast<size_t>(kChunk * config.n_experts)),
      turns_(static_cast<size_t>(kChunk * config.qk_rope_dim / 2)),
      ids_(static_cast<size_t>(n_ff_rows_)),
      chosen_(static_cast<size_t>(n_ff_rows_)),
      private_(static_cast<size_t>(pool.size())) {
  groups_.reserve(config.n_experts, n_ff_rows_);
  const int64_t widest = std::max<int64_t>({config.hidden_size, config.q_lora_rank, int64_t{config.n_heads} * config.v_head_dim});
  const int64_t tile = std::max(round_up(std::max<int64_t>(config.hidden_size, ff_width(config)), kPanelRows),
                                kChunk * kTilePanels * kPanelRows);
  for (Private& p : private_) {
    p.input = ActivationBuffer(1, widest);
    p.middle = ActivationBuffer(1 + config.n_experts_used, ff_width(config));
    p.panel = Buffer<uint8_t>(static_cast<size_t>(weights_.largest_panel_bytes()));
    p.tile = Buffer<float>(static_cast<size_t>(tile));
    p.tile_up = Buffer<float>(static_cast<size_t>(tile));
    p.router_scratch.resize(static_cast<size_t>(config.n_experts));
    p.weights.resize(static_cast<size_t>(config.n_experts_used));
    p.ids.resize(static_cast<size_t>(config.n_experts_used));
    p.groups.reserve(config.n_experts, config.n_experts_used);
  }
}

bool DeepseekV2Fast::forward(const ForwardRequest& request) {
  n_ = static_cast<int64_t>(request.tokens.size());
  stopped_ = false;
  for (int64_t t = 0; t < n_; ++t) rope_.angles(request.position + t, turns_.data() + t * rope_.n_pairs());
  TeamChoice& choice = choice_[n_ == 1 ? 0 : n_ <= 16 ? 1 : 2];
  const auto start = std::chrono::steady_clock::now();
  auto pass = [&](const Worker& worker) {
    embed(worker, request);
    worker.barrier();
    for (int l = 0; l < config_.n_layers; ++l) {
      // Set by one worker before the layer's first barrier, read by all after it, so all leave together.
      if (worker.index == 0 && request.stop.stop_requested()) stopped_ = true;
      const PackedLayer& layer = weights_.layer(l);
      attention(worker, layer, l, request);
      if (stopped_) return;
      if (layer.router)
        experts(worker, layer);
      else
        dense(worker, layer);
    }
    if (request.logits) logits(worker, request);
  };
  pool_.run(pass, choice.alone());
  if (stopped_) return false;
  choice.took(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / static_cast<double>(n_));
  return true;
}

void DeepseekV2Fast::embed(const Worker& worker, const ForwardRequest& request) {
  const TensorView& table = weights_.embedding();
  const auto [first, last] = worker.split(n_);
  for (int64_t t = first; t < last; ++t)
    dequantize_row(table, request.tokens[static_cast<size_t>(t)], {hidden_.row(t), static_cast<size_t>(config_.hidden_size)});
}

void DeepseekV2Fast::logits(const Worker& worker, const ForwardRequest& request) {
  const PackedMatrix& head = weights_.head();
  const int64_t n = request.all_logits ? n_ : 1;
  const Activations x = normed_hidden(worker, weights_.norm(), n_ - n, n, is_quantized(head.type));
  multiply_share(worker, head, x, n, request.logits, config_.n_vocab);
}

Activations DeepseekV2Fast::normed_hidden(const Worker& worker, const std::vector<float>& gain, int64_t first_token, int64_t n,
                                          bool quantized) {
  const int64_t d = config_.hidden_size;
  const auto norm_row = [&](int64_t t, ActivationBuffer& out, int64_t row) {
    kernels_.rms_norm(hidden_.row(t), gain.data(), d, config_.rms_eps, out.row(row));
    if (quantized) out.quantize(kernels_, row, 0, d);
  };
  if (n == 1) {
    norm_row(first_token, mine(worker).input, 0);
    return mine(worker).input.from(0);
  }
  const auto [first, last] = worker.split(n);
  for (int64_t t = first; t < last; ++t) norm_row(first_token + t, input_, t);
  worker.barrier();
  return input_.from(0);
}

Activations DeepseekV2Fast::rounded(const Worker& worker, ActivationBuffer& buffer, int64_t n_rows, int64_t width,
                                    bool quantized, ActivationBuffer& own, int64_t own_row) {
  if (!quantized) return buffer.from(0);
  if (n_ == 1) {
    for (int64_t i = 0; i < n_rows; ++i) {
      std::copy_n(buffer.row(i), width, own.row(own_row + i));
      own.quantize(kernels_, own_row + i, 0, width);
    }
    return own.from(own_row);
  }
  const auto [first, last] = worker.split(n_rows);
  for (int64_t i = first; i < last; ++i) buffer.quantize(kernels_, i, 0, width);
  worker.barrier();
  return buffer.from(0);
}

void DeepseekV2Fast::multiply(const Worker& worker, const PackedMatrix& w, int64_t first_panel, int64_t last_panel,
                              const Activations& x, int64_t n_tokens, float* y, int64_t y_stride) {
  if (first_panel < last_panel)
    matmul_panels(kernels_, w, first_panel, last_panel, x, n_tokens, y, y_stride, mine(worker).panel.data());
}

void DeepseekV2Fast::multiply_share(const Worker& worker, const PackedMatrix& w, const Activations& x, int64_t n_tokens,
                                    float* y, int64_t y_stride) {
  const auto [first, last] = worker.split(w.n_panels());
  multiply(worker, w, first, last, x, n_tokens, y + first * kPanelRows, y_stride);
}

void DeepseekV2Fast::add_product(const Worker& worker, const PackedMatrix& w, int64_t first_panel, int64_t last_panel,
                                 const Activations& x, int64_t n_rows, const int32_t* token, const float* weight) {
  float* tile = mine(worker).tile.data();
  const int64_t step = n_rows == 1 ? last_panel - first_panel : kTilePanels;
  for (int64_t p = first_panel; p < last_panel; p += step) {
    const int64_t end = std::min(p + step, last_panel), stride = (end - p) * kPanelRows;
    const int64_t width = std::min(end * kPanelRows, w.n_out) - p * kPanelRows;
    multiply(worker, w, p, end, x, n_rows, tile, stride);
    for (int64_t i = 0; i < n_rows; ++i) {
      float* to = hidden_.row(token ? token[i] : i) + p * kPanelRows;
      const float* from = tile + i * stride;
      const float scale = weight ? weight[i] : 1.0f;
      for (int64_t j = 0; j < width; ++j) to[j] += scale * from[j];
    }
  }
}

std::unique_ptr<Model> make_deepseek_v2_fast(const DeepseekV2Config& config, const DeepseekV2Weights& weights,
                                             const FastKernels& kernels, ThreadPool& pool, bool pack) {
  return std::make_unique<DeepseekV2Fast>(config, weights, kernels, pool, pack);
}

}  // namespace engine
