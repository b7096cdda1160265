// SPDX-License-Identifier: Apache-2.0
#include "engine/families/deepseek_v4/fast.h"

#include <algorithm>

#include "engine/families/deepseek_v4/make_models.h"
#include "engine/formats/dequantize.h"
#include "engine/load/tensor_binder.h"

namespace engine {

int64_t DeepseekV4Fast::shared_width(const DeepseekV4Config& c) {
  return std::max<int64_t>(1, int64_t{c.n_shared_experts} * c.expert_intermediate);
}

namespace {

// All rows of a small matrix, one after the other.
std::vector<float> decoded_rows(const TensorView& view) {
  std::vector<float> all;
  for (int64_t i = 0; view && i < view.n_rows(); ++i) {
    const std::vector<float> row = decoded(rows_of(view, i, 1));
    all.insert(all.end(), row.begin(), row.end());
  }
  return all;
}
int64_t mix_rows(const DeepseekV4Config& c) {
  return int64_t{2 + c.n_streams} * c.n_streams;
}
int64_t found_width(const DeepseekV4Config& c) {
  return c.engram.layers.empty() ? 1 : int64_t{c.engram.rows_per_token()} * c.engram.head_dim;
}
size_t chunk_of(int64_t width) {
  return static_cast<size_t>(FastPass::kChunk * width);
}

PassShape pass_shape(const DeepseekV4Config& c) {
  return {c.n_layers,
          c.hidden_size,
          c.n_vocab,
          c.rms_eps,
          std::max<int64_t>({c.q_lora_rank, int64_t{c.o_groups} * c.o_lora_rank, c.spark.rank}),
          std::max<int64_t>(DeepseekV4Fast::shared_width(c), c.expert_intermediate)};
}

}  // namespace

DeepseekV4Fast::DeepseekV4Fast(const DeepseekV4Config& config, const DeepseekV4Weights& weights,
                               const FastKernels& kernels, ThreadPool& pool, const PanelPlan& panels, CacheType cache)
    : FastPass(pass_shape(config), kernels, pool),
      config_(config.with_draft_layers(weights.n_draft_layers())),
      window_rope_(config.rope_table(false)),
      entry_rope_(config.rope_table(true)),
      key_width_(round_up(config.head_dim, 16)),
      index_width_(round_up(config.index_head_dim, 16)),
      cache_type_(deepseek_v4_cache_type(config, weights, cache)),
      group_stride_(round_up(config.group_width(), kBlockValues)),
      ones_(static_cast<size_t>(std::max(int64_t{config.n_streams} * config.hidden_size, int64_t{config.head_dim})),
            1.0f),
      hashes_(weights.hashes),
      n_draft_layers_(weights.n_draft_layers()),
      feed_forward_(*this, config.router(), config.gate, config.hidden_size, shared_width(config),
                    config.expert_intermediate, pool.size()),
      streams_(kChunk, int64_t{config.n_streams} * config.hidden_size),
      normed_streams_(kChunk, int64_t{config.n_streams} * config.hidden_size),
      mixes_(kChunk),
      reads_(config.delayed ? kChunk : 0),
      mix_(chunk_of(mix_rows(config))),
      q_low_(kChunk, config.q_lora_rank),
      heads_(kChunk, config.o_groups * group_stride_),
      low_(kChunk, int64_t{config.o_groups} * config.o_lora_rank),
      latents_(config.sharing.empty() ? 0 : kChunk, config.head_dim),
      found_(config.engram.layers.empty() ? 0 : kChunk, found_width(config)),
      keys_and_value_(config.engram.layers.empty() ? 0
                                                   : chunk_of((config.n_streams + int64_t{1}) * config.hidden_size)),
      q_(chunk_of(int64_t{config.n_heads} * config.head_dim)),
      kv_(chunk_of(config.head_dim)),
      index_q_(chunk_of(int64_t{config.index_heads} * config.index_head_dim)),
      index_weights_(chunk_of(config.index_heads)),
      values_(chunk_of(int64_t{2} * config.head_dim)),
      gates_(values_.size()),
      index_values_(chunk_of(int64_t{2} * config.index_head_dim)),
      index_gates_(index_values_.size()),
      window_turns_(chunk_of(config.rope_dim / 2)),
      entry_turns_(window_turns_.size()),
      own_(static_cast<size_t>(pool.size())) {
  for (const DeepseekV4Layer& from : weights.layers) {
    Layer& to = layers_.emplace_back(packed_layer(from));
    if (from.engram_rows)
      to.engram_index = static_cast<size_t>(std::count_if(
          layers_.begin(), layers_.end() - 1, [](const Layer& l) { return static_cast<bool>(l.engram_rows); }));
  }
  if (!config.delayed) head_connection_ = connection(weights.head_connection);
  std::vector<PackedMatrix*> matrices = {&head_connection_.mix};
  for (Own& own : own_) own.chosen.resize(kChunk), own.candidates.resize(kChunk);
  for (Layer& l : layers_) list(l, matrices);
  if (weights.draft) pack_draft(*weights.draft, matrices);
  if (weights.spark) pack_spark(*weights.spark, matrices);
  finish_weights(weights.embedding, weights.norm, weights.head, std::move(matrices), panels);
}

DeepseekV4Fast::Layer DeepseekV4Fast::packed_layer(const DeepseekV4Layer& from) {
  Layer to;
  to.attn_connection = connection(from.attn_connection);
  to.ff_connection = connection(from.ff_connection);
  to.attn_norm = decoded(from.attn_norm);
  to.q_a_norm = decoded(from.q_a_norm);
  to.kv_norm = decoded(from.kv_norm);
  to.sinks = decoded(from.sinks);
  to.q_a = store().matrix(from.q_a);
  to.q_b = store().matrix(from.q_b);
  to.kv = store().matrix(from.kv);
  to.index_q = store().matrix(from.index_q);
  to.index_weights = store().matrix(from.index_weights);
  if (from.index_k) to.index_k = store().matrix(from.index_k), to.index_k_norm = decoded(from.index_k_norm);
  if (from.engram_rows) {
    to.engram_rows = from.engram_rows;
    to.engram_projection = store().matrix(from.engram_projection);
    to.engram_q = decoded_rows(from.engram_q);
    to.engram_k = decoded_rows(from.engram_k);
  }
  for (int g = 0; g < config_.o_groups; ++g)
    to.o_a.push_back(store().matrix(rows_of(from.o_a, int64_t{g} * config_.o_lora_rank, config_.o_lora_rank)));
  to.o_b = store().matrix(from.o_b);
  to.entries = compressor(from.entries);
  to.index_entries = compressor(from.index_entries);
  to.ff = packed_feed_forward(from.ff, store());
  return to;
}

void DeepseekV4Fast::list(Layer& l, std::vector<PackedMatrix*>& matrices) {
  matrices.insert(matrices.end(), {&l.attn_connection.mix, &l.ff_connection.mix, &l.q_a, &l.q_b, &l.kv, &l.index_q,
                                   &l.index_k, &l.engram_projection, &l.index_weights, &l.o_b, &l.entries.values,
                                   &l.entries.gate, &l.index_entries.values, &l.index_entries.gate});
  for (PackedMatrix& group : l.o_a) matrices.push_back(&group);
  l.ff.list(matrices);
}

DeepseekV4Fast::Connection DeepseekV4Fast::connection(const V4Connection& from) {
  return {store().matrix(from.mix), decoded(from.base), decoded(from.scale)};
}

DeepseekV4Fast::Compressor DeepseekV4Fast::compressor(const V4Compressor& from) {
  return {store().matrix(from.values), store().matrix(from.gate), decoded_rows(from.place), decoded(from.norm)};
}

void DeepseekV4Fast::begin(const ForwardRequest& request) {
  if (request.batch.empty()) static_cast<V4Cache&>(*request.cache).begin(request.position, n_tokens());
  for (const BatchPlace& place : request.batch) static_cast<V4Cache&>(*place.cache).begin(place.position, 1);
  if (n_tokens() == 1) index_scores_.resize(static_cast<size_t>(request.position_of(0) + 1));
  for (int64_t t = 0; t < n_tokens(); ++t) {
    if (V4Cache& cache = static_cast<V4Cache&>(*request.cache_of(t)); cache.keeps_folded_ids())  // one for drafts does not
      cache.folded_id(request.position_of(t)) = hashes_.folded(request.tokens[static_cast<size_t>(t)]);
    window_rope_.angles(request.position_of(t), window_turns_.data() + t * window_rope_.n_pairs());
    entry_rope_.angles(request.position_of(t), entry_turns_.data() + t * entry_rope_.n_pairs());
  }
}

bool DeepseekV4Fast::layer(const Worker& worker, int l, const ForwardRequest& request) {
  const Layer& layer = layers_[static_cast<size_t>(l)];
  if (l == 0) start_streams(worker);
  if (layer.engram_rows) engram(worker, layer, {request, l});
  if (spark_ && request.states && config_.delayed) keep_target(worker, l, request);
  if (!through(worker, layer, {request, l})) return false;
  if (spark_ && request.states && !config_.delayed) keep_target(worker, l, request);
  if (l + 1 < config_.n_layers) return true;
  config_.delayed ? gather_last(worker) : gather(worker, head_connection_, true);
  return true;
}

bool DeepseekV4Fast::through(const Worker& worker, const Layer& layer, const Place& place) {
  gather(worker, layer.attn_connection, false);
  if (!attention(worker, layer, place)) return false;
  spread(worker);
  gather(worker, layer.ff_connection, false);
  FeedForward& feed_forward = place.layer >= config_.n_layers && stage_feed_forward_ ? *stage_feed_forward_ : feed_forward_;
  feed_forward.put(worker, layer.ff, place.request.tokens);
  spread(worker);
  return true;
}

void DeepseekV4Fast::start_streams(const Worker& worker) {
  const auto [first, last] = worker.split(n_tokens());
  for (int64_t t = first; t < last; ++t) {
    for (int j = 0; j < config_.n_streams; ++j)
      std::copy_n(hidden(t), config_.hidden_size, streams_.row(t) + j * int64_t{config_.hidden_size});
    if (!config_.delayed) continue;
    reads_[static_cast<size_t>(t)] = {};
    reads_[static_cast<size_t>(t)].read[0] = 1.0f;
  }
  worker.barrier();
}

void DeepseekV4Fast::gather(const Worker& worker, const Connection& c, bool head) {
  const int64_t width = int64_t{config_.n_streams} * config_.hidden_size, rows = c.mix.n_out;
  const auto [first, last] = worker.split(n_tokens());
  for (int64_t t = first; t < last; ++t)
    kernels().rms_norm(streams_.row(t), ones_.data(), width, config_.rms_eps, normed_streams_.row(t));
  worker.barrier();
  multiply_share(worker, c.mix, normed_streams_.from(0), n_tokens(), mix_.data(), rows);
  worker.barrier();
  for (int64_t t = first; t < last; ++t) {
    StreamMix& mix = mixes_[static_cast<size_t>(t)];
    stream_mix(config_.n_streams, config_.sinkhorn_rounds, config_.stream_eps, head, mix_.data() + t * rows,
               c.scale.data(), c.base.data(), mix);
    if (config_.delayed) std::swap(mix.read, reads_[static_cast<size_t>(t)].read);
    gather_streams(mix, config_.n_streams, config_.hidden_size, streams_.row(t), hidden(t));
  }
  worker.barrier();
}

void DeepseekV4Fast::gather_last(const Worker& worker) {
  const auto [first, last] = worker.split(n_tokens());
  for (int64_t t = first; t < last; ++t)
    gather_streams(reads_[static_cast<size_t>(t)], config_.n_streams, config_.hidden_size, streams_.row(t), hidden(t));
  worker.barrier();
}

void DeepseekV4Fast::engram(const Worker& worker, const Layer& layer, const Place& place) {
  const EngramConfig& e = config_.engram;
  const int64_t width = layer.engram_rows.n_in(), all = found_width(config_), rows = layer.engram_projection.n_out;
  Own& own = own_[static_cast<size_t>(worker.index)];
  own.ids.resize(static_cast<size_t>(e.ngram));
  own.rows.resize(static_cast<size_t>(e.rows_per_token()));
  const auto [first, last] = worker.split(n_tokens());
  for (int64_t t = first; t < last; ++t) {
    for (int64_t i = 0, at = place.position(t); i < e.ngram; ++i, --at)
      own.ids[static_cast<size_t>(i)] = at < 0 ? hashes_.padding() : place.cache(t).folded_id(at);
    hashes_.rows(layer.engram_index, own.ids.data(), own.rows.data());
    for (size_t r = 0; r < own.rows.size(); ++r)
      dequantize_row(layer.engram_rows, own.rows[r],
                     {found_.row(t) + static_cast<int64_t>(r) * width, static_cast<size_t>(width)});
    if (is_quantized(layer.engram_projection.type)) found_.quantize(kernels(), t, 0, round_up(all, kBlockValues));
  }
  worker.barrier();
  multiply_share(worker, layer.engram_projection, found_.from(0), n_tokens(), keys_and_value_.data(), rows);
  worker.barrier();
  for (int64_t t = first; t < last; ++t)
    engram_gate(config_.n_streams, config_.hidden_size, config_.rms_eps, layer.engram_q.data(), layer.engram_k.data(),
                keys_and_value_.data() + t * rows, streams_.row(t));
  worker.barrier();
}

void DeepseekV4Fast::spread(const Worker& worker) {
  const auto [first, last] = worker.split(n_tokens());
  for (int64_t t = first; t < last; ++t)
    spread_streams(mixes_[static_cast<size_t>(t)], config_.n_streams, config_.hidden_size, hidden(t), streams_.row(t));
  worker.barrier();
}

// Layers of a file are stored alike. Compressors often stay in f16 beside quantised keys: what they sum up carries the
// errors of 8-bit activations all the same.
CacheType deepseek_v4_cache_type(const DeepseekV4Config& config, const DeepseekV4Weights& weights, CacheType asked) {
  return chosen_cache_type(asked, weights.layers[0].kv.type, config.head_dim);
}

std::unique_ptr<Model> make_deepseek_v4_fast(const DeepseekV4Config& config, const DeepseekV4Weights& weights,
                                             const FastKernels& kernels, ThreadPool& pool, const PanelPlan& panels,
                                             CacheType cache) {
  return std::make_unique<DeepseekV4Fast>(config, weights, kernels, pool, panels, cache);
}

}  // namespace engine
