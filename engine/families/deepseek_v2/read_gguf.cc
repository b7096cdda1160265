// SPDX-License-Identifier: Apache-2.0
// GGUF metadata of architectures "deepseek2" and "deepseek32" to DeepseekV2Config.
#include <cmath>
#include <optional>

#include "base/strings.h"
#include "engine/families/deepseek_v2/checked_config.h"
#include "engine/families/deepseek_v2/read_config.h"
#include "engine/load/gguf_keys.h"

namespace engine {
namespace {

// Files made for absorbed attention carry the head sizes under *_mla, and the cache's row sizes under the plain keys.
void read_attention(GgufKeys& k, DeepseekV2Config& c) {
  c.n_heads = k.integer("attention.head_count");
  c.q_lora_rank = k.integer("attention.q_lora_rank", 0);
  c.kv_lora_rank = k.integer("attention.kv_lora_rank");
  c.qk_rope_dim = k.integer("rope.dimension_count");
  const bool absorbed = k.has("attention.key_length_mla");
  c.qk_nope_dim = k.integer(absorbed ? "attention.key_length_mla" : "attention.key_length") - c.qk_rope_dim;
  c.v_head_dim = k.integer(absorbed ? "attention.value_length_mla" : "attention.value_length");
  c.rms_eps = k.real("attention.layer_norm_rms_epsilon");
  c.latent_eps = k.real(kLatentEpsKey + 1, c.rms_eps);
}

// V3.2's. A file of its architecture without them would be computed as V3, so they must be there.
void read_indexer(GgufKeys& k, DeepseekV2Config& c) {
  c.index_heads = k.integer("attention.indexer.head_count");
  c.index_head_dim = k.integer("attention.indexer.key_length");
  c.index_topk = k.integer("attention.indexer.top_k");
  if (c.index_topk == 0 && !k.error()) k.fail("attention.indexer.top_k", "is 0: a token would see nothing");
}

void read_rope(GgufKeys& k, DeepseekV2Config& c) {
  c.rope_theta = k.real("rope.freq_base", 10000.0f);
  const std::string type = k.text("rope.scaling.type", "none");
  if (type == "none") return;
  if (type != "yarn")
    k.fail("rope.scaling.type", base::cat("is \"", shown_name(type), "\"; Graft computes \"yarn\" and \"none\""),
           base::ErrorCode::kInvalidArgument);
  c.yarn.factor = k.real("rope.scaling.factor");
  c.yarn.original_context = k.integer("rope.scaling.original_context_length", c.n_ctx_train);
  c.yarn.beta_fast = k.real("rope.scaling.yarn_beta_fast", 32.0f);
  c.yarn.beta_slow = k.real("rope.scaling.yarn_beta_slow", 1.0f);
  // The key is 0.1 * mscale_all_dim. The cos/sin amplitude has no key: it is 1, as in every released model.
  c.yarn.mscale_all_dim = 10.0f * k.real("rope.scaling.yarn_log_multiplier", 0.0f);
  c.yarn.mscale = c.yarn.mscale_all_dim;
}

void read_experts(GgufKeys& k, DeepseekV2Config& c) {
  c.n_experts = k.integer("expert_count", 0);
  c.n_dense_layers = c.n_experts == 0 ? c.n_layers : k.integer("leading_dense_block_count", 0);
  if (c.n_experts == 0) return;
  c.n_experts_used = k.integer("expert_used_count");
  c.n_shared_experts = k.integer("expert_shared_count", 0);
  c.expert_intermediate = k.integer("expert_feed_forward_length");
  c.normalize_expert_weights = k.truth("expert_weights_norm", false);
  c.expert_weight_scale = k.real("expert_weights_scale", 1.0f);
  if (c.expert_weight_scale == 0.0f) c.expert_weight_scale = 1.0f;  // written for "none"
  c.n_groups = std::max(1, k.integer("expert_group_count", 1));
  c.n_groups_used = std::max(1, k.integer("expert_group_used_count", 1));
  if (c.n_groups > 1) c.selection = ExpertSelection::kGroupLimitedGreedy;
  const int gating = k.integer("expert_gating_func", 1);  // files from before the key: V2, softmax
  if (gating == 2)
    c.scoring = Scoring::kSigmoid;
  else if (gating != 0 && gating != 1)
    k.fail("expert_gating_func", base::cat("is ", gating, "; Graft computes 1 (softmax) and 2 (sigmoid)"),
           base::ErrorCode::kInvalidArgument);
  if (c.scoring == Scoring::kSigmoid) c.selection = ExpertSelection::kGroupLimitedTopTwo;
}

}  // namespace

base::Result<DeepseekV2Description> deepseek_v2_from_gguf(const GgufFile& gguf) {
  const bool v32 = gguf_architecture(gguf) == "deepseek32";
  GgufKeys k(gguf, v32 ? "deepseek32." : "deepseek2.");
  DeepseekV2Description description;
  DeepseekV2Config& c = description.config;
  const int n_predict = k.integer("nextn_predict_layers", 0);  // layers behind the last, for drafts
  c.n_layers = k.integer("block_count") - n_predict;
  c.hidden_size = k.integer("embedding_length");
  c.n_ctx_train = k.integer("context_length");
  read_attention(k, c);
  if (v32) read_indexer(k, c);
  read_rope(k, c);
  read_experts(k, c);
  c.selection_bias = gguf.tensors.contains(base::cat("blk.", c.n_dense_layers, ".exp_probs_b.bias"));
  c.dense_intermediate = k.integer("feed_forward_length", 0);
  // The embedding has one row per token, so its shape stands in for the optional key.
  const auto embedding = gguf.tensors.find("token_embd.weight");
  const bool has_embedding = embedding != gguf.tensors.end() && embedding->second.view.n_dims == 2;
  const int64_t rows = has_embedding ? std::min<int64_t>(embedding->second.view.shape[0], INT32_MAX) : 0;
  c.n_vocab = k.integer("vocab_size", static_cast<int>(rows));
  description.tied_head = !gguf.tensors.contains("output.weight");
  if (k.error()) return *k.error();
  if (base::Status checked = check_config(c); !checked) return std::move(checked).error();
  return description;
}

}  // namespace engine
