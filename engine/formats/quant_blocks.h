// SPDX-License-Identifier: Apache-2.0
// engine/formats/quant_blocks.h: every quantised type as whole numbers with scales and offsets, 32 values at a time.
//
// value i = scale[i / 16] * quants[i], plus offset[i / 16] where the type has offsets. Computed so in f32, each operation
// rounded, the values are those of ggml's reference dequantisers bit for bit; the fast paths multiply the whole numbers.
//
// Source   ggml's block layouts (ggml-common.h), as gguf-py decodes them; MXFP4: OCP Microscaling Formats 1.0.
#pragma once
#include <cstddef>
#include <cstdint>

#include "engine/tensor.h"

namespace engine {

// The values that the 4-bit codes of IQ4_NL and IQ4_XS stand for, and twice those of E2M1 (MXFP4, FP4).
inline constexpr int8_t kIq4Values[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
inline constexpr int8_t kFp4Values[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

struct QuantBlock {
  int8_t quants[32];
  float scale[2];
  float offset[2];
  // Of types with steps: scale = unit * step, offset = -(least_unit * least), each half's; the units (f16) are those of the
  // whole block.
  int8_t step[2], least[2];
  uint16_t unit, least_unit;
};

// Part `part` (32 values) of the block at `block`; parts run over the block's values. `type` is quantised; scales that stand beside a
// matrix (block_scales.h) are not counted in.
void decode_block(DType type, const std::byte* block, int part, QuantBlock& out);

constexpr bool has_offsets(DType type) {
  return type == DType::kQ4_1 || type == DType::kQ5_1 || type == DType::kQ2_K || type == DType::kQ4_K || type == DType::kQ5_K;
}
// Scales are whole numbers of a unit that 256 values share.
constexpr bool has_steps(DType type) {
  return type == DType::kQ2_K || type == DType::kQ3_K || type == DType::kQ4_K || type == DType::kQ5_K || type == DType::kQ6_K;
}
// The halves of 32 values have scales of their own.
constexpr bool has_half_scales(DType type) { return type == DType::kQ2_K || type == DType::kQ3_K || type == DType::kQ6_K; }

}  // namespace engine
