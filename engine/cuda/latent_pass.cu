// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "engine/cuda/latent_pass.h"
#include "engine/families/deepseek_v2/make_models.h"
#include "engine/formats/dequantize.h"
#include "engine/load/weight_sizes.h"

namespace engine::cuda {
namespace {

int64_t widest_layer(const DeepseekV2Config& c) {
  return std::max<int64_t>(c.dense_intermediate, int64_t{c.n_shared_experts} * c.expert_intermediate);
}

PassShape shape_of(const DeepseekV2Config& c) {
  PassShape shape;
  shape.n_layers = c.n_layers;
  shape.hidden_size = c.hidden_size;
  shape.n_vocab = c.n_vocab;
  shape.rms_eps = c.rms_eps;
  shape.cache_width = c.kv_lora_rank + c.qk_rope_dim + c.index_width();  // [latent | turned | index key]
  shape.indexed = c.index_topk != 0;
  const int64_t attended = c.kv_lora_rank + c.qk_rope_dim, padded = deepseek_v2_key_width(c);
  shape.stored.width = deepseek_v2_row_width(c);
  shape.stored.parts = {{0, 0, attended}};
  if (shape.indexed) shape.stored.parts.push_back({attended, padded, c.index_width()});
  shape.widest_layer = widest_layer(c);
  shape.expert_width = c.expert_intermediate;
  shape.router = c.router();
  return shape;
}

std::vector<const TensorView*> matrices(const DeepseekV2Weights& w) {
  std::vector<const TensorView*> all = {&w.embedding, &w.head};
  for (const DeepseekV2Layer& l : w.layers)
    for (const TensorView* view :
         {&l.q, &l.q_a, &l.q_b, &l.kv_a, &l.kv_b, &l.k_b, &l.v_b, &l.o, &l.index_q, &l.index_k, &l.index_weights})
      if (*view) all.push_back(view);
  for (const DeepseekV2Layer& l : w.layers) l.ff.list_matrices(all);
  return all;
}

float attention_scale(const DeepseekV2Config& c) {
  const float m = yarn_attention_scale(c.yarn);
  return m * m / std::sqrt(static_cast<float>(c.qk_nope_dim + c.qk_rope_dim));
}

}  // namespace

LatentPass::LatentPass(const DeepseekV2Config& config, const DeepseekV2Weights& weights, const UploadOptions& options)
    : Pass(shape_of(config), options.exact || all_f32(matrices(weights)), options, bytes_of(matrices(weights))),
      config_(config),
      scale_(attention_scale(config)) {
  if (config.index_topk != 0 && (config.index_head_dim % 8 != 0 || config.index_heads > kMostIndexHeads))
    throw Unsupported("the CUDA backend takes an index of at most " + std::to_string(kMostIndexHeads) +
                      " heads, whose width is a multiple of 8");
  if (config.kv_lora_rank % 8 != 0 || config.kv_lora_rank > 512 ||
      config.kv_lora_rank + config.qk_rope_dim > kMaxKeyWidth)
    throw Unsupported("the CUDA backend takes latents of at most 512 values, a multiple of 8");
  const int64_t heads = config.n_heads, c = config.kv_lora_rank, dk = config.qk_nope_dim + config.qk_rope_dim;
  if (config.qk_nope_dim % 8 != 0 || config.qk_rope_dim % 8 != 0 || config.v_head_dim % 8 != 0 || dk > 256 ||
      config.v_head_dim > 256)
    throw Unsupported("the CUDA backend takes heads of at most 256 values, a multiple of 8");
  for (const DeepseekV2Layer& from : weights.layers) {
    Layer to;
    to.attn_norm = store_.floats(from.attn_norm);
    if (from.q)
      to.q = store_.matrix(from.q);
    else {
      to.q_a = store_.matrix(from.q_a);
      to.q_a_norm = store_.floats(from.q_a_norm);
      to.q_b = store_.matrix(from.q_b);
    }
    to.kv_a = store_.matrix(from.kv_a);
    to.kv_a_norm = store_.floats(from.kv_a_norm);
    to.o = store_.matrix(from.o);
    upload_key_values(from, to);
    if (config.index_topk != 0) {
      to.index_q = store_.matrix(from.index_q);
      to.index_k = store_.matrix(from.index_k);
      to.index_weights = store_.matrix(from.index_weights);
      to.index_k_gain = store_.floats(from.index_k_gain);
      to.index_k_bias = store_.floats(from.index_k_bias);
    }
    to.ff = upload_feed_forward(from.ff);
    layers_.push_back(to);
  }
  finish(weights.embedding, weights.norm, weights.head, RopeTable(config.qk_rope_dim, config.rope_theta, config.yarn));
  const auto n = static_cast<size_t>(kChunk), h = static_cast<size_t>(heads);
  q_ = DeviceBuffer<float>(n * h * static_cast<size_t>(dk));
  kv_ = DeviceBuffer<float>(n * static_cast<size_t>(c + config.qk_rope_dim));
  if (config.q_lora_rank > 0) {
    q_low_ = DeviceBuffer<float>(n * static_cast<size_t>(config.q_lora_rank));
    q_low_normed_ = values(kChunk * int64_t{config.q_lora_rank});
  }
  if (config.index_topk != 0) {
    index_q_ =
        DeviceBuffer<float>(n * static_cast<size_t>(config.index_heads) * static_cast<size_t>(config.index_head_dim));
    index_weights_ = DeviceBuffer<float>(n * static_cast<size_t>(config.index_heads));
    index_k_ = DeviceBuffer<float>(n * static_cast<size_t>(config.index_head_dim));
    chosen_ = DeviceBuffer<int32_t>(kTokensAtOnce * static_cast<size_t>(config.index_topk));
  }
  queries_ = DeviceBuffer<float>(kTokensAtOnce * h * static_cast<size_t>(c + config.qk_rope_dim));
  partial_ = DeviceBuffer<float>(static_cast<size_t>(kTokensAtOnce * kMaxPieces) * h * static_cast<size_t>(c + 2));
  merged_ = DeviceBuffer<float>(kTokensAtOnce * h * static_cast<size_t>(config.v_head_dim));
  q_turned_ = values(kChunk * heads * dk);
  expanded_ = values(kKeySegment * heads * (config.qk_nope_dim + config.v_head_dim));
  keys_ = values(kKeySegment * heads * dk);
  out_ = values(kChunk * heads * config.v_head_dim);
  attention_state_ = DeviceBuffer<float>(n * h * static_cast<size_t>(config.v_head_dim + 2));
  build_step();
}

void LatentPass::upload_key_values(const DeepseekV2Layer& from, Layer& to) {
  const int64_t heads = config_.n_heads, c = config_.kv_lora_rank, nope = config_.qk_nope_dim, v = config_.v_head_dim,
                both = nope + v;
  const auto span_of = [](float* values, int64_t n) { return std::span(values, static_cast<size_t>(n)); };
  to.kv_b = store_.made(heads * both, c, [&](int64_t row, float* out) {
    const int64_t h = row / both, i = row % both;
    if (from.kv_b) return dequantize_row(from.kv_b, row, span_of(out, c));
    if (i >= nope) return dequantize_row(from.v_b.slice(h), i - nope, span_of(out, c));
    const TensorView k_b = from.k_b.slice(h);  // [C, nope]
    std::vector<float> key(static_cast<size_t>(nope));
    for (int64_t j = 0; j < c; ++j) {
      dequantize_row(k_b, j, key);
      out[j] = key[static_cast<size_t>(i)];
    }
  });
  to.v_b = store_.made(heads * v, c, [&](int64_t row, float* out) {
    const int64_t h = row / v, i = row % v;
    if (from.kv_b)
      dequantize_row(from.kv_b, h * both + nope + i, span_of(out, c));
    else
      dequantize_row(from.v_b.slice(h), i, span_of(out, c));
  });
  std::vector<float> all;  // of kv_b's key rows, [H nope, C]
  if (from.kv_b && !store_.synthetic()) {
    all.resize(static_cast<size_t>(heads * nope * c));
    for (int64_t row = 0; row < heads * nope; ++row)
      dequantize_row(from.kv_b, row / nope * both + row % nope, span_of(all.data() + row * c, c));
  }
  to.k_absorb = store_.made(heads * c, nope, [&](int64_t row, float* out) {
    const int64_t h = row / c, i = row % c;
    if (!from.kv_b) return dequantize_row(from.k_b.slice(h), i, span_of(out, nope));
    for (int64_t j = 0; j < nope; ++j) out[j] = all[static_cast<size_t>((h * nope + j) * c + i)];
  });
}

// Tokens that see all before them make a chunk of their own, which costs less.
bool LatentPass::forward(const ForwardRequest& request) {
  const auto n = static_cast<int64_t>(request.tokens.size());
  const int64_t dense = config_.index_topk - request.position;
  if (config_.index_topk == 0 || !request.batch.empty() || dense <= 0 || dense >= n) return Pass::forward(request);
  ForwardRequest first = request, rest = request;
  first.tokens = request.tokens.first(static_cast<size_t>(dense));
  rest.tokens = request.tokens.subspan(static_cast<size_t>(dense));
  rest.position += dense;
  if (!request.all_logits)
    first.logits = nullptr;
  else if (rest.logits)
    rest.logits += dense * shape_.n_vocab;
  return Pass::forward(first) && Pass::forward(rest);
}

// Products with the token's norm, and with that of its low-rank queries.
void LatentPass::add_queries(const Layer& layer) {
  const bool indexed = config_.index_topk != 0;
  const Matrix& first = layer.q ? layer.q : layer.q_a;
  ProjectOp p;
  p.n = indexed ? 3 : 2;
  p.w[0] = first, p.y[0] = layer.q ? q_.data() : q_low_.data();
  p.w[1] = layer.kv_a, p.y[1] = kv_.data();
  p.w[2] = layer.index_k, p.y[2] = index_k_.data();
  p.x = hidden();
  p.norm = {layer.attn_norm, shape_.rms_eps};
  add(OpKind::kProject, p,
      first.bytes(first.n_out) + layer.kv_a.bytes(layer.kv_a.n_out) + layer.index_k.bytes(layer.index_k.n_out));
  if (indexed) {
    p.n = 1;
    p.w[0] = layer.index_weights, p.y[0] = index_weights_.data();
    add(OpKind::kProject, p, layer.index_weights.bytes(layer.index_weights.n_out));
  }
  if (layer.q) return;
  ProjectOp up;
  up.n = indexed ? 2 : 1;
  up.w[0] = layer.q_b, up.y[0] = q_.data();
  up.w[1] = layer.index_q, up.y[1] = index_q_.data();
  up.x = q_low_.data();
  up.norm = {layer.q_a_norm, config_.latent_eps};
  add(OpKind::kProject, up, layer.q_b.bytes(layer.q_b.n_out) + layer.index_q.bytes(layer.index_q.n_out));
}

SeenRows LatentPass::seen_rows() const {
  SeenRows seen;
  if (config_.index_topk != 0) seen = {-1, 1, config_.index_topk};
  return seen;
}

LatentQueryOp LatentPass::query_op(const Layer& layer, int l) const {
  LatentQueryOp query;
  query.q = q_.data();
  query.kv = kv_.data();
  query.norm = {layer.kv_a_norm, config_.latent_eps};
  query.k_absorb = layer.k_absorb;
  query.turns = turns_.data();
  query.scale = scale_;
  query.n_heads = config_.n_heads;
  query.nope = config_.qk_nope_dim;
  query.rope = config_.qk_rope_dim;
  query.latent = config_.kv_lora_rank;
  query.row_width = shape_.cache_width;
  query.layer = l;
  query.float_cache = exact_;
  query.queries = queries_.data();
  return query;
}

IndexKeysOp LatentPass::index_keys_op(const Layer& layer, int l) const {
  IndexKeysOp keys;
  keys.q = index_q_.data();
  keys.k = index_k_.data();
  keys.gain = layer.index_k_gain;
  keys.bias = layer.index_k_bias;
  keys.eps = kIndexKeyEps;
  keys.turns = turns_.data();
  keys.n_turns = rope_.n_pairs;
  keys.n_heads = config_.index_heads;
  keys.width = config_.index_head_dim;
  keys.row_width = shape_.cache_width;
  keys.key_offset = config_.kv_lora_rank + config_.qk_rope_dim;
  keys.layer = l;
  keys.float_cache = exact_;
  return keys;
}

IndexScoresOp LatentPass::index_scores_op(int l) const {
  IndexScoresOp scores;
  scores.q = index_q_.data();
  scores.weights = index_weights_.data();
  scores.scale = 1.0f / std::sqrt(static_cast<float>(config_.index_heads) * static_cast<float>(config_.index_head_dim));
  scores.n_heads = config_.index_heads;
  scores.width = config_.index_head_dim;
  scores.row_width = shape_.cache_width;
  scores.key_offset = config_.kv_lora_rank + config_.qk_rope_dim;
  scores.seen = seen_rows();
  scores.layer = l;
  scores.float_cache = exact_;
  return scores;
}

AttentionOp LatentPass::attention_op(int l) const {
  AttentionOp a;
  a.q = queries_.data();
  a.n_heads = config_.n_heads;
  a.n_kv_heads = 1;
  a.dk = config_.kv_lora_rank + config_.qk_rope_dim;
  a.dv = config_.kv_lora_rank;
  a.row_width = shape_.cache_width;
  a.layer = l;
  a.seen = seen_rows();
  a.chosen = config_.index_topk != 0 ? chosen_.data() : nullptr;
  a.float_cache = exact_;
  a.partial = partial_.data();
  StepProgram::plan(a);
  return a;
}

MergeOp LatentPass::merge_op(const Layer& layer) const {
  MergeOp merge;
  merge.partial = partial_.data();
  merge.n_heads = config_.n_heads;
  merge.dv = config_.kv_lora_rank;
  merge.seen = seen_rows();
  merge.w = layer.v_b;
  merge.out = merged_.data();
  return merge;
}

void LatentPass::add_attention(int l) {
  const Layer& layer = layers_[static_cast<size_t>(l)];
  add_queries(layer);
  add(OpKind::kLatentQuery, query_op(layer, l), layer.k_absorb.bytes(layer.k_absorb.n_out));
  if (config_.index_topk != 0) {
    add(OpKind::kIndexKeys, index_keys_op(layer, l));
    add(OpKind::kIndexScores, index_scores_op(l));
    add(OpKind::kChoose, ChooseOp{seen_rows(), chosen_.data()});
  }
  add(OpKind::kAttention, attention_op(l));
  add(OpKind::kMerge, merge_op(layer), layer.v_b.bytes(layer.v_b.n_out));
  ProjectOp o;
  o.n = 1;
  o.w[0] = layer.o, o.y[0] = hidden();
  o.add = true;
  o.x = merged_.data();
  add(OpKind::kProject, o, layer.o.bytes(layer.o.n_out));
}

}  // namespace engine::cuda
