// SPDX-License-Identifier: Apache-2.0
// engine/kernels/quantize.h: activations to 8 bits per block of 32, as the quantised matmul paths read them.
//
// Shapes   x [n]; quants [n] in [-127, 127]; scales [n / 32]; sums [n / 16], of the quants of each half block
// Bounds   n is a multiple of 32; x is finite
// Error    |x - scale * quant| <= amax(block) / 254 plus f32 rounding; halves round to even
// Source   ggml's block_q8_0 without its f16 scale: the scale stays f32
#pragma once
#include <cstdint>

namespace engine {

void quantize_cpu_reference(const float* x, int64_t n, int8_t* quants, float* scales, int32_t* sums);

}  // namespace engine
