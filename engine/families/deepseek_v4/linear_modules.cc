// SPDX-License-Identifier: Apache-2.0
#include "engine/families/deepseek_v4/linear_modules.h"

#include "base/strings.h"

namespace engine {

std::vector<LinearModule> deepseek_v4_linear_modules(const DeepseekV4Config& config, const DeepseekV4Weights& weights) {
  std::vector<LinearModule> modules;
  if (config.delayed) return modules;
  for (size_t l = 0; l < weights.layers.size(); ++l) {
    const DeepseekV4Layer& layer = weights.layers[l];
    const std::string p = base::cat("model.layers.", l, "."), a = p + "self_attn.", c = a + "compressor.", i = c + "indexer.";
    add_module(a + "q_a_proj", layer.q_a, modules);
    add_module(a + "q_b_proj", layer.q_b, modules);
    add_module(a + "kv_proj", layer.kv, modules);
    add_module(a + "o_b_proj", layer.o_b, modules);
    add_module(c + "kv_proj", layer.entries.values, modules);
    add_module(c + "gate_proj", layer.entries.gate, modules);
    add_module(i + "kv_proj", layer.index_entries.values, modules);
    add_module(i + "gate_proj", layer.index_entries.gate, modules);
    add_module(i + "q_b_proj", layer.index_q, modules);
    add_module(i + "scorer.weights_proj", layer.index_weights, modules);
    add_feed_forward_modules(layer.ff, p + "mlp.", modules);
  }
  add_module("lm_head", weights.head, modules);
  return modules;
}

}  // namespace engine
