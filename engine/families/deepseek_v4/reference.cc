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
#include "engine/sampling.h"

namespace engine {
namespace {

using plain::at;
using plain::Values;

Values row_of(const TensorView& view, int64_t row = 0) {
  Values values(at(view.n_in()));
  dequantize_row(view, row, values);
  return values;
}

class Reference : public Model {
 public:
  Reference(const DeepseekV4Config& config, const DeepseekV4Weights& weights)
      : config_(config.with_draft_layers(weights.n_draft_layers())),
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
    start(*request.cache, request.adapter, request.position, n);
    first_layer_ = 0, first_key_ = 0;
    V4Cache& cache = *cache_;
    for (int64_t t = 0; t < n && !config_.engram.layers.empty(); ++t)
      cache.folded_id(request.position + t) = weights_.hashes.folded(request.tokens[at(t)]);
    const Values embedded = plain::embed(weights_.embedding, request.tokens);
    Values streams;  // [n, S, D]
    for (int64_t t = 0; t < n; ++t)
      for (int64_t j = 0; j < s; ++j)
        streams.insert(streams.end(), embedded.begin() + t * d, embedded.begin() + (t + 1) * d);
    for (int l = 0; l < config_.n_layers; ++l) {
      if (request.stop.stop_requested()) return false;
      const DeepseekV4Layer& layer = weights_.layers[at(l)];
      if (layer.engram_rows) engram(layer, l, request, streams);
      const bool keeps = request.states && weights_.spark;
      if (keeps && config_.delayed) keep_target(l, streams, request.states);
      through(layer, l, request, streams);
      if (keeps && !config_.delayed) keep_target(l, streams, request.states);
    }
    if (request.states && weights_.draft) std::copy(streams.begin(), streams.end(), request.states);
    if (!request.logits) return true;
    if (!request.all_logits) {
      streams.erase(streams.begin(), streams.end() - s * d);
      reads_.erase(reads_.begin(), reads_.end() - 1);
    }
    const Values hidden = gather(config_.delayed ? reads_ : mix(weights_.head_connection, streams, true), streams);
    const Values logits = matmul(weights_.head, norm(hidden, weights_.norm));
    std::copy(logits.begin(), logits.end(), request.logits);
    return true;
  }

  int64_t draft_width() const override {
    const size_t parts = weights_.draft ? static_cast<size_t>(config_.n_streams) : weights_.spark ? config_.spark.targets.size() : 0;
    return static_cast<int64_t>(parts) * config_.hidden_size;
  }
  int draft_block() const override { return weights_.spark ? config_.spark.block : 0; }
  std::unique_ptr<Cache> make_draft_cache(int64_t n_ctx) const override {
    return std::make_unique<V4Cache>(config_.draft_layers(weights_.n_draft_layers()), shape(n_ctx));
  }
  uint64_t draft_cache_bytes(int64_t n_ctx) const override {
    return V4Cache::bytes(config_.draft_layers(weights_.n_draft_layers()), shape(n_ctx));
  }

  bool draft(const DraftRequest& request) override {
    const int64_t d = config_.hidden_size, s = config_.n_streams, n = static_cast<int64_t>(request.tokens.size());
    if (weights_.spark) return draft_spark(request);
    const V4Draft& draft = *weights_.draft;
    start(*request.cache, nullptr, request.position, n);
    first_layer_ = config_.n_layers, first_key_ = request.first;
    ForwardRequest step;
    step.tokens = request.tokens;
    step.position = request.position;
    step.cache = request.cache;
    if (request.stop.stop_requested()) return false;
    const Values token = matmul(draft.token_join, norm(plain::embed(weights_.embedding, request.tokens), draft.token_norm));
    Values streams = matmul(draft.state_join, norm(Values(request.states, request.states + n * s * d), draft.state_norm));
    for (int64_t t = 0; t < n; ++t)
      for (int64_t i = 0; i < s * d; ++i) streams[at(t * s * d + i)] += token[at(t * d + i % d)];
    through(draft.layer, config_.n_layers, step, streams);
    streams.erase(streams.begin(), streams.end() - s * d);
    if (request.state) std::copy(streams.begin(), streams.end(), request.state);
    if (!request.logits) return true;
    const Values hidden = gather(mix(draft.head_connection, streams, true), streams);
    const Values logits = matmul(weights_.head, norm(hidden, draft.norm));
    std::copy(logits.begin(), logits.end(), request.logits);
    return true;
  }

