// SPDX-License-Identifier: Apache-2.0
// engine/formats/dequantize.h: stored values to f32, one row at a time. It defines what every faster path must compute.
//
// Source   IEEE 754 binary16; bfloat16 as the upper half of binary32; quantised types as in formats/quant_blocks.h; 8-bit
//          floats as in OCP 8-bit Floating Point Specification 1.0 and Microscaling Formats 1.0.
#pragma once
#include <cstdint>
#include <span>

#include "engine/tensor.h"

namespace engine {

// Exact, NaN and subnormals included.
float f16_to_f32(uint16_t bits);
float bf16_to_f32(uint16_t bits);
float e4m3_to_f32(uint8_t bits);  // "fn": no infinity, 0x7F and 0xFF are NaN
float e8m0_to_f32(uint8_t bits);  // 2^(bits - 127); 255 is NaN

// Row `row` of `tensor` (0 <= row < n_rows) into `out`, which holds n_in values.
void dequantize_row(const TensorView& tensor, int64_t row, std::span<float> out);

}  // namespace engine
