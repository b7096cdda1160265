// SPDX-License-Identifier: Apache-2.0
#include "engine/families/deepseek_v2/write_gguf.h"

#include "base/strings.h"
#include "engine/families/deepseek_v2/read_config.h"
#include "engine/families/gguf_parts.h"
#include "engine/formats/dequantize.h"

namespace engine {
namespace {

void put_config(const DeepseekV2Config& c, bool drafts, GgufContent& out) {
  const auto n = [](int value) { return static_cast<uint32_t>(value); };
  out.put(".block_count", n(c.n_layers) + (drafts ? 1 : 0));
  if (drafts) out.put(".nextn_predict_layers", uint32_t{1});
  out.put(".context_length", n(c.n_ctx_train));
  out.put(".embedding_length", n(c.hidden_size));
  out.put(".feed_forward_length", n(c.dense_intermediate));
  out.put(".vocab_size", n(c.n_vocab));
  // As for absorbed attention: one key head as wide as a row of the cache; the heads' own sizes under *_mla.
  out.put(".attention.head_count", n(c.n_heads));
  out.put(".attention.head_count_kv", uint32_t{1});
  out.put(".attention.layer_norm_rms_epsilon", c.rms_eps);
  if (c.latent_eps != c.rms_eps) out.put(kLatentEpsKey, c.latent_eps);
  if (c.q_lora_rank != 0) out.put(".attention.q_lora_rank", n(c.q_lora_rank));
  out.put(".attention.kv_lora_rank", n(c.kv_lora_rank));
  out.put(".attention.key_length", n(c.kv_lora_rank + c.qk_rope_dim));
  out.put(".attention.value_length", n(c.kv_lora_rank));
  out.put(".attention.key_length_mla", n(c.qk_nope_dim + c.qk_rope_dim));
  out.put(".attention.value_length_mla", n(c.v_head_dim));
  if (c.index_topk != 0) {
    out.put(".attention.indexer.head_count", n(c.index_heads));
    out.put(".attention.indexer.key_length", n(c.index_head_dim));
    out.put(".attention.indexer.top_k", n(c.index_topk));
  }
  out.put(".rope.dimension_count", n(c.qk_rope_dim));
  out.put(".rope.freq_base", c.rope_theta);
  put_yarn(c.yarn, out);
  if (c.yarn.factor != 1.0f) out.put(".rope.scaling.yarn_log_multiplier", 0.1f * c.yarn.mscale_all_dim);
  out.put(".leading_dense_block_count", n(c.n_dense_layers));
  if (c.n_experts == 0) return;
  out.put(".expert_count", n(c.n_experts));
  out.put(".expert_used_count", n(c.n_experts_used));
  out.put(".expert_shared_count", n(c.n_shared_experts));
  out.put(".expert_feed_forward_length", n(c.expert_intermediate));
  out.put(".expert_weights_scale", c.expert_weight_scale);
  out.put(".expert_weights_norm", c.normalize_expert_weights);
  out.put(".expert_gating_func", c.scoring == Scoring::kSigmoid ? uint32_t{2} : uint32_t{1});
  if (c.selection != ExpertSelection::kGreedy && c.n_groups > 1) {
    out.put(".expert_group_count", n(c.n_groups));
    out.put(".expert_group_used_count", n(c.n_groups_used));
  }
}

// The key rows of each head turned round, [H, C, nope], and its value rows, [H, v, C].
void add_key_and_value(const DeepseekV2Config& c, const DeepseekV2Layer& l, const std::string& p, GgufContent& out) {
  if (!l.kv_b) {
    out.add(p + "attn_k_b.weight", {l.k_b}, false);
    out.add(p + "attn_v_b.weight", {l.v_b}, false);
    return;
  }
  const int64_t h = c.n_heads, latent = c.kv_lora_rank, nope = c.qk_nope_dim, dv = c.v_head_dim;
  struct Head {
    int64_t index = -1;
    std::vector<float> rows;  // [nope, C]
  };
  GgufTensor keys;
  keys.name = p + "attn_k_b.weight";
  keys.shape = {h, latent, nope};
  keys.stored = l.kv_b.type;
  keys.independent = false;  // a head is decoded once
  keys.row = [view = l.kv_b, head = std::make_shared<Head>(), latent, nope, dv](int64_t row, std::span<float> values) {
    if (head->index != row / latent) {
      head->index = row / latent;
      head->rows.resize(static_cast<size_t>(nope * latent));
      for (int64_t i = 0; i < nope; ++i)
        dequantize_row(view, head->index * (nope + dv) + i,
                       {head->rows.data() + i * latent, static_cast<size_t>(latent)});
    }
    for (int64_t i = 0; i < nope; ++i)
      values[static_cast<size_t>(i)] = head->rows[static_cast<size_t>(i * latent + row % latent)];
  };
  out.tensors.push_back(std::move(keys));
  out.add(p + "attn_v_b.weight", {l.kv_b}, false,
          [nope, dv](int64_t row) { return row / dv * (nope + dv) + nope + row % dv; });
  out.tensors.back().shape = {h, dv, latent};
}

void add_layer(const DeepseekV2Config& c, const DeepseekV2Layer& l, const std::string& p, GgufContent& out) {
  out.add_exact(p + "attn_norm.weight", {l.attn_norm}, false);
  out.add(p + "attn_q.weight", {l.q}, false);
  out.add(p + "attn_q_a.weight", {l.q_a}, false);
  out.add_exact(p + "attn_q_a_norm.weight", {l.q_a_norm}, false);
  out.add(p + "attn_q_b.weight", {l.q_b}, false);
  out.add(p + "attn_kv_a_mqa.weight", {l.kv_a}, false);
  out.add_exact(p + "attn_kv_a_norm.weight", {l.kv_a_norm}, false);
  add_key_and_value(c, l, p, out);
  out.add(p + "attn_output.weight", {l.o}, false);
  out.add(p + "indexer.attn_q_b.weight", {l.index_q}, false);
  out.add(p + "indexer.attn_k.weight", {l.index_k}, false);
  out.add_exact(p + "indexer.k_norm.weight", {l.index_k_gain}, false);
  out.add_exact(p + "indexer.k_norm.bias", {l.index_k_bias}, false);
  out.add_exact(p + "indexer.proj.weight", {l.index_weights}, false);
  out.add_exact(p + "ffn_norm.weight", {l.ff.norm}, false);
  add_feed_forward(l.ff, p, out);
}

// The layer for drafts, behind the last one under llama.cpp's names.
void add_draft(const DeepseekV2Config& c, const DeepseekV2Draft& draft, GgufContent& out) {
  const std::string p = base::cat("blk.", c.n_layers, "."), next = p + "nextn.";
  add_layer(c, draft.layer, p, out);
  out.add_exact(next + "enorm.weight", {draft.token_norm}, false);
  out.add_exact(next + "hnorm.weight", {draft.state_norm}, false);
  out.add(next + "eh_proj.weight", {draft.join}, false);
  out.add_exact(next + "shared_head_norm.weight", {draft.norm}, false);
}

}  // namespace

base::Result<GgufContent> deepseek_v2_to_gguf(const DeepseekV2Config& c, const DeepseekV2Weights& w) {
  if (c.yarn.factor != 1.0f && c.yarn.mscale != c.yarn.mscale_all_dim)
    return base::invalid("GGUF cannot say that the model's mscale differs from its mscale_all_dim");
  if (c.yarn.factor != 1.0f && !c.yarn.truncate)
    return base::invalid("GGUF cannot say that YaRN's ramp ends between pairs");
  // How groups are scored has no key: it follows from the gate.
  const auto usual = c.scoring == Scoring::kSigmoid ? ExpertSelection::kGroupLimitedTopTwo : ExpertSelection::kGroupLimitedGreedy;
  if (c.n_experts > 0 && c.n_groups > 1 && c.selection != ExpertSelection::kGreedy && c.selection != usual)
    return base::invalid("GGUF cannot say how the model scores its groups of experts");
  GgufContent out;
  out.architecture = c.index_topk != 0 ? "deepseek32" : "deepseek2";
  put_config(c, w.draft.has_value(), out);
  add_ends(w.embedding, w.norm, w.head, out);
  for (size_t l = 0; l < w.layers.size(); ++l) add_layer(c, w.layers[l], base::cat("blk.", l, "."), out);
  if (w.draft) add_draft(c, *w.draft, out);
  return out;
}

}  // namespace engine