 private:
  static constexpr int kChunk = 32;

  // The mean of the streams, of a target layer.
  void keep_target(int l, const Values& streams, float* states) const {
    const std::vector<int>& targets = config_.spark.targets;
    const auto found = std::find(targets.begin(), targets.end(), l);
    const int64_t d = config_.hidden_size, s = config_.n_streams;
    for (int64_t t = 0; found != targets.end() && t < static_cast<int64_t>(streams.size()) / (s * d); ++t)
      for (int64_t i = 0; i < d; ++i) {
        float sum = 0.0f;
        for (int64_t j = 0; j < s; ++j) sum += streams[at((t * s + j) * d + i)];
        states[t * draft_width() + (found - targets.begin()) * d + i] = sum / static_cast<float>(s);
      }
  }

  bool draft_spark(const DraftRequest& request) {
    const V4Spark& spark = *weights_.spark;
    const int64_t n = static_cast<int64_t>(request.tokens.size()), d = config_.hidden_size, s = config_.n_streams;
    if (request.stop.stop_requested()) return false;
    start(*request.cache, nullptr, request.position, n);
    first_layer_ = config_.n_layers, first_key_ = request.first;
    const Values past = norm(matmul(spark.join, Values(request.states, request.states + n * draft_width())), spark.join_norm);
    for (size_t stage = 0; stage < spark.stages.size(); ++stage) {
      Values keys = norm(matmul(spark.stages[stage].kv, past), spark.stages[stage].kv_norm);
      rotate(window_rope_, keys, config_.head_dim, 1, request.position);
      for (int64_t t = 0; t < n; ++t)
        std::copy_n(keys.data() + t * config_.head_dim, config_.head_dim,
                    cache_->keys(static_cast<int64_t>(stage)).row(request.position + t));
    }
    if (!request.block) return true;
    std::vector<int32_t> tokens(at(config_.spark.block), config_.spark.noise);
    tokens[0] = request.tokens.back();
    ForwardRequest step;
    step.tokens = tokens;
    step.position = request.position + n;
    step.cache = request.cache;
    chosen_.assign(tokens.size(), {});
    begin_reads(tokens.size());
    const Values embedded = plain::embed(weights_.embedding, tokens);
    Values streams;
    for (size_t i = 0; i < tokens.size(); ++i)
      for (int64_t j = 0; j < s; ++j)
        streams.insert(streams.end(), embedded.begin() + static_cast<int64_t>(i) * d, embedded.begin() + static_cast<int64_t>(i + 1) * d);
    block_ = true;
    for (size_t stage = 0; stage < spark.stages.size(); ++stage)
      through(spark.stages[stage], config_.n_layers + static_cast<int>(stage), step, streams);
    block_ = false;
    const Values hidden = gather(config_.delayed ? reads_ : mix(spark.head_connection, streams, true), streams);
    choose_block(hidden, request);
    return true;
  }

  // One after the other: a token's logits depend on the one before it.
  void choose_block(const Values& hidden, const DraftRequest& request) const {
    const V4Spark& spark = *weights_.spark;
    DraftBlock& block = *request.block;
    block = {};
    block.logits = matmul(weights_.head, norm(hidden, spark.norm));
    const Values weight = row_of(spark.confidence);
    const size_t d = at(config_.hidden_size), n_vocab = at(config_.n_vocab);
    int32_t before = request.tokens.back();
    for (size_t i = 0; i < at(config_.spark.block); ++i) {
      const Values from = row_of(spark.markov_from, before), more = matmul(spark.markov_to, from);
      for (size_t v = 0; v < n_vocab; ++v) block.logits[i * n_vocab + v] += more[v];
      before = argmax(std::span(block.logits).subspan(i * n_vocab, n_vocab));
      float score = 0.0f;
      for (size_t k = 0; k < weight.size(); ++k) score += weight[k] * (k < d ? hidden[i * d + k] : from[k - d]);
      block.tokens.push_back(before);
      block.confidence.push_back(1.0f / (1.0f + std::exp(-score)));
    }
  }

