// SPDX-License-Identifier: Apache-2.0
// The attention half of a layer (fast.h).
#include <algorithm>
#include <cmath>
#include <tuple>

#include "engine/families/deepseek_v4/fast.h"
#include "engine/kernels/attention.h"
#include "engine/kernels/compressor.h"
#include "engine/kernels/lightning_indexer.h"

namespace engine {

bool DeepseekV4Fast::attention(const Worker& worker, const Layer& layer, const Place& place) {
  const int l = static_cast<int>(place.layer);
  const int64_t n = n_tokens();
  bool quantized = false;
  for (const PackedMatrix* w : {&layer.q_a, &layer.kv, &layer.index_weights, &layer.entries.values, &layer.entries.gate,
                                &layer.index_entries.values, &layer.index_entries.gate})
    quantized |= *w && is_quantized(w->type);
  project(worker, layer, normed_hidden(worker, layer.attn_norm, 0, n, quantized));
  worker.barrier();
  if (stopped()) return false;

  const auto [first, last] = worker.split(n);
  for (int64_t t = first; t < last; ++t) {
    float* low = q_low_.row(t);
    kernels().rms_norm(low, layer.q_a_norm.data(), config_.q_lora_rank, config_.rms_eps, low);
    if (is_quantized(layer.q_b.type) || (layer.index_q && is_quantized(layer.index_q.type)))
      q_low_.quantize(kernels(), t, 0, config_.q_lora_rank);
    const float* key = finish_key(layer, l, t);
    if (place.block_keys)
      place.block_keys->store(t, key, config_.head_dim);
    else
      place.past_keys(t).store(place.position(t), key, config_.head_dim);
    if (config_.makes_entries(l) && config_.ratio(l) > 1)
      store_parts(layer.entries, values_, gates_, t, place, place.cache(t).entries(l));
    if (config_.sparse(l))
      store_parts(layer.index_entries, index_values_, index_gates_, t, place, place.cache(t).index_entries(l));
  }
  worker.barrier();
  multiply_share(worker, layer.q_b, q_low_.from(0), n, q_.data(), layer.q_b.n_out);
  if (layer.index_q) multiply_share(worker, layer.index_q, q_low_.from(0), n, index_q_.data(), layer.index_q.n_out);
  for (int64_t t = first; t < last && config_.makes_entries(l); ++t) {
    if ((place.position(t) + 1) % config_.ratio(l) != 0) continue;
    finish_entry(worker, layer, false, t, place);
    if (config_.sparse(l)) finish_entry(worker, layer, true, t, place);
  }
  worker.barrier();

  if (n == 1) {
    const auto [first_head, last_head] = worker.split(config_.n_heads);
    choose_entries(worker, 0, place);
    if (first_head < last_head) attend(worker, layer, 0, first_head, last_head, place);
  } else {  // later tokens see more: they are dealt out in turn
    for (int64_t t = worker.index; t < n; t += worker.count) {
      choose_entries(worker, t, place);
      attend(worker, layer, t, 0, config_.n_heads, place);
    }
  }
  worker.barrier();
  project_out(worker, layer);
  return true;
}

// The key of token t, finished where it was projected to.
const float* DeepseekV4Fast::finish_key(const Layer& layer, int64_t l, int64_t t) {
  float* key = kv_.data() + t * config_.head_dim;
  kernels().rms_norm(key, layer.kv_norm.data(), config_.head_dim, config_.rms_eps, key);
  rope_interleaved(turns(l, t), window_rope_.n_pairs(), key + config_.head_dim - config_.rope_dim);
  return key;
}

void DeepseekV4Fast::project(const Worker& worker, const Layer& layer, const Activations& x) {
  const int64_t n = n_tokens();
  const auto multiply_all = [&](const PackedMatrix& w, Buffer<float>& to) {
    if (w) multiply_share(worker, w, x, n, to.data(), w.n_out);
  };
  multiply_share(worker, layer.q_a, x, n, q_low_.row(0), q_low_.stride());
  multiply_all(layer.kv, kv_);
  multiply_all(layer.entries.values, values_);
  multiply_all(layer.entries.gate, gates_);
  multiply_all(layer.index_entries.values, index_values_);
  multiply_all(layer.index_entries.gate, index_gates_);
  multiply_all(layer.index_weights, index_weights_);
}

void DeepseekV4Fast::store_parts(const Compressor& c, const Buffer<float>& values, const Buffer<float>& gates,
                                 int64_t t, const Place& place, V4Cache::Entries& to) const {
  const int64_t all = c.values.n_out, position = place.position(t);
  float* part = to.parts.row(position);
  std::copy_n(values.data() + t * all, all, part);
  std::copy_n(gates.data() + t * all, all, part + all);
  if (c.place.empty()) return;
  const float* bias = c.place.data() + position % config_.ratio(static_cast<int>(place.layer)) * all;
  for (int64_t i = 0; i < all; ++i) part[all + i] += bias[i];
}

// The entry that token t completes: the layer's, or `index` the indexer's.
void DeepseekV4Fast::finish_entry(const Worker& worker, const Layer& layer, bool index, int64_t t, const Place& place) {
  const int l = static_cast<int>(place.layer);
  const Compressor& c = index ? layer.index_entries : layer.entries;
  V4Cache::Entries& to = index ? place.cache(t).index_entries(l) : place.cache(t).entries(l);
  const int64_t m = config_.ratio(l), width = static_cast<int64_t>(c.norm.size()), all = c.values.n_out,
                e = place.position(t) / m;
  Own& own = own_[static_cast<size_t>(worker.index)];
  own.parts.clear(), own.weights.clear();
  for (int64_t s = config_.sparse(l) ? std::max<int64_t>(0, (e - 1) * m) : e * m; m > 1 && s < (e + 1) * m; ++s) {
    const int64_t series = config_.sparse(l) && s >= e * m ? width : 0;  // a token's first part is for the next entry
    own.parts.push_back(to.parts.row(s) + series);
    own.weights.push_back(to.parts.row(s) + all + series);
  }
  own.entry.resize(static_cast<size_t>(width));
  float* entry = own.entry.data();
  if (m == 1)
    std::copy_n(values_.data() + t * width, width, entry);
  else
    compress_rows(own.parts.data(), own.weights.data(), static_cast<int64_t>(own.parts.size()), width, entry);
  kernels().rms_norm(entry, c.norm.data(), width, config_.rms_eps, entry);
  std::vector<RopeTable::Turn> turns(static_cast<size_t>(entry_rope_.n_pairs()));
  entry_rope_.angles(e * m, turns.data());
  if (config_.shared(l)) store_index_key(worker, layer, t, place, entry, turns.data());
  rope_interleaved(turns.data(), entry_rope_.n_pairs(), entry + width - config_.rope_dim);
  to.rows.store(e, entry, width);
}

// V4.1: the index key of the entry that token t completes, made of it before it is turned.
void DeepseekV4Fast::store_index_key(const Worker& worker, const Layer& layer, int64_t t, const Place& place,
                                     const float* entry, const RopeTable::Turn* turns) {
  const int l = static_cast<int>(place.layer);
  const int64_t width = config_.index_head_dim;
  std::copy_n(entry, config_.head_dim, latents_.row(t));
  if (is_quantized(layer.index_k.type)) latents_.quantize(kernels(), t, 0, latents_.stride());
  Own& own = own_[static_cast<size_t>(worker.index)];
  own.index_key.resize(static_cast<size_t>(layer.index_k.n_panels() * kPanelRows));
  const auto token = static_cast<int32_t>(t);
  multiply(worker, layer.index_k, 0, layer.index_k.n_panels(), latents_.from(t), 1, own.index_key.data(),
           static_cast<int64_t>(own.index_key.size()), &token);
  float* key = own.index_key.data();
  kernels().rms_norm(key, layer.index_k_norm.data(), width, config_.rms_eps, key);
  rope_interleaved(turns, entry_rope_.n_pairs(), key + width - config_.rope_dim);
  place.cache(t).index_entries(l).rows.store(place.position(t) / config_.ratio(l), key, width);
}

// own.chosen[t]: the entries that token t sees. Called by all workers in a pass over one token, who share out its
// scores.
void DeepseekV4Fast::choose_entries(const Worker& worker, int64_t t, const Place& place) {
  const int l = static_cast<int>(place.layer);
  Own& own = own_[static_cast<size_t>(worker.index)];
  std::vector<int32_t>& chosen = own.chosen[static_cast<size_t>(t)];
  std::vector<int32_t>& candidates = own.candidates[static_cast<size_t>(t)];
  if (config_.ratio(l) == 0) return chosen.clear();
  if (config_.shared(l) && !config_.chooses(l)) return;  // those of the layer that chose last
  const int64_t n = (place.position(t) + 1) / config_.ratio(l), heads = config_.index_heads,
                width = config_.index_head_dim;
  // Where all entries are chosen, the blocks of candidates hold them all too (checked_config.cc).
  if (!config_.chooses(l) || n <= config_.index_topk) return select_rows(nullptr, n, n, chosen);
  own.index_queries.assign(static_cast<size_t>(heads * index_width_), 0.0f);
  own.index_weights.resize(static_cast<size_t>(heads));
  const float scale = 1.0f / std::sqrt(static_cast<float>(heads) * static_cast<float>(width));
  for (int64_t h = 0; h < heads; ++h) {
    float* query = own.index_queries.data() + h * index_width_;
    std::copy_n(index_q_.data() + (t * heads + h) * width, width, query);
    rope_interleaved(turns(l, t), entry_rope_.n_pairs(), query + width - config_.rope_dim);
    own.index_weights[static_cast<size_t>(h)] = index_weights_.data()[t * heads + h] * scale;
  }
  V4Cache::Rows& keys = place.cache(t).index_entries(config_.entries_from(l)).rows;
  int64_t first = 0, last = n;
  float* scores = index_scores_.data();
  if (n_tokens() == 1) {
    std::tie(first, last) = worker.split(n);
  } else {
    own.scores.resize(static_cast<size_t>(n));
    scores = own.scores.data();
  }
  score_cached(kernels(), cache_type_,
               {own.index_queries.data(), own.index_weights.data(), config_.index_heads, index_width_},
               keys.start(first), keys.width(), last - first, scores + first);
  if (n_tokens() == 1) worker.barrier();
  if (l == config_.candidate_layer)
    select_blocks(scores, n, config_.candidate_block_size, config_.candidate_blocks, candidates);
  if (config_.filtered(l))
    select_rows_of_blocks(scores, n, config_.index_topk, candidates, config_.candidate_block_size, chosen);
  else
    select_rows(scores, n, config_.index_topk, chosen);
}

// Heads [first_head, last_head) of token t, from queries to their place in heads_.
void DeepseekV4Fast::attend(const Worker& worker, const Layer& layer, int64_t t, int64_t first_head, int64_t last_head,
                            const Place& place) {
  const int l = static_cast<int>(place.layer);
  const int64_t d = config_.head_dim, position = place.position(t), per_group = config_.n_heads / config_.o_groups;
  Own& own = own_[static_cast<size_t>(worker.index)];
  own.list.clear();
  const int64_t n_block = place.block_keys ? n_tokens() : 0, end = n_block > 0 ? place.position(0) : position + 1;
  V4Cache::Rows& past = place.past_keys(t);
  for (int64_t s = std::max(place.first_key, end - config_.window); s < end; ++s) own.list.push_back(past.start(s));
  for (int64_t b = 0; b < n_block; ++b) own.list.push_back(place.block_keys->start(b));
  for (const int64_t e : own.chosen[static_cast<size_t>(t)])
    own.list.push_back(place.cache(t).entries(config_.entries_from(l)).rows.start(e));

  const float scale = 1.0f / std::sqrt(static_cast<float>(d));
  std::vector<RopeTable::Turn> back(turns(l, t), turns(l, t) + window_rope_.n_pairs());
  for (RopeTable::Turn& turn : back) turn.sin = -turn.sin;
  own.queries.assign(static_cast<size_t>(kMaxAttentionRows * key_width_), 0.0f);
  own.results.resize(own.queries.size());
  const std::vector<int32_t> n_visible(kMaxAttentionRows, static_cast<int32_t>(own.list.size()));
  for (int64_t h = first_head; h < last_head; h += kMaxAttentionRows) {
    const int n_rows = static_cast<int>(std::min<int64_t>(kMaxAttentionRows, last_head - h));
    for (int64_t r = 0; r < n_rows; ++r) {
      float* query = own.queries.data() + r * key_width_;
      const float* from = q_.data() + (t * config_.n_heads + h + r) * d;
      if (config_.norm_queries)
        kernels().rms_norm(from, ones_.data(), d, config_.rms_eps, query);
      else
        std::copy_n(from, d, query);
      rope_interleaved(turns(l, t), window_rope_.n_pairs(), query + d - config_.rope_dim);
      for (int64_t i = 0; i < d; ++i) query[i] *= scale;
    }
    attend_cached(kernels(), cache_type_, [&](auto& rows) {
      rows.queries = own.queries.data();
      rows.n_rows = n_rows;
      rows.n_visible = n_visible.data();
      rows.width = rows.value_width = key_width_;
      rows.list = own.list.data();  // values are keys: both null
      rows.sinks = layer.sinks.data() + h;
      rows.out = own.results.data();
    });
    for (int64_t r = 0; r < n_rows; ++r) {
      float* to = heads_.row(t) + (h + r) / per_group * group_stride_ + (h + r) % per_group * d;
      std::copy_n(own.results.data() + r * key_width_, d, to);
      rope_interleaved(back.data(), window_rope_.n_pairs(),
                       to + d - config_.rope_dim);  // values carry their keys' rotation
    }
  }
}

void DeepseekV4Fast::project_out(const Worker& worker, const Layer& layer) {
  const int64_t n = n_tokens(), groups = config_.o_groups, rank = config_.o_lora_rank;
  if (is_quantized(layer.o_a[0].type)) {
    const auto [first, last] = worker.split(n);
    for (int64_t t = first; t < last; ++t) heads_.quantize(kernels(), t, 0, heads_.stride());
    worker.barrier();
  }
  // Panels of all groups in one list, so that the shares are even whatever the number of groups.
  const int64_t panels = layer.o_a[0].n_panels();
  const auto [first, last] = worker.split(groups * panels);
  for (int64_t g = first / panels; g * panels < last; ++g) {
    const int64_t begin = std::max(first - g * panels, int64_t{0}), end = std::min(last - g * panels, panels);
    multiply(worker, layer.o_a[static_cast<size_t>(g)], begin, end, heads_.from(0).columns(g * group_stride_), n,
             low_.row(0) + g * rank + begin * kPanelRows, low_.stride());
  }
  worker.barrier();
  const Activations low = rounded(worker, low_, n, groups * rank, is_quantized(layer.o_b.type), mine(worker).input, 0);
  const auto [first_panel, last_panel] = worker.split(layer.o_b.n_panels());
  clear_hidden(first_panel, last_panel);
  add_product(worker, layer.o_b, first_panel, last_panel, low, n, nullptr, nullptr);
  worker.barrier();
}

}  // namespace engine
