// SPDX-License-Identifier: Apache-2.0
// engine/fast/feed_forward.h: the feed-forward half of a layer, dense or mixture of experts, for every family.
//
// Shapes   D hidden, E routed experts, F expert width, S width of the shared expert. Linear layers are [n_out, n_in].
// Threads  One object per FastPass; its steps are called by all workers alike.
#pragma once
#include <cstdint>
#include <vector>

#include "engine/fast/fast_pass.h"
#include "engine/kernels/moe_router.h"

namespace engine {

struct FeedForwardWeights {
  std::vector<float> norm;                        // [D]
  PackedMatrix gate, up, down;                    // dense: [I, D], [I, D], [D, I]
  PackedMatrix router;                            // mixture: [E, D]
  PackedMatrix shared_gate, shared_up, shared_down;              // [S, D], [S, D], [D, S]; empty: no shared expert
  std::vector<PackedMatrix> expert_gate, expert_up, expert_down;  // E each: [F, D], [F, D], [D, F]

  void list(std::vector<PackedMatrix*>& all);  // appends every matrix
};

class FeedForward {
 public:
  // `width`: the widest of dense and shared middles. `expert_width`: F, 0 where no layer has experts.
  FeedForward(FastPass& pass, const RouterSettings& settings, int64_t hidden_size, int64_t width, int64_t expert_width,
              int n_workers);

  // Adds the half layer to the hidden state; ends with a barrier.
  void add(const Worker& worker, const FeedForwardWeights& layer);

 private:
  struct Private {
    ActivationBuffer middle;  // row 0: dense or shared; then one per expert of a token
    std::vector<float> router_scratch, weights;
    std::vector<int32_t> ids;
    ExpertGroups groups;
  };

  void dense(const Worker& worker, const FeedForwardWeights& layer);
  void experts(const Worker& worker, const FeedForwardWeights& layer);
  const ExpertGroups& route(const Worker& worker);
  void gate_up(const Worker& worker, const PackedMatrix& gate, const PackedMatrix& up, const Activations& x, int64_t n_tokens,
               int64_t first_panel, int64_t last_panel, ActivationBuffer& out, int64_t first_row);
  Private& mine(const Worker& worker) { return private_[static_cast<size_t>(worker.index)]; }

  FastPass& pass_;
  const RouterSettings settings_;
  const int64_t hidden_size_, expert_width_;
  ActivationBuffer middle_, expert_middle_;  // [kChunk, width], [kChunk * k, F]
  Buffer<float> router_logits_;              // [kChunk, E]
  std::vector<int32_t> ids_;                 // [kChunk, k]
  std::vector<float> chosen_;
  ExpertGroups groups_;
  std::vector<Private> private_;
};

}  // namespace engine
