// SPDX-License-Identifier: Apache-2.0
// engine/kernels/quantize.h: activations to 8 or 16 bits per block of 32, as the quantised matmul paths read them.
//
// Shapes   x [n]; quants [n] in [-127, 127], or wide in [-32767, 32767]; scales [n / 32]; sums [n / 16], of the quants of each
//          half block. Wide quants lie as 0 2 1 3 in every four: a product's weights are bytes, four of a row side by side, and are
//          widened in place to their even and their odd ones.
// Bounds   n is a multiple of 32; x is finite. A block with no value as large as kLeastBlockMax is one of zeros: what it was divided by
//          would pass the largest f32.
// Error    |x - scale * quant| <= amax(block) / 254, or / 65,534, plus f32 rounding (3 * 2^-24 * amax at most); halves round to even
// Source   ggml's block_q8_0 without its f16 scale: the scale stays f32
#pragma once
#include <cstdint>

namespace engine {

inline constexpr float kLeastBlockMax = 1e-30f;

void quantize_cpu_reference(const float* x, int64_t n, int8_t* quants, float* scales, int32_t* sums);
void quantize_wide_cpu_reference(const float* x, int64_t n, int16_t* quants, float* scales, int32_t* sums);

}  // namespace engine
