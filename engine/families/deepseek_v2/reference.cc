// SPDX-License-Identifier: Apache-2.0
// The DeepSeek-V2 forward pass in plain operators: one token after the other through each layer, keys and values expanded
// from the latent cache. Source: DeepSeek-V2, arXiv:2405.04434, section 2; operators in engine/kernels.
#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/block_cache.h"
#include "engine/families/deepseek_v2/linear_modules.h"
#include "engine/families/deepseek_v2/make_models.h"
#include "engine/formats/dequantize.h"
#include "engine/kernels/matmul.h"
#include "engine/kernels/attention.h"
#include "engine/kernels/lightning_indexer.h"
#include "engine/kernels/moe_router.h"
#include "engine/kernels/rope.h"
#include "engine/plain_ops.h"

namespace engine {
namespace {

using plain::at;
using plain::Values;

class Reference : public Model {
 public:
  Reference(const DeepseekV2Config& config, const DeepseekV2Weights& weights)
      : config_(config), weights_(weights), rope_(config.qk_rope_dim, config.rope_theta, config.yarn) {}

  int max_tokens() const override { return 64; }
  std::unique_ptr<Cache> make_cache(int64_t n_ctx) const override {
    return std::make_unique<BlockCache>(config_.n_layers, cache_width(), n_ctx);
  }
  uint64_t cache_bytes(int64_t n_ctx) const override { return BlockCache::bytes(config_.n_layers, cache_width(), n_ctx); }

  bool forward(const ForwardRequest& request) override {
    static_cast<BlockCache&>(*request.cache).make_writable(request.position, static_cast<int64_t>(request.tokens.size()));
    adapter_ = request.adapter;
    const int64_t d = config_.hidden_size;
    Values hidden = plain::embed(weights_.embedding, request.tokens);
    for (int l = 0; l < config_.n_layers; ++l) {
      if (request.stop.stop_requested()) return false;
      const DeepseekV2Layer& layer = weights_.layers[at(l)];
      plain::add(hidden, attention(layer, l, norm(hidden, layer.attn_norm), request));
      const Values x = norm(hidden, layer.ff.norm);
      plain::add(hidden, plain::feed_forward(layer.ff, config_.router(), kPlainGate, x, {}, adapter_));
    }
    if (request.states) {
      const Values states = norm(hidden, weights_.norm);
      std::copy(states.begin(), states.end(), request.states);
    }
    if (!request.logits) return true;
    if (!request.all_logits) hidden.erase(hidden.begin(), hidden.end() - d);
    const Values logits = matmul(weights_.head, norm(hidden, weights_.norm));
    std::copy(logits.begin(), logits.end(), request.logits);
    return true;
  }

  int64_t draft_width() const override { return weights_.draft ? config_.hidden_size : 0; }
  std::unique_ptr<Cache> make_draft_cache(int64_t n_ctx) const override { return std::make_unique<BlockCache>(1, cache_width(), n_ctx); }
  uint64_t draft_cache_bytes(int64_t n_ctx) const override { return BlockCache::bytes(1, cache_width(), n_ctx); }

  bool draft(const DraftRequest& request) override {
    const auto n = static_cast<int64_t>(request.tokens.size()), d = int64_t{config_.hidden_size};
    static_cast<BlockCache&>(*request.cache).make_writable(request.position, n);
    adapter_ = nullptr;
    ForwardRequest step;
    step.tokens = request.tokens;
    step.position = request.position;
    step.cache = request.cache;
    if (request.stop.stop_requested()) return false;
    const DeepseekV2Draft& draft = *weights_.draft;
    const Values token = norm(plain::embed(weights_.embedding, request.tokens), draft.token_norm);
    const Values state = norm(Values(request.states, request.states + n * d), draft.state_norm);
    Values both;
    for (int64_t t = 0; t < n; ++t) {
      both.insert(both.end(), token.begin() + t * d, token.begin() + (t + 1) * d);
      both.insert(both.end(), state.begin() + t * d, state.begin() + (t + 1) * d);
    }
    Values hidden = matmul(draft.join, both);
    plain::add(hidden, attention(draft.layer, 0, norm(hidden, draft.layer.attn_norm), step));
    plain::add(hidden, plain::feed_forward(draft.layer.ff, config_.router(), kPlainGate, norm(hidden, draft.layer.ff.norm)));
    hidden.erase(hidden.begin(), hidden.end() - d);
    if (request.state) std::copy(hidden.begin(), hidden.end(), request.state);
    if (!request.logits) return true;
    const Values logits = matmul(weights_.head, norm(hidden, draft.norm));
    std::copy(logits.begin(), logits.end(), request.logits);
    return true;
  }

