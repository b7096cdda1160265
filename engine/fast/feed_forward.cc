// SPDX-License-Identifier: Apache-2.0
#include "engine/fast/feed_forward.h"

#include <algorithm>

namespace engine {
namespace {

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

const float* bias_of(const std::vector<std::vector<float>>& biases, size_t expert) {
  return biases.empty() ? nullptr : biases[expert].data();
}

const float* data_or_null(const std::vector<float>& bias) { return bias.empty() ? nullptr : bias.data(); }

}  // namespace

void FeedForwardWeights::list(std::vector<PackedMatrix*>& all) {
  all.insert(all.end(), {&gate, &up, &down, &router, &shared_gate, &shared_up, &shared_down});
  for (std::vector<PackedMatrix>* experts : {&expert_gate, &expert_up, &expert_down})
    for (PackedMatrix& m : *experts) all.push_back(&m);
}

FeedForwardWeights packed_feed_forward(const FeedForwardViews& from, PanelStore& store) {
  const auto all_decoded = [](const std::vector<TensorView>& views) {
    std::vector<std::vector<float>> values;
    for (const TensorView& view : views) values.push_back(decoded(view));
    return values;
  };
  FeedForwardWeights to;
  to.norm = decoded(from.norm);
  to.gate = store.matrix(from.gate);
  to.up = store.matrix(from.up);
  to.down = store.matrix(from.down);
  to.gate_bias = decoded(from.gate_bias);
  to.up_bias = decoded(from.up_bias);
  to.down_bias = decoded(from.down_bias);
  to.router = store.matrix(from.router);
  to.router_bias = decoded(from.router_bias);
  to.selection_bias = decoded(from.selection_bias);
  to.experts_of = from.experts_of;
  to.shared_gate = store.matrix(from.shared_gate);
  to.shared_up = store.matrix(from.shared_up);
  to.shared_down = store.matrix(from.shared_down);
  to.expert_gate = store.matrices(from.expert_gate);
  to.expert_up = store.matrices(from.expert_up);
  to.expert_down = store.matrices(from.expert_down);
  to.expert_gate_bias = all_decoded(from.expert_gate_bias);
  to.expert_up_bias = all_decoded(from.expert_up_bias);
  to.expert_down_bias = all_decoded(from.expert_down_bias);
  return to;
}

FeedForward::FeedForward(FastPass& pass, const RouterSettings& settings, const GateForm& gate, int64_t hidden_size, int64_t width,
                         int64_t expert_width, int n_workers)
    : pass_(pass),
      settings_(settings),
      gate_(gate),
      hidden_size_(hidden_size),
      expert_width_(expert_width),
      middle_(FastPass::kChunk, width),
      expert_middle_(int64_t{FastPass::kChunk} * std::max(1, settings.n_experts_used), expert_width),
      router_logits_(static_cast<size_t>(int64_t{FastPass::kChunk} * settings.n_experts)),
      ids_(static_cast<size_t>(FastPass::kChunk * std::max(1, settings.n_experts_used))),
      chosen_(ids_.size()),
      private_(static_cast<size_t>(n_workers)) {
  groups_.reserve(settings.n_experts, static_cast<int64_t>(ids_.size()));
  for (Private& p : private_) {
    p.middle = ActivationBuffer(1 + settings.n_experts_used, std::max(width, expert_width));
    p.router_scratch.resize(static_cast<size_t>(3 * settings.n_experts));  // the router's own, and biased logits
    p.weights.resize(static_cast<size_t>(settings.n_experts_used));
    p.ids.resize(static_cast<size_t>(settings.n_experts_used));
    p.groups.reserve(settings.n_experts, settings.n_experts_used);
  }
}

void FeedForward::run(const Worker& worker, const FeedForwardWeights& layer, std::span<const int32_t> tokens, bool keep) {
  if (layer.router)
    experts(worker, layer, tokens, keep);
  else
    dense(worker, layer, keep);
}

// Panels [first, last) of silu(x . gate^T) * (x . up^T) into rows [first_row, ..) of `out`.
void FeedForward::gate_up(const Worker& worker, const GateUp& w, const Activations& x, int64_t n_tokens, int64_t first_panel,
                          int64_t last_panel, ActivationBuffer& out, int64_t first_row) {
  const auto add = [](float* to, const float* bias, int64_t n) {
    for (int64_t j = 0; bias && j < n; ++j) to[j] += bias[j];
  };
  FastPass::Private& own = pass_.mine(worker);
  const int64_t step = n_tokens == 1 ? last_panel - first_panel : FastPass::kTilePanels;
  for (int64_t p = first_panel; p < last_panel; p += step) {
    const int64_t end = std::min(p + step, last_panel), stride = (end - p) * kPanelRows;
    const int64_t width = std::min(end * kPanelRows, w.gate.n_out) - p * kPanelRows;
    pass_.multiply(worker, w.gate, p, end, x, n_tokens, own.tile.data(), stride);
    pass_.multiply(worker, w.up, p, end, x, n_tokens, own.tile_up.data(), stride);
    for (int64_t i = 0; i < n_tokens; ++i) {
      float *gate = own.tile.data() + i * stride, *up = own.tile_up.data() + i * stride;
      add(gate, w.gate_bias ? w.gate_bias + p * kPanelRows : nullptr, width);
      add(up, w.up_bias ? w.up_bias + p * kPanelRows : nullptr, width);
      pass_.kernels().silu_gate(gate_, gate, up, width, out.row(first_row + i) + p * kPanelRows);
    }
  }
}

void FeedForward::dense(const Worker& worker, const FeedForwardWeights& layer, bool keep) {
  const bool quantized = is_quantized(layer.gate.type) || is_quantized(layer.up.type);
  const Activations x = pass_.normed_hidden(worker, layer.norm, 0, pass_.n_tokens(), quantized);
  const auto [first, last] = worker.split(layer.gate.n_panels());
  const GateUp w = {layer.gate, layer.up, data_or_null(layer.gate_bias), data_or_null(layer.up_bias)};
  gate_up(worker, w, x, pass_.n_tokens(), first, last, middle_, 0);
  worker.barrier();
  const Activations middle =
      pass_.rounded(worker, middle_, pass_.n_tokens(), layer.down.n_in, is_quantized(layer.down.type), mine(worker).middle, 0);
  const auto [first_out, last_out] = worker.split(layer.down.n_panels());
  if (!keep) pass_.clear_hidden(first_out, last_out);
  pass_.add_product(worker, layer.down, first_out, last_out, middle, pass_.n_tokens(), nullptr, nullptr,
                    data_or_null(layer.down_bias));
  worker.barrier();
}

void FeedForward::route_token(const FeedForwardWeights& layer, std::span<const int32_t> tokens, int64_t t, std::vector<float>& scratch, int32_t* ids,
                              float* weights) {
  // Into a copy: one token's logits are read by every worker.
  float* logits = scratch.data() + 2 * settings_.n_experts;
  std::copy_n(router_logits_.data() + t * settings_.n_experts, settings_.n_experts, logits);
  for (size_t e = 0; e < layer.router_bias.size(); ++e) logits[e] += layer.router_bias[e];
  if (!layer.experts_of.empty()) {
    const int64_t k = settings_.n_experts_used;
    std::copy_n(layer.experts_of.begin() + tokens[static_cast<size_t>(t)] * k, k, ids);
    return moe_weights(settings_, logits, scratch.data(), ids, weights);
  }
  moe_router(settings_, logits, layer.selection_bias.empty() ? nullptr : layer.selection_bias.data(), scratch.data(), ids, weights);
}

// Experts of each token, grouped. Ends with a barrier unless there is one token.
const ExpertGroups& FeedForward::route(const Worker& worker, const FeedForwardWeights& layer, std::span<const int32_t> tokens) {
  const int64_t k = settings_.n_experts_used;
  Private& own = mine(worker);
  if (pass_.n_tokens() == 1) {
    route_token(layer, tokens, 0, own.router_scratch, own.ids.data(), own.weights.data());
    own.groups.assign(settings_.n_experts, 1, settings_.n_experts_used, own.ids.data(), own.weights.data());
    return own.groups;
  }
  const auto [first, last] = worker.split(pass_.n_tokens());
  for (int64_t t = first; t < last; ++t)
    route_token(layer, tokens, t, own.router_scratch, ids_.data() + t * k, chosen_.data() + t * k);
  worker.barrier();
  if (worker.index == 0) groups_.assign(settings_.n_experts, pass_.n_tokens(), settings_.n_experts_used, ids_.data(), chosen_.data());
  worker.barrier();
  return groups_;
}

void FeedForward::experts(const Worker& worker, const FeedForwardWeights& layer, std::span<const int32_t> tokens, bool keep) {
  const int64_t k = settings_.n_experts_used;
  const bool quantized = is_quantized(layer.expert_gate[0].type) || is_quantized(layer.expert_up[0].type) ||
                         is_quantized(layer.router.type) || (layer.shared_gate && is_quantized(layer.shared_gate.type)) ||
                         (layer.shared_up && is_quantized(layer.shared_up.type));
  const Activations x = pass_.normed_hidden(worker, layer.norm, 0, pass_.n_tokens(), quantized);
  pass_.multiply_share(worker, layer.router, x, pass_.n_tokens(), router_logits_.data(), settings_.n_experts);
  if (layer.shared_gate) {
    const auto [first, last] = worker.split(layer.shared_gate.n_panels());
    gate_up(worker, {layer.shared_gate, layer.shared_up}, x, pass_.n_tokens(), first, last, middle_, 0);
  }
  worker.barrier();
  const ExpertGroups& groups = route(worker, layer, tokens);
  const auto slots_of = [&](int32_t e) {
    const int64_t first = groups.first_slot[static_cast<size_t>(e)];
    return std::pair(first, groups.first_slot[static_cast<size_t>(e) + 1] - first);
  };

  // Gate and up: (expert, panel) pairs in one list, each as heavy as the expert has tokens; a worker takes the pairs that
  // begin in its part of the total.
  const int64_t panels = layer.expert_gate[0].n_panels();
  const auto [low, high] = worker.split(pass_.n_tokens() * k * panels);
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
    const auto at = static_cast<size_t>(e);
    const GateUp w = {layer.expert_gate[at], layer.expert_up[at], bias_of(layer.expert_gate_bias, at), bias_of(layer.expert_up_bias, at)};
    gate_up(worker, w, rows, n_slots, first, last, expert_middle_, first_slot);
  }
  worker.barrier();

