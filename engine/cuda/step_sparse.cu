// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "engine/cuda/step_kernel.cuh"
#include "engine/cuda/step_sparse.h"

namespace engine::cuda {

StepKernel sparse_kernel_for(unsigned formats) {
  constexpr unsigned kFloats = kHasF32 | kHasBF16;
  const auto covers = [formats](unsigned has) { return (formats & ~has) == 0; };
  if (covers(kHasF32 | kHasF32Layers)) return step_kernel<kHasF32, true>;
  // What these models are published in.
  if (covers(kFloats | kHasInt4Table | kHasFp8)) return step_kernel<kFloats | kHasInt4Table | kHasFp8, true>;
  return step_kernel<kHasAll, true>;
}

unsigned formats_of(const GroupedOutOp& op) {
  return op.w.quants ? format_bit(op.w) : 0U;
}

size_t shared_bytes_of(const IndexKeysOp& op) {
  return static_cast<size_t>(kStepWarps * op.width) * sizeof(float);
}
size_t shared_bytes_of(const IndexScoresOp& op) {
  return index_bytes(op.n_heads, op.width);
}
size_t shared_bytes_of(const PlaceOp& op) {
  return static_cast<size_t>(kStepWarps * std::max(op.d, op.index_width)) * sizeof(float);
}
size_t shared_bytes_of(const GroupedOutOp& op) {
  return row_input_bytes(op.w.n_in, is_whole(op.w));
}

}  // namespace engine::cuda
