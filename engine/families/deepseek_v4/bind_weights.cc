// SPDX-License-Identifier: Apache-2.0
// Of checkpoints; bind_gguf.cc has GGUF.
#include "engine/families/deepseek_v4/bind_weights.h"

#include <utility>

#include "base/strings.h"
#include "engine/families/deepseek_v4/bind_layers.h"

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

std::string stage_prefix(size_t stage) {
  return base::cat("mtp.", stage, ".");
}

void bind_hf_spark(V4Tensors& t, const DeepseekV4Config& c, DeepseekV4Weights& weights) {
  std::vector<std::string> stages = {stage_prefix(0)};
  while (stages.size() < kMaxStages && t.b.has(stage_prefix(stages.size()) + "attn_norm.weight"))
    stages.push_back(stage_prefix(stages.size()));
  const std::string first = stages.front(), last = stages.back(), markov = last + "markov_head.";
  bind_spark(t, c,
             {first + "main_proj.weight", first + "main_norm.weight",
              {last + "hc_head_fn", last + "hc_head_base", last + "hc_head_scale"},
              last + "norm.weight", markov + (c.delayed ? "embed.weight" : "markov_w1.weight"),
              markov + (c.delayed ? "head.weight" : "markov_w2.weight"), last + "confidence_head.proj.weight"},
             stages, false, weights);
  for (const std::string& stage : stages) {  // copies of the model's ends, and a bias for images
    for (const char* unread : {"embed.weight", "head.weight", "ffn.gate.bias_vl"}) t.b.ignore(stage + unread);
  }
}

// The serial block for drafts, where what joins it to the model is there. Copies of the model's ends are not read, nor is a second
// block, which no released model has.
void bind_hf_draft(V4Tensors& t, const DeepseekV4Config& c, DeepseekV4Weights& weights) {
  const std::string p = stage_prefix(0);
  if (t.b.has(p + "main_proj.weight")) {
    if (c.spark.block > 0) return bind_hf_spark(t, c, weights);
    weights.no_drafts = "no drafts: the model has DSpark's blocks for them, but config.json has no \"dspark_block_size\"";
    return t.b.ignore_from("mtp.");
  }
  const bool serial = !c.delayed && (t.b.has(p + "e_proj.weight") || t.b.has(p + "h_proj.weight"));
  if (!serial) return t.b.ignore_from("mtp.");
  V4Draft& draft = weights.draft.emplace();
  t.enter(p);
  draft.token_norm = t.norm("enorm.weight", {c.hidden_size});
  draft.state_norm = t.norm("hnorm.weight", {c.hidden_size});
  draft.token_join = t.matrix("e_proj.weight", {c.hidden_size, c.hidden_size});
  draft.state_join = t.matrix("h_proj.weight", {c.hidden_size, c.hidden_size});
  draft.norm = t.norm("norm.weight", {c.hidden_size});
  draft.head_connection = bind_connection(t, c, {p + "hc_head_fn", p + "hc_head_base", p + "hc_head_scale"}, true);
  bind_layer(t, c.with_draft_layers(1), c.n_layers, false, draft.layer);
  for (const char* copy : {"embed.weight", "head.weight"}) t.b.ignore(p + copy);
  for (int further = 1; further < 10; ++further) t.b.ignore_from(base::cat("mtp.", further, "."));
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
  V4Tensors t(published, false);
  DeepseekV4Weights weights;
  weights.embedding = t.matrix("embed.weight", {c.n_vocab, c.hidden_size});
  weights.norm = t.norm("norm.weight", {c.hidden_size});
  weights.head = t.matrix("head.weight", {c.n_vocab, c.hidden_size});
  weights.head_connection = bind_connection(t, c, {"hc_head_fn", "hc_head_base", "hc_head_scale"}, true);
  bind_layers(t, c, false, weights);
  bind_hf_draft(t, c, weights);
  if (auto error = t.b.finish()) return *std::move(error);
  return weights;
}

base::Result<DeepseekV4Weights> deepseek_v41_weights_from_hf(const DeepseekV4Config& c, const TensorTable& tensors,
                                                             EngramHashes hashes) {
  V4Tensors t(tensors, false);
  DeepseekV4Weights weights;
  weights.hashes = std::move(hashes);
  weights.embedding = t.matrix("embed.weight", {c.n_vocab, c.hidden_size});
  weights.norm = t.norm("norm.weight", {c.hidden_size});
  weights.head = t.matrix("head.weight", {c.n_vocab, c.hidden_size});
  for (const char* unread : {"vision.", "aligner.", "image_"}) t.b.ignore_from(unread);
  bind_layers(t, c, false, weights);
  bind_engrams(t, c, weights);
  bind_hf_draft(t, c, weights);
  for (int l = 0; l < c.n_layers; ++l) t.b.ignore(base::cat("layers.", l, ".ffn.gate.bias_vl"));  // of images
  if (auto error = t.b.finish()) return *std::move(error);
  return weights;
}

}  // namespace engine
