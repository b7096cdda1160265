// SPDX-License-Identifier: Apache-2.0
#include "engine/families/deepseek_v4/linear_modules.h"

#include "base/strings.h"

namespace engine {
namespace {

std::vector<LinearModule> v41_modules(const DeepseekV4Weights& weights) {
  std::vector<LinearModule> modules;
  for (size_t l = 0; l < weights.layers.size(); ++l) {
    const DeepseekV4Layer& layer = weights.layers[l];
    const std::string p = base::cat("layers.", l, "."), a = p + "attn.", f = p + "ffn.";
    add_module(a + "wq_a", layer.q_a, modules);
    add_module(a + "wq_b", layer.q_b, modules);
    add_module(a + "wkv", layer.kv, modules);
    add_module(a + "wo_b", layer.o_b, modules);
    add_module(a + "compressor.wkv", layer.entries.values, modules);
    add_module(a + "compressor.wgate", layer.entries.gate, modules);
    add_module(a + "indexer.wq_b", layer.index_q, modules);
    add_module(a + "indexer.weights_proj", layer.index_weights, modules);
    add_module(a + "indexer.wk", layer.index_k, modules);
    add_module(p + "engram.wkv", layer.engram_projection, modules);
    const auto three = [&](const std::string& to, const TensorView& gate, const TensorView& down,
                           const TensorView& up) {
      add_module(to + "w1", gate, modules);
      add_module(to + "w2", down, modules);
      add_module(to + "w3", up, modules);
    };
    three(f + "shared_experts.", layer.ff.shared_gate, layer.ff.shared_down, layer.ff.shared_up);
    for (size_t e = 0; e < layer.ff.expert_gate.size(); ++e)
      three(base::cat(f, "experts.", e, "."), layer.ff.expert_gate[e], layer.ff.expert_down[e], layer.ff.expert_up[e]);
  }
  add_module("head", weights.head, modules);
  return modules;
}

}  // namespace

std::vector<LinearModule> deepseek_v4_linear_modules(const DeepseekV4Config& config, const DeepseekV4Weights& weights) {
  if (config.delayed) return v41_modules(weights);
  std::vector<LinearModule> modules;
  for (size_t l = 0; l < weights.layers.size(); ++l) {
    const DeepseekV4Layer& layer = weights.layers[l];
    const std::string p = base::cat("model.layers.", l, "."), a = p + "self_attn.", c = a + "compressor.",
                      i = c + "indexer.";
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
