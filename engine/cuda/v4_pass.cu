// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <new>

#include "engine/cuda/v4_pass.h"
#include "engine/load/weight_sizes.h"

namespace engine::cuda {
namespace {

PassShape shape_of(const DeepseekV4Config& c) {
  PassShape shape;
  shape.n_layers = c.n_layers;
  shape.hidden_size = c.hidden_size;
  shape.n_vocab = c.n_vocab;
  shape.rms_eps = c.rms_eps;
  shape.widest_layer = int64_t{c.n_shared_experts} * c.expert_intermediate;
  shape.expert_width = c.expert_intermediate;
  shape.router = c.router();
  shape.gate = c.gate;
  shape.chunk = V4DeviceCache::kSlack;  // as many as its rings leave room for
  return shape;
}

std::vector<const TensorView*> matrices(const DeepseekV4Weights& w) {
  std::vector<const TensorView*> all = {&w.embedding, &w.head};
  for (const DeepseekV4Layer& l : w.layers) {
    for (const TensorView* view : {&l.q_a, &l.q_b, &l.kv, &l.o_a, &l.o_b, &l.entries.values, &l.entries.gate,
                                   &l.index_entries.values, &l.index_entries.gate, &l.index_q, &l.index_weights})
      if (*view) all.push_back(view);
    l.ff.list_matrices(all);
  }
  return all;
}

void refuse_what_is_not_here(const DeepseekV4Config& c) {
  if (c.delayed || !c.engram.layers.empty() || !c.sharing.empty() || c.candidate_layer >= 0)
    throw Unsupported("the CUDA backend does not have DeepSeek-V4.1 yet");
  if (c.head_dim % 8 != 0 || c.head_dim > 512 || c.rope_dim % 2 != 0)
    throw Unsupported("the CUDA backend takes DeepSeek-V4's heads of at most 512 values, a multiple of 8");
  if (c.index_head_dim % 8 != 0 || c.index_heads > kMostIndexHeads)
    throw Unsupported("the CUDA backend takes an index of at most " + std::to_string(kMostIndexHeads) +
                      " heads, whose width is a multiple of 8");
}

}  // namespace

V4Pass::V4Pass(const DeepseekV4Config& config, const DeepseekV4Weights& weights, const UploadOptions& options)
    : Pass(shape_of(config), options.exact || all_f32(matrices(weights)), options, bytes_of(matrices(weights))),
      config_(config) {
  refuse_what_is_not_here(config);
  for (const DeepseekV4Layer& from : weights.layers) {
    Layer to;
    to.attn_connection = upload(from.attn_connection);
    to.ff_connection = upload(from.ff_connection);
    to.attn_norm = store_.floats(from.attn_norm);
    to.q_a = store_.matrix(from.q_a);
    to.q_a_norm = store_.floats(from.q_a_norm);
    to.q_b = store_.matrix(from.q_b);
    to.kv = store_.matrix(from.kv);
    to.kv_norm = store_.floats(from.kv_norm);
    to.sinks = store_.floats(from.sinks);
    to.o_a = store_.matrix(from.o_a);
    to.o_b = store_.matrix(from.o_b);
    if (from.entries.values) to.entries = upload(from.entries);
    if (from.index_entries.values) {
      to.index_entries = upload(from.index_entries);
      to.index_q = store_.matrix(from.index_q);
      to.index_weights = store_.matrix(from.index_weights);
    }
    to.ff = upload_feed_forward(from.ff);
    layers_.push_back(to);
  }
  head_connection_ = upload(weights.head_connection);
  finish(weights.embedding, weights.norm, weights.head, config.rope_table(false));
  const RopeTable entry_rope = config.rope_table(true);
  entry_rope_ = {store_.doubles(entry_rope.frequencies()), entry_rope.n_pairs(), entry_rope.amplitude()};
  entry_turns_ = DeviceBuffer<Turn>(static_cast<size_t>(V4DeviceCache::kSlack * entry_rope.n_pairs()));
  const auto d = static_cast<size_t>(config.hidden_size), s = static_cast<size_t>(config.n_streams),
             heads = static_cast<size_t>(config.n_heads), width = static_cast<size_t>(config.head_dim),
             index_heads = static_cast<size_t>(config.index_heads),
             index_width = static_cast<size_t>(config.index_head_dim);
  const size_t n = V4DeviceCache::kSlack;
  ones_ = store_.constant(s * d, 1.0f);
  streams_ = DeviceBuffer<float>(n * s * d);
  normed_streams_ = values(static_cast<int64_t>(n * s * d));
  normed_streams_f32_ = DeviceBuffer<float>(n * s * d);
  mixed_ = DeviceBuffer<float>(n * (2 + s) * s);
  mix_ = DeviceBuffer<StreamMix>(n);
  result_ = DeviceBuffer<float>(n * d);
  q_low_ = DeviceBuffer<float>(n * static_cast<size_t>(config.q_lora_rank));
  q_low_normed_ = values(static_cast<int64_t>(n) * config.q_lora_rank);
  q_ = DeviceBuffer<float>(n * heads * width);
  kv_ = DeviceBuffer<float>(n * width);
  values_ = DeviceBuffer<float>(n * 2 * width);
  gates_ = DeviceBuffer<float>(n * 2 * width);
  index_values_ = DeviceBuffer<float>(n * 2 * index_width);
  index_gates_ = DeviceBuffer<float>(n * 2 * index_width);
  index_q_ = DeviceBuffer<float>(n * index_heads * index_width);
  index_weights_ = DeviceBuffer<float>(n * index_heads);
  chosen_ = DeviceBuffer<int32_t>(kTokensAtOnce * static_cast<size_t>(std::max(1, config.index_topk)));
  partial_ = DeviceBuffer<float>(static_cast<size_t>(kTokensAtOnce * kMaxPieces) * heads * (width + 2));
  merged_ = DeviceBuffer<float>(kTokensAtOnce * heads * width);
  out_ = values(static_cast<int64_t>(n * heads * width));
  low_ = DeviceBuffer<float>(n * static_cast<size_t>(config.o_groups) * static_cast<size_t>(config.o_lora_rank));
  low_rounded_ = values(static_cast<int64_t>(low_.size()));
  build_step();
}

V4Pass::Connection V4Pass::upload(const V4Connection& from) {
  return {store_.in_f32(from.mix), store_.floats(from.base), store_.floats(from.scale)};
}

V4Pass::Compressor V4Pass::upload(const V4Compressor& from) {
  return {store_.matrix(from.values), store_.matrix(from.gate), store_.floats(from.place), store_.floats(from.norm)};
}

std::unique_ptr<Cache> V4Pass::make_cache(int64_t n_ctx) const {
  try {
    return std::make_unique<V4DeviceCache>(config_, n_ctx, value_bytes());
  } catch (const Failure& failure) {
    if (failure.out_of_memory) throw std::bad_alloc();
    throw;
  }
}

void V4Pass::place_state(StepState& state, int64_t position, Cache& cache, int64_t token) const {
  auto& own = static_cast<V4DeviceCache&>(cache);
  own.begin(position);
  state.cache = own.data();
  state.scores = own.scores(token);
}

BeginOp V4Pass::begin_op() const {
  BeginOp begin;
  begin.table = embedding_;
  begin.turns = rope_, begin.out = turns_.data();
  begin.more_turns = entry_rope_, begin.more_out = entry_turns_.data();
  begin.x = streams_.data();
  begin.copies = config_.n_streams;
  return begin;
}

void V4Pass::add_layer(int l) {
  const Layer& layer = layers_[static_cast<size_t>(l)];
  add_gather(layer.attn_connection, false);
  add_attention(l);
  add(OpKind::kSpread, spread_op());
  add_gather(layer.ff_connection, false);
  add_feed_forward(layer.ff, hidden(), result_.data());
  add(OpKind::kSpread, spread_op());
}

void V4Pass::add_end() {
  add_gather(head_connection_, true);
  add_head(hidden());
}

// Three products at most.
void V4Pass::add_project(std::initializer_list<std::pair<const Matrix*, float*>> products, const float* x,
                         const Norm& norm) {
  ProjectOp p;
  double bytes = 0.0;
  for (const auto& [w, y] : products) {
    p.w[p.n] = *w, p.y[p.n] = y;
    bytes += w->bytes(w->n_out);
    ++p.n;
  }
  p.x = x;
  p.norm = norm;
  add(OpKind::kProject, p, bytes);
}

void V4Pass::add_gather(const Connection& connection, bool head) {
  add_project({{&connection.mix, mixed_.data()}}, streams_.data(), {ones_, config_.rms_eps});
  add(OpKind::kGather, gather_op(connection, head));
}

void V4Pass::add_attention(int l) {
  const Layer& layer = layers_[static_cast<size_t>(l)];
  const Norm norm{layer.attn_norm, config_.rms_eps}, low_norm{layer.q_a_norm, config_.rms_eps};
  const bool chooses = config_.chooses(l);
  if (chooses)
    add_project({{&layer.q_a, q_low_.data()}, {&layer.kv, kv_.data()}, {&layer.index_weights, index_weights_.data()}},
                hidden(), norm);
  else
    add_project({{&layer.q_a, q_low_.data()}, {&layer.kv, kv_.data()}}, hidden(), norm);
  if (config_.ratio(l) > 0)
    add_project({{&layer.entries.values, values_.data()}, {&layer.entries.gate, gates_.data()}}, hidden(), norm);
  if (chooses) {
    add_project({{&layer.index_entries.values, index_values_.data()}, {&layer.index_entries.gate, index_gates_.data()}},
                hidden(), norm);
    add_project({{&layer.q_b, q_.data()}, {&layer.index_q, index_q_.data()}}, q_low_.data(), low_norm);
  } else {
    add_project({{&layer.q_b, q_.data()}}, q_low_.data(), low_norm);
  }
  add(OpKind::kPlace, place_op(layer, l));
  if (chooses) {
    add(OpKind::kIndexScores, index_scores_op(l));
    add(OpKind::kChoose, ChooseOp{seen_rows(l), chosen_.data()});
  }
  add(OpKind::kAttention, attention_op(l));
  add(OpKind::kMerge, merge_op(layer, l));
  GroupedOutOp out;
  out.w = layer.o_a;
  out.n_groups = config_.o_groups;
  out.x = merged_.data();
  out.y = low_.data();
  add(OpKind::kGroupedOut, out, layer.o_a.bytes(layer.o_a.n_out));
  add_project({{&layer.o_b, result_.data()}}, low_.data(), Norm{});
}

// ---- operators

SeenRows V4Pass::seen_rows(int l) const {
  return {config_.window, config_.ratio(l), config_.chooses(l) ? config_.index_topk : 0};
}

GatherOp V4Pass::gather_op(const Connection& connection, bool head) const {
  GatherOp gather;
  gather.mixed = mixed_.data();
  gather.scale = connection.scale;
  gather.base = connection.base;
  gather.streams = streams_.data();
  gather.n_streams = config_.n_streams;
  gather.rounds = config_.sinkhorn_rounds;
  gather.eps = config_.stream_eps;
  gather.head = head;
  gather.width = config_.hidden_size;
  gather.input = hidden();
  gather.mix = head ? nullptr : mix_.data();
  return gather;
}

SpreadOp V4Pass::spread_op() const {
  SpreadOp spread;
  spread.mix = mix_.data();
  spread.result = result_.data();
  spread.n_streams = config_.n_streams;
  spread.width = config_.hidden_size;
  spread.streams = streams_.data();
  return spread;
}

PlaceOp V4Pass::place_op(const Layer& layer, int l) const {
  PlaceOp place;
  const bool chooses = config_.chooses(l);
  place.q = q_.data();
  place.k = kv_.data();
  place.k_gain = layer.kv_norm;
  place.index_q = chooses ? index_q_.data() : nullptr;
  place.turns = config_.ratio(l) > 0 ? entry_turns_.data() : turns_.data();
  place.entry_turns = entry_rope_;
  place.n_turns = config_.rope_dim / 2;
  place.n_heads = config_.n_heads;
  place.d = config_.head_dim;
  place.index_heads = config_.index_heads;
  place.index_width = config_.index_head_dim;
  place.ratio = config_.ratio(l);
  place.layer = l;
  place.eps = config_.rms_eps;
  place.scale = 1.0f / std::sqrt(static_cast<float>(config_.head_dim));
  place.norm_queries = config_.norm_queries;
  place.float_cache = exact_;
  const int series = config_.sparse(l) ? 2 : 1;
  if (config_.ratio(l) > 0)
    place.entries = {values_.data(), gates_.data(), layer.entries.place, layer.entries.norm, config_.head_dim, series};
  if (chooses)
    place.index_entries = {index_values_.data(),     index_gates_.data(),    layer.index_entries.place,
                           layer.index_entries.norm, config_.index_head_dim, series};
  return place;
}

IndexScoresOp V4Pass::index_scores_op(int l) const {
  IndexScoresOp scores;
  scores.q = index_q_.data();
  scores.weights = index_weights_.data();
  scores.scale = 1.0f / std::sqrt(static_cast<float>(config_.index_heads) * static_cast<float>(config_.index_head_dim));
  scores.n_heads = config_.index_heads;
  scores.width = config_.index_head_dim;
  scores.row_width = config_.index_head_dim;
  scores.seen = seen_rows(l);
  scores.layer = l;
  scores.placed = true;
  scores.float_cache = exact_;
  return scores;
}

AttentionOp V4Pass::attention_op(int l) const {
  AttentionOp a;
  a.q = q_.data();
  a.n_heads = config_.n_heads;
  a.n_kv_heads = 1;
  a.dk = a.dv = config_.head_dim;
  a.row_width = config_.head_dim;
  a.layer = l;
  a.seen = seen_rows(l);
  a.chosen = config_.chooses(l) ? chosen_.data() : nullptr;
  a.placed = true;
  a.float_cache = exact_;
  a.partial = partial_.data();
  StepProgram::plan(a);
  return a;
}

MergeOp V4Pass::merge_op(const Layer& layer, int l) const {
  MergeOp merge;
  merge.partial = partial_.data();
  merge.n_heads = config_.n_heads;
  merge.dv = config_.head_dim;
  merge.seen = seen_rows(l);
  merge.sinks = layer.sinks;
  merge.turned = config_.ratio(l) > 0 ? entry_turns_.data() : turns_.data();  // values carry their keys' rotation
  merge.n_turns = config_.rope_dim / 2;
  merge.out = merged_.data();
  return merge;
}

}  // namespace engine::cuda
