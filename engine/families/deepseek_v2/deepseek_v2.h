// SPDX-License-Identifier: Apache-2.0
// engine/families/deepseek_v2/deepseek_v2.h: configuration and weights of DeepSeek-V2, V3 and V3.2, the same from either container.
//
// Shapes   D hidden, H heads, C kv_lora_rank, Hi and Di heads and width of V3.2's indexer. Linear layers are [n_out, n_in].
// Errors   The readers return only configurations and weights that passed every check: shapes agree with the configuration,
//          all sizes are in range, every tensor lies in its file. Later code relies on that.
// Source   DeepSeek-V2, arXiv:2405.04434; V3, arXiv:2412.19437 (2.2: drafts); V3.2, arXiv:2512.02556; Hugging Face transformers
//          `deepseek_v2`, `deepseek_v3`, `deepseek_v32`; GGUF architectures "deepseek2", "deepseek32".
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "engine/feed_forward_views.h"
#include "engine/kernels/moe_router.h"
#include "engine/kernels/rope.h"
#include "engine/tensor.h"

namespace engine {

struct DeepseekV2Config {
  int n_layers = 0, hidden_size = 0, n_heads = 0, n_vocab = 0, n_ctx_train = 0;
  int q_lora_rank = 0;  // 0: direct q projection
  int kv_lora_rank = 0, qk_nope_dim = 0, qk_rope_dim = 0, v_head_dim = 0;
  int dense_intermediate = 0, n_dense_layers = 0;
  int n_experts = 0, n_experts_used = 0, n_shared_experts = 0, expert_intermediate = 0;  // n_experts 0: all layers dense
  Scoring scoring = Scoring::kSoftmax;
  ExpertSelection selection = ExpertSelection::kGreedy;
  int n_groups = 1, n_groups_used = 1;
  bool normalize_expert_weights = false;
  float expert_weight_scale = 1.0f;  // routed_scaling_factor
  bool selection_bias = false;       // MoE layers have one
  int index_heads = 0, index_head_dim = 0, index_topk = 0;  // V3.2; index_topk 0: every token sees all before it
  float rms_eps = 1e-6f;
  float latent_eps =
      1e-6f;  // of the norms of low-rank queries and latents: transformers has one number for all models there
  float rope_theta = 10000.0f;
  YarnScaling yarn;

  int index_width() const { return index_topk != 0 ? index_head_dim : 0; }  // of an index key
  RouterSettings router() const {
    return {n_experts, n_experts_used, scoring, selection, n_groups, n_groups_used, normalize_expert_weights, expert_weight_scale};
  }
};

inline constexpr float kIndexKeyEps = 1e-6f;  // of the index keys' layer norm, whatever rms_eps is

struct DeepseekV2Layer {
  TensorView attn_norm;            // [D] f32-readable
  TensorView q;                    // [H*(nope+rope), D] where q_lora_rank is 0, else the three below
  TensorView q_a, q_a_norm, q_b;   // [q_lora, D], [q_lora], [H*(nope+rope), q_lora]
  TensorView kv_a, kv_a_norm;      // [C+rope, D], [C]
  TensorView kv_b;                 // [H*(nope+v), C] per head: nope rows, then v rows; or the two below
  TensorView k_b, v_b;             // [H, C, nope] (transposed, as llama.cpp writes it) and [H, v, C]
  TensorView o;                    // [D, H*v]
  TensorView index_q;              // [Hi*Di, q_lora]; where index_topk is not 0, as the next three
  TensorView index_k;              // [Di, D]
  TensorView index_k_gain, index_k_bias;  // [Di]
  TensorView index_weights;        // [Hi, D]
  FeedForwardViews ff;
};

// Multi-token prediction of V3 and V3.2: a layer of its own behind the model's, for drafts. Embedding and head are the model's.
struct DeepseekV2Draft {
  TensorView token_norm, state_norm;  // [D]
  TensorView join;                    // [D, 2D]: of the token's embedding and the state before it, in this order
  DeepseekV2Layer layer;
  TensorView norm;                    // [D]
};

struct DeepseekV2Weights {
  TensorView embedding;  // [V, D]
  std::vector<DeepseekV2Layer> layers;
  TensorView norm;       // [D]
  TensorView head;       // [V, D]; the embedding itself where they are tied
  std::optional<DeepseekV2Draft> draft;
};

}  // namespace engine