 private:
  int64_t latent_width() const { return config_.kv_lora_rank + config_.qk_rope_dim; }
  int64_t cache_width() const { return latent_width() + config_.index_width(); }  // [c | k_rope | index key]

  Values matmul(const TensorView& w, const Values& x) const { return plain::matmul(w, x, adapter_); }
  Values norm(const Values& x, const TensorView& gain) const { return plain::rms_norm(x, gain, config_.rms_eps); }

  Values attention(const DeepseekV2Layer& layer, int l, const Values& x, const ForwardRequest& request) const {
    BlockCache& cache = static_cast<BlockCache&>(*request.cache);
    const int64_t n = static_cast<int64_t>(request.tokens.size()), heads = config_.n_heads, c = config_.kv_lora_rank;
    const int64_t nope = config_.qk_nope_dim, rope = config_.qk_rope_dim, dv = config_.v_head_dim, dk = nope + rope;
    const Values q_low = layer.q ? Values() : plain::rms_norm(matmul(layer.q_a, x), layer.q_a_norm, config_.latent_eps);
    Values q = layer.q ? matmul(layer.q, x) : matmul(layer.q_b, q_low);
    Values kv = matmul(layer.kv_a, x);
    const Values latents = plain::rms_norm(kv, layer.kv_a_norm, config_.latent_eps, c + rope);
    std::vector<RopeTable::Turn> turns(at(rope_.n_pairs()));
    for (int64_t t = 0; t < n; ++t) {
      rope_.angles(request.position + t, turns.data());
      for (int64_t h = 0; h < heads; ++h)
        rope_interleaved(turns.data(), rope_.n_pairs(), q.data() + (t * heads + h) * dk + nope);
      rope_interleaved(turns.data(), rope_.n_pairs(), kv.data() + t * (c + rope) + c);
      float* row = cache.row(l, request.position + t);
      std::copy_n(latents.data() + t * c, c, row);
      std::copy_n(kv.data() + t * (c + rope) + c, rope, row + c);
    }

    const int64_t n_keys = request.position + n;
    Values keys(at(n_keys * heads * dk)), values(at(n_keys * heads * dv));
    for (int64_t s = 0; s < n_keys; ++s)
      expand(layer, cache.row(l, s), keys.data() + s * heads * dk, values.data() + s * heads * dv);
    const float m = yarn_attention_scale(config_.yarn);
    const float scale = m * m / std::sqrt(static_cast<float>(dk));
    const std::vector<std::vector<int32_t>> chosen = choose_rows(layer, l, x, q_low, request);
    Values out(at(n * heads * dv)), some_keys, some_values;
    for (int64_t t = 0; t < n; ++t) {
      some_keys.clear(), some_values.clear();
      for (const int64_t s : chosen[at(t)]) {
        some_keys.insert(some_keys.end(), keys.begin() + s * heads * dk, keys.begin() + (s + 1) * heads * dk);
        some_values.insert(some_values.end(), values.begin() + s * heads * dv, values.begin() + (s + 1) * heads * dv);
      }
      for (int64_t h = 0; h < heads; ++h)
        attention_cpu_reference(q.data() + (t * heads + h) * dk, some_keys.data() + h * dk, heads * dk, dk, some_values.data() + h * dv,
                                heads * dv, dv, 0, static_cast<int64_t>(chosen[at(t)].size()), scale, nullptr,
                                out.data() + (t * heads + h) * dv);
    }
    return matmul(layer.o, out);
  }

