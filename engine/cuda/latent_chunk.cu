// SPDX-License-Identifier: Apache-2.0
// LatentPass over many tokens.
#include <algorithm>

#include "engine/cuda/latent_pass.h"
#include "engine/cuda/prefill_attention.h"

namespace engine::cuda {

void LatentPass::chunk_attention(int l, const Chunk& chunk) {
  const Layer& layer = layers_[static_cast<size_t>(l)];
  const int64_t heads = config_.n_heads, nope = config_.qk_nope_dim, rope = config_.qk_rope_dim, v = config_.v_head_dim;
  const int64_t dk = nope + rope;
  const bool by_tokens = !chunk.cache || (config_.index_topk != 0 && chunk.position + chunk.n > config_.index_topk);
  if (layer.q) {
    product(layer.q, normed(), chunk.n, Store::kF32, q_.data());
  } else {
    product(layer.q_a, normed(), chunk.n, Store::kF32, q_low_.data());
    norm_rows(q_low_.data(), config_.q_lora_rank, chunk.n, config_.q_lora_rank, {layer.q_a_norm, config_.latent_eps},
              exact_, q_low_normed_.data(), nullptr, stream_);
    product(layer.q_b, q_low_normed_.data(), chunk.n, Store::kF32, q_.data());
  }
  product(layer.kv_a, normed(), chunk.n, Store::kF32, kv_.data());
  if (config_.index_topk != 0) {
    product(layer.index_k, normed(), chunk.n, Store::kF32, index_k_.data());
    if (by_tokens) {
      product(layer.index_q, q_low_normed_.data(), chunk.n, Store::kF32, index_q_.data());
      product(layer.index_weights, normed(), chunk.n, Store::kF32, index_weights_.data());
    }
  }
  if (by_tokens) return chunk_by_tokens(l, chunk);
  LatentStore store;
  store.q = q_.data();
  store.kv = kv_.data();
  store.norm = {layer.kv_a_norm, config_.latent_eps};
  store.turns = turns_.data();
  store.n = chunk.n;
  store.n_heads = config_.n_heads;
  store.nope = config_.qk_nope_dim;
  store.rope = config_.qk_rope_dim;
  store.latent = config_.kv_lora_rank;
  store.cache = cache_at(chunk, l, chunk.position);
  store.row_width = shape_.cache_width;
  store.q_out = q_turned_.data();
  latent_store(store, exact_, stream_);
  if (config_.index_topk != 0) {
    IndexKeysOp keys = index_keys_op(layer, l);
    keys.n_heads = 0;  // no queries: all rows are seen
    over(keys, 0, chunk.n);
  }

  const int64_t n_keys = chunk.position + chunk.n;
  for (int64_t first = 0; first < n_keys; first += kKeySegment) {
    const int64_t n = std::min<int64_t>(kKeySegment, n_keys - first);
    Gemm expand;
    expand.w = layer.kv_b;
    expand.x = cache_at(chunk, l, first);
    expand.x_stride = shape_.cache_width;
    expand.n_rows = n;
    expand.store = Store::kActivation;
    expand.y = expanded_.data();
    expand.y_stride = layer.kv_b.n_out;
    gemm(expand, exact_, stream_);
    KeyParts parts;
    parts.expanded = expanded_.data();
    parts.cache = cache_at(chunk, l, first);
    parts.row_width = shape_.cache_width;
    parts.n_keys = n;
    parts.n_heads = config_.n_heads;
    parts.nope = config_.qk_nope_dim;
    parts.rope = config_.qk_rope_dim;
    parts.v = config_.v_head_dim;
    parts.latent = config_.kv_lora_rank;
    parts.keys = keys_.data();
    assemble_keys(parts, exact_, stream_);
    PrefillAttention a;
    a.q = q_turned_.data();
    a.k = keys_.data();
    a.v = expanded_.data() + nope * value_bytes();
    a.k_stride = heads * dk, a.k_head_stride = dk;
    a.v_stride = heads * (nope + v), a.v_head_stride = nope + v;
    a.n_tokens = chunk.n;
    a.n_keys = static_cast<int>(n);
    a.n_heads = a.n_kv_heads = config_.n_heads;
    a.dk = static_cast<int>(dk);
    a.dv = static_cast<int>(v);
    a.position = chunk.position;
    a.first_key = first;
    a.scale = scale_;
    a.first = first == 0;
    a.last = first + n == n_keys;
    a.state = attention_state_.data();
    a.out = out_.data();
    prefill_attention(a, exact_, stream_);
  }
  product(layer.o, out_.data(), chunk.n, Store::kAddF32, hidden());
}

// What the tokens of a chunk have of each operator lies one after the other; pieces of attention are kept for a few at a
// time, which write their rows before any of the next ones reads them.
void LatentPass::chunk_by_tokens(int l, const Chunk& chunk) {
  const Layer& layer = layers_[static_cast<size_t>(l)];
  const int64_t width = int64_t{config_.n_heads} * config_.v_head_dim,
                q = int64_t{config_.n_heads} * (config_.qk_nope_dim + config_.qk_rope_dim);
  for (int first = 0; first < chunk.n; first += kTokensAtOnce) {
    const int n = std::min(kTokensAtOnce, chunk.n - first);
    const auto further = [first](auto*& at, int64_t row) { at += first * row; };
    LatentQueryOp query = query_op(layer, l);
    further(query.q, q);
    further(query.kv, config_.kv_lora_rank + config_.qk_rope_dim);
    further(query.turns, rope_.n_pairs);
    over(query, first, n);
    if (config_.index_topk != 0) {
      IndexKeysOp keys = index_keys_op(layer, l);
      IndexScoresOp scores = index_scores_op(l);
      further(keys.q, int64_t{config_.index_heads} * config_.index_head_dim);
      further(keys.k, config_.index_head_dim);
      further(keys.turns, rope_.n_pairs);
      further(scores.q, int64_t{config_.index_heads} * config_.index_head_dim);
      further(scores.weights, config_.index_heads);
      over(keys, first, n);
      over(scores, first, n);
      over(ChooseOp{seen_rows(), chosen_.data()}, first, n);
    }
    over(attention_op(l), first, n);
    over(merge_op(layer), first, n);
    norm_rows(merged_.data(), width, n, width, Norm{}, exact_, out_.data() + first * width * value_bytes(), nullptr,
              stream_);
  }
  product(layer.o, out_.data(), chunk.n, Store::kAddF32, hidden());
}

}  // namespace engine::cuda
