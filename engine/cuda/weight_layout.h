// SPDX-License-Identifier: Apache-2.0
// engine/cuda/weight_layout.h: weights as files have them, put into the device's layout (matrix.h) in host memory.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/cuda/matrix.h"
#include "engine/tensor.h"

namespace engine::cuda {

Format format_of(DType type);
Nibbles nibbles_of(DType type);

// Bytes of one expert's numbers, scales and offsets.
struct Sizes {
  size_t quants = 0, scales = 0, offsets = 0;
};
Sizes sizes_of(const Matrix& m, DType type);

// One matrix in the device's layout, in host memory.
struct Laid {
  std::vector<std::byte> quants, scales, offsets;
};

// Blocks [first, last) of 32 values, counted over the whole matrix.
void lay_out(const TensorView& view, Format format, int64_t first, int64_t last, Laid& out);
// Rows [first, last) of E4M3, whose NaN goes into the scale.
void lay_out_fp8(const TensorView& view, bool wide_scales, int64_t first, int64_t last, Laid& out);
// Whether a scale of the view never changes within `run` columns that begin at a multiple of `run`.
bool scales_hold_for(const TensorView& view, int64_t run);

}  // namespace engine::cuda
