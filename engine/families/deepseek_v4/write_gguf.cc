// SPDX-License-Identifier: Apache-2.0
#include "engine/families/deepseek_v4/write_gguf.h"

#include <algorithm>
#include <cmath>

#include "base/strings.h"
#include "engine/families/deepseek_v4/read_config.h"
#include "engine/families/gguf_parts.h"
#include "engine/formats/dequantize.h"

namespace engine {
namespace {

// `n_drafts`: blocks for drafts, behind the layers.
void put_config(const DeepseekV4Config& c, int n_drafts, GgufContent& out) {
  const auto n = [](int value) { return static_cast<uint32_t>(value); };
  out.put(".block_count", n(c.n_layers + n_drafts));
  if (n_drafts > 0) out.put(".nextn_predict_layers", n(n_drafts));
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
  ratios.resize(ratios.size() + static_cast<size_t>(n_drafts), 0);
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
  const std::vector<float> limits(static_cast<size_t>(c.n_layers + n_drafts), std::isfinite(c.gate.limit) ? c.gate.limit : 0.0f);
  out.put(".swiglu_clamp_exp", limits);
  out.put(".swiglu_clamp_shexp", limits);
}

// What V4.1 adds; which layers make entries and choose is told by tensors too, as llama.cpp reads it.
void put_v41(const DeepseekV4Config& c, const EngramHashes& hashes, GgufContent& out) {
  std::vector<int32_t> sources, choosers;
  for (int l = 0; l < c.n_layers; ++l) {
    if (c.makes_entries(l)) sources.push_back(l);
    if (c.chooses(l)) choosers.push_back(l);
  }
  out.put(".attention.kv_source_layer_ids", std::move(sources));
  out.put(".attention.index_source_layer_ids", std::move(choosers));
  if (c.candidate_layer >= 0) {
    out.put(".attention.candidate_source_layer_id", static_cast<uint32_t>(c.candidate_layer));
    out.put(".attention.candidate_topk_blocks", static_cast<uint32_t>(c.candidate_blocks));
    out.put(".attention.candidate_block_size", static_cast<uint32_t>(c.candidate_block_size));
  }
  const EngramConfig& e = c.engram;
  if (e.layers.empty()) return;
  std::vector<uint64_t> multipliers, primes, offsets;
  for (size_t i = 0; i < e.layers.size(); ++i) {
    multipliers.insert(multipliers.end(), hashes.multipliers(i).begin(), hashes.multipliers(i).end());
    uint64_t first = 0;
    for (const int64_t prime : hashes.primes(i)) {
      primes.push_back(static_cast<uint64_t>(prime));
      offsets.push_back(first);
      first += primes.back();
    }
  }
  out.put(".engram.layer_ids", std::vector<int32_t>(e.layers.begin(), e.layers.end()));
  out.put(".engram.max_ngram_size", static_cast<uint32_t>(e.ngram));
  out.put(".engram.head_count", static_cast<uint32_t>(e.n_heads));
  out.put(".engram.key_length", static_cast<uint32_t>(e.head_dim));
  out.put(".engram.multipliers", std::move(multipliers));
  out.put(".engram.primes", std::move(primes));
  out.put(".engram.offsets", std::move(offsets));
  out.put(".engram.token_map", hashes.all_folded());
  out.put(".engram.pad_id", static_cast<uint32_t>(hashes.padding()));
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
  out.add_fine(p + "indexer.attn_k.weight", l.index_k);
  out.add_exact(p + "indexer.k_norm.weight", {l.index_k_norm}, false);
  out.add(p + "engram_embd.weight", {l.engram_rows}, false);
  out.add(p + "engram_wkv.weight", {l.engram_projection}, false);
  out.add_exact(p + "engram_q.weight", {l.engram_q}, false);
  out.add_exact(p + "engram_k.weight", {l.engram_k}, false);
  out.add_exact(p + "ffn_norm.weight", {l.ff.norm}, false);
  out.add_numbers(p + "ffn_gate_tid2eid.weight", c.n_vocab, l.ff.experts_of);
  add_feed_forward(l.ff, p, out);
}

// Rows of both, one behind the other, as llama.cpp has them.
void add_joined(std::string name, const TensorView& left, const TensorView& right, GgufContent& out) {
  GgufTensor joined;
  joined.name = std::move(name);
  joined.shape = {left.n_rows(), left.n_in() + right.n_in()};
  joined.stored = left.type;
  joined.row = [left, right](int64_t row, std::span<float> values) {
    const auto half = static_cast<size_t>(left.n_in());
    dequantize_row(left, row, values.first(half));
    dequantize_row(right, row, values.subspan(half));
  };
  out.tensors.push_back(std::move(joined));
}

void add_serial(const DeepseekV4Config& c, const V4Draft& draft, GgufContent& out) {
  const std::string p = base::cat("blk.", c.n_layers, "."), next = p + "nextn.";
  add_layer(c, draft.layer, p, out);
  out.add_exact(next + "enorm.weight", {draft.token_norm}, false);
  out.add_exact(next + "hnorm.weight", {draft.state_norm}, false);
  add_joined(next + "eh_proj.weight", draft.token_join, draft.state_join, out);
  out.add_exact(next + "shared_head_norm.weight", {draft.norm}, false);
  add_connection(draft.head_connection, next + "hc_head_", out);
}

void add_spark(const DeepseekV4Config& c, const V4Spark& spark, GgufContent& out) {
  out.put(".block_size", static_cast<uint32_t>(c.spark.block));
  std::vector<int32_t> readers;
  for (const int target : c.spark.targets) readers.push_back(target + (c.delayed ? 0 : 1));
  out.put(".target_layers", std::move(readers));
  if (c.spark.n_experts > 0) out.put(".nextn_expert_used_count", static_cast<uint32_t>(c.spark.n_experts_used));
  out.put("tokenizer.ggml.mask_token_id", static_cast<uint32_t>(c.spark.noise));
  for (size_t stage = 0; stage < spark.stages.size(); ++stage)
    add_layer(c, spark.stages[stage], base::cat("blk.", static_cast<size_t>(c.n_layers) + stage, "."), out);
  const std::string last = base::cat("blk.", static_cast<size_t>(c.n_layers) + spark.stages.size() - 1, ".nextn.");
  out.add("fc.weight", {spark.join}, false);
  out.add_exact("enc.output_norm.weight", {spark.join_norm}, false);
  add_connection(spark.head_connection, last + "hc_head_", out);
  out.add_exact(last + "shared_head_norm.weight", {spark.norm}, false);
  out.add_fine("markov_w1.weight", spark.markov_from);
  out.add_fine("markov_w2.weight", spark.markov_to);
  out.add_exact("conf_proj.weight", {spark.confidence}, false);
}

}  // namespace

base::Result<GgufContent> deepseek_v4_to_gguf(const DeepseekV4Config& c, const DeepseekV4Weights& w) {
  if (!std::is_partitioned(c.by_token.begin(), c.by_token.end(), [](bool by_token) { return by_token; }))
    return base::invalid("GGUF cannot say that layers behind the first choose experts by the token's id");
  std::vector<int> ratios;
  for (int l = 0; l < c.n_layers; ++l) ratios.push_back(c.ratio(l));
  DeepseekV4Config read = c;
  if (!c.delayed && (!set_kinds(ratios, read).empty() || read.kinds != c.kinds))
    return base::invalid(base::cat("GGUF cannot say that layers with an indexer sum up ", c.sparse_ratio,
                                   " tokens in an entry, and others ", c.heavy_ratio));
  GgufContent out;
  out.architecture = c.delayed ? "deepseek41" : "deepseek4";
  put_config(c, w.n_draft_layers(), out);
  add_ends(w.embedding, w.norm, w.head, out);
  if (c.delayed)
    put_v41(c, w.hashes, out);
  else
    add_connection(w.head_connection, "output_hc_", out);
  for (size_t l = 0; l < w.layers.size(); ++l) add_layer(c, w.layers[l], base::cat("blk.", l, "."), out);
  if (w.draft) add_serial(c, *w.draft, out);
  if (w.spark) add_spark(c, *w.spark, out);
  return out;
}

}  // namespace engine
