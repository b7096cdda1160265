// SPDX-License-Identifier: Apache-2.0
#include "engine/packed_weights.h"

#include <algorithm>
#include <cstring>

#include "engine/formats/dequantize.h"
#include "engine/model.h"

namespace engine {
namespace {

std::vector<float> decoded(const TensorView& view) {
  std::vector<float> values(view ? static_cast<size_t>(view.n_in()) : 0);
  if (view) dequantize_row(view, 0, values);
  return values;
}

TensorView matrix_view(DType type, int64_t n_out, int64_t n_in, const std::byte* data) {
  TensorView view;
  view.type = type;
  view.n_dims = 2;
  view.shape = {n_out, n_in, 0, 0};
  view.data = data;
  return view;
}

template <typename Visit>
void for_each_matrix(PackedLayer& layer, Visit&& visit) {
  for (PackedMatrix* m : {&layer.q, &layer.q_a, &layer.q_b, &layer.kv_a}) visit(*m);
  for (std::vector<PackedMatrix>* list : {&layer.k_b, &layer.v_b})
    for (PackedMatrix& m : *list) visit(m);
  for (PackedMatrix* m : {&layer.o, &layer.gate, &layer.up, &layer.down, &layer.router, &layer.shared_gate, &layer.shared_up,
                          &layer.shared_down})
    visit(*m);
  for (std::vector<PackedMatrix>* list : {&layer.expert_gate, &layer.expert_up, &layer.expert_down})
    for (PackedMatrix& m : *list) visit(m);
}

int64_t aligned_bytes(const PackedMatrix& m) { return round_up(m.n_panels() * m.panel_bytes(), 64); }

}  // namespace

uint64_t packed_bytes(const DeepseekV2Weights& weights) {
  uint64_t total = static_cast<uint64_t>(weights.head.size_bytes());
  for (const DeepseekV2Layer& l : weights.layers) {
    for (const TensorView* view : {&l.q, &l.q_a, &l.q_b, &l.kv_a, &l.kv_b, &l.k_b, &l.v_b, &l.o, &l.gate, &l.up, &l.down,
                                   &l.router, &l.shared_gate, &l.shared_up, &l.shared_down})
      if (*view) total += static_cast<uint64_t>(view->size_bytes());
    for (const auto* list : {&l.expert_gate, &l.expert_up, &l.expert_down})
      for (const TensorView& view : *list) total += static_cast<uint64_t>(view.size_bytes());
  }
  return total;
}

PackedWeights::PackedWeights(const DeepseekV2Config& config, const DeepseekV2Weights& weights, ThreadPool& pool, bool pack)
    : layers_(weights.layers.size()), head_(matrix(weights.head)), norm_(decoded(weights.norm)), embedding_(weights.embedding) {
  for (size_t l = 0; l < layers_.size(); ++l) {
    const DeepseekV2Layer& from = weights.layers[l];
    PackedLayer& to = layers_[l];
    to.attn_norm = decoded(from.attn_norm);
    to.q_a_norm = decoded(from.q_a_norm);
    to.kv_a_norm = decoded(from.kv_a_norm);
    to.ffn_norm = decoded(from.ffn_norm);
    to.q = matrix(from.q);
    to.q_a = matrix(from.q_a);
    to.q_b = matrix(from.q_b);
    to.kv_a = matrix(from.kv_a);
    key_and_value_heads(config, from, to);
    to.o = matrix(from.o);
    to.gate = matrix(from.gate);
    to.up = matrix(from.up);
    to.down = matrix(from.down);
    to.router = matrix(from.router);
    to.shared_gate = matrix(from.shared_gate);
    to.shared_up = matrix(from.shared_up);
    to.shared_down = matrix(from.shared_down);
    for (const TensorView& view : from.expert_gate) to.expert_gate.push_back(matrix(view));
    for (const TensorView& view : from.expert_up) to.expert_up.push_back(matrix(view));
    for (const TensorView& view : from.expert_down) to.expert_down.push_back(matrix(view));
  }
  if (pack) pack_all(pool);
}

PackedMatrix PackedWeights::matrix(const TensorView& view) {
  PackedMatrix m;
  if (!view) return m;
  m.type = view.type;
  m.n_out = view.n_rows();
  m.n_in = view.n_in();
  m.source = matrix_view(view.type, m.n_out, m.n_in, view.data);
  largest_panel_bytes_ = std::max(largest_panel_bytes_, m.panel_bytes());
  return m;
}

void PackedWeights::key_and_value_heads(const DeepseekV2Config& config, const DeepseekV2Layer& from, PackedLayer& to) {
  const int64_t c = config.kv_lora_rank, nope = config.qk_nope_dim, dv = config.v_head_dim;
  for (int64_t h = 0; h < config.n_heads; ++h) {
    if (!from.kv_b) {
      to.k_b.push_back(matrix(from.k_b.slice(h)));
      to.v_b.push_back(matrix(from.v_b.slice(h)));
      continue;
    }
    const std::byte* rows = from.kv_b.data + h * (nope + dv) * from.kv_b.row_bytes();
    to.v_b.push_back(matrix(matrix_view(from.kv_b.type, dv, c, rows + nope * from.kv_b.row_bytes())));
    // Transposed: [nope, C] to [C, nope]. Blocks of quantised rows cannot be turned; those become f32, which is exact.
    const DType type = is_quantized(from.kv_b.type) ? DType::kF32 : from.kv_b.type;
    const size_t value_bytes = static_cast<size_t>(traits(type).block_bytes);
    Buffer<std::byte> turned(static_cast<size_t>(c * nope) * value_bytes);
    std::vector<float> row(static_cast<size_t>(c));
    for (int64_t j = 0; j < nope; ++j) {
      const std::byte* stored = rows + j * from.kv_b.row_bytes();
      if (is_quantized(from.kv_b.type)) {
        dequantize_row(from.kv_b, h * (nope + dv) + j, row);
        stored = reinterpret_cast<const std::byte*>(row.data());
      }
      for (int64_t i = 0; i < c; ++i)
        std::memcpy(turned.data() + static_cast<size_t>(i * nope + j) * value_bytes, stored + static_cast<size_t>(i) * value_bytes,
                    value_bytes);
    }
    to.k_b.push_back(matrix(matrix_view(type, c, nope, turned.data())));
    transposed_.push_back(std::move(turned));
  }
}

void PackedWeights::pack_all(ThreadPool& pool) {
  std::vector<PackedMatrix*> all;
  for (PackedLayer& layer : layers_)
    for_each_matrix(layer, [&](PackedMatrix& m) {
      if (m) all.push_back(&m);
    });
  all.push_back(&head_);
  std::vector<int64_t> starts = {0};
  for (const PackedMatrix* m : all) starts.push_back(starts.back() + aligned_bytes(*m));
  panels_ = Buffer<uint8_t>(static_cast<size_t>(starts.back()));
  pool.run([&](const Worker& worker) {
    // Parts by bytes: a worker packs the panels that begin in its part.
    const auto [first, last] = worker.split(starts.back());
    for (size_t i = 0; i < all.size(); ++i) {
      if (starts[i + 1] <= first || starts[i] >= last) continue;
      for (int64_t p = 0; p < all[i]->n_panels(); ++p) {
        const int64_t offset = starts[i] + p * all[i]->panel_bytes();
        if (offset >= first && offset < last) pack_panel(all[i]->source, p, panels_.data() + offset);
      }
    }
  });
  for (size_t i = 0; i < all.size(); ++i) all[i]->panels = panels_.data() + starts[i];
  transposed_.clear();
}

}  // namespace engine
