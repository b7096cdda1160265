// SPDX-License-Identifier: Apache-2.0
// engine/feed_forward_views.h: the weights of the feed-forward half of a layer, dense or mixture of experts, for every family.
//
// Shapes   D hidden, I dense width, E routed experts, F expert width, S width of the shared expert. Layers are [n_out, n_in].
// Owns     Nothing: views of mapped files.
#pragma once
#include <cstdint>
#include <vector>

#include "engine/load/weight_sizes.h"
#include "engine/tensor.h"

namespace engine {

struct FeedForwardViews {
  TensorView norm;                                                // [D]
  TensorView gate, up, down;                                      // dense: [I, D], [I, D], [D, I]
  TensorView gate_bias, up_bias, down_bias;                       // dense: [I], [I], [D]; may be empty
  TensorView router;                                              // mixture: [E, D]
  TensorView router_bias;                                         // [E], added to the router's logits; may be empty
  TensorView selection_bias;                                      // [E], steers the choice alone; may be empty
  std::vector<int32_t> experts_of;                                // [V, experts used]: chosen by the token's id; may be empty
  std::vector<TensorView> expert_gate, expert_up, expert_down;    // E each: [F, D], [F, D], [D, F]
  std::vector<TensorView> expert_gate_bias, expert_up_bias, expert_down_bias;  // E each, or none: [F], [F], [D]
  TensorView shared_gate, shared_up, shared_down;                 // [S, D], [S, D], [D, S]; may be empty

  void count(int n_experts_used, WeightSizes& sizes) const;
  uint64_t matrix_bytes() const;  // what the fast paths lay out anew
  void list_matrices(std::vector<const TensorView*>& all) const;  // appends those that are there
};

}  // namespace engine
