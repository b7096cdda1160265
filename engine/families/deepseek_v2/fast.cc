// SPDX-License-Identifier: Apache-2.0
#include "engine/families/deepseek_v2/fast.h"

#include <algorithm>
#include <cmath>

#include "engine/families/deepseek_v2/make_models.h"

namespace engine {
namespace {

float attention_scale(const DeepseekV2Config& config) {
  const float m = yarn_attention_scale(config.yarn);
  return m * m / std::sqrt(static_cast<float>(config.qk_nope_dim + config.qk_rope_dim));
}

int64_t ff_width(const DeepseekV2Config& c) {
  return std::max<int64_t>(c.dense_intermediate, std::max(1, c.n_shared_experts) * int64_t{c.expert_intermediate});
}

PassShape pass_shape(const DeepseekV2Config& c) {
  return {c.n_layers, c.hidden_size, c.n_vocab, c.rms_eps, std::max<int64_t>(c.q_lora_rank, int64_t{c.n_heads} * c.v_head_dim),
          ff_width(c)};
}

}  // namespace

DeepseekV2Fast::DeepseekV2Fast(const DeepseekV2Config& config, const DeepseekV2Weights& weights, const FastKernels& kernels,
                               ThreadPool& pool, const PanelPlan& panels, CacheType cache)
    : FastPass(pass_shape(config), kernels, pool),
      config_(config),
      rope_(config.qk_rope_dim, config.rope_theta, config.yarn),
      attention_scale_(attention_scale(config)),
      latent_width_(round_up(config.kv_lora_rank, kBlockValues)),
      cache_width_(deepseek_v2_key_width(config)),
      index_width_(round_up(config.index_width(), 16)),
      cache_type_(deepseek_v2_cache_type(config, weights, cache)),
      nope_width_(round_up(config.qk_nope_dim, kBlockValues)),
      feed_forward_(*this, config.router(), kPlainGate, config.hidden_size, ff_width(config), config.expert_intermediate, pool.size()),
      q_low_(kChunk, std::max(1, config.q_lora_rank)),
      query_nope_(kChunk, config.n_heads * nope_width_),
      latents_(kChunk, config.n_heads * latent_width_),
      heads_(kChunk, int64_t{config.n_heads} * config.v_head_dim),
      q_(static_cast<size_t>(kChunk * config.n_heads * (config.qk_nope_dim + config.qk_rope_dim))),
      kv_(static_cast<size_t>(kChunk * (config.kv_lora_rank + config.qk_rope_dim))),
      queries_(static_cast<size_t>(kChunk * config.n_heads * cache_width_)),
      index_q_(static_cast<size_t>(kChunk * config.index_heads * index_width_)),
      index_k_(static_cast<size_t>(kChunk * index_width_)),
      index_weights_(static_cast<size_t>(kChunk * config.index_heads)),
      choices_(static_cast<size_t>(pool.size())),
      turns_(static_cast<size_t>(kChunk * config.qk_rope_dim / 2)) {
  std::vector<PackedMatrix*> matrices;
  for (const DeepseekV2Layer& from : weights.layers) layers_.push_back(packed_layer(config, from, store()));
  for (PackedLayer& layer : layers_) layer.list(matrices);
  if (weights.draft) {
    const DeepseekV2Draft& from = *weights.draft;
    draft_ = PackedDraft{decoded(from.token_norm), decoded(from.state_norm), decoded(from.norm), store().matrix(from.join),
                         packed_layer(config, from.layer, store())};
    matrices.push_back(&draft_->join);
    draft_->layer.list(matrices);
    joined_ = ActivationBuffer(kChunk, int64_t{2} * config.hidden_size);
  }
  finish_weights(weights.embedding, weights.norm, weights.head, std::move(matrices), panels);
}

std::unique_ptr<Cache> DeepseekV2Fast::make_cache(int64_t n_ctx) const {
  return std::make_unique<BlockCache>(config_.n_layers, cache_width_ + index_width_, n_ctx, cache_type_);
}

uint64_t DeepseekV2Fast::cache_bytes(int64_t n_ctx) const {
  return BlockCache::bytes(config_.n_layers, cache_width_ + index_width_, n_ctx, cache_type_);
}

std::unique_ptr<Cache> DeepseekV2Fast::make_draft_cache(int64_t n_ctx) const {
  return std::make_unique<BlockCache>(1, cache_width_ + index_width_, n_ctx, cache_type_);
}

uint64_t DeepseekV2Fast::draft_cache_bytes(int64_t n_ctx) const {
  return BlockCache::bytes(1, cache_width_ + index_width_, n_ctx, cache_type_);
}

void DeepseekV2Fast::begin(const ForwardRequest& request) {
  BlockCache::make_writable(request);
  if (config_.index_topk != 0) index_scores_.resize(static_cast<size_t>(request.position_of(0) + 1));
  for (int64_t t = 0; t < n_tokens(); ++t) rope_.angles(request.position_of(t), turns_.data() + t * rope_.n_pairs());
  const int64_t n_rows = request.position_of(0) + 1;
  const bool shared = n_tokens() == 1 && n_rows >= SharedSections::kFewestRows && config_.index_topk == 0 && latent_width_ <= kMaxSectionWidth;
  sections_.begin(shared ? n_rows : 0, config_.n_heads, latent_width_);
}

bool DeepseekV2Fast::layer(const Worker& worker, int l, const ForwardRequest& request) {
  const PackedLayer& layer = layers_[static_cast<size_t>(l)];
  if (!attention(worker, layer, {request, l})) return false;
  feed_forward_.add(worker, layer.ff);
  return true;
}

// The token's embedding is in the hidden state; a layer of one token alone, and of many, does the same steps.
bool DeepseekV2Fast::draft_layer(const Worker& worker, const DraftRequest& request, const ForwardRequest& step) {
  const int64_t d = config_.hidden_size;
  const bool quantized = is_quantized(draft_->join.type);
  const auto [first_token, last_token] = worker.split(n_tokens());
  for (int64_t t = first_token; t < last_token; ++t) {
    kernels().rms_norm(hidden(t), draft_->token_norm.data(), d, config_.rms_eps, joined_.row(t));
    kernels().rms_norm(request.states + t * d, draft_->state_norm.data(), d, config_.rms_eps, joined_.row(t) + d);
    if (quantized) joined_.quantize(kernels(), t, 0, 2 * d);
  }
  worker.barrier();
  const auto [first, last] = worker.split(draft_->join.n_panels());
  clear_hidden(first, last);
  add_product(worker, draft_->join, first, last, joined_.from(0), n_tokens(), nullptr, nullptr);
  worker.barrier();
  if (!attention(worker, draft_->layer, {step, 0})) return false;
  feed_forward_.add(worker, draft_->layer.ff);
  return true;
}

int64_t deepseek_v2_key_width(const DeepseekV2Config& config) {
  return std::max(round_up(config.kv_lora_rank + config.qk_rope_dim, 16), round_up(config.kv_lora_rank, kBlockValues));
}

int64_t deepseek_v2_row_width(const DeepseekV2Config& config) {
  return deepseek_v2_key_width(config) + round_up(config.index_width(), 16);
}

CacheType deepseek_v2_cache_type(const DeepseekV2Config& config, const DeepseekV2Weights& weights, CacheType asked) {
  return chosen_cache_type(asked, weights.layers[0].kv_a.type, config.kv_lora_rank + config.qk_rope_dim);
}

std::unique_ptr<Model> make_deepseek_v2_fast(const DeepseekV2Config& config, const DeepseekV2Weights& weights,
                                             const FastKernels& kernels, ThreadPool& pool, const PanelPlan& panels, CacheType cache) {
  return std::make_unique<DeepseekV2Fast>(config, weights, kernels, pool, panels, cache);
}

}  // namespace engine
