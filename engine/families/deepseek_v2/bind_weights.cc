// SPDX-License-Identifier: Apache-2.0
#include "engine/families/deepseek_v2/bind_weights.h"

#include "base/strings.h"
#include "engine/load/tensor_binder.h"

namespace engine {
namespace {

void bind_hf_experts(TensorBinder& b, const DeepseekV2Config& c, const std::string& mlp, DeepseekV2Layer& layer) {
  const int64_t d = c.hidden_size, f = c.expert_intermediate, n = c.n_experts;
  if (b.has(mlp + "experts.gate_up_proj")) {
    const TensorView fused = b.matrix(mlp + "experts.gate_up_proj", {n, 2 * f, d});  // gate rows first
    for (const TensorView& both : slices(fused, c.n_experts)) {
      layer.ff.expert_gate.push_back(rows_of(both, 0, f));
      layer.ff.expert_up.push_back(rows_of(both, f, f));
    }
    layer.ff.expert_down = slices(b.matrix(mlp + "experts.down_proj", {n, d, f}), c.n_experts);
    return;
  }
  for (int e = 0; e < c.n_experts; ++e) {
    const std::string expert = base::cat(mlp, "experts.", e, ".");
    layer.ff.expert_gate.push_back(b.matrix(expert + "gate_proj.weight", {f, d}));
    layer.ff.expert_up.push_back(b.matrix(expert + "up_proj.weight", {f, d}));
    layer.ff.expert_down.push_back(b.matrix(expert + "down_proj.weight", {d, f}));
  }
}

// Names of the parts that both containers hold in the same shape.
struct Names {
  std::string attn_norm, q, q_a, q_a_norm, q_b, kv_a, kv_a_norm, kv_b, o, ffn_norm, gate, up, down, router, shared_gate,
      shared_up, shared_down, selection_bias;
};

Names hf_names(int layer) {
  const std::string p = base::cat("model.layers.", layer, "."), a = p + "self_attn.", m = p + "mlp.",
                    s = m + "shared_experts.";
  return {p + "input_layernorm.weight", a + "q_proj.weight",
          a + "q_a_proj.weight",        a + "q_a_layernorm.weight",
          a + "q_b_proj.weight",        a + "kv_a_proj_with_mqa.weight",
          a + "kv_a_layernorm.weight",  a + "kv_b_proj.weight",
          a + "o_proj.weight",          p + "post_attention_layernorm.weight",
          m + "gate_proj.weight",       m + "up_proj.weight",
          m + "down_proj.weight",       m + "gate.weight",
          s + "gate_proj.weight",       s + "up_proj.weight",
          s + "down_proj.weight",       m + "gate.e_score_correction_bias"};
}

Names gguf_names(int layer) {
  const std::string p = base::cat("blk.", layer, ".");
  return {p + "attn_norm.weight",      p + "attn_q.weight",        p + "attn_q_a.weight",
          p + "attn_q_a_norm.weight",  p + "attn_q_b.weight",      p + "attn_kv_a_mqa.weight",
          p + "attn_kv_a_norm.weight", p + "attn_kv_b.weight",     p + "attn_output.weight",
          p + "ffn_norm.weight",       p + "ffn_gate.weight",      p + "ffn_up.weight",
          p + "ffn_down.weight",       p + "ffn_gate_inp.weight",  p + "ffn_gate_shexp.weight",
          p + "ffn_up_shexp.weight",   p + "ffn_down_shexp.weight", p + "exp_probs_b.bias"};
}

// Everything of a layer but kv_b and the routed experts, which the containers store differently.
void bind_common(TensorBinder& b, const DeepseekV2Config& c, const Names& names, bool dense, DeepseekV2Layer& layer) {
  const int64_t d = c.hidden_size, h = c.n_heads, qk = c.qk_nope_dim + c.qk_rope_dim;
  layer.attn_norm = b.norm(names.attn_norm, d);
  if (c.q_lora_rank == 0) {
    layer.q = b.matrix(names.q, {h * qk, d});
  } else {
    layer.q_a = b.matrix(names.q_a, {c.q_lora_rank, d});
    layer.q_a_norm = b.norm(names.q_a_norm, c.q_lora_rank);
    layer.q_b = b.matrix(names.q_b, {h * qk, c.q_lora_rank});
  }
  layer.kv_a = b.matrix(names.kv_a, {c.kv_lora_rank + c.qk_rope_dim, d});
  layer.kv_a_norm = b.norm(names.kv_a_norm, c.kv_lora_rank);
  layer.o = b.matrix(names.o, {d, h * c.v_head_dim});
  layer.ff.norm = b.norm(names.ffn_norm, d);
  if (dense) {
    layer.ff.gate = b.matrix(names.gate, {c.dense_intermediate, d});
    layer.ff.up = b.matrix(names.up, {c.dense_intermediate, d});
    layer.ff.down = b.matrix(names.down, {d, c.dense_intermediate});
    return;
  }
  layer.ff.router = b.matrix(names.router, {c.n_experts, d});
  if (c.selection_bias) layer.ff.selection_bias = b.norm(names.selection_bias, c.n_experts);
  if (c.n_shared_experts == 0) return;
  const int64_t shared = int64_t{c.n_shared_experts} * c.expert_intermediate;
  layer.ff.shared_gate = b.matrix(names.shared_gate, {shared, d});
  layer.ff.shared_up = b.matrix(names.shared_up, {shared, d});
  layer.ff.shared_down = b.matrix(names.shared_down, {d, shared});
}

struct IndexerNames {
  std::string q, k, weights;
};
IndexerNames hf_indexer() { return {"wq_b.weight", "wk.weight", "weights_proj.weight"}; }
IndexerNames gguf_indexer() { return {"attn_q_b.weight", "attn_k.weight", "proj.weight"}; }

// `p`: in front of the names, of which the key norm's are the same everywhere.
void bind_indexer(TensorBinder& b, const DeepseekV2Config& c, const std::string& p, const IndexerNames& names, DeepseekV2Layer& layer) {
  layer.index_q = b.matrix(p + names.q, {int64_t{c.index_heads} * c.index_head_dim, c.q_lora_rank});
  layer.index_k = b.matrix(p + names.k, {c.index_head_dim, c.hidden_size});
  layer.index_k_gain = b.norm(p + "k_norm.weight", c.index_head_dim);
  layer.index_k_bias = b.norm(p + "k_norm.bias", c.index_head_dim);
  layer.index_weights = b.matrix(p + names.weights, {c.index_heads, c.hidden_size});
}

void bind_ends(TensorBinder& b, const DeepseekV2Description& model, const std::string& embedding, const std::string& norm,
               const std::string& head, DeepseekV2Weights& weights) {
  const DeepseekV2Config& c = model.config;
  weights.embedding = b.matrix(embedding, {c.n_vocab, c.hidden_size});
  weights.norm = b.norm(norm, c.hidden_size);
  weights.head = model.tied_head ? weights.embedding : b.matrix(head, {c.n_vocab, c.hidden_size});
  if (model.tied_head) b.ignore(head);  // some programs write the tied head once more
}

void bind_hf_layer(TensorBinder& b, const DeepseekV2Config& c, int l, bool dense, DeepseekV2Layer& layer) {
  const Names names = hf_names(l);
  const std::string p = base::cat("model.layers.", l, ".");
  bind_common(b, c, names, dense, layer);
  layer.kv_b = b.matrix(names.kv_b, {int64_t{c.n_heads} * (c.qk_nope_dim + c.v_head_dim), c.kv_lora_rank});
  if (c.index_topk != 0) bind_indexer(b, c, p + "self_attn.indexer.", hf_indexer(), layer);
  if (!dense) bind_hf_experts(b, c, p + "mlp.", layer);
  b.ignore(p + "self_attn.rotary_emb.inv_freq");  // older files; follows from the configuration
}

// What joins the draft layer to the model. `p`: in front of the names, which but for the last norm's are the same everywhere.
void bind_join(TensorBinder& b, const DeepseekV2Config& c, const std::string& p, const std::string& norm, DeepseekV2Draft& draft) {
  draft.token_norm = b.norm(p + "enorm.weight", c.hidden_size);
  draft.state_norm = b.norm(p + "hnorm.weight", c.hidden_size);
  draft.join = b.matrix(p + "eh_proj.weight", {c.hidden_size, int64_t{2} * c.hidden_size});
  draft.norm = b.norm(p + norm, c.hidden_size);
}

// The layer for drafts stands behind the last one. A second one, which no released model has, is left alone.
void bind_hf_draft(TensorBinder& b, const DeepseekV2Config& c, DeepseekV2Weights& weights) {
  const std::string p = base::cat("model.layers.", c.n_layers, ".");
  if (b.has(p + "eh_proj.weight")) {
    DeepseekV2Draft& draft = weights.draft.emplace();
    bind_join(b, c, p, "shared_head.norm.weight", draft);
    bind_hf_layer(b, c, c.n_layers, c.n_experts == 0, draft.layer);
    b.ignore(p + "embed_tokens.weight");  // the model's own once more, as is the next
    b.ignore(p + "shared_head.head.weight");
  } else {
    b.ignore_from(p);
  }
  b.ignore_from(base::cat("model.layers.", c.n_layers + 1, "."));
}

void bind_gguf_layer(TensorBinder& b, const DeepseekV2Config& c, int l, bool dense, DeepseekV2Layer& layer) {
  const int64_t h = c.n_heads, d = c.hidden_size, f = c.expert_intermediate;
  const Names names = gguf_names(l);
  const std::string p = base::cat("blk.", l, ".");
  bind_common(b, c, names, dense, layer);
  const bool whole = b.has(names.kv_b);
  if (whole) layer.kv_b = b.matrix(names.kv_b, {h * (c.qk_nope_dim + c.v_head_dim), c.kv_lora_rank});
  if (!whole || b.has(p + "attn_k_b.weight")) {
    const TensorView k_b = b.matrix(p + "attn_k_b.weight", {h, c.kv_lora_rank, c.qk_nope_dim});
    const TensorView v_b = b.matrix(p + "attn_v_b.weight", {h, c.v_head_dim, c.kv_lora_rank});
    if (!whole) layer.k_b = k_b, layer.v_b = v_b;
  }
  if (c.index_topk != 0) bind_indexer(b, c, p + "indexer.", gguf_indexer(), layer);
  if (dense) return;
  layer.ff.expert_gate = slices(b.matrix(p + "ffn_gate_exps.weight", {c.n_experts, f, d}), c.n_experts);
  layer.ff.expert_up = slices(b.matrix(p + "ffn_up_exps.weight", {c.n_experts, f, d}), c.n_experts);
  layer.ff.expert_down = slices(b.matrix(p + "ffn_down_exps.weight", {c.n_experts, d, f}), c.n_experts);
}

// The same layer in a GGUF file; files without it, or with the layer and not what joins it to the model, have no drafts.
void bind_gguf_draft(TensorBinder& b, const DeepseekV2Config& c, DeepseekV2Weights& weights) {
  const std::string p = base::cat("blk.", c.n_layers, "."), next = p + "nextn.";
  if (b.has(next + "eh_proj.weight")) {
    DeepseekV2Draft& draft = weights.draft.emplace();
    bind_join(b, c, next, "shared_head_norm.weight", draft);
    bind_gguf_layer(b, c, c.n_layers, c.n_experts == 0, draft.layer);
    b.ignore(next + "embed_tokens.weight");
    b.ignore(next + "shared_head_head.weight");
  } else {
    b.ignore_from(p);
  }
  b.ignore_from(base::cat("blk.", c.n_layers + 1, "."));
}

}  // namespace

base::Result<DeepseekV2Weights> deepseek_v2_weights_from_hf(const DeepseekV2Description& model,
                                                            const TensorTable& tensors) {
  const DeepseekV2Config& c = model.config;
  TensorBinder b(tensors, "DeepSeek-V2");
  DeepseekV2Weights weights;
  bind_ends(b, model, "model.embed_tokens.weight", "model.norm.weight", "lm_head.weight", weights);
  for (int l = 0; l < c.n_layers; ++l) bind_hf_layer(b, c, l, l < c.n_dense_layers, weights.layers.emplace_back());
  bind_hf_draft(b, c, weights);
  if (auto error = b.finish()) return *std::move(error);
  return weights;
}

base::Result<DeepseekV2Weights> deepseek_v2_weights_from_gguf(const DeepseekV2Description& model,
                                                              const TensorTable& tensors) {
  const DeepseekV2Config& c = model.config;
  TensorBinder b(tensors, "DeepSeek-V2");
  DeepseekV2Weights weights;
  bind_ends(b, model, "token_embd.weight", "output_norm.weight", "output.weight", weights);
  for (int l = 0; l < c.n_layers; ++l) bind_gguf_layer(b, c, l, l < c.n_dense_layers, weights.layers.emplace_back());
  bind_gguf_draft(b, c, weights);
  if (auto error = b.finish()) return *std::move(error);
  return weights;
}

}  // namespace engine
