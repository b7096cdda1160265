// SPDX-License-Identifier: Apache-2.0
// GGUF metadata of architectures "deepseek4" and "deepseek41" to DeepseekV4Config.
#include <algorithm>

#include "base/strings.h"
#include "engine/families/deepseek_v4/read_config.h"
#include "engine/families/deepseek_v4/read_gguf_v41.h"
#include "engine/load/gguf_keys.h"
#include "engine/load/limits.h"

namespace engine {
namespace {

void refuse(GgufKeys& k, const std::string& key, std::string_view problem) {
  k.fail(key, problem, base::ErrorCode::kInvalidArgument);
}

constexpr const char* kMarkov = "markov_w1.weight";  // where it is, the blocks for drafts are DSpark's

// Blocks behind the last layer make drafts. Some files count one that they do not hold: then the last block is a layer.
int read_layers(GgufKeys& k, const GgufFile& gguf) {
  const int n_blocks = k.integer("block_count"), n_drafts = k.integer("nextn_predict_layers", 0);
  if (n_drafts > n_blocks || n_drafts > kMaxLayers) k.fail("nextn_predict_layers", "is more than there may be");
  if (k.error()) return 0;
  const std::string first = base::cat("blk.", n_blocks - n_drafts, ".");
  const auto at = gguf.tensors.lower_bound(first + "nextn.");
  const bool drafts = (at != gguf.tensors.end() && at->first.starts_with(first + "nextn.")) || gguf.tensors.contains(kMarkov);
  const bool held = gguf.tensors.contains(first + "attn_norm.weight");
  return held && !drafts ? n_blocks : n_blocks - n_drafts;
}

void read_attention(GgufKeys& k, DeepseekV4Config& c) {
  c.n_heads = k.integer("attention.head_count");
  if (k.integer("attention.head_count_kv", 1) != 1) refuse(k, "attention.head_count_kv", "must be 1");
  c.head_dim = k.integer("attention.key_length");
  if (k.integer("attention.value_length", c.head_dim) != c.head_dim)
    refuse(k, "attention.value_length", "must be that of keys, which are the values");
  c.q_lora_rank = k.integer("attention.q_lora_rank");
  c.o_groups = k.integer("attention.output_group_count");
  c.o_lora_rank = k.integer("attention.output_lora_rank");
  c.window = k.integer("attention.sliding_window");
  c.index_heads = k.integer("attention.indexer.head_count", 0);
  c.index_head_dim = k.integer("attention.indexer.key_length", 0);
  c.index_topk = k.integer("attention.indexer.top_k", 0);
  c.rms_eps = k.real("attention.layer_norm_rms_epsilon");
  if (c.delayed) return;
  const std::string key = "attention.compress_ratios";
  if (const std::string problem = set_kinds(k.integers(key, c.n_layers), c); !problem.empty()) refuse(k, key, problem);
}

void read_rope(GgufKeys& k, DeepseekV4Config& c) {
  c.rope_dim = k.integer("rope.dimension_count");
  c.rope_theta = k.real("rope.freq_base");
  c.compress_rope_theta = k.real("attention.compress_rope_freq_base");
  c.yarn.mscale = c.yarn.mscale_all_dim = 0.0f;  // cosines and sines keep their size, and so do scores
  const bool scaled = k.has("rope.scaling.factor");
  const std::string type = k.text("rope.scaling.type", scaled ? "" : "none");
  if (type == "none") return;
  if (type != "yarn")
    return refuse(k, "rope.scaling.type",
                  base::cat("is \"", shown_name(type), "\"; Graft computes \"yarn\" and \"none\""));
  c.yarn.factor = k.real("rope.scaling.factor");
  c.yarn.original_context = k.integer("rope.scaling.original_context_length");
  c.yarn.beta_fast = k.real("rope.scaling.yarn_beta_fast", 32.0f);
  c.yarn.beta_slow = k.real("rope.scaling.yarn_beta_slow", 1.0f);
}

void read_experts(GgufKeys& k, DeepseekV4Config& c) {
  c.n_experts = k.integer("expert_count");
  c.n_experts_used = k.integer("expert_used_count");
  c.n_shared_experts = k.integer("expert_shared_count");
  c.expert_intermediate = k.integer("expert_feed_forward_length");
  c.expert_weight_scale = k.real("expert_weights_scale");
  if (!k.truth("expert_weights_norm", false)) refuse(k, "expert_weights_norm", "must be true");
  switch (const int gating = k.integer("expert_gating_func")) {
    case 1:
      c.scoring = Scoring::kSoftmax;
      break;
    case 2:
      c.scoring = Scoring::kSigmoid;
      break;
    case 4:
      c.scoring = Scoring::kSqrtSoftplus;
      break;
    default:
      refuse(k, "expert_gating_func",
             base::cat("is ", gating, "; Graft computes 1 (softmax), 2 (sigmoid) and 4 (sqrtsoftplus)"));
  }
  const float limit = k.real_of_layers("swiglu_clamp_exp", c.n_layers);
  if (k.real_of_layers("swiglu_clamp_shexp", c.n_layers, limit) != limit)
    refuse(k, "swiglu_clamp_shexp", "differs from that of routed experts, which is not supported");
  if (limit > 0.0f) c.gate.limit = limit;
  const int n_by_token = k.integer("hash_layer_count", 0);
  for (int l = 0; l < c.n_layers; ++l) c.by_token.push_back(l < n_by_token);
}

// Where the stages' mixtures have experts of their own number (V4.1), how many there are is told by their router. False where the file
// does not say how many a token uses.
bool read_stage_experts(GgufKeys& k, const GgufFile& gguf, DeepseekV4Config& c) {
  const std::string key = "nextn_expert_used_count";
  const auto router = gguf.tensors.find(base::cat("blk.", c.n_layers, ".ffn_gate_inp.weight"));
  if (router == gguf.tensors.end() || router->second.view.n_dims != 2) return true;  // the binder names it
  const int64_t n = router->second.view.n_rows();
  if (!k.has(key)) return n == c.n_experts;
  V4SparkConfig& s = c.spark;
  s.n_experts = static_cast<int>(std::min<int64_t>(n, INT32_MAX));
  s.n_experts_used = k.integer(key);
  if (n < 1 || n > kMaxExperts) k.take(base::corrupt(base::cat("tensor ", router->first, " is of ", n, " experts, at most ", kMaxExperts, " are supported")));
  if (!k.error() && (s.n_experts_used < 1 || s.n_experts_used > n)) k.fail(key, base::cat("must lie in 1..", n));
  return true;
}

// As llama.cpp's files of DSpark alone say it, whose architecture is "dflash": a target is the layer that reads the streams.
void read_spark(GgufKeys& k, const GgufFile& gguf, DeepseekV4Config& c, std::vector<std::string>& notes) {
  const auto markov = gguf.tensors.find(kMarkov);
  if (markov == gguf.tensors.end()) return;
  if (!read_stage_experts(k, gguf, c)) {
    notes.emplace_back("no drafts: DSpark's stages have other experts than the layers, and the file does not say how many of them a token "
                       "uses (nextn_expert_used_count)");
    return;
  }
  V4SparkConfig& s = c.spark;
  s.block = k.integer("block_size");
  if (!k.error() && (s.block < 1 || s.block > kMaxDraftBlock)) k.fail("block_size", base::cat("must lie in 1..", kMaxDraftBlock));
  const int before = c.delayed ? 0 : 1;  // V4.1's targets are read in front of their layers
  for (const int reader : k.all_integers("target_layers", c.n_layers)) {
    const int target = reader - before;
    if (target < 0 || target >= c.n_layers || (!s.targets.empty() && target <= s.targets.back()))
      k.fail("target_layers", base::cat("must be rising layers in ", before, "..", c.n_layers - 1 + before));
    s.targets.push_back(target);
  }
  if (s.targets.empty()) k.fail("target_layers", "must name a layer");
  GgufKeys tokenizer(gguf, "tokenizer.ggml.");
  s.noise = tokenizer.integer("mask_token_id");
  if (s.noise >= c.n_vocab) tokenizer.fail("mask_token_id", "is no token of the vocabulary");
  if (tokenizer.error()) k.take(*tokenizer.error());
  const TensorView& view = markov->second.view;
  s.rank = static_cast<int>(std::min<int64_t>(view.n_in(), INT32_MAX));
  if (s.rank < 1 || s.rank > kMaxWidth) k.take(base::corrupt(base::cat("tensor ", kMarkov, " has rows of ", view.n_in(), " values")));
}

}  // namespace

base::Result<DeepseekV4Gguf> deepseek_v4_from_gguf(const GgufFile& gguf) {
  DeepseekV4Gguf model;
  DeepseekV4Config& c = model.config;
  c.delayed = gguf_architecture(gguf) == "deepseek41";
  c.norm_queries = !c.delayed;
  GgufKeys k(gguf, c.delayed ? "deepseek41." : "deepseek4.");
  model.n_blocks = k.integer("block_count");
  c.n_layers = read_layers(k, gguf);
  if (c.n_layers < 1 || c.n_layers > kMaxLayers)
    k.fail("block_count", base::cat("must give 1..", kMaxLayers, " layers"));
  if (k.error()) return *k.error();
  c.hidden_size = k.integer("embedding_length");
  c.n_ctx_train = k.integer("context_length");
  read_attention(k, c);
  read_rope(k, c);
  read_experts(k, c);
  c.n_streams = k.integer("hyper_connection.count");
  c.sinkhorn_rounds = k.integer("hyper_connection.sinkhorn_iterations");
  c.stream_eps = k.real("hyper_connection.epsilon");
  // The embedding has one row per token, so its shape stands in for the optional key.
  const auto embedding = gguf.tensors.find("token_embd.weight");
  const bool has_embedding = embedding != gguf.tensors.end() && embedding->second.view.n_dims == 2;
  const int64_t rows = has_embedding ? std::min<int64_t>(embedding->second.view.shape[0], INT32_MAX) : 0;
  c.n_vocab = k.integer("vocab_size", static_cast<int>(rows));
  GgufEngram engram;
  if (c.delayed && !k.error()) {
    if (std::string note = read_gguf_sharing(k, gguf, c); !note.empty()) model.notes.push_back(std::move(note));
    engram = read_gguf_engram(k, c);
  }
  read_spark(k, gguf, c, model.notes);
  if (k.error()) return *k.error();
  if (base::Status checked = check_config(c); !checked) return std::move(checked).error();
  if (c.engram.layers.empty()) return model;
  engram.folded.resize(static_cast<size_t>(c.n_vocab), engram.padding);  // tokens that the file's map lacks
  auto hashes = EngramHashes::from_tables(c.engram, std::move(engram.folded), engram.padding, engram.multipliers, engram.primes, engram.offsets);
  if (!hashes) return std::move(hashes).error();
  model.hashes = *std::move(hashes);
  return model;
}

}  // namespace engine
