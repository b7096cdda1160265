// SPDX-License-Identifier: Apache-2.0
// The DeepSeek-V4 forward pass in plain operators. Source: DeepSeek-V4, arXiv:2606.19348, section 2; operators in
// engine/kernels.
#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "engine/families/deepseek_v4/cache.h"
#include "engine/families/deepseek_v4/make_models.h"
#include "engine/formats/dequantize.h"
#include "engine/kernels/attention.h"
#include "engine/kernels/compressor.h"
#include "engine/kernels/hyper_connection.h"
#include "engine/kernels/lightning_indexer.h"
#include "engine/kernels/matmul.h"
#include "engine/kernels/rms_norm.h"
#include "engine/load/tensor_binder.h"
#include "engine/plain_ops.h"

namespace engine {
namespace {

using plain::at;
using plain::matmul;
using plain::Values;

Values row_of(const TensorView& view, int64_t row = 0) {
  Values values(at(view.n_in()));
  dequantize_row(view, row, values);
  return values;
}

class Reference : public Model {
 public:
  Reference(const DeepseekV4Config& config, const DeepseekV4Weights& weights)
      : config_(config),
        weights_(weights),
        window_rope_(config.rope_table(false)),
        entry_rope_(config.rope_table(true)) {}

  int max_tokens() const override { return kChunk; }
  std::unique_ptr<Cache> make_cache(int64_t n_ctx) const override {
    return std::make_unique<V4Cache>(config_, shape(n_ctx));
  }
  uint64_t cache_bytes(int64_t n_ctx) const override { return V4Cache::bytes(config_, shape(n_ctx)); }

  bool forward(const ForwardRequest& request) override {
    const int64_t d = config_.hidden_size, s = config_.n_streams, n = static_cast<int64_t>(request.tokens.size());
    static_cast<V4Cache&>(*request.cache).begin(request.position, n);
    const Values embedded = plain::embed(weights_.embedding, request.tokens);
    Values streams;  // [n, S, D]
    for (int64_t t = 0; t < n; ++t)
      for (int64_t j = 0; j < s; ++j)
        streams.insert(streams.end(), embedded.begin() + t * d, embedded.begin() + (t + 1) * d);
    for (int l = 0; l < config_.n_layers; ++l) {
      if (request.stop.stop_requested()) return false;
      const DeepseekV4Layer& layer = weights_.layers[at(l)];
      std::vector<StreamMix> mixes = mix(layer.attn_connection, streams, false);
      spread(mixes, attention(layer, l, norm(gather(mixes, streams), layer.attn_norm), request), streams);
      mixes = mix(layer.ff_connection, streams, false);
      const Values x = norm(gather(mixes, streams), layer.ff.norm);
      spread(mixes, plain::feed_forward(layer.ff, config_.router(), config_.gate, x, request.tokens), streams);
    }
    if (!request.logits) return true;
    if (!request.all_logits) streams.erase(streams.begin(), streams.end() - s * d);
    const Values hidden = gather(mix(weights_.head_connection, streams, true), streams);
    const Values logits = matmul(weights_.head, norm(hidden, weights_.norm));
    std::copy(logits.begin(), logits.end(), request.logits);
    return true;
  }

 private:
  static constexpr int kChunk = 32;

  V4Cache::Shape shape(int64_t n_ctx) const { return {n_ctx, kChunk, config_.head_dim, config_.index_head_dim}; }
  Values norm(const Values& x, const TensorView& gain) const { return plain::rms_norm(x, gain, config_.rms_eps); }

