// SPDX-License-Identifier: Apache-2.0
#include "engine/families/deepseek_v4/bind_weights.h"

#include <algorithm>
#include <tuple>
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

// Takes tensors by their published names out of either container.
class Tensors {
 public:
  Tensors(const TensorTable& tensors, bool gguf) : b(tensors, "DeepSeek-V4"), gguf_(gguf) {}

  // Names that follow begin so.
  void enter_layer(int layer) { prefix_ = base::cat(gguf_ ? "blk." : "layers.", layer, "."); }
  void enter(std::string prefix) { prefix_ = std::move(prefix); }
  std::string name(const std::string& published) const {
    if (!gguf_) return prefix_ + published;
    std::string name = published;
    for (const auto& [theirs, ours] : kGguf)
      if (theirs == published) name = ours;
    for (const auto& [usual, elsewhere] : kGgufElsewhere)
      if (usual == name && !b.has(prefix_ + name) && b.has(base::cat(prefix_, elsewhere))) return base::cat(prefix_, elsewhere);
    return prefix_ + name;
  }
  TensorView matrix(const std::string& published, std::initializer_list<int64_t> shape) {
    return b.matrix(name(published), shape);
  }
  TensorView norm(const std::string& published, std::initializer_list<int64_t> shape) {
    return b.norm(name(published), shape);
  }

  TensorBinder b;

 private:
  const bool gguf_;
  std::string prefix_;
};

// `names`: of mix, base and scale, whole.
V4Connection bind_connection(Tensors& t, const DeepseekV4Config& c, const std::string (&names)[3], bool head) {
  const int64_t s = c.n_streams, rows = head ? s : (2 + s) * s;
  return {t.b.norm(names[0], {rows, s * c.hidden_size}), t.b.norm(names[1], {rows}), t.b.norm(names[2], {head ? 1 : 3})};
}

V4Compressor bind_compressor(Tensors& t, const DeepseekV4Config& c, const std::string& prefix, int layer,
                             int64_t width) {
  const int64_t all = (c.sparse(layer) ? 2 : 1) * width;
  return {t.matrix(prefix + "wkv.weight", {all, c.hidden_size}),
          t.matrix(prefix + "wgate.weight", {all, c.hidden_size}), t.norm(prefix + "ape", {c.ratio(layer), all}),
          t.norm(prefix + "norm.weight", {width})};
}

// What V4.1 makes entries and index keys with.
void bind_source(Tensors& t, const DeepseekV4Config& c, int l, DeepseekV4Layer& layer) {
  if (!c.makes_entries(l)) return;
  layer.entries.values = t.matrix("attn.compressor.wkv.weight", {c.head_dim, c.hidden_size});
  if (c.ratio(l) > 1) layer.entries.gate = t.matrix("attn.compressor.wgate.weight", {c.head_dim, c.hidden_size});
  layer.entries.norm = t.norm("attn.compressor.norm.weight", {c.head_dim});
  layer.index_k = t.matrix("attn.indexer.wk.weight", {c.index_head_dim, c.head_dim});
  layer.index_k_norm = t.norm("attn.indexer.k_norm.weight", {c.index_head_dim});
}

void bind_engram(Tensors& t, const DeepseekV4Config& c, int64_t n_rows, DeepseekV4Layer& layer) {
  const int64_t s = c.n_streams, d = c.hidden_size, width = int64_t{c.engram.rows_per_token()} * c.engram.head_dim;
  layer.engram_rows = t.matrix("engram.embed.weight", {n_rows, c.engram.head_dim});
  layer.engram_projection = t.matrix("engram.wkv.weight", {(s + 1) * d, width});
  layer.engram_q = t.norm("engram.q_weight", {s, d});
  layer.engram_k = t.norm("engram.k_weight", {s, d});
}

void bind_engrams(Tensors& t, const DeepseekV4Config& c, DeepseekV4Weights& weights) {
  for (size_t i = 0; i < c.engram.layers.size(); ++i) {
    t.enter_layer(c.engram.layers[i]);
    bind_engram(t, c, weights.hashes.n_rows(i), weights.layers[static_cast<size_t>(c.engram.layers[i])]);
  }
}

