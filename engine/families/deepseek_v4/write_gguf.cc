// SPDX-License-Identifier: Apache-2.0
#include "engine/families/deepseek_v4/write_gguf.h"

#include <algorithm>
#include <cmath>

#include "base/strings.h"
#include "engine/families/deepseek_v4/read_config.h"
#include "engine/families/gguf_parts.h"

namespace engine {
namespace {

void put_config(const DeepseekV4Config& c, GgufContent& out) {
  const auto n = [](int value) { return static_cast<uint32_t>(value); };
  out.put(".block_count", n(c.n_layers));
  out.put(".context_length", n(c.n_ctx_train));
  out.put(".embedding_length", n(c.hidden_size));
  out.put(".feed_forward_length", n(c.expert_intermediate));
  out.put(".vocab_size", n(c.n_vocab));
  out.put(".attention.head_count", n(c.n_heads));
  out.put(".attention.head_count_kv", uint32_t{1});
  out.put(".attention.key_length", n(c.head_dim));
  out.put(".attention.value_length", n(c.head_dim));
  out.put(".attention.q_lora_rank", n(c.q_lora_rank));
  out.put(".attention.output_group_count", n(c.o_groups));
  out.put(".attention.output_lora_rank", n(c.o_lora_rank));
  out.put(".attention.sliding_window", n(c.window));
  out.put(".attention.indexer.head_count", n(c.index_heads));
  out.put(".attention.indexer.key_length", n(c.index_head_dim));
  out.put(".attention.indexer.top_k", n(c.index_topk));
  out.put(".attention.layer_norm_rms_epsilon", c.rms_eps);
  std::vector<int32_t> ratios;
  for (int l = 0; l < c.n_layers; ++l) ratios.push_back(c.ratio(l));
  out.put(".attention.compress_ratios", std::move(ratios));
  out.put(".attention.compress_rope_freq_base", c.compress_rope_theta);
  out.put(".rope.dimension_count", n(c.rope_dim));
  out.put(".rope.freq_base", c.rope_theta);
  put_yarn(c.yarn, out);
  out.put(".hyper_connection.count", n(c.n_streams));
  out.put(".hyper_connection.sinkhorn_iterations", n(c.sinkhorn_rounds));
  out.put(".hyper_connection.epsilon", c.stream_eps);
  out.put(".expert_count", n(c.n_experts));
  out.put(".expert_used_count", n(c.n_experts_used));
  out.put(".expert_shared_count", n(c.n_shared_experts));
  out.put(".expert_feed_forward_length", n(c.expert_intermediate));
  out.put(".expert_weights_scale", c.expert_weight_scale);
  out.put(".expert_weights_norm", true);
  out.put(".expert_gating_func", c.scoring == Scoring::kSoftmax   ? uint32_t{1}
                                 : c.scoring == Scoring::kSigmoid ? uint32_t{2}
                                                                  : uint32_t{4});
  out.put(".hash_layer_count", static_cast<uint32_t>(std::count(c.by_token.begin(), c.by_token.end(), true)));
  const std::vector<float> limits(static_cast<size_t>(c.n_layers), std::isfinite(c.gate.limit) ? c.gate.limit : 0.0f);
  out.put(".swiglu_clamp_exp", limits);
  out.put(".swiglu_clamp_shexp", limits);
}

void add_connection(const V4Connection& c, const std::string& prefix, GgufContent& out) {
  out.add_exact(prefix + "fn.weight", {c.mix}, false);
  out.add_exact(prefix + "base.weight", {c.base}, false);
  out.add_exact(prefix + "scale.weight", {c.scale}, false);
}

void add_compressor(const V4Compressor& c, const std::string& prefix, GgufContent& out) {
  out.add_fine(prefix + "kv.weight", c.values);
  out.add_fine(prefix + "gate.weight", c.gate);
  out.add_exact(prefix + "ape.weight", {c.place}, false);
  out.add_exact(prefix + "norm.weight", {c.norm}, false);
}

void add_layer(const DeepseekV4Config& c, const DeepseekV4Layer& l, const std::string& p, GgufContent& out) {
  add_connection(l.attn_connection, p + "hc_attn_", out);
  add_connection(l.ff_connection, p + "hc_ffn_", out);
  out.add_exact(p + "attn_norm.weight", {l.attn_norm}, false);
  out.add(p + "attn_q_a.weight", {l.q_a}, false);
  out.add_exact(p + "attn_q_a_norm.weight", {l.q_a_norm}, false);
  out.add(p + "attn_q_b.weight", {l.q_b}, false);
  out.add(p + "attn_kv.weight", {l.kv}, false);
  out.add_exact(p + "attn_kv_a_norm.weight", {l.kv_norm}, false);
  out.add_exact(p + "attn_sinks.weight", {l.sinks}, false);
  out.add(p + "attn_output_a.weight", {l.o_a}, false);
  out.add(p + "attn_output_b.weight", {l.o_b}, false);
  add_compressor(l.entries, p + "attn_compressor_", out);
  add_compressor(l.index_entries, p + "indexer_compressor_", out);
  out.add(p + "indexer.attn_q_b.weight", {l.index_q}, false);
  out.add_fine(p + "indexer.proj.weight", l.index_weights);
  out.add_exact(p + "ffn_norm.weight", {l.ff.norm}, false);
  out.add_numbers(p + "ffn_gate_tid2eid.weight", c.n_vocab, l.ff.experts_of);
  add_feed_forward(l.ff, p, out);
}

}  // namespace

base::Result<GgufContent> deepseek_v4_to_gguf(const DeepseekV4Config& c, const DeepseekV4Weights& w) {
  if (c.delayed) return base::invalid("GGUF has no keys and names for DeepSeek-V4.1 yet");
  if (!std::is_partitioned(c.by_token.begin(), c.by_token.end(), [](bool by_token) { return by_token; }))
    return base::invalid("GGUF cannot say that layers behind the first choose experts by the token's id");
  std::vector<int> ratios;
  for (int l = 0; l < c.n_layers; ++l) ratios.push_back(c.ratio(l));
  DeepseekV4Config read = c;
  if (!set_kinds(ratios, read).empty() || read.kinds != c.kinds)
    return base::invalid(base::cat("GGUF cannot say that layers with an indexer sum up ", c.sparse_ratio,
                                   " tokens in an entry, and others ", c.heavy_ratio));
  GgufContent out;
  out.architecture = "deepseek4";
  put_config(c, out);
  add_ends(w.embedding, w.norm, w.head, out);
  add_connection(w.head_connection, "output_hc_", out);
  for (size_t l = 0; l < w.layers.size(); ++l) add_layer(c, w.layers[l], base::cat("blk.", l, "."), out);
  return out;
}

}  // namespace engine
