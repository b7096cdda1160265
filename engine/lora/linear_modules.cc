// SPDX-License-Identifier: Apache-2.0
#include "engine/lora/linear_modules.h"

#include <utility>

#include "base/strings.h"

namespace engine {

void add_module(std::string name, const TensorView& view, std::vector<LinearModule>& modules, int64_t paired_heads) {
  if (!view) return;
  const int64_t n_out = view.n_rows();
  modules.push_back({std::move(name), n_out, view.n_in(), {{view.data, 0, n_out, false, paired_heads}}});
}

void add_feed_forward_modules(const FeedForwardViews& ff, const std::string& mlp, std::vector<LinearModule>& modules) {
  const auto three = [&](const std::string& p, const TensorView& gate, const TensorView& up, const TensorView& down) {
    add_module(p + "gate_proj", gate, modules);
    add_module(p + "up_proj", up, modules);
    add_module(p + "down_proj", down, modules);
  };
  three(mlp, ff.gate, ff.up, ff.down);
  three(mlp + "shared_experts.", ff.shared_gate, ff.shared_up, ff.shared_down);
  for (size_t e = 0; e < ff.expert_gate.size(); ++e)
    three(base::cat(mlp, "experts.", e, "."), ff.expert_gate[e], ff.expert_up[e], ff.expert_down[e]);
}

}  // namespace engine
