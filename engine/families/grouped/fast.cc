// SPDX-License-Identifier: Apache-2.0
// The forward pass of the grouped-query models on the fast paths.
//
// Cache    f32 or bf16. Rows of one layer and key head follow each other: [key | value], each padded to 16 values, so that a key head's
//          attention reads one stream.
// Source   as grouped.h
#include <algorithm>
#include <cmath>

#include "engine/block_cache.h"
#include "engine/families/grouped/make_models.h"
#include "engine/fast/fast_pass.h"
#include "engine/fast/feed_forward.h"
#include "engine/fast/shared_sections.h"
#include "engine/kernels/attention.h"

namespace engine {
namespace {

struct PackedLayer {
  std::vector<float> attn_norm, q_bias, k_bias, v_bias, q_norm, k_norm, sinks, o_bias;
  PackedMatrix q, k, v, o;
  FeedForwardWeights ff;
};

PackedLayer packed_layer(const GroupedLayer& from, PanelStore& store) {
  return {decoded(from.attn_norm), decoded(from.q_bias), decoded(from.k_bias), decoded(from.v_bias),
          decoded(from.q_norm),    decoded(from.k_norm), decoded(from.sinks),  decoded(from.o_bias),
          store.matrix(from.q),    store.matrix(from.k), store.matrix(from.v), store.matrix(from.o),
          packed_feed_forward(from.ff, store)};
}

PassShape pass_shape(const GroupedConfig& c) {
  return {c.n_layers, c.hidden_size, c.n_vocab, c.rms_eps, int64_t{c.n_heads} * c.head_dim,
          std::max<int64_t>(c.dense_intermediate, c.expert_intermediate)};
}

class GroupedFast : public FastPass {
 public:
  GroupedFast(const GroupedConfig& config, const GroupedWeights& weights, const FastKernels& kernels, ThreadPool& pool, const PanelPlan& panels, CacheType cache)
      : FastPass(pass_shape(config), kernels, pool),
        config_(config),
        rope_(rope_table(config, weights.rope_factors)),
        d_(config.head_dim),
        padded_(grouped_key_width(config)),
        kv_width_(int64_t{config.n_kv_heads} * d_),
        group_(config.n_heads / config.n_kv_heads),
        cache_type_(chosen_cache_type(cache, weights.layers[0].k.type, padded_)),
        feed_forward_(*this, config.router(), config.gate, config.hidden_size, std::max(1, config.dense_intermediate),
                      config.expert_intermediate, pool.size()),
        heads_(kChunk, int64_t{config.n_heads} * d_),
        q_(static_cast<size_t>(kChunk * config.n_heads * d_)),
        k_(static_cast<size_t>(kChunk * kv_width_)),
        v_(static_cast<size_t>(kChunk * kv_width_)),
        queries_(static_cast<size_t>(kChunk * config.n_heads * padded_)),
        results_(queries_.size()),
        turns_(static_cast<size_t>(kChunk * d_ / 2)) {
    std::vector<PackedMatrix*> matrices;
    for (const GroupedLayer& from : weights.layers) layers_.push_back(packed_layer(from, store()));
    for (PackedLayer& layer : layers_) {
      matrices.insert(matrices.end(), {&layer.q, &layer.k, &layer.v, &layer.o});
      layer.ff.list(matrices);
    }
    finish_weights(weights.embedding, weights.norm, weights.head, std::move(matrices), panels);
  }

  std::unique_ptr<Cache> make_cache(int64_t n_ctx) const override {
    return std::make_unique<BlockCache>(int64_t{config_.n_layers} * config_.n_kv_heads, 2 * padded_, n_ctx, cache_type_);
  }
  uint64_t cache_bytes(int64_t n_ctx) const override {
    return BlockCache::bytes(int64_t{config_.n_layers} * config_.n_kv_heads, 2 * padded_, n_ctx, cache_type_);
  }

 private:
  void begin(const ForwardRequest& request) override {
    BlockCache::make_writable(request);
    for (int64_t t = 0; t < n_tokens(); ++t) rope_.angles(request.position_of(t), turns_.data() + t * rope_.n_pairs());
    // Where key heads alone share the work evenly, they do.
    const int64_t n_rows = request.position_of(0) + 1;
    const bool shared = n_tokens() == 1 && n_rows >= SharedSections::kFewestRows && config_.n_kv_heads % pool().size() != 0 &&
                        group_ <= kMaxAttentionRows && padded_ <= kMaxSectionWidth;
    sections_.begin(shared ? n_rows : 0, config_.n_heads, padded_);
  }

  bool layer(const Worker& worker, int l, const ForwardRequest& request) override {
    const PackedLayer& layer = layers_[static_cast<size_t>(l)];
    if (!attention(worker, layer, {request, l})) return false;
    feed_forward_.add(worker, layer.ff);
    return true;
  }

  struct Place {
    const ForwardRequest& request;
    int64_t layer;
    BlockCache& cache(int64_t token) const { return static_cast<BlockCache&>(*request.cache_of(token)); }
    int64_t position(int64_t token) const { return request.position_of(token); }
  };

