// SPDX-License-Identifier: Apache-2.0
// The forward pass of the grouped-query models in plain operators. Source: as grouped.h; operators in engine/kernels.
#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/block_cache.h"
#include "engine/families/grouped/make_models.h"
#include "engine/formats/dequantize.h"
#include "engine/kernels/attention.h"
#include "engine/plain_ops.h"

namespace engine {
namespace {

using plain::at;
using plain::Values;

class GroupedReference : public Model {
 public:
  GroupedReference(const GroupedConfig& config, const GroupedWeights& weights)
      : config_(config), weights_(weights), rope_(rope_table(config, weights.rope_factors)) {}

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
      const GroupedLayer& layer = weights_.layers[at(l)];
      plain::add(hidden, attention(layer, l, plain::rms_norm(hidden, layer.attn_norm, config_.rms_eps), request));
      plain::add(hidden, plain::feed_forward(layer.ff, config_.router(), config_.gate,
                                             plain::rms_norm(hidden, layer.ff.norm, config_.rms_eps), {}, adapter_));
    }
    if (!request.logits) return true;
    if (!request.all_logits) hidden.erase(hidden.begin(), hidden.end() - d);
    const Values logits = matmul(weights_.head, plain::rms_norm(hidden, weights_.norm, config_.rms_eps));
    std::copy(logits.begin(), logits.end(), request.logits);
    return true;
  }

 private:
  Values matmul(const TensorView& w, const Values& x) const { return plain::matmul(w, x, adapter_); }
  int64_t cache_width() const { return int64_t{2} * config_.n_kv_heads * config_.head_dim; }  // [keys | values]

  // One projection of all tokens: bias, norm of each head, rotation.
  Values project(const TensorView& w, const TensorView& bias, const TensorView& head_norm, bool rotate, const Values& x,
                 int64_t position) const {
    Values y = matmul(w, x);
    plain::add_bias(y, bias);
    if (head_norm) y = plain::rms_norm(y, head_norm, config_.rms_eps);
    const int64_t d = config_.head_dim, heads = w.n_rows() / d;
    std::vector<RopeTable::Turn> turns(at(rope_.n_pairs()));
    for (int64_t row = 0; rotate && row < static_cast<int64_t>(y.size()) / d; ++row) {
      rope_.angles(position + row / heads, turns.data());
      (config_.interleaved_rope ? rope_interleaved : rope_half_split)(turns.data(), rope_.n_pairs(), y.data() + row * d);
    }
    return y;
  }

  Values attention(const GroupedLayer& layer, int l, const Values& x, const ForwardRequest& request) const {
    BlockCache& cache = static_cast<BlockCache&>(*request.cache);
    const int64_t n = static_cast<int64_t>(request.tokens.size()), d = config_.head_dim, heads = config_.n_heads;
    const int64_t kv = int64_t{config_.n_kv_heads} * d, group = heads / config_.n_kv_heads;
    const Values q = project(layer.q, layer.q_bias, layer.q_norm, true, x, request.position);
    const Values k = project(layer.k, layer.k_bias, layer.k_norm, true, x, request.position);
    const Values v = project(layer.v, layer.v_bias, {}, false, x, request.position);
    for (int64_t t = 0; t < n; ++t) {
      float* row = cache.row(l, request.position + t);
      std::copy_n(k.data() + t * kv, kv, row);
      std::copy_n(v.data() + t * kv, kv, row + kv);
    }
    const int64_t n_rows = request.position + n, width = cache.width();
    Values rows(at(n_rows * width));  // the cache's, one after the other
    for (int64_t s = 0; s < n_rows; ++s) std::copy_n(cache.row(l, s), width, rows.data() + s * width);
    Values sinks(at(layer.sinks ? heads : 0)), out(q.size());
    if (layer.sinks) dequantize_row(layer.sinks, 0, sinks);
    const float scale = 1.0f / std::sqrt(static_cast<float>(d));
    const int64_t window = config_.window[at(l)];
    for (int64_t t = 0; t < n; ++t)
      for (int64_t h = 0; h < heads; ++h) {
        const int64_t n_visible = request.position + t + 1, first = window == 0 ? 0 : std::max<int64_t>(0, n_visible - window);
        const float* keys = rows.data() + h / group * d;
        attention_cpu_reference(q.data() + (t * heads + h) * d, keys, width, d, keys + kv, width, d, first, n_visible,
                                scale, layer.sinks ? &sinks[at(h)] : nullptr, out.data() + (t * heads + h) * d);
      }
    Values y = matmul(layer.o, out);
    plain::add_bias(y, layer.o_bias);
    return y;
  }

  const GroupedConfig config_;
  const GroupedWeights weights_;  // views
  const RopeTable rope_;
  const AdapterWeights* adapter_ = nullptr;  // of the present pass
};

}  // namespace

std::unique_ptr<Model> make_grouped_reference(const GroupedConfig& config, const GroupedWeights& weights) {
  return std::make_unique<GroupedReference>(config, weights);
}

}  // namespace engine
