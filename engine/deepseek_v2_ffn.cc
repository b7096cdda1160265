// SPDX-License-Identifier: Apache-2.0
// The feed-forward half of a layer, dense or mixture of experts (deepseek_v2_fast.h).
#include <algorithm>

#include "engine/deepseek_v2_fast.h"

namespace engine {
namespace {

constexpr int64_t kTilePanels = 4;

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace

// Panels [first, last) of silu(x . gate^T) * (x . up^T) into rows [first_row, ..) of `out`.
void DeepseekV2Fast::gate_up(const Worker& worker, const PackedMatrix& gate, const PackedMatrix& up, const Activations& x,
                             int64_t n_tokens, int64_t first_panel, int64_t last_panel, ActivationBuffer& out, int64_t first_row) {
  Private& own = mine(worker);
  const int64_t step = n_tokens == 1 ? last_panel - first_panel : kTilePanels;
  for (int64_t p = first_panel; p < last_panel; p += step) {
    const int64_t end = std::min(p + step, last_panel), stride = (end - p) * kPanelRows;
    const int64_t width = std::min(end * kPanelRows, gate.n_out) - p * kPanelRows;
    multiply(worker, gate, p, end, x, n_tokens, own.tile.data(), stride);
    multiply(worker, up, p, end, x, n_tokens, own.tile_up.data(), stride);
    for (int64_t i = 0; i < n_tokens; ++i)
      kernels_.silu_gate(own.tile.data() + i * stride, own.tile_up.data() + i * stride, width,
                         out.row(first_row + i) + p * kPanelRows);
  }
}

void DeepseekV2Fast::dense(const Worker& worker, const PackedLayer& layer) {
  const bool quantized = is_quantized(layer.gate.type) || is_quantized(layer.up.type);
  const Activations x = normed_hidden(worker, layer.ffn_norm, 0, n_, quantized);
  const auto [first, last] = worker.split(layer.gate.n_panels());
  gate_up(worker, layer.gate, layer.up, x, n_, first, last, middle_, 0);
  worker.barrier();
  const Activations middle =
      rounded(worker, middle_, n_, layer.down.n_in, is_quantized(layer.down.type), mine(worker).middle, 0);
  const auto [first_out, last_out] = worker.split(layer.down.n_panels());
  add_product(worker, layer.down, first_out, last_out, middle, n_, nullptr, nullptr);
  worker.barrier();
}

// Experts of each token, grouped. Ends with a barrier unless there is one token.
const ExpertGroups& DeepseekV2Fast::route(const Worker& worker) {
  const int64_t n_experts = config_.n_experts, k = config_.n_experts_used;
  Private& own = mine(worker);
  if (n_ == 1) {
    moe_router(config_, router_logits_.data(), own.router_scratch.data(), own.ids.data(), own.weights.data());
    own.groups.assign(config_.n_experts, 1, config_.n_experts_used, own.ids.data(), own.weights.data());
    return own.groups;
  }
  const auto [first, last] = worker.split(n_);
  for (int64_t t = first; t < last; ++t)
    moe_router(config_, router_logits_.data() + t * n_experts, own.router_scratch.data(), ids_.data() + t * k,
               chosen_.data() + t * k);
  worker.barrier();
  if (worker.index == 0) groups_.assign(config_.n_experts, n_, config_.n_experts_used, ids_.data(), chosen_.data());
  worker.barrier();
  return groups_;
}

void DeepseekV2Fast::experts(const Worker& worker, const PackedLayer& layer) {
  const int64_t k = config_.n_experts_used;
  const bool quantized = is_quantized(layer.expert_gate[0].type) || is_quantized(layer.expert_up[0].type) ||
                         is_quantized(layer.router.type) || (layer.shared_gate && is_quantized(layer.shared_gate.type)) ||
                         (layer.shared_up && is_quantized(layer.shared_up.type));
  const Activations x = normed_hidden(worker, layer.ffn_norm, 0, n_, quantized);
  multiply_share(worker, layer.router, x, n_, router_logits_.data(), config_.n_experts);
  if (layer.shared_gate) {
    const auto [first, last] = worker.split(layer.shared_gate.n_panels());
    gate_up(worker, layer.shared_gate, layer.shared_up, x, n_, first, last, middle_, 0);
  }
  worker.barrier();
  const ExpertGroups& groups = route(worker);
  const auto slots_of = [&](int32_t e) {
    const int64_t first = groups.first_slot[static_cast<size_t>(e)];
    return std::pair(first, groups.first_slot[static_cast<size_t>(e) + 1] - first);
  };

  // Gate and up: (expert, panel) pairs in one list, each as heavy as the expert has tokens; a worker takes the pairs that
  // begin in its part of the total.
  const int64_t panels = layer.expert_gate[0].n_panels();
  const auto [low, high] = worker.split(n_ * k * panels);
  int64_t before = 0;
  for (int i = 0; i < groups.n_used; ++i) {
    const int32_t e = groups.used[static_cast<size_t>(i)];
    const auto [first_slot, n_slots] = slots_of(e);
    const int64_t first = std::clamp(ceil_div(std::max(low - before, int64_t{0}), n_slots), int64_t{0}, panels);
    const int64_t last = std::clamp(ceil_div(std::max(high - before, int64_t{0}), n_slots), int64_t{0}, panels);
    before += n_slots * panels;
    if (first >= last) continue;
    Activations rows = x;
    rows.row_ids = groups.token.data() + first_slot;
    gate_up(worker, layer.expert_gate[static_cast<size_t>(e)], layer.expert_up[static_cast<size_t>(e)], rows, n_slots, first,
            last, expert_middle_, first_slot);
  }
  worker.barrier();

  const auto [first_out, last_out] = worker.split(ceil_div(config_.hidden_size, kPanelRows));
  if (layer.shared_down) {
    const Activations middle =
        rounded(worker, middle_, n_, layer.shared_down.n_in, is_quantized(layer.shared_down.type), mine(worker).middle, 0);
    add_product(worker, layer.shared_down, first_out, last_out, middle, n_, nullptr, nullptr);
  }
  const Activations middle = rounded(worker, expert_middle_, n_ * k, config_.expert_intermediate,
                                     is_quantized(layer.expert_down[0].type), mine(worker).middle, 1);
  for (int i = 0; i < groups.n_used; ++i) {
    const int32_t e = groups.used[static_cast<size_t>(i)];
    const auto [first_slot, n_slots] = slots_of(e);
    Activations rows = middle;
    rows.values += first_slot * rows.stride;
    rows.quants += first_slot * rows.stride;
    rows.scales += first_slot * (rows.stride / kBlockValues);
    rows.sums += first_slot * (rows.stride / kBlockValues);
    add_product(worker, layer.expert_down[static_cast<size_t>(e)], first_out, last_out, rows, n_slots,
                groups.token.data() + first_slot, groups.weight.data() + first_slot);
  }
  worker.barrier();
}

}  // namespace engine
