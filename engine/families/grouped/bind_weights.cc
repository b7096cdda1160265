// SPDX-License-Identifier: Apache-2.0
#include "engine/families/grouped/bind_weights.h"

#include <cstring>

#include "base/strings.h"
#include "engine/load/tensor_binder.h"

namespace engine {
namespace {

struct Names {
  std::string attn_norm, q, k, v, q_norm, k_norm, sinks, o, ffn_norm, gate, up, down, router;  // with .weight where they have it
};

Names hf_names(int layer, const GroupedConfig& c) {
  const std::string p = base::cat("model.layers.", layer, "."), a = p + "self_attn.", m = p + "mlp.";
  return {p + "input_layernorm", a + "q_proj", a + "k_proj", a + "v_proj", a + "q_norm", a + "k_norm", a + "sinks", a + "o_proj",
          p + "post_attention_layernorm", m + "gate_proj", m + "up_proj", m + "down_proj",
          m + (c.family == "gpt_oss" ? "router" : "gate")};
}

Names gguf_names(int layer, const GroupedConfig& c) {
  const std::string p = base::cat("blk.", layer, ".");
  return {p + "attn_norm", p + "attn_q", p + "attn_k", p + "attn_v", p + "attn_q_norm", p + "attn_k_norm", p + "attn_sinks.weight",
          p + "attn_output", p + (c.family == "gpt_oss" ? "post_attention_norm" : "ffn_norm"), p + "ffn_gate", p + "ffn_up",
          p + "ffn_down", p + "ffn_gate_inp"};
}

// Everything but the experts, which the containers store differently.
void bind_common(TensorBinder& b, const GroupedConfig& c, const Names& n, bool sparse, GroupedLayer& layer) {
  const int64_t d = c.hidden_size, q = int64_t{c.n_heads} * c.head_dim, kv = int64_t{c.n_kv_heads} * c.head_dim;
  layer.attn_norm = b.norm(n.attn_norm + ".weight", d);
  layer.q = b.matrix(n.q + ".weight", {q, d});
  layer.k = b.matrix(n.k + ".weight", {kv, d});
  layer.v = b.matrix(n.v + ".weight", {kv, d});
  if (c.qkv_bias) {
    layer.q_bias = b.norm(n.q + ".bias", q);
    layer.k_bias = b.norm(n.k + ".bias", kv);
    layer.v_bias = b.norm(n.v + ".bias", kv);
  }
  if (c.qk_norm) {
    layer.q_norm = b.norm(n.q_norm + ".weight", c.head_dim);
    layer.k_norm = b.norm(n.k_norm + ".weight", c.head_dim);
  }
  if (c.sinks) layer.sinks = b.norm(n.sinks, c.n_heads);
  layer.o = b.matrix(n.o + ".weight", {d, q});
  if (c.output_bias) layer.o_bias = b.norm(n.o + ".bias", d);
  layer.ff.norm = b.norm(n.ffn_norm + ".weight", d);
  if (sparse) {
    layer.ff.router = b.matrix(n.router + ".weight", {c.n_experts, d});
    if (c.expert_biases) layer.ff.router_bias = b.norm(n.router + ".bias", c.n_experts);
    return;
  }
  layer.ff.gate = b.matrix(n.gate + ".weight", {c.dense_intermediate, d});
  layer.ff.up = b.matrix(n.up + ".weight", {c.dense_intermediate, d});
  layer.ff.down = b.matrix(n.down + ".weight", {d, c.dense_intermediate});
  if (!c.dense_biases) return;
  layer.ff.gate_bias = b.norm(n.gate + ".bias", c.dense_intermediate);
  layer.ff.up_bias = b.norm(n.up + ".bias", c.dense_intermediate);
  layer.ff.down_bias = b.norm(n.down + ".bias", d);
}

void bind_ends(TensorBinder& b, const GroupedDescription& model, const std::string& embedding, const std::string& norm,
               const std::string& head, GroupedWeights& weights) {
  const GroupedConfig& c = model.config;
  weights.embedding = b.matrix(embedding, {c.n_vocab, c.hidden_size});
  weights.norm = b.norm(norm, c.hidden_size);
  weights.head = model.tied_head ? weights.embedding : b.matrix(head, {c.n_vocab, c.hidden_size});
  if (model.tied_head) b.ignore(head);  // some programs write the tied head once more
}

void bind_qwen_experts(TensorBinder& b, const GroupedConfig& c, const std::string& mlp, FeedForwardViews& ff) {
  const int64_t d = c.hidden_size, f = c.expert_intermediate, n = c.n_experts;
  if (b.has(mlp + "experts.gate_up_proj")) {
    const TensorView fused = b.matrix(mlp + "experts.gate_up_proj", {n, 2 * f, d});  // gate rows first
    for (const TensorView& both : slices(fused, c.n_experts)) {
      ff.expert_gate.push_back(rows_of(both, 0, f));
      ff.expert_up.push_back(rows_of(both, f, f));
    }
    ff.expert_down = slices(b.matrix(mlp + "experts.down_proj", {n, d, f}), c.n_experts);
    return;
  }
  for (int e = 0; e < c.n_experts; ++e) {
    const std::string expert = base::cat(mlp, "experts.", e, ".");
    ff.expert_gate.push_back(b.matrix(expert + "gate_proj.weight", {f, d}));
    ff.expert_up.push_back(b.matrix(expert + "up_proj.weight", {f, d}));
    ff.expert_down.push_back(b.matrix(expert + "down_proj.weight", {d, f}));
  }
}

// Column `first`, first + step, ... of `in` [n_in rows, ..] as the rows of a new [n_out, n_in].
TensorView turned(const TensorView& in, int64_t first, int64_t step, int64_t n_out, GroupedWeights& weights) {
  const int64_t n_in = in.n_rows(), width = traits(in.type).block_bytes;
  auto memory = std::make_shared<std::vector<std::byte>>(static_cast<size_t>(n_out * n_in * width));
  for (int64_t o = 0; o < n_out; ++o)
    for (int64_t i = 0; i < n_in; ++i)
      std::memcpy(memory->data() + (o * n_in + i) * width, in.data + i * in.row_bytes() + (first + o * step) * width,
                  static_cast<size_t>(width));
  TensorView view;
  view.type = in.type;
  view.n_dims = n_out == 1 ? 1 : 2;
  view.shape = n_out == 1 ? std::array<int64_t, 4>{n_in} : std::array<int64_t, 4>{n_out, n_in};
  view.data = memory->data();
  weights.made.push_back(std::move(memory));
  return view;
}

// Every second value of a row, from `first` on.
TensorView every_second(const TensorView& row, int64_t first, GroupedWeights& weights) {
  TensorView column = row;  // [n, 1]
  column.n_dims = 2;
  column.shape = {row.n_in() / 2, 2, 0, 0};
  return turned(column, first, 1, 1, weights);
}

// gpt-oss: [E, D, 2F] with gate and up in turn, [E, F, D], and their biases.
void bind_turned_experts(TensorBinder& b, const GroupedConfig& c, const std::string& mlp, GroupedWeights& weights,
                         FeedForwardViews& ff) {
  const int64_t d = c.hidden_size, f = c.expert_intermediate, n = c.n_experts;
  const TensorView both = b.matrix(mlp + "experts.gate_up_proj", {n, d, 2 * f});
  const TensorView both_bias = b.matrix(mlp + "experts.gate_up_proj_bias", {n, 2 * f});
  const TensorView down = b.matrix(mlp + "experts.down_proj", {n, f, d});
  const TensorView down_bias = b.matrix(mlp + "experts.down_proj_bias", {n, d});
  if (!both || !both_bias || !down || !down_bias || traits(both.type).block_values != 1 || traits(down.type).block_values != 1) return;
  for (int64_t e = 0; e < n; ++e) {
    ff.expert_gate.push_back(turned(both.slice(e), 0, 2, f, weights));
    ff.expert_up.push_back(turned(both.slice(e), 1, 2, f, weights));
    ff.expert_down.push_back(turned(down.slice(e), 0, 1, d, weights));
    ff.expert_gate_bias.push_back(every_second(both_bias.slice(e), 0, weights));
    ff.expert_up_bias.push_back(every_second(both_bias.slice(e), 1, weights));
    ff.expert_down_bias.push_back(down_bias.slice(e));
  }
}

// Rows `first`, first + step, ... of packed E2M1 values [rows, n_in / 32, 16] with their scales, as MXFP4 blocks: a scale's byte,
// then 16 bytes with value i in the low half of byte i and value i + 16 in its high half.
TensorView as_mxfp4(const TensorView& values, const TensorView& scales, int64_t first, int64_t step, int64_t n_out, GroupedWeights& weights) {
  const int64_t n_blocks = values.shape[1], block_bytes = traits(DType::kMXFP4).block_bytes;
  auto memory = std::make_shared<std::vector<std::byte>>(static_cast<size_t>(n_out * n_blocks * block_bytes));
  std::byte* to = memory->data();
  for (int64_t o = 0; o < n_out; ++o)
    for (int64_t b = 0; b < n_blocks; ++b, to += block_bytes) {
      const int64_t block = (first + o * step) * n_blocks + b;
      const std::byte* from = values.data + block * 16;
      to[0] = scales.data[block];
      for (int i = 0; i < 16; ++i) {  // stored: values 2i and 2i + 1 in byte i
        const auto value = [&](int v) { return v % 2 == 0 ? from[v / 2] & std::byte{15} : from[v / 2] >> 4; };
        to[1 + i] = value(i) | value(i + 16) << 4;
      }
    }
  TensorView view;
  view.type = DType::kMXFP4;
  view.n_dims = 2;
  view.shape = {n_out, n_blocks * 32, 0, 0};
  view.data = memory->data();
  weights.made.push_back(std::move(memory));
  return view;
}

// gpt-oss as it was released: [E, 2F, D / 32, 16] with gate and up rows in turn, [E, D, F / 32, 16], a scale for each 16 bytes.
// They become the engine's MXFP4 blocks, which take 17 bytes as the stored ones do and which every backend has.
void bind_packed_experts(TensorBinder& b, const GroupedConfig& c, const std::string& mlp, GroupedWeights& weights, FeedForwardViews& ff) {
  const int64_t d = c.hidden_size, f = c.expert_intermediate, n = c.n_experts;
  const TensorView both = b.part(mlp + "experts.gate_up_proj_blocks", {n, 2 * f, d / 32, 16});
  const TensorView both_scales = b.part(mlp + "experts.gate_up_proj_scales", {n, 2 * f, d / 32});
  const TensorView both_bias = b.norm(mlp + "experts.gate_up_proj_bias", {n, 2 * f});
  const TensorView down = b.part(mlp + "experts.down_proj_blocks", {n, d, f / 32, 16});
  const TensorView down_scales = b.part(mlp + "experts.down_proj_scales", {n, d, f / 32});
  const TensorView down_bias = b.norm(mlp + "experts.down_proj_bias", {n, d});
  if (!both || !both_scales || !both_bias || !down || !down_scales || !down_bias) return;
  for (const TensorView* view : {&both, &both_scales, &down, &down_scales})
    if (view->type != DType::kU8) return b.refuse(mlp + "experts", "need packed values and scales of type U8");
  if (d % 32 != 0 || f % 32 != 0) return b.refuse(mlp + "experts", "are packed by 32 values, but have widths that are no multiple of it");
  for (int64_t e = 0; e < n; ++e) {
    ff.expert_gate.push_back(as_mxfp4(both.slice(e), both_scales.slice(e), 0, 2, f, weights));
    ff.expert_up.push_back(as_mxfp4(both.slice(e), both_scales.slice(e), 1, 2, f, weights));
    ff.expert_down.push_back(as_mxfp4(down.slice(e), down_scales.slice(e), 0, 1, d, weights));
    ff.expert_gate_bias.push_back(every_second(both_bias.slice(e), 0, weights));
    ff.expert_up_bias.push_back(every_second(both_bias.slice(e), 1, weights));
    ff.expert_down_bias.push_back(down_bias.slice(e));
  }
}

}  // namespace

base::Result<GroupedWeights> grouped_weights_from_hf(const GroupedDescription& model, const TensorTable& tensors) {
  const GroupedConfig& c = model.config;
  TensorBinder b(tensors, c.family);
  GroupedWeights weights;
  bind_ends(b, model, "model.embed_tokens.weight", "model.norm.weight", "lm_head.weight", weights);
  for (int l = 0; l < c.n_layers; ++l) {
    GroupedLayer& layer = weights.layers.emplace_back();
    const bool sparse = c.sparse[static_cast<size_t>(l)];
    const std::string p = base::cat("model.layers.", l, ".");
    bind_common(b, c, hf_names(l, c), sparse, layer);
    b.ignore(p + "self_attn.rotary_emb.inv_freq");  // older files; follows from the configuration
    if (sparse && b.has(p + "mlp.experts.gate_up_proj_blocks"))
      bind_packed_experts(b, c, p + "mlp.", weights, layer.ff);
    else if (sparse && c.expert_biases)
      bind_turned_experts(b, c, p + "mlp.", weights, layer.ff);
    else if (sparse)
      bind_qwen_experts(b, c, p + "mlp.", layer.ff);
  }
  if (auto error = b.finish()) return *std::move(error);
  return weights;
}

base::Result<GroupedWeights> grouped_weights_from_gguf(const GroupedDescription& model, const TensorTable& tensors) {
  const GroupedConfig& c = model.config;
  const int64_t d = c.hidden_size, f = c.expert_intermediate;
  TensorBinder b(tensors, c.family);
  GroupedWeights weights;
  bind_ends(b, model, "token_embd.weight", "output_norm.weight", "output.weight", weights);
  if (b.has("rope_freqs.weight")) weights.rope_factors = b.norm("rope_freqs.weight", c.head_dim / 2);
  for (int l = 0; l < c.n_layers; ++l) {
    GroupedLayer& layer = weights.layers.emplace_back();
    const std::string p = base::cat("blk.", l, ".");
    bind_common(b, c, gguf_names(l, c), c.sparse[static_cast<size_t>(l)], layer);
    if (!c.sparse[static_cast<size_t>(l)]) continue;
    layer.ff.expert_gate = slices(b.matrix(p + "ffn_gate_exps.weight", {c.n_experts, f, d}), c.n_experts);
    layer.ff.expert_up = slices(b.matrix(p + "ffn_up_exps.weight", {c.n_experts, f, d}), c.n_experts);
    layer.ff.expert_down = slices(b.matrix(p + "ffn_down_exps.weight", {c.n_experts, d, f}), c.n_experts);
    if (!c.expert_biases) continue;
    layer.ff.expert_gate_bias = slices(b.matrix(p + "ffn_gate_exps.bias", {c.n_experts, f}), c.n_experts);
    layer.ff.expert_up_bias = slices(b.matrix(p + "ffn_up_exps.bias", {c.n_experts, f}), c.n_experts);
    layer.ff.expert_down_bias = slices(b.matrix(p + "ffn_down_exps.bias", {c.n_experts, d}), c.n_experts);
  }
  if (auto error = b.finish()) return *std::move(error);
  return weights;
}

}  // namespace engine