  // Of a pass over `n` tokens.
  void start(Cache& cache, const AdapterWeights* adapter, int64_t position, int64_t n) {
    cache_ = static_cast<V4Cache*>(&cache);
    cache_->begin(position, n);
    adapter_ = adapter;
    begin_reads(at(n));
    chosen_.assign(at(n), {});
    candidates_.assign(at(n), {});
  }

  // V4.1: the first half layer reads the first stream alone.
  void begin_reads(size_t n) {
    reads_.assign(n, StreamMix{});
    for (StreamMix& read : reads_) read.read[0] = 1.0f;
  }

  // A layer between the streams before it and behind it.
  void through(const DeepseekV4Layer& layer, int l, const ForwardRequest& request, Values& streams) {
    std::vector<StreamMix> mixes = mix(layer.attn_connection, streams, false);
    spread(mixes, attention(layer, l, norm(gather(mixes, streams), layer.attn_norm), request), streams);
    mixes = mix(layer.ff_connection, streams, false);
    const Values x = norm(gather(mixes, streams), layer.ff.norm);
    spread(mixes, plain::feed_forward(layer.ff, l < config_.n_layers ? config_.router() : config_.draft_layer().router(), config_.gate, x, request.tokens, adapter_), streams);
  }

  V4Cache::Shape shape(int64_t n_ctx) const { return {n_ctx, kChunk, config_.head_dim, config_.index_head_dim}; }
  Values matmul(const TensorView& w, const Values& x) const { return plain::matmul(w, x, adapter_); }
  Values norm(const Values& x, const TensorView& gain) const { return plain::rms_norm(x, gain, config_.rms_eps); }

