// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "engine/cuda/grouped_pass.h"
#include "engine/cuda/prefill_attention.h"
#include "engine/families/grouped/make_models.h"
#include "engine/load/weight_sizes.h"

namespace engine::cuda {
namespace {

PassShape shape_of(const GroupedConfig& c) {
  PassShape shape;
  shape.n_layers = c.n_layers;
  shape.hidden_size = c.hidden_size;
  shape.n_vocab = c.n_vocab;
  shape.rms_eps = c.rms_eps;
  shape.cache_width = int64_t{2} * c.n_kv_heads * c.head_dim;
  const int64_t d = c.head_dim, padded = grouped_key_width(c);
  shape.stored = {2 * padded, c.n_kv_heads, d, {{0, 0, d}, {c.n_kv_heads * d, padded, d}}};
  shape.widest_layer = c.dense_intermediate;
  shape.expert_width = c.expert_intermediate;
  shape.router = c.router();
  shape.gate = c.gate;
  return shape;
}

std::vector<const TensorView*> matrices(const GroupedWeights& w) {
  std::vector<const TensorView*> all = {&w.embedding, &w.head};
  for (const GroupedLayer& l : w.layers) {
    for (const TensorView* view : {&l.q, &l.k, &l.v, &l.o}) all.push_back(view);
    l.ff.list_matrices(all);
  }
  return all;
}

}  // namespace

GroupedPass::GroupedPass(const GroupedConfig& config, const GroupedWeights& weights, const UploadOptions& options)
    : Pass(shape_of(config), options.exact || all_f32(matrices(weights)), options, bytes_of(matrices(weights))),
      config_(config),
      scale_(1.0f / std::sqrt(static_cast<float>(config.head_dim))) {
  if (config.head_dim % (exact_ ? 4 : 8) != 0 || config.head_dim > 256)
    throw Unsupported("the CUDA backend takes heads of at most 256 values, a multiple of 8");
  for (const GroupedLayer& from : weights.layers) {
    Layer to;
    to.attn_norm = store_.floats(from.attn_norm);
    to.q = store_.matrix(from.q);
    to.k = store_.matrix(from.k);
    to.v = store_.matrix(from.v);
    to.o = store_.matrix(from.o);
    to.q_bias = store_.floats(from.q_bias);
    to.k_bias = store_.floats(from.k_bias);
    to.v_bias = store_.floats(from.v_bias);
    to.o_bias = store_.floats(from.o_bias);
    to.q_norm = store_.floats(from.q_norm);
    to.k_norm = store_.floats(from.k_norm);
    to.sinks = store_.floats(from.sinks);
    to.ff = upload_feed_forward(from.ff);
    layers_.push_back(to);
  }
  const RopeTable rope = rope_table(config, store_.synthetic() ? TensorView() : weights.rope_factors);
  rotated_ = 2 * rope.n_pairs();
  finish(weights.embedding, weights.norm, weights.head, rope);
  const auto n = static_cast<size_t>(kChunk), d = static_cast<size_t>(config.head_dim),
             heads = static_cast<size_t>(config.n_heads);
  const size_t kv = static_cast<size_t>(config.n_kv_heads) * d;
  q_ = DeviceBuffer<float>(n * heads * d);
  k_ = DeviceBuffer<float>(n * kv);
  v_ = DeviceBuffer<float>(n * kv);
  partial_ = DeviceBuffer<float>(static_cast<size_t>(kTokensAtOnce * kMaxPieces) * heads * (d + 2));
  merged_ = DeviceBuffer<float>(kTokensAtOnce * heads * d);
  q_turned_ = values(static_cast<int64_t>(n * heads * d));
  out_ = values(static_cast<int64_t>(n * heads * d));
  build_step();
}

GroupedQueryOp GroupedPass::query_op(const Layer& layer, int l) const {
  GroupedQueryOp query;
  query.q = q_.data();
  query.k = k_.data();
  query.v = v_.data();
  query.q_gain = layer.q_norm;
  query.k_gain = layer.k_norm;
  query.eps = shape_.rms_eps;
  query.turns = turns_.data();
  query.scale = scale_;
  query.interleaved = config_.interleaved_rope;
  query.n_heads = config_.n_heads;
  query.n_kv_heads = config_.n_kv_heads;
  query.d = config_.head_dim;
  query.rotated = rotated_;
  query.row_width = shape_.cache_width;
  query.layer = l;
  query.float_cache = exact_;
  return query;
}

AttentionOp GroupedPass::attention_op(int l) const {
  AttentionOp a;
  a.q = q_.data();
  a.n_heads = config_.n_heads;
  a.n_kv_heads = config_.n_kv_heads;
  a.dk = a.dv = config_.head_dim;
  a.row_width = shape_.cache_width;
  a.value_offset = int64_t{config_.n_kv_heads} * config_.head_dim;
  a.layer = l;
  a.seen.window = config_.window[static_cast<size_t>(l)];
  a.float_cache = exact_;
  a.partial = partial_.data();
  StepProgram::plan(a);
  return a;
}

MergeOp GroupedPass::merge_op(const Layer& layer, int l) const {
  MergeOp merge;
  merge.partial = partial_.data();
  merge.n_heads = config_.n_heads;
  merge.dv = config_.head_dim;
  merge.seen.window = config_.window[static_cast<size_t>(l)];
  merge.sinks = layer.sinks;
  merge.out = merged_.data();
  return merge;
}

void GroupedPass::add_attention(int l) {
  const Layer& layer = layers_[static_cast<size_t>(l)];
  ProjectOp p;
  p.n = 3;
  p.w[0] = layer.q, p.y[0] = q_.data(), p.bias[0] = layer.q_bias;
  p.w[1] = layer.k, p.y[1] = k_.data(), p.bias[1] = layer.k_bias;
  p.w[2] = layer.v, p.y[2] = v_.data(), p.bias[2] = layer.v_bias;
  p.x = hidden();
  p.norm = {layer.attn_norm, shape_.rms_eps};
  add(OpKind::kProject, p, layer.q.bytes(layer.q.n_out) + 2 * layer.k.bytes(layer.k.n_out));
  add(OpKind::kGroupedQuery, query_op(layer, l));
  add(OpKind::kAttention, attention_op(l));
  add(OpKind::kMerge, merge_op(layer, l));
  ProjectOp o;
  o.n = 1;
  o.w[0] = layer.o, o.y[0] = hidden(), o.bias[0] = layer.o_bias;
  o.add = true;
  o.x = merged_.data();
  add(OpKind::kProject, o, layer.o.bytes(layer.o.n_out));
}

void GroupedPass::chunk_attention(int l, const Chunk& chunk) {
  const Layer& layer = layers_[static_cast<size_t>(l)];
  product(layer.q, normed(), chunk.n, Store::kF32, q_.data(), layer.q_bias);
  product(layer.k, normed(), chunk.n, Store::kF32, k_.data(), layer.k_bias);
  product(layer.v, normed(), chunk.n, Store::kF32, v_.data(), layer.v_bias);
  if (chunk.states) {  // of several timelines: at most kTokensAtOnce
    over(query_op(layer, l), 0, chunk.n);
    over(attention_op(l), 0, chunk.n);
    over(merge_op(layer, l), 0, chunk.n);
    const int64_t width = int64_t{config_.n_heads} * config_.head_dim;
    norm_rows(merged_.data(), width, chunk.n, width, Norm{}, exact_, out_.data(), nullptr, stream_);
    return product(layer.o, out_.data(), chunk.n, Store::kAddF32, hidden(), layer.o_bias);
  }
  GroupedStore store;
  store.q = q_.data();
  store.k = k_.data();
  store.v = v_.data();
  store.q_gain = layer.q_norm;
  store.k_gain = layer.k_norm;
  store.eps = shape_.rms_eps;
  store.turns = turns_.data();
  store.interleaved = config_.interleaved_rope;
  store.n = chunk.n;
  store.n_heads = config_.n_heads;
  store.n_kv_heads = config_.n_kv_heads;
  store.d = config_.head_dim;
  store.rotated = rotated_;
  store.cache = cache_at(chunk, l, chunk.position);
  store.row_width = shape_.cache_width;
  store.q_out = q_turned_.data();
  grouped_store(store, exact_, stream_);
  // Rows before the window of the chunk's first token are seen by none of its tokens.
  const int window = config_.window[static_cast<size_t>(l)];
  const int64_t first = window > 0 ? std::max<int64_t>(0, chunk.position + 1 - window) : 0;
  const int64_t values_at = int64_t{config_.n_kv_heads} * config_.head_dim * value_bytes();
  PrefillAttention a;
  a.q = q_turned_.data();
  a.k = cache_at(chunk, l, first);
  a.v = cache_at(chunk, l, first) + values_at;
  a.k_stride = a.v_stride = shape_.cache_width;
  a.k_head_stride = a.v_head_stride = config_.head_dim;
  a.n_tokens = chunk.n;
  a.n_keys = static_cast<int>(chunk.position + chunk.n - first);
  a.n_heads = config_.n_heads;
  a.n_kv_heads = config_.n_kv_heads;
  a.dk = a.dv = config_.head_dim;
  a.position = chunk.position;
  a.first_key = first;
  a.window = window;
  a.scale = scale_;
  a.sinks = layer.sinks;
  a.out = out_.data();
  prefill_attention(a, exact_, stream_);
  product(layer.o, out_.data(), chunk.n, Store::kAddF32, hidden(), layer.o_bias);
}

}  // namespace engine::cuda
