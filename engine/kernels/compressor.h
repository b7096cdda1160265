// SPDX-License-Identifier: Apache-2.0
// engine/kernels/compressor.h: the mean of a window of tokens, weighed channel by channel.
//
// Shapes   values[i], gates[i] [width] of n rows; y [width]
// Step     y_j = sum_i softmax_i(gates_ij) values_ij
// Bounds   n >= 1; y is no row of the input
// Source   DeepSeek-V4, arXiv:2606.19348, section 2.3. One path only: an entry is made once in m tokens.
#pragma once
#include <cstdint>

namespace engine {

void compress_rows(const float* const* values, const float* const* gates, int64_t n, int64_t width, float* y);

}  // namespace engine
