// SPDX-License-Identifier: Apache-2.0
#include "engine/families/grouped/linear_modules.h"

#include "base/strings.h"

namespace engine {

std::vector<LinearModule> grouped_linear_modules(const GroupedConfig& config, const GroupedWeights& weights) {
  std::vector<LinearModule> modules;
  // Where pairs lie side by side, the file's rows were put in that order.
  const int64_t paired = config.interleaved_rope ? config.head_dim : 0;
  for (size_t l = 0; l < weights.layers.size(); ++l) {
    const GroupedLayer& layer = weights.layers[l];
    const std::string p = base::cat("model.layers.", l, "."), a = p + "self_attn.", m = p + "mlp.";
    add_module(a + "q_proj", layer.q, modules, paired);
    add_module(a + "k_proj", layer.k, modules, paired);
    add_module(a + "v_proj", layer.v, modules);
    add_module(a + "o_proj", layer.o, modules);
    if (config.family == "gpt_oss") continue;  // its experts and its router are no linear layers
    add_feed_forward_modules(layer.ff, m, modules);
    if (layer.ff.router) add_module(m + "gate", layer.ff.router, modules);  // one until transformers 5
  }
  add_module("lm_head", weights.head, modules);
  return modules;
}

}  // namespace engine
