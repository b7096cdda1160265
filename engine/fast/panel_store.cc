// SPDX-License-Identifier: Apache-2.0
#include "engine/fast/panel_store.h"

#include <algorithm>

#include "engine/formats/dequantize.h"

namespace engine {
namespace {

int64_t aligned_bytes(const PackedMatrix& m) { return round_up(m.n_panels() * m.panel_bytes(), 64); }

}  // namespace

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

PackedMatrix PanelStore::matrix(const TensorView& view) {
  PackedMatrix m;
  if (!view) return m;
  m.type = view.type;
  m.n_out = view.n_rows();
  m.n_in = view.n_in();
  m.source = view;
  m.source.n_dims = 2;
  m.source.shape = {m.n_out, m.n_in, 0, 0};
  largest_panel_bytes_ = std::max(largest_panel_bytes_, m.panel_bytes());
  return m;
}

std::vector<PackedMatrix> PanelStore::matrices(const std::vector<TensorView>& views) {
  std::vector<PackedMatrix> all;
  for (const TensorView& view : views) all.push_back(matrix(view));
  return all;
}

PackedMatrix PanelStore::own_matrix(DType type, int64_t n_out, int64_t n_in, Buffer<std::byte> rows) {
  const PackedMatrix m = matrix(matrix_view(type, n_out, n_in, rows.data()));
  owned_.push_back(std::move(rows));
  return m;
}

void PanelStore::pack(ThreadPool& pool, const std::vector<PackedMatrix*>& matrices) {
  std::vector<PackedMatrix*> all;
  for (PackedMatrix* m : matrices)
    if (*m) all.push_back(m);
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
  owned_.clear();
}

}  // namespace engine
