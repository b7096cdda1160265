// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/strings.h"
#include "engine/families/grouped/read_config.h"
#include "engine/load/checked_sizes.h"
#include "engine/load/limits.h"

namespace engine {

base::Status check_config(const GroupedConfig& c) {
  const bool any_dense = std::find(c.sparse.begin(), c.sparse.end(), false) != c.sparse.end();
  const bool any_sparse = std::find(c.sparse.begin(), c.sparse.end(), true) != c.sparse.end();
  base::Status sizes = check_ints({
      {"number of layers", c.n_layers, 1, kMaxLayers},
      {"hidden size", c.hidden_size, 1, kMaxWidth},
      {"number of attention heads", c.n_heads, 1, kMaxHeads},
      {"number of key heads", c.n_kv_heads, 1, c.n_heads},
      {"head dimension", c.head_dim, 2, kMaxHeadDim},
      {"vocabulary size", c.n_vocab, 1, kMaxVocab},
      {"training context", c.n_ctx_train, 1, kMaxContext},
      {"dense feed-forward width", c.dense_intermediate, any_dense ? 1 : 0, kMaxWidth},
      {"number of experts", c.n_experts, any_sparse ? 1 : 0, kMaxExperts},
      {"experts used per token", c.n_experts_used, any_sparse ? 1 : 0, c.n_experts},
      {"expert feed-forward width", c.expert_intermediate, any_sparse ? 1 : 0, kMaxWidth},
      {"YaRN original context", c.yarn.original_context, 1, kMaxContext},
      {"rope scaling's original context", c.llama3.original_context, 1, kMaxContext},
  });
  if (!sizes) return sizes;
  if (c.n_heads % c.n_kv_heads != 0)
    return base::corrupt(base::cat("configuration: ", c.n_heads, " attention heads cannot share ", c.n_kv_heads, " key heads"));
  if (c.head_dim % 2 != 0) return base::corrupt(base::cat("configuration: head dimension is ", c.head_dim, ", must be even"));
  for (const int window : c.window)
    if (window < 0 || window > kMaxContext) return base::corrupt(base::cat("configuration: sliding window is ", window));
  return check_floats({
      {"RMS norm epsilon", c.rms_eps, 0.0f, 1.0f},
      {"rope base", c.rope_theta, 1.0f, 1e12f},
      {"YaRN factor", c.yarn.factor, 0.999999f, 1e6f},
      {"YaRN beta_fast", c.yarn.beta_fast, 0.0f, 1e6f},
      {"YaRN beta_slow", c.yarn.beta_slow, 0.0f, 1e6f},
      {"YaRN mscale", c.yarn.mscale, -1e3f, 1e3f},
      {"YaRN mscale_all_dim", c.yarn.mscale_all_dim, -1e-6f, 1e3f},
      {"linear rope scaling factor", c.rope_slowdown, 0.999999f, 1e6f},
      {"rope scaling factor", c.llama3.factor, 0.999999f, 1e6f},
      {"rope scaling's low_freq_factor", c.llama3.low_frequency_factor, 0.0f, 1e6f},
      {"rope scaling's high_freq_factor", c.llama3.high_frequency_factor, c.llama3.low_frequency_factor, 1e6f},
      {"gate limit", std::min(c.gate.limit, 1e6f), 0.0f, 1e6f},
  });
}

}  // namespace engine