  const auto [first_out, last_out] = worker.split(ceil_div(hidden_size_, kPanelRows));
  if (!keep) pass_.clear_hidden(first_out, last_out);
  if (layer.shared_down) {
    const Activations middle =
        pass_.rounded(worker, middle_, pass_.n_tokens(), layer.shared_down.n_in, is_quantized(layer.shared_down.type), mine(worker).middle, 0);
    pass_.add_product(worker, layer.shared_down, first_out, last_out, middle, pass_.n_tokens(), nullptr, nullptr);
  }
  const Activations middle = pass_.rounded(worker, expert_middle_, pass_.n_tokens() * k, expert_width_,
                                     is_quantized(layer.expert_down[0].type), mine(worker).middle, 1);
  for (int i = 0; i < groups.n_used; ++i) {
    const int32_t e = groups.used[static_cast<size_t>(i)];
    const auto [first_slot, n_slots] = slots_of(e);
    const Activations rows = middle.rows_from(first_slot);
    const auto at = static_cast<size_t>(e);
    pass_.add_product(worker, layer.expert_down[at], first_out, last_out, rows, n_slots, groups.token.data() + first_slot,
                      groups.weight.data() + first_slot, bias_of(layer.expert_down_bias, at));
  }
  worker.barrier();
}

}  // namespace engine