  bool attention(const Worker& worker, const PackedLayer& layer, const Place& place) {
    const bool quantized = is_quantized(layer.q.type) || is_quantized(layer.k.type) || is_quantized(layer.v.type);
    const int64_t n = n_tokens(), q_width = int64_t{config_.n_heads} * d_;
    const Activations x = normed_hidden(worker, layer.attn_norm, 0, n, quantized);
    multiply_share(worker, layer.q, x, n, q_.data(), q_width);
    multiply_share(worker, layer.k, x, n, k_.data(), kv_width_);
    multiply_share(worker, layer.v, x, n, v_.data(), kv_width_);
    worker.barrier();
    if (stopped()) return false;
    const int64_t first_row = n == 1 ? first_seen(place, 0) : 0;
    if (n == 1 && worker.count > 1 && sections_.ready() && place.position(0) + 1 - first_row >= SharedSections::kFewestRows) {
      attend_sections(worker, layer, place, first_row);
    } else if (n == 1) {  // a worker carries its key heads from the bias to the result without meeting the others
      const auto [first, last] = worker.split(config_.n_kv_heads);
      for (int64_t g = first; g < last; ++g) {
        finish_head(layer, 0, g, place);
        for (int64_t r = 0; r < group_; r += kMaxAttentionRows) attend(layer, g, r, std::min(group_, r + kMaxAttentionRows), place);
      }
    } else {
      attend_chunk(worker, layer, place);
    }
    worker.barrier();
    const Activations heads = rounded(worker, heads_, n, q_width, is_quantized(layer.o.type), mine(worker).input, 0);
    const auto [first, last] = worker.split(layer.o.n_panels());
    add_product(worker, layer.o, first, last, heads, n, nullptr, nullptr, layer.o_bias.empty() ? nullptr : layer.o_bias.data());
    worker.barrier();
    return true;
  }

  // One token and more workers than share its key heads evenly: they take sections of the cache.
  void attend_sections(const Worker& worker, const PackedLayer& layer, const Place& place, int64_t first_row) {
    const auto [first, last] = worker.split(config_.n_kv_heads);
    for (int64_t g = first; g < last; ++g) finish_head(layer, 0, g, place);
    worker.barrier();
    const int64_t n_rows = place.position(0) + 1;
    SharedSections::each(worker, first_row, n_rows, config_.n_kv_heads, [&](int section, int64_t g) {
      run_attention(g, 0, group_, place, [&](auto& rows) {
        rows.sinks = nullptr;
        sections_.place(rows, section, g * group_);
      });
    });
    worker.barrier();
    for (int64_t g = first; g < last; ++g) {
      float* out = results_.data() + g * kChunk * group_ * padded_;
      sections_.join(kernels(), first_row, n_rows, g * group_, group_, layer.sinks.empty() ? nullptr : layer.sinks.data() + g * group_, out);
      keep_results(g, 0, group_, out);
    }
  }

  void attend_chunk(const Worker& worker, const PackedLayer& layer, const Place& place) {
    const auto [first, last] = worker.split(n_tokens());
    for (int64_t t = first; t < last; ++t)
      for (int64_t g = 0; g < config_.n_kv_heads; ++g) finish_head(layer, t, g, place);
    worker.barrier();
    // Later rows see more of the cache: groups of rows are dealt out in turn.
    // In a batch each token sees a cache of its own, and a call of the kernel one cache.
    const int64_t n_rows = n_tokens() * group_, rows_of_a_cache = place.request.batch.empty() ? n_rows : group_;
    int64_t turn = 0;
    for (int64_t g = 0; g < config_.n_kv_heads; ++g)
      for (int64_t begin = 0; begin < n_rows; begin += rows_of_a_cache)
        for (int64_t r = begin, end = begin + rows_of_a_cache; r < end; r += kMaxAttentionRows)
          if (turn++ % worker.count == worker.index) attend(layer, g, r, std::min(end, r + kMaxAttentionRows), place);
  }

  // Queries, key and value of key head g and token t: bias, norm, rotation; queries scaled and in rows, the rest in the cache.
  void finish_head(const PackedLayer& layer, int64_t t, int64_t g, const Place& place) {
    const RopeTable::Turn* turns = turns_.data() + t * rope_.n_pairs();
    const auto rotate = [&](float* x) { (config_.interleaved_rope ? rope_interleaved : rope_half_split)(turns, rope_.n_pairs(), x); };
    const auto finish = [&](const float* from, const std::vector<float>& bias, int64_t at, const std::vector<float>& norm, float* to) {
      for (int64_t i = 0; i < d_; ++i) to[i] = bias.empty() ? from[i] : from[i] + bias[static_cast<size_t>(at + i)];
      if (!norm.empty()) kernels().rms_norm(to, norm.data(), d_, config_.rms_eps, to);
    };
    float *key = k_.data() + t * kv_width_ + g * d_, *value = v_.data() + t * kv_width_ + g * d_;
    finish(key, layer.k_bias, g * d_, layer.k_norm, key);
    rotate(key);
    finish(value, layer.v_bias, g * d_, {}, value);
    const int64_t row = place.layer * config_.n_kv_heads + g;
    place.cache(t).store(row, place.position(t), 0, key, d_);
    place.cache(t).store(row, place.position(t), padded_, value, d_);
    const float scale = 1.0f / std::sqrt(static_cast<float>(d_));
    for (int64_t j = 0; j < group_; ++j) {
      const int64_t h = g * group_ + j;
      float* query = query_row(g, t * group_ + j);
      finish(q_.data() + (t * config_.n_heads + h) * d_, layer.q_bias, h * d_, layer.q_norm, query);
      rotate(query);
      for (int64_t i = 0; i < d_; ++i) query[i] *= scale;
    }
  }

