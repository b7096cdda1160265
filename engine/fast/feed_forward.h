// SPDX-License-Identifier: Apache-2.0
// engine/fast/feed_forward.h: the feed-forward half of a layer (feed_forward_views.h) on the fast paths.
//
// Shapes   D hidden, E routed experts, F expert width, S width of the shared expert. Linear layers are [n_out, n_in].
// Threads  One object per FastPass; its steps are called by all workers alike.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "engine/fast/fast_pass.h"
#include "engine/feed_forward_views.h"
#include "engine/kernels/moe_router.h"
#include "engine/kernels/silu_gate.h"

namespace engine {

struct FeedForwardWeights {
  std::vector<float> norm;                        // [D]
  PackedMatrix gate, up, down;                    // dense: [I, D], [I, D], [D, I]
  std::vector<float> gate_bias, up_bias, down_bias;  // [I], [I], [D] or empty
  PackedMatrix router;                            // mixture: [E, D]
  std::vector<float> router_bias, selection_bias; // [E] or empty
  std::vector<int32_t> experts_of;                // [V, experts used]: chosen by the token's id; or empty
  PackedMatrix shared_gate, shared_up, shared_down;              // [S, D], [S, D], [D, S]; empty: no shared expert
  std::vector<PackedMatrix> expert_gate, expert_up, expert_down;  // E each: [F, D], [F, D], [D, F]
  std::vector<std::vector<float>> expert_gate_bias, expert_up_bias, expert_down_bias;  // E each, or none

  void list(std::vector<PackedMatrix*>& all);  // appends every matrix
};

FeedForwardWeights packed_feed_forward(const FeedForwardViews& from, PanelStore& store);

class FeedForward {
 public:
  // `width`: the widest of dense and shared middles. `expert_width`: F, 0 where no layer has experts.
  FeedForward(FastPass& pass, const RouterSettings& settings, const GateForm& gate, int64_t hidden_size, int64_t width, int64_t expert_width,
              int n_workers);

  // Adds the half layer to the hidden state; ends with a barrier.
  void add(const Worker& worker, const FeedForwardWeights& layer) { run(worker, layer, {}, true); }
  // Puts the half layer in the hidden state's place; ends with a barrier. `tokens`: the ids of the pass's tokens, where the
  // layer chooses experts by them.
  void put(const Worker& worker, const FeedForwardWeights& layer, std::span<const int32_t> tokens) { run(worker, layer, tokens, false); }

 private:
  struct Private {
    ActivationBuffer middle;  // row 0: dense or shared; then one per expert of a token
    std::vector<float> router_scratch, weights;
    std::vector<int32_t> ids;
    ExpertGroups groups;
  };

  void run(const Worker& worker, const FeedForwardWeights& layer, std::span<const int32_t> tokens, bool keep);
  void dense(const Worker& worker, const FeedForwardWeights& layer, bool keep);
  void experts(const Worker& worker, const FeedForwardWeights& layer, std::span<const int32_t> tokens, bool keep);
  const ExpertGroups& route(const Worker& worker, const FeedForwardWeights& layer, std::span<const int32_t> tokens);
  void route_token(const FeedForwardWeights& layer, std::span<const int32_t> tokens, int64_t t, std::vector<float>& scratch, int32_t* ids, float* weights);
  // A matrix pair and its biases, which may be null.
  struct GateUp {
    const PackedMatrix &gate, &up;
    const float *gate_bias = nullptr, *up_bias = nullptr;
  };
  void gate_up(const Worker& worker, const GateUp& w, const Activations& x, int64_t n_tokens, int64_t first_panel,
               int64_t last_panel, ActivationBuffer& out, int64_t first_row);
  Private& mine(const Worker& worker) { return private_[static_cast<size_t>(worker.index)]; }

  FastPass& pass_;
  const RouterSettings settings_;
  const GateForm gate_;
  const int64_t hidden_size_, expert_width_;
  ActivationBuffer middle_, expert_middle_;  // [kChunk, width], [kChunk * k, F]
  Buffer<float> router_logits_;              // [kChunk, E]
  std::vector<int32_t> ids_;                 // [kChunk, k]
  std::vector<float> chosen_;
  ExpertGroups groups_;
  std::vector<Private> private_;
};

}  // namespace engine
