// SPDX-License-Identifier: Apache-2.0
#include "engine/families/deepseek_v4/bind_weights.h"

#include <utility>

#include "base/strings.h"
#include "engine/load/tensor_binder.h"

namespace engine {
namespace {

// From transformers' parts of names to the published ones; each is looked for once, in this order.
constexpr std::pair<std::string_view, std::string_view> kParts[] = {
    {"hc_head.hc_", "hc_head_"},
    {".attn_hc.", ".hc_attn_"},
    {".ffn_hc.", ".hc_ffn_"},
    {".self_attn.", ".attn."},
    {".mlp.", ".ffn."},
    {".input_layernorm.", ".attn_norm."},
    {".post_attention_layernorm.", ".ffn_norm."},
    {".attn.norm.", ".attn.kv_norm."},  // save_pretrained's
    {".sinks", ".attn_sink"},
    {".compressor.indexer.scorer.weights_proj.", ".indexer.weights_proj."},
    {".compressor.indexer.weights_proj.", ".indexer.weights_proj."},
    {".compressor.indexer.q_b_proj.", ".indexer.wq_b."},
    {".compressor.indexer.", ".indexer.compressor."},
    {".compressor.kv_norm.", ".compressor.norm."},
    {".compressor.gate_proj.", ".compressor.wgate."},
    {".position_bias", ".ape"},
    {".q_a_proj.", ".wq_a."},
    {".q_a_norm.", ".q_norm."},
    {".q_b_proj.", ".wq_b."},
    {".kv_proj.", ".wkv."},
    {".o_a_proj.", ".wo_a."},
    {".o_b_proj.", ".wo_b."},
    {".e_score_correction_bias", ".bias"},
    {".shared_experts.gate_proj.", ".shared_experts.w1."},
    {".shared_experts.down_proj.", ".shared_experts.w2."},
    {".shared_experts.up_proj.", ".shared_experts.w3."},
};

V4Connection bind_connection(TensorBinder& b, const DeepseekV4Config& c, const std::string& prefix, bool head) {
  const int64_t s = c.n_streams, rows = head ? s : (2 + s) * s;
  return {b.norm(prefix + "fn", {rows, s * c.hidden_size}), b.norm(prefix + "base", rows),
          b.norm(prefix + "scale", head ? 1 : 3)};
}

V4Compressor bind_compressor(TensorBinder& b, const DeepseekV4Config& c, const std::string& prefix, int layer,
                             int64_t width) {
  const int64_t all = (c.sparse(layer) ? 2 : 1) * width;
  return {b.matrix(prefix + "wkv.weight", {all, c.hidden_size}),
          b.matrix(prefix + "wgate.weight", {all, c.hidden_size}), b.norm(prefix + "ape", {c.ratio(layer), all}),
          b.norm(prefix + "norm.weight", width)};
}

void bind_attention(TensorBinder& b, const DeepseekV4Config& c, const std::string& a, int l, DeepseekV4Layer& layer) {
  const int64_t d = c.hidden_size, heads = int64_t{c.n_heads} * c.head_dim;
  layer.q_a = b.matrix(a + "wq_a.weight", {c.q_lora_rank, d});
  layer.q_a_norm = b.norm(a + "q_norm.weight", c.q_lora_rank);
  layer.q_b = b.matrix(a + "wq_b.weight", {heads, c.q_lora_rank});
  layer.kv = b.matrix(a + "wkv.weight", {c.head_dim, d});
  layer.kv_norm = b.norm(a + "kv_norm.weight", c.head_dim);
  layer.sinks = b.norm(a + "attn_sink", c.n_heads);
  layer.o_a = b.matrix(a + "wo_a.weight", {int64_t{c.o_groups} * c.o_lora_rank, c.group_width()});
  layer.o_b = b.matrix(a + "wo_b.weight", {d, int64_t{c.o_groups} * c.o_lora_rank});
  if (c.ratio(l) != 0) layer.entries = bind_compressor(b, c, a + "compressor.", l, c.head_dim);
  if (!c.sparse(l)) return;
  layer.index_q = b.matrix(a + "indexer.wq_b.weight", {int64_t{c.index_heads} * c.index_head_dim, c.q_lora_rank});
  layer.index_weights = b.matrix(a + "indexer.weights_proj.weight", {c.index_heads, d});
  layer.index_entries = bind_compressor(b, c, a + "indexer.compressor.", l, c.index_head_dim);
}

void bind_feed_forward(TensorBinder& b, const DeepseekV4Config& c, const std::string& f, bool by_token,
                       FeedForwardViews& ff) {
  const int64_t d = c.hidden_size, width = c.expert_intermediate, n = c.n_experts, shared = c.n_shared_experts * width;
  ff.router = b.matrix(f + "gate.weight", {n, d});
  if (by_token)
    ff.experts_of = b.numbers(f + "gate.tid2eid", {c.n_vocab, c.n_experts_used}, c.n_experts);
  else
    ff.selection_bias = b.norm(f + "gate.bias", n);
  if (shared > 0) {
    ff.shared_gate = b.matrix(f + "shared_experts.w1.weight", {shared, d});
    ff.shared_down = b.matrix(f + "shared_experts.w2.weight", {d, shared});
    ff.shared_up = b.matrix(f + "shared_experts.w3.weight", {shared, d});
  }
  if (b.has(f + "experts.gate_up_proj")) {  // transformers' own: all experts in one, gate rows first
    for (const TensorView& both : slices(b.matrix(f + "experts.gate_up_proj", {n, 2 * width, d}), c.n_experts)) {
      ff.expert_gate.push_back(rows_of(both, 0, width));
      ff.expert_up.push_back(rows_of(both, width, width));
    }
    ff.expert_down = slices(b.matrix(f + "experts.down_proj", {n, d, width}), c.n_experts);
    return;
  }
  for (int e = 0; e < c.n_experts; ++e) {
    const std::string expert = base::cat(f, "experts.", e, ".");
    ff.expert_gate.push_back(b.matrix(expert + "w1.weight", {width, d}));
    ff.expert_down.push_back(b.matrix(expert + "w2.weight", {d, width}));
    ff.expert_up.push_back(b.matrix(expert + "w3.weight", {width, d}));
  }
}

}  // namespace

std::string deepseek_v4_name(std::string_view theirs) {
  if (theirs.starts_with("model.")) theirs.remove_prefix(6);
  if (theirs == "embed_tokens.weight") return "embed.weight";
  if (theirs == "lm_head.weight") return "head.weight";
  std::string name(theirs);
  for (const auto& [from, to] : kParts)
    if (const size_t at = name.find(from); at != std::string::npos) name.replace(at, from.size(), to);
  return name;
}

base::Result<DeepseekV4Weights> deepseek_v4_weights_from_hf(const DeepseekV4Config& c, const TensorTable& tensors) {
  TensorTable published;
  for (const auto& [name, stored] : tensors)
    if (const auto [place, fresh] = published.emplace(deepseek_v4_name(name), stored); !fresh)
      return base::corrupt(base::cat(stored.file, ": tensor ", shown_name(name), " at byte ", stored.file_offset,
                                     " is there once more, as ", shown_name(place->first),
                                     " or under another of its names"));
  TensorBinder b(published, "DeepSeek-V4");
  DeepseekV4Weights weights;
  weights.embedding = b.matrix("embed.weight", {c.n_vocab, c.hidden_size});
  weights.norm = b.norm("norm.weight", c.hidden_size);
  weights.head = b.matrix("head.weight", {c.n_vocab, c.hidden_size});
  weights.head_connection = bind_connection(b, c, "hc_head_", true);
  b.ignore_from("mtp.");  // blocks that make drafts
  for (int l = 0; l < c.n_layers; ++l) {
    DeepseekV4Layer& layer = weights.layers.emplace_back();
    const std::string p = base::cat("layers.", l, ".");
    layer.attn_connection = bind_connection(b, c, p + "hc_attn_", false);
    layer.ff_connection = bind_connection(b, c, p + "hc_ffn_", false);
    layer.attn_norm = b.norm(p + "attn_norm.weight", c.hidden_size);
    layer.ff.norm = b.norm(p + "ffn_norm.weight", c.hidden_size);
    bind_attention(b, c, p + "attn.", l, layer);
    bind_feed_forward(b, c, p + "ffn.", c.by_token[static_cast<size_t>(l)], layer.ff);
  }
  if (auto error = b.finish()) return *std::move(error);
  return weights;
}

}  // namespace engine
