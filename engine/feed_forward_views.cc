// SPDX-License-Identifier: Apache-2.0
#include "engine/feed_forward_views.h"

#include "engine/kernels/matmul.h"

namespace engine {

void FeedForwardViews::count(int n_experts_used, WeightSizes& sizes) const {
  for (const TensorView* view :
       {&norm, &gate, &up, &down, &gate_bias, &up_bias, &down_bias, &router, &router_bias, &selection_bias, &shared_gate,
        &shared_up, &shared_down})
    sizes.always(*view);
  for (const auto* views : {&expert_gate, &expert_up, &expert_down, &expert_gate_bias, &expert_up_bias, &expert_down_bias})
    sizes.experts(*views, n_experts_used);
}

void FeedForwardViews::list_matrices(std::vector<const TensorView*>& all) const {
  for (const TensorView* view : {&gate, &up, &down, &router, &shared_gate, &shared_up, &shared_down})
    if (*view) all.push_back(view);
  for (const auto* views : {&expert_gate, &expert_up, &expert_down})
    for (const TensorView& view : *views) all.push_back(&view);
}

uint64_t FeedForwardViews::matrix_bytes() const {
  std::vector<const TensorView*> all;
  list_matrices(all);
  uint64_t total = 0;
  for (const TensorView* view : all) total += packed_bytes(*view);
  return total;
}

}  // namespace engine
