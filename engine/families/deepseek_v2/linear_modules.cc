// SPDX-License-Identifier: Apache-2.0
#include "engine/families/deepseek_v2/linear_modules.h"

#include "base/strings.h"

namespace engine {

HeadKeys head_keys(const DeepseekV2Config& config, const DeepseekV2Layer& layer, int64_t h) {
  if (!layer.kv_b) return {layer.k_b.slice(h).data, layer.v_b.slice(h).data};
  const int64_t nope = config.qk_nope_dim, dv = config.v_head_dim, row_bytes = layer.kv_b.row_bytes();
  const std::byte* k = layer.kv_b.data + h * (nope + dv) * row_bytes;
  return {k, k + nope * row_bytes};
}

std::vector<LinearModule> deepseek_v2_linear_modules(const DeepseekV2Config& config, const DeepseekV2Weights& weights) {
  std::vector<LinearModule> modules;
  const int64_t nope = config.qk_nope_dim, dv = config.v_head_dim;
  for (size_t l = 0; l < weights.layers.size(); ++l) {
    const DeepseekV2Layer& layer = weights.layers[l];
    const std::string p = base::cat("model.layers.", l, "."), a = p + "self_attn.";
    add_module(a + "q_proj", layer.q, modules);
    add_module(a + "q_a_proj", layer.q_a, modules);
    add_module(a + "q_b_proj", layer.q_b, modules);
    add_module(a + "kv_a_proj_with_mqa", layer.kv_a, modules);
    LinearModule kv_b{a + "kv_b_proj", config.n_heads * (nope + dv), config.kv_lora_rank, {}};
    for (int64_t h = 0; h < config.n_heads; ++h) {
      const HeadKeys keys = head_keys(config, layer, h);
      kv_b.parts.push_back({keys.k, h * (nope + dv), nope, true});
      kv_b.parts.push_back({keys.v, h * (nope + dv) + nope, dv});
    }
    modules.push_back(std::move(kv_b));
    add_module(a + "o_proj", layer.o, modules);
    add_module(a + "indexer.wq_b", layer.index_q, modules);
    add_module(a + "indexer.wk", layer.index_k, modules);
    add_module(a + "indexer.weights_proj", layer.index_weights, modules);
    add_feed_forward_modules(layer.ff, p + "mlp.", modules);
  }
  add_module("lm_head", weights.head, modules);
  return modules;
}

}  // namespace engine