void bind_attention(Tensors& t, const DeepseekV4Config& c, int l, DeepseekV4Layer& layer) {
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
void bind_routing(Tensors& t, const DeepseekV4Config& c, bool by_token, FeedForwardViews& ff) {
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

void bind_hf_experts(Tensors& t, const DeepseekV4Config& c, FeedForwardViews& ff) {
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

void bind_gguf_experts(Tensors& t, const DeepseekV4Config& c, FeedForwardViews& ff) {
  const int64_t d = c.hidden_size, width = c.expert_intermediate, n = c.n_experts;
  ff.expert_gate = slices(t.matrix("ffn_gate_exps.weight", {n, width, d}), c.n_experts);
  ff.expert_up = slices(t.matrix("ffn_up_exps.weight", {n, width, d}), c.n_experts);
  ff.expert_down = slices(t.matrix("ffn_down_exps.weight", {n, d, width}), c.n_experts);
}

// Layer `l`, or one for drafts behind the last; its names follow.
void bind_layer(Tensors& t, const DeepseekV4Config& c, int l, bool gguf, DeepseekV4Layer& layer) {
  layer.attn_connection = bind_connection(t, c, {t.name("hc_attn_fn"), t.name("hc_attn_base"), t.name("hc_attn_scale")}, false);
  layer.ff_connection = bind_connection(t, c, {t.name("hc_ffn_fn"), t.name("hc_ffn_base"), t.name("hc_ffn_scale")}, false);
  layer.attn_norm = t.norm("attn_norm.weight", {c.hidden_size});
  bind_attention(t, c, l, layer);
  bind_routing(t, c, l < c.n_layers && c.by_token[static_cast<size_t>(l)], layer.ff);
  gguf ? bind_gguf_experts(t, c, layer.ff) : bind_hf_experts(t, c, layer.ff);
}

void bind_layers(Tensors& t, const DeepseekV4Config& c, bool gguf, DeepseekV4Weights& weights) {
  for (int l = 0; l < c.n_layers; ++l) {
    t.enter_layer(l);
    bind_layer(t, c, l, gguf, weights.layers.emplace_back());
  }
}

constexpr size_t kMaxStages = 16;  // of DSpark; released models have 3

std::string stage_prefix(size_t stage) {
  return base::cat("mtp.", stage, ".");
}

struct SparkNames {
  std::string join, join_norm, head_connection[3], norm, markov_from, markov_to, confidence;
};

void bind_spark(Tensors& t, const DeepseekV4Config& c, const SparkNames& names, const std::vector<std::string>& stages, bool gguf,
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

void bind_hf_spark(Tensors& t, const DeepseekV4Config& c, DeepseekV4Weights& weights) {
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
void bind_hf_draft(Tensors& t, const DeepseekV4Config& c, DeepseekV4Weights& weights) {
  const std::string p = stage_prefix(0);
  if (t.b.has(p + "main_proj.weight")) {
    if (c.spark.block > 0) return bind_hf_spark(t, c, weights);
    weights.no_drafts = "no drafts: the model has DSpark's blocks for them, but config.json has no \"dspark_block_size\"";
    return t.b.ignore_from("mtp.");
  }
  if (!t.b.has(p + "e_proj.weight") && !t.b.has(p + "h_proj.weight")) return t.b.ignore_from("mtp.");
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
  Tensors t(published, false);
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
  Tensors t(tensors, false);
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

namespace {

// The left and the right half of a matrix's rows, which `owned` keeps. Empty where a block of values lies across the middle.
std::pair<TensorView, TensorView> halves_of(const TensorView& joined, std::shared_ptr<const std::vector<std::byte>>& owned) {
  const int64_t half = joined.n_in() / 2, rows = joined.n_rows(), bytes = joined.row_bytes() / 2;
  if (half % traits(joined.type).block_values != 0) return {};
  auto kept = std::make_shared<std::vector<std::byte>>(static_cast<size_t>(rows * joined.row_bytes()));
  for (int64_t side = 0; side < 2; ++side)
    for (int64_t r = 0; r < rows; ++r)
      std::copy_n(joined.data + r * joined.row_bytes() + side * bytes, bytes, kept->data() + (side * rows + r) * bytes);
  TensorView left = joined;
  left.shape[1] = half;
  left.data = kept->data();
  TensorView right = left;
  right.data += rows * bytes;
  owned = std::move(kept);
  return {left, right};
}

// llama.cpp has the two products that join as one matrix, and reads the model's own collapse of the streams and last norm where a file
// leaves out the block's; other programs' files have two matrices.
void bind_gguf_serial(Tensors& t, const DeepseekV4Config& c, const std::string& block, DeepseekV4Weights& weights) {
  const std::string p = block + "nextn.";
  const int64_t d = c.hidden_size;
  V4Draft& draft = weights.draft.emplace();
  draft.token_norm = t.b.norm(p + "enorm.weight", d);
  draft.state_norm = t.b.norm(p + "hnorm.weight", d);
  if (t.b.has(p + "eh_proj.weight")) {
    const TensorView joined = t.b.matrix(p + "eh_proj.weight", {d, 2 * d});
    if (joined) std::tie(draft.token_join, draft.state_join) = halves_of(joined, draft.halves);
    if (joined && !draft.token_join) t.b.refuse(p + "eh_proj.weight", "has blocks of values that lie across the middle of a row");
  } else {
    draft.token_join = t.b.matrix(p + "e_proj.weight", {d, d});
    draft.state_join = t.b.matrix(p + "h_proj.weight", {d, d});
  }
  draft.norm = t.b.has(p + "shared_head_norm.weight") ? t.b.norm(p + "shared_head_norm.weight", d) : weights.norm;
  draft.head_connection = weights.head_connection;
  if (t.b.has(p + "hc_head_fn.weight"))
    draft.head_connection =
        bind_connection(t, c, {p + "hc_head_fn.weight", p + "hc_head_base.weight", p + "hc_head_scale.weight"}, true);
  t.enter(block);
  bind_layer(t, c.with_draft_layers(1), c.n_layers, true, draft.layer);
  for (const char* copy : {"embed_tokens.weight", "shared_head_head.weight"}) t.b.ignore(p + copy);  // of the model's ends
}

void bind_gguf_draft(Tensors& t, const DeepseekV4Gguf& model, DeepseekV4Weights& weights) {
  const DeepseekV4Config& c = model.config;
  std::vector<std::string> blocks;
  for (int block = c.n_layers; block < model.n_blocks; ++block) blocks.push_back(base::cat("blk.", block, "."));
  if (blocks.empty()) return;
  if (c.spark.block > 0) {
    if (blocks.size() > kMaxStages) return t.b.refuse(blocks[kMaxStages] + "*", base::cat("are too many: DSpark has at most ", kMaxStages, " stages"));
    const std::string last = blocks.back() + "nextn.";
    return bind_spark(t, c,
                      {"fc.weight", "enc.output_norm.weight",
                       {last + "hc_head_fn.weight", last + "hc_head_base.weight", last + "hc_head_scale.weight"},
                       last + "shared_head_norm.weight", "markov_w1.weight", "markov_w2.weight", "conf_proj.weight"},
                      blocks, true, weights);
  }
  const std::string next = blocks.front() + "nextn.";
  const bool serial = !c.delayed && (t.b.has(next + "eh_proj.weight") || t.b.has(next + "e_proj.weight") || t.b.has(next + "h_proj.weight"));
  if (serial) bind_gguf_serial(t, c, blocks.front(), weights);
  for (size_t i = serial ? 1 : 0; i < blocks.size(); ++i) t.b.ignore_from(blocks[i]);
  for (const char* unread : {"fc.weight", "enc.output_norm.weight", "markov_w1.weight", "markov_w2.weight", "conf_proj.weight"})
    t.b.ignore(unread);  // of a DSpark that a note says something of
}

}  // namespace

base::Result<DeepseekV4Weights> deepseek_v4_weights_from_gguf(const DeepseekV4Gguf& model, const TensorTable& tensors) {
  const DeepseekV4Config& c = model.config;
  Tensors t(tensors, true);
  DeepseekV4Weights weights;
  weights.embedding = t.matrix("token_embd.weight", {c.n_vocab, c.hidden_size});
  weights.norm = t.norm("output_norm.weight", {c.hidden_size});
  weights.head = t.matrix("output.weight", {c.n_vocab, c.hidden_size});
  if (!c.delayed)
    weights.head_connection =
        bind_connection(t, c, {"output_hc_fn.weight", "output_hc_base.weight", "output_hc_scale.weight"}, true);
  bind_layers(t, c, true, weights);
  bind_gguf_draft(t, model, weights);
  if (c.delayed) {
    weights.hashes = model.hashes;
    bind_engrams(t, c, weights);
    for (int l = 0; l < model.n_blocks; ++l) t.b.ignore(base::cat("blk.", l, ".exp_probs_b_vl.bias"));  // of images
  }
  if (auto error = t.b.finish()) return *std::move(error);
  return weights;
}

}  // namespace engine
