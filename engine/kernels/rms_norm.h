// SPDX-License-Identifier: Apache-2.0
// engine/kernels/rms_norm.h: y = gain * x / sqrt(mean(x^2) + eps), one row.
//
// Shapes   x, gain, y [n] f32; y may be x
// Bounds   n >= 1
// Error    only the order of rounding differs between paths: relative 1e-6 at n <= 8192
// Source   arXiv:1910.07467, section 4
#pragma once
#include <cstdint>

namespace engine {

// (x - mean) / sqrt(mean (x - mean)^2 + eps) * gain + bias; arXiv:1607.06450. One path only: index keys are 128 wide.
void layer_norm_cpu_reference(const float* x, const float* gain, const float* bias, int64_t n, float eps, float* y);

void rms_norm_cpu_reference(const float* x, const float* gain, int64_t n, float eps, float* y);

}  // namespace engine