  // Rows of a key head follow each other: [token, head of the group].
  float* query_row(int64_t g, int64_t row) { return queries_.data() + (g * kChunk * group_ + row) * padded_; }

  // The first cache row that token t sees in this layer.
  int64_t first_seen(const Place& place, int64_t t) const {
    const int64_t window = config_.window[static_cast<size_t>(place.layer)];
    return window == 0 ? 0 : std::max<int64_t>(0, place.position(t) + 1 - window);
  }

  // Rows [first, last) of key head g; results in heads_.
  void attend(const PackedLayer& layer, int64_t g, int64_t first, int64_t last, const Place& place) {
    float sinks[kMaxAttentionRows];
    if (!layer.sinks.empty())
      for (int64_t r = first; r < last; ++r) sinks[r - first] = layer.sinks[static_cast<size_t>(g * group_ + r % group_)];
    float* out = results_.data() + (g * kChunk * group_ + first) * padded_;
    run_attention(g, first, last, place, [&](auto& rows) {
      rows.sinks = layer.sinks.empty() ? nullptr : sinks;
      rows.out = out;
    });
    keep_results(g, first, last, out);
  }

  // Rows [first, last) of key head g over the cache; `set` adds sinks and where results go.
  template <typename Set>
  void run_attention(int64_t g, int64_t first, int64_t last, const Place& place, Set&& set) {
    int32_t n_visible[kMaxAttentionRows], first_visible[kMaxAttentionRows];
    for (int64_t r = first; r < last; ++r) {
      n_visible[r - first] = static_cast<int32_t>(place.position(r / group_) + 1);
      first_visible[r - first] = static_cast<int32_t>(first_seen(place, r / group_));
    }
    BlockCache& cache = place.cache(first / group_);
    attend_cached(kernels(), cache_type_, [&](auto& rows) {
      place_rows(rows, cache, place.layer * config_.n_kv_heads + g);
      rows.queries = query_row(g, first);
      rows.n_rows = static_cast<int>(last - first);
      rows.n_visible = n_visible;
      rows.first_visible = config_.window[static_cast<size_t>(place.layer)] == 0 ? nullptr : first_visible;
      rows.width = rows.value_width = padded_;
      set(rows);
    });
  }

  // Results [last - first, padded] without the padding to their heads.
  void keep_results(int64_t g, int64_t first, int64_t last, const float* from) {
    for (int64_t r = first; r < last; ++r)
      std::copy_n(from + (r - first) * padded_, d_, heads_.row(r / group_) + (g * group_ + r % group_) * d_);
  }

  // Rows [key | value] of layer and key head `row` of the cache.
  template <typename T>
  void place_rows(AttentionRowsOf<T>& rows, BlockCache& cache, int64_t row) const {
    rows.keys = cache.row<T>(row, 0);
    rows.values = rows.keys + padded_;
    rows.blocks = cache.blocks();
    rows.block_offset = cache.layer_offset(row);
    rows.key_stride = rows.value_stride = cache.width();
  }

  const GroupedConfig config_;
  const RopeTable rope_;
  const int64_t d_, padded_, kv_width_, group_;
  const CacheType cache_type_;
  std::vector<PackedLayer> layers_;
  FeedForward feed_forward_;
  SharedSections sections_;

  // Work buffers of the chunk; written by all workers, each its own part, between barriers.
  ActivationBuffer heads_;
  Buffer<float> q_, k_, v_;  // [kChunk, H*d], [kChunk, K*d]
  Buffer<float> queries_, results_;  // [K, kChunk * group, padded d]
  std::vector<RopeTable::Turn> turns_;  // [kChunk, pairs]
};

}  // namespace

int64_t grouped_key_width(const GroupedConfig& config) {
  return round_up(config.head_dim, 16);
}

std::unique_ptr<Model> make_grouped_fast(const GroupedConfig& config, const GroupedWeights& weights, const FastKernels& kernels,
                                         ThreadPool& pool, const PanelPlan& panels, CacheType cache) {
  return std::make_unique<GroupedFast>(config, weights, kernels, pool, panels, cache);
}

}  // namespace engine