  std::vector<StreamMix> mix(const V4Connection& c, const Values& streams, bool head) {
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
    for (size_t t = 0; config_.delayed && t < mixes.size(); ++t) std::swap(mixes[t].read, reads_[t].read);
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

  // What stands in the table for the last tokens of each place goes into its streams.
  void engram(const DeepseekV4Layer& layer, int l, const ForwardRequest& request, Values& streams) const {
    const EngramConfig& e = config_.engram;
    const int64_t s = config_.n_streams, d = config_.hidden_size, n = static_cast<int64_t>(request.tokens.size()),
                  width = layer.engram_rows.n_in();
    const auto index = static_cast<size_t>(std::find(e.layers.begin(), e.layers.end(), l) - e.layers.begin());
    Values found(at(n * e.rows_per_token() * width)), q_gain, k_gain;
    for (int64_t j = 0; j < s; ++j) {
      const Values q = row_of(layer.engram_q, j), k = row_of(layer.engram_k, j);
      q_gain.insert(q_gain.end(), q.begin(), q.end());
      k_gain.insert(k_gain.end(), k.begin(), k.end());
    }
    std::vector<int32_t> ids(at(e.ngram));
    std::vector<int64_t> rows(at(e.rows_per_token()));
    for (int64_t t = 0; t < n; ++t) {
      for (int64_t i = 0, place = request.position + t; i < e.ngram; ++i, --place)
        ids[at(i)] = place < 0 ? weights_.hashes.padding() : static_cast<V4Cache&>(*request.cache).folded_id(place);
      weights_.hashes.rows(index, ids.data(), rows.data());
      for (size_t r = 0; r < rows.size(); ++r)
        dequantize_row(layer.engram_rows, rows[r], {found.data() + (at(t) * rows.size() + r) * at(width), at(width)});
    }
    const Values keys_and_value = matmul(layer.engram_projection, found);
    for (int64_t t = 0; t < n; ++t)
      engram_gate(config_.n_streams, d, config_.rms_eps, q_gain.data(), k_gain.data(),
                  keys_and_value.data() + t * (s + 1) * d, streams.data() + t * s * d);
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

  Values attention(const DeepseekV4Layer& layer, int l, const Values& x, const ForwardRequest& request) {
    V4Cache& cache = static_cast<V4Cache&>(*request.cache);
    const int64_t n = static_cast<int64_t>(request.tokens.size()), heads = config_.n_heads, d = config_.head_dim;
    const RopeTable& rope = config_.ratio(l) == 0 ? window_rope_ : entry_rope_;
    const Values q_low = norm(matmul(layer.q_a, x), layer.q_a_norm), ones(at(d), 1.0f);
    Values q = matmul(layer.q_b, q_low), keys = norm(matmul(layer.kv, x), layer.kv_norm);
    for (int64_t r = 0; r < n * heads && config_.norm_queries; ++r)
      rms_norm_cpu_reference(q.data() + r * d, ones.data(), d, config_.rms_eps, q.data() + r * d);
    rotate(rope, q, d, heads, request.position);
    rotate(rope, keys, d, 1, request.position);
    const auto key = [&](int64_t position) { return cache.keys(l - first_layer_).row(position); };
    for (int64_t t = 0; t < n && !block_; ++t) std::copy_n(keys.data() + t * d, d, key(request.position + t));
    if (config_.makes_entries(l)) compress(layer, l, false, x, request.position);
    choose_entries(layer, l, x, q_low, request);
    V4Cache::Entries& entries = cache.entries(config_.entries_from(l) - first_layer_);

    const Values sinks = row_of(layer.sinks);
    Values out(q.size()), seen;
    for (int64_t t = 0; t < n; ++t) {
      const int64_t place = request.position + t;
      seen.clear();
      const int64_t end = block_ ? request.position : place + 1;
      for (int64_t s = std::max(first_key_, end - config_.window); s < end; ++s)
        seen.insert(seen.end(), key(s), key(s) + d);
      if (block_) seen.insert(seen.end(), keys.begin(), keys.end());
      for (const int64_t e : config_.ratio(l) == 0 ? std::vector<int32_t>() : chosen_[at(t)])
        seen.insert(seen.end(), entries.rows.row(e), entries.rows.row(e) + d);
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

  // Keeps the tokens' parts, and makes the entries that they complete: the layer's, or `index` the indexer's.
  void compress(const DeepseekV4Layer& layer, int l, bool index, const Values& x, int64_t position) {
    const V4Compressor& w = index ? layer.index_entries : layer.entries;
    V4Cache::Entries& to = index ? cache_->index_entries(l) : cache_->entries(l);
    const int64_t m = config_.ratio(l), all = w.values.n_rows(), width = w.norm.n_in();
    const Values values = matmul(w.values, x), gates = w.gate ? matmul(w.gate, x) : Values();
    for (int64_t t = 0; t < static_cast<int64_t>(values.size()) / all; ++t) {
      const int64_t place = position + t;
      const Values own(values.begin() + t * all, values.begin() + (t + 1) * all);
      if (m == 1) {
        finish_entry(layer, l, w, own, place, to);
        continue;
      }
      const Values bias = w.place ? row_of(w.place, place % m) : Values(at(all), 0.0f);
      float* part = to.parts.row(place);
      std::copy(own.begin(), own.end(), part);
      for (int64_t i = 0; i < all; ++i) part[all + i] = gates[at(t * all + i)] + bias[at(i)];
      if (place % m != m - 1) continue;
      std::vector<const float*> parts, weights;
      const int64_t first = place + 1 - m;
      for (int64_t s = config_.sparse(l) ? std::max<int64_t>(0, first - m) : first; s <= place; ++s) {
        const int64_t series =
            config_.sparse(l) && s >= first ? width : 0;  // a token's first part is for the next entry
        parts.push_back(to.parts.row(s) + series);
        weights.push_back(to.parts.row(s) + all + series);
      }
      Values entry(at(width));
      compress_rows(parts.data(), weights.data(), static_cast<int64_t>(parts.size()), width, entry.data());
      finish_entry(layer, l, w, entry, first, to);
    }
  }

  // In V4.1 the index key is made of the entry before it is turned.
  void finish_entry(const DeepseekV4Layer& layer, int l, const V4Compressor& w, Values entry, int64_t first,
                    V4Cache::Entries& to) {
    const int64_t e = first / config_.ratio(l);
    entry = norm(entry, w.norm);
    if (config_.shared(l)) {
      Values key = norm(matmul(layer.index_k, entry), layer.index_k_norm);
      rotate(entry_rope_, key, config_.index_head_dim, 1, first);
      std::copy(key.begin(), key.end(), cache_->index_entries(l).rows.row(e));
    }
    rotate(entry_rope_, entry, static_cast<int64_t>(entry.size()), 1, first);
    std::copy(entry.begin(), entry.end(), to.rows.row(e));
  }

  // chosen_: the entries that each token attends to: those complete by then, the best of them by the indexer, or what
  // the layer chose that this one follows.
  void choose_entries(const DeepseekV4Layer& layer, int l, const Values& x, const Values& q_low,
                      const ForwardRequest& request) {
    const int64_t n = static_cast<int64_t>(request.tokens.size()), heads = config_.index_heads,
                  width = config_.index_head_dim;
    if (config_.ratio(l) == 0) return;
    const auto complete = [&](int64_t t) { return (request.position + t + 1) / config_.ratio(l); };
    if (!config_.chooses(l)) {
      for (int64_t t = 0; t < n && !config_.shared(l); ++t)
        select_rows(nullptr, complete(t), complete(t), chosen_[at(t)]);
      return;
    }
    if (config_.sparse(l)) compress(layer, l, true, x, request.position);
    V4Cache::Rows& keys = cache_->index_entries(config_.entries_from(l)).rows;
    Values queries = matmul(layer.index_q, q_low), weights = matmul(layer.index_weights, x);
    rotate(entry_rope_, queries, width, heads, request.position);
    for (float& w : weights) w /= std::sqrt(static_cast<float>(heads) * static_cast<float>(width));
    for (int64_t t = 0; t < n; ++t) {
      Values scores(at(complete(t)));
      index_scores_cpu_reference(
          {{queries.data() + t * heads * width, weights.data() + t * heads, config_.index_heads, width},
           keys.row(0),
           keys.width(),
           complete(t),
           scores.data()});
      if (l == config_.candidate_layer)
        select_blocks(scores.data(), complete(t), config_.candidate_block_size, config_.candidate_blocks,
                      candidates_[at(t)]);
      if (config_.filtered(l))
        select_rows_of_blocks(scores.data(), complete(t), config_.index_topk, candidates_[at(t)],
                              config_.candidate_block_size, chosen_[at(t)]);
      else
        select_rows(scores.data(), complete(t), config_.index_topk, chosen_[at(t)]);
    }
  }

  const DeepseekV4Config config_;
  const DeepseekV4Weights weights_;  // views
  const RopeTable window_rope_, entry_rope_;

  // Of the pass: the timeline, its adapter, and for each token what half a layer says how the next one reads, the entries that were
  // chosen last, and the candidate layer's blocks.
  V4Cache* cache_ = nullptr;
  int first_layer_ = 0;    // of those in the cache: a draft layer has one of its own
  int64_t first_key_ = 0;  // before it there are none
  bool block_ = false;     // DSpark's: the tokens see each other, and the cache's keys before the first of them
  const AdapterWeights* adapter_ = nullptr;
  std::vector<StreamMix> reads_;
  std::vector<std::vector<int32_t>> chosen_, candidates_;
};

}  // namespace

std::unique_ptr<Model> make_deepseek_v4_reference(const DeepseekV4Config& config, const DeepseekV4Weights& weights) {
  return std::make_unique<Reference>(config, weights);
}

}  // namespace engine