  std::vector<StreamMix> mix(const V4Connection& c, const Values& streams, bool head) const {
    const int64_t width = c.mix.n_in();
    const Values ones(at(width), 1.0f), base = row_of(c.base), scale = row_of(c.scale);
    Values normed(streams.size());
    for (size_t i = 0; i < streams.size(); i += at(width))
      rms_norm_cpu_reference(streams.data() + i, ones.data(), width, config_.rms_eps, normed.data() + i);
    const Values mixed = matmul(c.mix, normed);
    std::vector<StreamMix> mixes(streams.size() / at(width));
    for (size_t t = 0; t < mixes.size(); ++t)
      stream_mix(config_.n_streams, config_.sinkhorn_rounds, config_.stream_eps, head, mixed.data() + t * base.size(),
                 scale.data(), base.data(), mixes[t]);
    return mixes;
  }
  Values gather(const std::vector<StreamMix>& mixes, const Values& streams) const {
    const int64_t d = config_.hidden_size, s = config_.n_streams;
    Values input(mixes.size() * at(d));
    for (size_t t = 0; t < mixes.size(); ++t)
      gather_streams(mixes[t], config_.n_streams, d, streams.data() + t * at(s * d), input.data() + t * at(d));
    return input;
  }
  void spread(const std::vector<StreamMix>& mixes, const Values& result, Values& streams) const {
    const int64_t d = config_.hidden_size, s = config_.n_streams;
    for (size_t t = 0; t < mixes.size(); ++t)
      spread_streams(mixes[t], config_.n_streams, d, result.data() + t * at(d), streams.data() + t * at(s * d));
  }

  // The last channels of each row of `width` turned to the place of its token; `rows` to a token.
  void rotate(const RopeTable& rope, Values& x, int64_t width, int64_t rows, int64_t position,
              bool back = false) const {
    std::vector<RopeTable::Turn> turns(at(rope.n_pairs()));
    for (int64_t r = 0; r < static_cast<int64_t>(x.size()) / width; ++r) {
      rope.angles(position + r / rows, turns.data());
      for (RopeTable::Turn& turn : turns) turn.sin = back ? -turn.sin : turn.sin;
      rope_interleaved(turns.data(), rope.n_pairs(), x.data() + (r + 1) * width - config_.rope_dim);
    }
  }

  Values attention(const DeepseekV4Layer& layer, int l, const Values& x, const ForwardRequest& request) const {
    V4Cache& cache = static_cast<V4Cache&>(*request.cache);
    const int64_t n = static_cast<int64_t>(request.tokens.size()), heads = config_.n_heads, d = config_.head_dim;
    const RopeTable& rope = config_.ratio(l) == 0 ? window_rope_ : entry_rope_;
    const Values q_low = norm(matmul(layer.q_a, x), layer.q_a_norm), ones(at(d), 1.0f);
    Values q = matmul(layer.q_b, q_low), keys = norm(matmul(layer.kv, x), layer.kv_norm);
    for (int64_t r = 0; r < n * heads; ++r)
      rms_norm_cpu_reference(q.data() + r * d, ones.data(), d, config_.rms_eps, q.data() + r * d);
    rotate(rope, q, d, heads, request.position);
    rotate(rope, keys, d, 1, request.position);
    for (int64_t t = 0; t < n; ++t) std::copy_n(keys.data() + t * d, d, cache.key(l, request.position + t));
    if (config_.ratio(l) != 0) compress(layer.entries, l, x, request.position, cache.entries(l));
    const std::vector<std::vector<int32_t>> chosen = choose_entries(layer, l, x, q_low, request);

    const Values sinks = row_of(layer.sinks);
    Values out(q.size()), seen;
    for (int64_t t = 0; t < n; ++t) {
      const int64_t place = request.position + t;
      seen.clear();
      for (int64_t s = std::max<int64_t>(0, place + 1 - config_.window); s <= place; ++s)
        seen.insert(seen.end(), cache.key(l, s), cache.key(l, s) + d);
      for (const int64_t e : chosen[at(t)])
        seen.insert(seen.end(), cache.entries(l).entry(e), cache.entries(l).entry(e) + d);
      for (int64_t h = 0; h < heads; ++h)
        attention_cpu_reference(q.data() + (t * heads + h) * d, seen.data(), d, d, seen.data(), d, d, 0,
                                static_cast<int64_t>(seen.size()) / d, 1.0f / std::sqrt(static_cast<float>(d)),
                                &sinks[at(h)], out.data() + (t * heads + h) * d);
    }
    rotate(rope, out, d, heads, request.position, true);  // values carry their keys' rotation
    return project_out(layer, out);
  }

