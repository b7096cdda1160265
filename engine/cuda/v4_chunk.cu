// SPDX-License-Identifier: Apache-2.0
// V4Pass over many tokens.
#include <algorithm>

#include "engine/cuda/v4_pass.h"

namespace engine::cuda {

void V4Pass::chunk_layer(int l, const Chunk& chunk) {
  const Layer& layer = layers_[static_cast<size_t>(l)];
  chunk_gather(layer.attn_connection, chunk.n, false);
  norm_chunk(layer.attn_norm, chunk.n);
  chunk_attention(l, chunk);
  over(spread_op(), 0, chunk.n);
  chunk_gather(layer.ff_connection, chunk.n, false);
  check(cudaMemsetAsync(result_.data(), 0, static_cast<size_t>(chunk.n * shape_.hidden_size) * sizeof(float), stream_),
        "cudaMemsetAsync");
  chunk_feed_forward(layer.ff, chunk.n, result_.data());
  over(spread_op(), 0, chunk.n);
}

void V4Pass::chunk_gather(const Connection& connection, int n, bool head) {
  const int64_t width = config_.n_streams * shape_.hidden_size;
  norm_rows(streams_.data(), width, n, width, {ones_, config_.rms_eps}, exact_, normed_streams_.data(),
            normed_streams_f32_.data(), stream_);
  router_logits(normed_streams_f32_.data(), connection.mix, nullptr, n, mixed_.data(), stream_);
  over(gather_op(connection, head), 0, n);
}

void V4Pass::chunk_attention(int l, const Chunk& chunk) {
  const Layer& layer = layers_[static_cast<size_t>(l)];
  chunk_products(layer, l, chunk.n);
  chunk_rows(layer, l, chunk.n);
  chunk_output(layer, chunk.n);
}

void V4Pass::chunk_products(const Layer& layer, int l, int n) {
  const auto from_hidden = [&](const Matrix& w, float* y) { product(w, normed(), n, Store::kF32, y); };
  from_hidden(layer.q_a, q_low_.data());
  norm_rows(q_low_.data(), config_.q_lora_rank, n, config_.q_lora_rank, {layer.q_a_norm, config_.rms_eps}, exact_,
            q_low_normed_.data(), nullptr, stream_);
  product(layer.q_b, q_low_normed_.data(), n, Store::kF32, q_.data());
  from_hidden(layer.kv, kv_.data());
  if (config_.ratio(l) > 0) {
    from_hidden(layer.entries.values, values_.data());
    from_hidden(layer.entries.gate, gates_.data());
  }
  if (!config_.chooses(l)) return;
  from_hidden(layer.index_entries.values, index_values_.data());
  from_hidden(layer.index_entries.gate, index_gates_.data());
  from_hidden(layer.index_weights, index_weights_.data());
  product(layer.index_q, q_low_normed_.data(), n, Store::kF32, index_q_.data());
}

// All tokens' keys and parts are there before entries are made of them, and those before any token attends. What a
// token does not see yet lies in rows of its own.
void V4Pass::chunk_rows(const Layer& layer, int l, int n) {
  PlaceOp place = place_op(layer, l);
  place.half = PlaceOp::Half::kParts;
  over(place, 0, n);
  place.half = PlaceOp::Half::kEntries;
  if (place.ratio > 0) over(place, 0, n);
  const int64_t width = int64_t{config_.n_heads} * config_.head_dim;
  for (int first = 0; first < n; first += kTokensAtOnce) {
    const int some = std::min(kTokensAtOnce, n - first);
    if (config_.chooses(l)) {
      IndexScoresOp scores = index_scores_op(l);
      scores.q += int64_t{first} * config_.index_heads * config_.index_head_dim;
      scores.weights += int64_t{first} * config_.index_heads;
      over(scores, first, some);
      over(ChooseOp{seen_rows(l), chosen_.data()}, first, some);
    }
    AttentionOp attention = attention_op(l);
    attention.q += first * width;
    over(attention, first, some);
    MergeOp merge = merge_op(layer, l);
    merge.turned += int64_t{first} * merge.n_turns;
    over(merge, first, some);
    norm_rows(merged_.data(), width, some, width, Norm{}, exact_, out_.data() + first * width * value_bytes(), nullptr,
              stream_);
  }
}

// result = o_b . (o_a's groups, each of its own heads).
void V4Pass::chunk_output(const Layer& layer, int n) {
  const int64_t rank = config_.o_lora_rank, width = config_.group_width(), all = config_.o_groups * rank;
  for (int64_t g = 0; g < config_.o_groups; ++g) {
    Gemm part;
    part.w = layer.o_a.rows(g * rank, rank);
    part.x = out_.data() + g * width * value_bytes();
    part.x_stride = config_.o_groups * width;
    part.n_rows = n;
    part.store = Store::kF32;
    part.y = low_.data() + g * rank;
    part.y_stride = all;
    multiply(part);
  }
  norm_rows(low_.data(), all, n, all, Norm{}, exact_, low_rounded_.data(), nullptr, stream_);
  product(layer.o_b, low_rounded_.data(), n, Store::kF32, result_.data());
}

}  // namespace engine::cuda
