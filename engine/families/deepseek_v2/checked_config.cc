// SPDX-License-Identifier: Apache-2.0
#include "engine/families/deepseek_v2/checked_config.h"

#include "base/strings.h"
#include "engine/load/checked_sizes.h"

namespace engine {
namespace {

base::Status check_router(const DeepseekV2Config& c) {
  const auto bad = [](auto... parts) { return base::corrupt(base::cat("configuration: ", parts...)); };
  if (c.n_experts == 0) {
    if (c.n_dense_layers != c.n_layers)
      return bad("no experts, but only ", c.n_dense_layers, " of ", c.n_layers, " layers are dense");
    return base::ok();
  }
  if (c.n_experts_used < 1 || c.n_experts_used > c.n_experts)
    return bad("experts used per token is ", c.n_experts_used, ", must lie in 1..", c.n_experts);
  if (c.expert_intermediate < 1) return bad("the experts' width is ", c.expert_intermediate);
  if (c.n_groups < 1 || c.n_experts % c.n_groups != 0)
    return bad(c.n_experts, " experts cannot form ", c.n_groups, " equal groups");
  if (c.n_groups_used < 1 || c.n_groups_used > c.n_groups)
    return bad("expert groups used per token is ", c.n_groups_used, ", must lie in 1..", c.n_groups);
  if (c.selection != ExpertSelection::kGreedy && c.n_groups > 1 &&
      c.n_groups_used * (c.n_experts / c.n_groups) < c.n_experts_used)
    return bad(c.n_groups_used, " of ", c.n_groups, " groups hold fewer than the ", c.n_experts_used, " experts used");
  return base::ok();
}

}  // namespace

base::Status check_config(const DeepseekV2Config& c) {
  base::Status sizes = check_ints({
      {"number of layers", c.n_layers, 1, kMaxLayers},
      {"hidden size", c.hidden_size, 1, kMaxWidth},
      {"number of attention heads", c.n_heads, 1, kMaxHeads},
      {"vocabulary size", c.n_vocab, 1, kMaxVocab},
      {"training context", c.n_ctx_train, 1, kMaxContext},
      {"q_lora_rank", c.q_lora_rank, 0, kMaxWidth},
      {"kv_lora_rank", c.kv_lora_rank, 1, kMaxWidth},
      {"head dimension without rope", c.qk_nope_dim, 1, kMaxHeadDim},
      {"rope dimension", c.qk_rope_dim, 2, kMaxHeadDim},
      {"value head dimension", c.v_head_dim, 1, kMaxHeadDim},
      {"number of leading dense layers", c.n_dense_layers, 0, c.n_layers},
      {"dense feed-forward width", c.dense_intermediate, c.n_dense_layers > 0 ? 1 : 0, kMaxWidth},
      {"number of experts", c.n_experts, 0, kMaxExperts},
      {"number of shared experts", c.n_shared_experts, 0, kMaxSharedExperts},
      {"expert feed-forward width", c.expert_intermediate, 0, kMaxWidth},
      {"YaRN original context", c.yarn.original_context, 1, kMaxContext},
  });
  if (!sizes) return sizes;
  if (c.index_topk != 0) {
    if (c.q_lora_rank == 0) return base::corrupt("configuration: an indexer needs a low-rank query, q_lora_rank is 0");
    if (c.index_heads < 1 || c.index_heads > kMaxHeads)
      return base::corrupt(base::cat("configuration: the indexer has ", c.index_heads, " heads, must lie in 1..", kMaxHeads));
    if (c.index_head_dim < c.qk_rope_dim || c.index_head_dim > kMaxHeadDim)
      return base::corrupt(base::cat("configuration: the indexer's heads are ", c.index_head_dim, " wide, must lie in ",
                                     c.qk_rope_dim, "..", kMaxHeadDim));
  }
  if (c.qk_rope_dim % 2 != 0)
    return base::corrupt(base::cat("configuration: rope dimension is ", c.qk_rope_dim, ", must be even"));

  sizes = check_floats({
      {"RMS norm epsilon", c.rms_eps, 0.0f, 1.0f},
      {"epsilon of the latents' norms", c.latent_eps, 0.0f, 1.0f},
      {"rope base", c.rope_theta, 1.0f, 1e12f},
      {"expert weight scale", c.expert_weight_scale, 0.0f, 1e6f},
      {"YaRN factor", c.yarn.factor, 0.999999f, 1e6f},
      {"YaRN beta_fast", c.yarn.beta_fast, 0.0f, 1e6f},
      {"YaRN beta_slow", c.yarn.beta_slow, 0.0f, 1e6f},
      {"YaRN mscale", c.yarn.mscale, -1e3f, 1e3f},
      {"YaRN mscale_all_dim", c.yarn.mscale_all_dim, -1e-6f, 1e3f},
  });
  if (!sizes) return sizes;
  return check_router(c);
}

}  // namespace engine
