// SPDX-License-Identifier: Apache-2.0
// engine/kernels/softmax.h: softmax in place, and the log of the sum that a log-probability needs.
//
// Shapes   x [n] f32
// Bounds   n >= 1; at least one value above -infinity
// Error    log_sum_exp on fast paths: 1e-6 absolute
#pragma once
#include <cstdint>

namespace engine {

void softmax_cpu_reference(float* x, int64_t n);

// log(sum_i e^x_i), in double.
double log_sum_exp_cpu_reference(const float* x, int64_t n);
double log_sum_exp(const float* x, int64_t n);  // the best path of this CPU

}  // namespace engine
