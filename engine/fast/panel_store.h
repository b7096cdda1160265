// SPDX-License-Identifier: Apache-2.0
// engine/fast/panel_store.h: the matrices of a model as the fast paths read them.
//
// Owns     One block with the panels of all matrices (where packed), its own or shared with other processes. Borrows the mapped
//          file for what was not packed.
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "base/shared_block.h"
#include "engine/buffer.h"
#include "engine/fast/panel_plan.h"
#include "engine/kernels/matmul.h"
#include "engine/thread_pool.h"

namespace engine {

// A row decoded to f32: norms, biases. Empty for an empty view.
std::vector<float> decoded(const TensorView& view);

TensorView matrix_view(DType type, int64_t n_out, int64_t n_in, const std::byte* data);

class PanelStore {
 public:
  // A matrix read in place; pack() may give it panels. An empty view gives an empty matrix.
  PackedMatrix matrix(const TensorView& view);
  std::vector<PackedMatrix> matrices(const std::vector<TensorView>& views);
  // The matrix whose transpose is stored.
  PackedMatrix turned(const TensorView& view);

  // Lays out all panels of `matrices` (empty ones are left alone) as `plan` says, with the pool's threads; where another process has
  // done so, its panels are taken. Pages of mapped files are given back as soon as they are copied, so that weights are never in
  // this process's memory twice.
  void pack(ThreadPool& pool, const std::vector<PackedMatrix*>& matrices, const PanelPlan& plan);

  int64_t largest_panel_bytes() const { return largest_panel_bytes_; }

 private:
  PackedMatrix borrow(const TensorView& view, bool turned);

  Buffer<uint8_t> panels_;
  std::optional<base::SharedBlock> shared_;  // instead
  int64_t largest_panel_bytes_ = 0;
};

}  // namespace engine
