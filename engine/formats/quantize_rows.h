// SPDX-License-Identifier: Apache-2.0
// engine/formats/quantize_rows.h: f32 to stored values, the way back from dequantize.h. For writing files, not for
// speed.
//
// Shapes   values [n_in], n_in a whole number of the type's blocks; `out` takes n_in / block_values * block_bytes bytes
// Bounds   values are finite; what passes f16's largest number becomes infinite in F16 and spoils a scale elsewhere.
//          What is no number spoils its block alone, and every byte of `out` is written
// Error    Rounding to nearest within a block. Q4_0, Q5_0, Q4_1, Q5_1 and MXFP4: the scale of several with the least sum of squared errors, which
//          loses less than ggml's own, from the furthest value; IQ4_NL, Q3_K, Q6_K: with the squares of the values as weights. Root
//          mean square of the error over that of normally distributed values, measured: Q8_0 0.53 %, Q6_K 1.75 %, Q5_1 3.6 %, Q5_K
//          3.6 %, Q5_0 4.0 %, Q4_K 7.2 %, Q4_1 7.2 %, IQ4_NL 7.6 %, Q4_0 8.1 %, MXFP4 11.1 %, Q3_K 15.3 %, Q2_K 27.5 %;
//          tests/engine/quantize_model_test.cc holds the bounds
// Source   ggml's block layouts, as quant_blocks.h reads them
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/tensor.h"

namespace engine {

uint16_t f32_to_f16(float value);   // to nearest, ties to even
uint16_t f32_to_bf16(float value);  // likewise

// Types that quantize_row writes.
bool can_quantize(DType type);

void quantize_row(DType type, std::span<const float> values, std::byte* out);

}  // namespace engine