  // The cache rows that each token attends to: all up to its own, or those the indexer chooses.
  std::vector<std::vector<int32_t>> choose_rows(const DeepseekV2Layer& layer, int l, const Values& x, const Values& q_low,
                                                const ForwardRequest& request) const {
    BlockCache& cache = static_cast<BlockCache&>(*request.cache);
    const int64_t n = static_cast<int64_t>(request.tokens.size()), heads = config_.index_heads, width = config_.index_head_dim;
    std::vector<std::vector<int32_t>> chosen(at(n));
    if (config_.index_topk == 0) {
      for (int64_t t = 0; t < n; ++t) select_rows(nullptr, request.position + t + 1, request.position + t + 1, chosen[at(t)]);
      return chosen;
    }
    Values queries = matmul(layer.index_q, q_low), weights = matmul(layer.index_weights, x);
    const Values keys = plain::layer_norm(matmul(layer.index_k, x), layer.index_k_gain, layer.index_k_bias, kIndexKeyEps);
    for (float& w : weights) w /= std::sqrt(static_cast<float>(heads) * static_cast<float>(width));
    std::vector<RopeTable::Turn> turns(at(rope_.n_pairs()));
    for (int64_t t = 0; t < n; ++t) {
      rope_.angles(request.position + t, turns.data());
      for (int64_t h = 0; h < heads; ++h) rope_half_split(turns.data(), rope_.n_pairs(), queries.data() + (t * heads + h) * width);
      float* key = cache.row(l, request.position + t) + latent_width();
      std::copy_n(keys.data() + t * width, width, key);
      rope_half_split(turns.data(), rope_.n_pairs(), key);
    }
    const int64_t n_keys = request.position + n;
    Values scores, all_keys(at(n_keys * width));
    for (int64_t s = 0; s < n_keys; ++s) std::copy_n(cache.row(l, s) + latent_width(), width, all_keys.data() + s * width);
    for (int64_t t = 0; t < n; ++t) {
      scores.resize(at(request.position + t + 1));
      index_scores_cpu_reference(
          {{queries.data() + t * heads * width, weights.data() + t * heads, config_.index_heads, width},
           all_keys.data(),
           width,
           request.position + t + 1,
           scores.data()});
      select_rows(scores.data(), request.position + t + 1, config_.index_topk, chosen[at(t)]);
    }
    return chosen;
  }

  // Keys [heads, nope + rope] and values [heads, dv] of one cache row.
  void expand(const DeepseekV2Layer& layer, const float* row, float* keys, float* values) const {
    const int64_t heads = config_.n_heads, c = config_.kv_lora_rank, nope = config_.qk_nope_dim, rope = config_.qk_rope_dim;
    const int64_t dv = config_.v_head_dim;
    const Values latent(row, row + c);
    if (layer.kv_b) {
      const Values both = plain::matmul(layer.kv_b, latent);
      for (int64_t h = 0; h < heads; ++h) {
        std::copy_n(both.data() + h * (nope + dv), nope, keys + h * (nope + rope));
        std::copy_n(both.data() + h * (nope + dv) + nope, dv, values + h * dv);
      }
    } else {
      Values k_row(at(nope));
      for (int64_t h = 0; h < heads; ++h) {
        float* key = keys + h * (nope + rope);
        std::fill_n(key, nope, 0.0f);
        const TensorView k_b = layer.k_b.slice(h);
        for (int64_t i = 0; i < c; ++i) {
          dequantize_row(k_b, i, k_row);
          for (int64_t j = 0; j < nope; ++j) key[j] += k_row[at(j)] * row[i];
        }
        matmul_cpu_reference(layer.v_b.slice(h), row, 1, values + h * dv);
      }
    }
    for (int64_t h = 0; h < heads; ++h) {
      std::copy_n(row + c, rope, keys + h * (nope + rope) + nope);
      if (!adapter_) continue;
      const HeadKeys head = head_keys(config_, layer, h);
      if (const LowRank* product = adapter_->find(head.k)) add_low_rank_turned_cpu_reference(*product, row, keys + h * (nope + rope));
      if (const LowRank* product = adapter_->find(head.v)) add_low_rank_cpu_reference(*product, row, 1, values + h * dv);
    }
  }

  const DeepseekV2Config config_;
  const DeepseekV2Weights weights_;  // views
  const RopeTable rope_;
  const AdapterWeights* adapter_ = nullptr;  // of the present pass
};

}  // namespace

std::unique_ptr<Model> make_deepseek_v2_reference(const DeepseekV2Config& config, const DeepseekV2Weights& weights) {
  return std::make_unique<Reference>(config, weights);
}

}  // namespace engine
