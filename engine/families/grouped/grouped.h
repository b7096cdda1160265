// SPDX-License-Identifier: Apache-2.0
// engine/families/grouped/grouped.h: configuration and weights of the models with grouped-query attention: Llama 3, Mistral,
// Qwen2(.5), Qwen3, Qwen3-MoE and gpt-oss, the same from either container.
//
// Shapes   D hidden, H query heads, K key heads (K divides H), d head width. Linear layers are [n_out, n_in].
// Errors   The readers return only configurations and weights that passed every check: shapes agree with the configuration,
//          all sizes are in range, every tensor lies in its file. Later code relies on that.
// Source   Llama 3, arXiv:2407.21783; grouped queries, arXiv:2305.13245; Qwen3, arXiv:2505.09388; gpt-oss, arXiv:2508.10925;
//          Hugging Face transformers `llama`, `mistral`, `qwen2`, `qwen3`, `qwen3_moe`, `gpt_oss`; GGUF architectures "llama",
//          "qwen2", "qwen3", "qwen3moe", "gpt-oss".
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/feed_forward_views.h"
#include "engine/kernels/moe_router.h"
#include "engine/kernels/rope.h"
#include "engine/kernels/silu_gate.h"
#include "engine/tensor.h"

namespace engine {

struct GroupedConfig {
  std::string family;  // "llama", "qwen3_moe"
  int n_layers = 0, hidden_size = 0, n_heads = 0, n_kv_heads = 0, head_dim = 0, n_vocab = 0, n_ctx_train = 0;
  int dense_intermediate = 0;
  int n_experts = 0, n_experts_used = 0, expert_intermediate = 0;
  std::vector<bool> sparse;  // [n_layers]: a mixture of experts
  Scoring scoring = Scoring::kSoftmax;
  bool normalize_expert_weights = false;
  GateForm gate;
  bool qkv_bias = false, output_bias = false, qk_norm = false, sinks = false, expert_biases = false;
  bool dense_biases = false;  // of the dense feed-forwards
  std::vector<int> window;  // [n_layers]: positions a token sees, itself included; 0: all
  bool interleaved_rope = false;
  float rms_eps = 1e-6f;
  float rope_theta = 10000.0f;
  YarnScaling yarn;
  Llama3Scaling llama3;
  float rope_slowdown = 1.0f;  // "linear" scaling: every pair turns that many times slower

  RouterSettings router() const {
    return {n_experts, n_experts_used, scoring, ExpertSelection::kGreedy, 1, 1, normalize_expert_weights, 1.0f};
  }
};

struct GroupedLayer {
  TensorView attn_norm;               // [D]
  TensorView q, k, v;                 // [H*d, D], [K*d, D], [K*d, D]
  TensorView q_bias, k_bias, v_bias;  // [H*d], [K*d], [K*d]; may be empty
  TensorView q_norm, k_norm;          // [d]; may be empty
  TensorView sinks;                   // [H]; may be empty
  TensorView o, o_bias;               // [D, H*d], [D]; the bias may be empty
  FeedForwardViews ff;
};

struct GroupedWeights {
  TensorView embedding;     // [V, D]
  std::vector<GroupedLayer> layers;
  TensorView norm;          // [D]
  TensorView head;          // [V, D]; the embedding itself where they are tied
  TensorView rope_factors;  // [d/2]; each pair turns that many times slower; may be empty
  std::vector<std::shared_ptr<const std::vector<std::byte>>> made;  // weights that had to be laid out anew
};

// The family's turns, with whatever scaling it has.
RopeTable rope_table(const GroupedConfig& config, const TensorView& factors);

}  // namespace engine
