// SPDX-License-Identifier: Apache-2.0
#include "engine/fast/panel_store.h"

#include <algorithm>

#include "base/file.h"
#include "engine/formats/dequantize.h"

namespace engine {
namespace {

int64_t aligned_bytes(const PackedMatrix& m) { return round_up(m.n_panels() * m.panel_bytes(), 64); }

void forget_rows(const TensorView& view, int64_t first, int64_t n) {
  base::MappedFile::forget({view.data + first * view.row_bytes(), static_cast<size_t>(n * view.row_bytes())});
}

// Packs panels [first, last).
void pack_panels(const PackedMatrix& m, int64_t first, int64_t last, uint8_t* to) {
  constexpr int64_t kStep = 64;  // panels between two calls of the system: about a megabyte
  for (int64_t p = first; p < last; p += kStep) {
    const int64_t end = std::min(p + kStep, last);
    for (int64_t i = p; i < end; ++i, to += m.panel_bytes()) pack_panel(m, i, to);
    if (m.turned) continue;  // every panel reads all rows
    const int64_t row = p * kPanelRows, n_rows = std::min(end * kPanelRows, m.n_out) - row;
    forget_rows(m.source, row, n_rows);
  }
  if (m.turned && last == m.n_panels()) forget_rows(m.source, 0, m.n_in);
}

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

PackedMatrix PanelStore::borrow(const TensorView& view, bool turned) {
  PackedMatrix m;
  if (!view) return m;
  m.type = view.type;
  m.turned = turned;
  m.key = view.data;
  m.n_out = turned ? view.n_in() : view.n_rows();
  m.n_in = turned ? view.n_rows() : view.n_in();
  m.source = view;
  m.source.n_dims = 2;
  m.source.shape = {view.n_rows(), view.n_in(), 0, 0};
  largest_panel_bytes_ = std::max(largest_panel_bytes_, m.panel_bytes());
  return m;
}

PackedMatrix PanelStore::matrix(const TensorView& view) { return borrow(view, false); }
PackedMatrix PanelStore::turned(const TensorView& view) { return borrow(view, true); }

std::vector<PackedMatrix> PanelStore::matrices(const std::vector<TensorView>& views) {
  std::vector<PackedMatrix> all;
  for (const TensorView& view : views) all.push_back(matrix(view));
  return all;
}

void PanelStore::pack(ThreadPool& pool, const std::vector<PackedMatrix*>& matrices, const PanelPlan& plan) {
  std::vector<PackedMatrix*> all;
  for (PackedMatrix* m : matrices)
    if (*m) all.push_back(m);
  std::vector<int64_t> starts = {0};
  for (const PackedMatrix* m : all) starts.push_back(starts.back() + aligned_bytes(*m));
  const auto n_bytes = static_cast<size_t>(starts.back());
  const auto write = [&](uint8_t* panels) {
    pool.run([&](const Worker& worker) {
      // Parts by bytes: a worker packs the panels that begin in its part.
      const auto [first, last] = worker.split(starts.back());
      for (size_t i = 0; i < all.size(); ++i) {
        const int64_t size = all[i]->panel_bytes(), n = all[i]->n_panels();
        const auto panel_at = [&](int64_t offset) { return std::clamp<int64_t>((offset - starts[i] + size - 1) / size, 0, n); };
        const int64_t from = panel_at(first), to = panel_at(last);
        if (from < to) pack_panels(*all[i], from, to, panels + starts[i] + from * size);
      }
    });
  };
  if (plan.shared && n_bytes > 0) {
    auto block = base::SharedBlock::find_or_make(
        *plan.shared, n_bytes, [&](std::span<std::byte> bytes) { write(reinterpret_cast<uint8_t*>(bytes.data())); });
    if (block) shared_ = std::move(*block);
  }
  if (!shared_) {
    panels_ = Buffer<uint8_t>(n_bytes);
    write(panels_.data());
  }
  const uint8_t* panels = shared_ ? reinterpret_cast<const uint8_t*>(shared_->bytes().data()) : panels_.data();
  for (size_t i = 0; i < all.size(); ++i) all[i]->panels = panels + starts[i];
}

}  // namespace engine