  Values project_out(const DeepseekV4Layer& layer, const Values& heads) const {
    const int64_t groups = config_.o_groups, rank = config_.o_lora_rank, width = config_.group_width();
    Values low;  // [n, G, R]
    for (int64_t at_group = 0; at_group < static_cast<int64_t>(heads.size()) / width; ++at_group) {
      const TensorView w = rows_of(layer.o_a, at_group % groups * rank, rank);
      const Values part = matmul(w, Values(heads.begin() + at_group * width, heads.begin() + (at_group + 1) * width));
      low.insert(low.end(), part.begin(), part.end());
    }
    return matmul(layer.o_b, low);
  }

  // Keeps the tokens' parts, and makes the entries that they complete.
  void compress(const V4Compressor& w, int l, const Values& x, int64_t position, V4Cache::Entries& to) const {
    const Values values = matmul(w.values, x), gates = matmul(w.gate, x);
    const int64_t m = config_.ratio(l), all = w.values.n_rows(), width = w.norm.n_in(),
                  n = static_cast<int64_t>(values.size()) / all;
    for (int64_t t = 0; t < n; ++t) {
      const int64_t place = position + t;
      const Values bias = row_of(w.place, place % m);
      float* part = to.part(place);
      std::copy_n(values.data() + t * all, all, part);
      for (int64_t i = 0; i < all; ++i) part[all + i] = gates[at(t * all + i)] + bias[at(i)];
      if (place % m != m - 1) continue;
      std::vector<const float*> parts, weights;
      const int64_t first = place + 1 - m;
      for (int64_t s = config_.sparse(l) ? std::max<int64_t>(0, first - m) : first; s <= place; ++s) {
        const int64_t series =
            config_.sparse(l) && s >= first ? width : 0;  // a token's first part is for the next entry
        parts.push_back(to.part(s) + series);
        weights.push_back(to.part(s) + all + series);
      }
      Values entry(at(width));
      compress_rows(parts.data(), weights.data(), static_cast<int64_t>(parts.size()), width, entry.data());
      entry = norm(entry, w.norm);
      rotate(entry_rope_, entry, width, 1, first);
      std::copy(entry.begin(), entry.end(), to.entry(place / m));
    }
  }

  // The entries that each token attends to: those complete by then, or the best of them by the indexer.
  std::vector<std::vector<int32_t>> choose_entries(const DeepseekV4Layer& layer, int l, const Values& x,
                                                   const Values& q_low, const ForwardRequest& request) const {
    V4Cache& cache = static_cast<V4Cache&>(*request.cache);
    const int64_t n = static_cast<int64_t>(request.tokens.size()), heads = config_.index_heads,
                  width = config_.index_head_dim;
    std::vector<std::vector<int32_t>> chosen(at(n));
    if (config_.ratio(l) == 0) return chosen;
    const auto complete = [&](int64_t t) { return (request.position + t + 1) / config_.ratio(l); };
    if (!config_.sparse(l)) {
      for (int64_t t = 0; t < n; ++t) select_rows(nullptr, complete(t), complete(t), chosen[at(t)]);
      return chosen;
    }
    V4Cache::Entries& keys = cache.index_entries(l);
    compress(layer.index_entries, l, x, request.position, keys);
    Values queries = matmul(layer.index_q, q_low), weights = matmul(layer.index_weights, x);
    rotate(entry_rope_, queries, width, heads, request.position);
    for (float& w : weights) w /= std::sqrt(static_cast<float>(heads) * static_cast<float>(width));
    for (int64_t t = 0; t < n; ++t) {
      Values scores(at(complete(t)));
      index_scores_cpu_reference({queries.data() + t * heads * width, weights.data() + t * heads, config_.index_heads,
                                  width, keys.entry(0), keys.width, complete(t), scores.data()});
      select_rows(scores.data(), complete(t), config_.index_topk, chosen[at(t)]);
    }
    return chosen;
  }

  const DeepseekV4Config config_;
  const DeepseekV4Weights weights_;  // views
  const RopeTable window_rope_, entry_rope_;
};

}  // namespace

std::unique_ptr<Model> make_deepseek_v4_reference(const DeepseekV4Config& config, const DeepseekV4Weights& weights) {
  return std::make_unique<Reference>(config, weights);
}

}  // namespace engine
