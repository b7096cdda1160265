// SPDX-License-Identifier: Apache-2.0
#include "engine/families/deepseek_v4/bind_layers.h"

#include <string_view>

namespace engine {
namespace {

// From the published names, behind "layers.N.", to llama.cpp's behind "blk.N.". Stacked experts have none published.
constexpr std::pair<std::string_view, std::string_view> kGguf[] = {
    {"hc_attn_fn", "hc_attn_fn.weight"},
    {"hc_attn_base", "hc_attn_base.weight"},
    {"hc_attn_scale", "hc_attn_scale.weight"},
    {"hc_ffn_fn", "hc_ffn_fn.weight"},
    {"hc_ffn_base", "hc_ffn_base.weight"},
    {"hc_ffn_scale", "hc_ffn_scale.weight"},
    {"attn_norm.weight", "attn_norm.weight"},
    {"attn.wq_a.weight", "attn_q_a.weight"},
    {"attn.q_norm.weight", "attn_q_a_norm.weight"},
    {"attn.wq_b.weight", "attn_q_b.weight"},
    {"attn.wkv.weight", "attn_kv.weight"},
    {"attn.kv_norm.weight", "attn_kv_a_norm.weight"},
    {"attn.attn_sink", "attn_sinks.weight"},
    {"attn.wo_a.weight", "attn_output_a.weight"},
    {"attn.wo_b.weight", "attn_output_b.weight"},
    {"attn.compressor.wkv.weight", "attn_compressor_kv.weight"},
    {"attn.compressor.wgate.weight", "attn_compressor_gate.weight"},
    {"attn.compressor.ape", "attn_compressor_ape.weight"},
    {"attn.compressor.norm.weight", "attn_compressor_norm.weight"},
    {"attn.indexer.wq_b.weight", "indexer.attn_q_b.weight"},
    {"attn.indexer.weights_proj.weight", "indexer.proj.weight"},
    {"attn.indexer.compressor.wkv.weight", "indexer_compressor_kv.weight"},
    {"attn.indexer.compressor.wgate.weight", "indexer_compressor_gate.weight"},
    {"attn.indexer.compressor.ape", "indexer_compressor_ape.weight"},
    {"attn.indexer.compressor.norm.weight", "indexer_compressor_norm.weight"},
    {"ffn_norm.weight", "ffn_norm.weight"},
    {"ffn.gate.weight", "ffn_gate_inp.weight"},
    {"ffn.gate.tid2eid", "ffn_gate_tid2eid.weight"},
    {"ffn.gate.bias", "exp_probs_b.bias"},
    {"ffn.shared_experts.w1.weight", "ffn_gate_shexp.weight"},
    {"ffn.shared_experts.w2.weight", "ffn_down_shexp.weight"},
    {"ffn.shared_experts.w3.weight", "ffn_up_shexp.weight"},
    {"attn.indexer.wk.weight", "indexer.attn_k.weight"},  // V4.1, as the rest
    {"attn.indexer.k_norm.weight", "indexer.k_norm.weight"},
    {"engram.embed.weight", "engram_embd.weight"},
    {"engram.wkv.weight", "engram_wkv.weight"},
    {"engram.q_weight", "engram_q.weight"},
    {"engram.k_weight", "engram_k.weight"},
};
// Where another program's files have other names (read_gguf_v41.h).
constexpr std::pair<std::string_view, std::string_view> kGgufElsewhere[] = {
    {"indexer.attn_k.weight", "indexer_compressor_kv.weight"},
    {"indexer.k_norm.weight", "indexer_compressor_norm.weight"},
    {"engram_embd.weight", "engram_embed.weight"},
};

}  // namespace

std::string V4Tensors::name(const std::string& published) const {
  if (!gguf_) return prefix_ + published;
  std::string name = published;
  for (const auto& [theirs, ours] : kGguf)
    if (theirs == published) name = ours;
  for (const auto& [usual, elsewhere] : kGgufElsewhere)
    if (usual == name && !b.has(prefix_ + name) && b.has(base::cat(prefix_, elsewhere))) return base::cat(prefix_, elsewhere);
  return prefix_ + name;
}

V4Connection bind_connection(V4Tensors& t, const DeepseekV4Config& c, const std::string (&names)[3], bool head) {
  const int64_t s = c.n_streams, rows = head ? s : (2 + s) * s;
  return {t.b.norm(names[0], {rows, s * c.hidden_size}), t.b.norm(names[1], {rows}), t.b.norm(names[2], {head ? 1 : 3})};
}

namespace {

V4Compressor bind_compressor(V4Tensors& t, const DeepseekV4Config& c, const std::string& prefix, int layer,
                             int64_t width) {
  const int64_t all = (c.sparse(layer) ? 2 : 1) * width;
  return {t.matrix(prefix + "wkv.weight", {all, c.hidden_size}),
          t.matrix(prefix + "wgate.weight", {all, c.hidden_size}), t.norm(prefix + "ape", {c.ratio(layer), all}),
          t.norm(prefix + "norm.weight", {width})};
}

// What V4.1 makes entries and index keys with.
void bind_source(V4Tensors& t, const DeepseekV4Config& c, int l, DeepseekV4Layer& layer) {
  if (!c.makes_entries(l)) return;
  layer.entries.values = t.matrix("attn.compressor.wkv.weight", {c.head_dim, c.hidden_size});
  if (c.ratio(l) > 1) layer.entries.gate = t.matrix("attn.compressor.wgate.weight", {c.head_dim, c.hidden_size});
  layer.entries.norm = t.norm("attn.compressor.norm.weight", {c.head_dim});
  layer.index_k = t.matrix("attn.indexer.wk.weight", {c.index_head_dim, c.head_dim});
  layer.index_k_norm = t.norm("attn.indexer.k_norm.weight", {c.index_head_dim});
}

void bind_engram(V4Tensors& t, const DeepseekV4Config& c, int64_t n_rows, DeepseekV4Layer& layer) {
  const int64_t s = c.n_streams, d = c.hidden_size, width = int64_t{c.engram.rows_per_token()} * c.engram.head_dim;
  layer.engram_rows = t.matrix("engram.embed.weight", {n_rows, c.engram.head_dim});
  layer.engram_projection = t.matrix("engram.wkv.weight", {(s + 1) * d, width});
  layer.engram_q = t.norm("engram.q_weight", {s, d});
  layer.engram_k = t.norm("engram.k_weight", {s, d});
}

void bind_attention(V4Tensors& t, const DeepseekV4Config& c, int l, DeepseekV4Layer& layer) {
  const int64_t d = c.hidden_size, heads = int64_t{c.n_heads} * c.head_dim;
  layer.q_a = t.matrix("attn.wq_a.weight", {c.q_lora_rank, d});
  layer.q_a_norm = t.norm("attn.q_norm.weight", {c.q_lora_rank});
  layer.q_b = t.matrix("attn.wq_b.weight", {heads, c.q_lora_rank});
  layer.kv = t.matrix("attn.wkv.weight", {c.head_dim, d});
  layer.kv_norm = t.norm("attn.kv_norm.weight", {c.head_dim});
  layer.sinks = t.norm("attn.attn_sink", {c.n_heads});
  layer.o_a = t.matrix("attn.wo_a.weight", {int64_t{c.o_groups} * c.o_lora_rank, c.group_width()});
  layer.o_b = t.matrix("attn.wo_b.weight", {d, int64_t{c.o_groups} * c.o_lora_rank});
  if (c.shared(l))
    bind_source(t, c, l, layer);
  else if (c.ratio(l) != 0)
    layer.entries = bind_compressor(t, c, "attn.compressor.", l, c.head_dim);
  if (!c.chooses(l)) return;
  layer.index_q = t.matrix("attn.indexer.wq_b.weight", {int64_t{c.index_heads} * c.index_head_dim, c.q_lora_rank});
  layer.index_weights = t.matrix("attn.indexer.weights_proj.weight", {c.index_heads, d});
  if (c.sparse(l)) layer.index_entries = bind_compressor(t, c, "attn.indexer.compressor.", l, c.index_head_dim);
}

// All but the routed experts.
void bind_routing(V4Tensors& t, const DeepseekV4Config& c, bool by_token, FeedForwardViews& ff) {
  const int64_t d = c.hidden_size, shared = c.n_shared_experts * int64_t{c.expert_intermediate};
  ff.norm = t.norm("ffn_norm.weight", {d});
  ff.router = t.matrix("ffn.gate.weight", {c.n_experts, d});
  if (by_token)
    ff.experts_of = t.b.numbers(t.name("ffn.gate.tid2eid"), {c.n_vocab, c.n_experts_used}, c.n_experts);
  else
    ff.selection_bias = t.norm("ffn.gate.bias", {c.n_experts});
  if (shared == 0) return;
  ff.shared_gate = t.matrix("ffn.shared_experts.w1.weight", {shared, d});
  ff.shared_down = t.matrix("ffn.shared_experts.w2.weight", {d, shared});
  ff.shared_up = t.matrix("ffn.shared_experts.w3.weight", {shared, d});
}

void bind_hf_experts(V4Tensors& t, const DeepseekV4Config& c, FeedForwardViews& ff) {
  const int64_t d = c.hidden_size, width = c.expert_intermediate, n = c.n_experts;
  if (t.b.has(t.name("ffn.experts.gate_up_proj"))) {  // transformers' own: all experts in one, gate rows first
    for (const TensorView& both : slices(t.matrix("ffn.experts.gate_up_proj", {n, 2 * width, d}), c.n_experts)) {
      ff.expert_gate.push_back(rows_of(both, 0, width));
      ff.expert_up.push_back(rows_of(both, width, width));
    }
    ff.expert_down = slices(t.matrix("ffn.experts.down_proj", {n, d, width}), c.n_experts);
    return;
  }
  for (int e = 0; e < c.n_experts; ++e) {
    const std::string expert = base::cat("ffn.experts.", e, ".");
    ff.expert_gate.push_back(t.matrix(expert + "w1.weight", {width, d}));
    ff.expert_down.push_back(t.matrix(expert + "w2.weight", {d, width}));
    ff.expert_up.push_back(t.matrix(expert + "w3.weight", {width, d}));
  }
}

void bind_gguf_experts(V4Tensors& t, const DeepseekV4Config& c, FeedForwardViews& ff) {
  const int64_t d = c.hidden_size, width = c.expert_intermediate, n = c.n_experts;
  ff.expert_gate = slices(t.matrix("ffn_gate_exps.weight", {n, width, d}), c.n_experts);
  ff.expert_up = slices(t.matrix("ffn_up_exps.weight", {n, width, d}), c.n_experts);
  ff.expert_down = slices(t.matrix("ffn_down_exps.weight", {n, d, width}), c.n_experts);
}

}  // namespace

void bind_engrams(V4Tensors& t, const DeepseekV4Config& c, DeepseekV4Weights& weights) {
  for (size_t i = 0; i < c.engram.layers.size(); ++i) {
    t.enter_layer(c.engram.layers[i]);
    bind_engram(t, c, weights.hashes.n_rows(i), weights.layers[static_cast<size_t>(c.engram.layers[i])]);
  }
}

void bind_layer(V4Tensors& t, const DeepseekV4Config& c, int l, bool gguf, DeepseekV4Layer& layer) {
  layer.attn_connection = bind_connection(t, c, {t.name("hc_attn_fn"), t.name("hc_attn_base"), t.name("hc_attn_scale")}, false);
  layer.ff_connection = bind_connection(t, c, {t.name("hc_ffn_fn"), t.name("hc_ffn_base"), t.name("hc_ffn_scale")}, false);
  layer.attn_norm = t.norm("attn_norm.weight", {c.hidden_size});
  bind_attention(t, c, l, layer);
  bind_routing(t, c, l < c.n_layers && c.by_token[static_cast<size_t>(l)], layer.ff);
  gguf ? bind_gguf_experts(t, c, layer.ff) : bind_hf_experts(t, c, layer.ff);
}

void bind_layers(V4Tensors& t, const DeepseekV4Config& c, bool gguf, DeepseekV4Weights& weights) {
  for (int l = 0; l < c.n_layers; ++l) {
    t.enter_layer(l);
    bind_layer(t, c, l, gguf, weights.layers.emplace_back());
  }
}

void bind_spark(V4Tensors& t, const DeepseekV4Config& c, const SparkNames& names, const std::vector<std::string>& stages, bool gguf,
                DeepseekV4Weights& weights) {
  V4Spark& spark = weights.spark.emplace();
  const int64_t d = c.hidden_size, rank = c.spark.rank, targets = static_cast<int64_t>(c.spark.targets.size());
  spark.join = t.b.matrix(names.join, {d, targets * d});
  spark.join_norm = t.b.norm(names.join_norm, d);
  for (const std::string& stage : stages) {
    t.enter(stage);
    bind_layer(t, c.draft_layer(), c.n_layers, gguf, spark.stages.emplace_back());
  }
  if (!c.delayed) spark.head_connection = bind_connection(t, c, names.head_connection, true);
  spark.norm = t.b.norm(names.norm, d);
  spark.markov_from = t.b.matrix(names.markov_from, {c.n_vocab, rank});
  spark.markov_to = t.b.matrix(names.markov_to, {c.n_vocab, rank});
  spark.confidence = t.b.norm(names.confidence, {1, d + rank});
}

}  // namespace engine
