// SPDX-License-Identifier: Apache-2.0
#include "engine/formats/block_scales.h"

#include <cstring>

#include "engine/formats/dequantize.h"

namespace engine {

float block_scale(const TensorView& view, int64_t row, int64_t column) {
  const BlockScales& s = view.scales;
  if (s.data == nullptr) return 1.0f;
  const std::byte* at =
      s.data + ((s.first_row + row) / s.block_rows * s.per_row + column / s.block_columns) * traits(s.type).block_bytes;
  if (s.type == DType::kF8_E8M0) return e8m0_to_f32(std::to_integer<uint8_t>(*at));
  if (s.type == DType::kF32) {
    float value;
    std::memcpy(&value, at, sizeof value);
    return value;
  }
  uint16_t half;
  std::memcpy(&half, at, sizeof half);
  return s.type == DType::kF16 ? f16_to_f32(half) : bf16_to_f32(half);
}

int64_t scale_bytes(const TensorView& view) {
  const BlockScales& s = view.scales;
  if (s.data == nullptr || view.n_rows() == 0) return 0;
  const int64_t grid_rows = (s.first_row + view.n_rows() - 1) / s.block_rows - s.first_row / s.block_rows + 1;
  return grid_rows * s.per_row * traits(s.type).block_bytes;
}

}  // namespace engine
