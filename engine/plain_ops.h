// SPDX-License-Identifier: Apache-2.0
// engine/plain_ops.h: the operators of engine/kernels over whole chunks of tokens, for the reference passes.
//
// Shapes   A Values is row-major [n_tokens, width]; the width follows from the weight beside it.
// Note     One loop after the other, nothing shared or reused: these passes define results and are not meant to be fast.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "engine/tensor.h"

namespace engine::plain {

using Values = std::vector<float>;

constexpr size_t at(int64_t i) { return static_cast<size_t>(i); }

Values embed(const TensorView& table, std::span<const int32_t> tokens);

// x . W^T for every token.
Values matmul(const TensorView& w, const Values& x);

void add(Values& to, const Values& values);

// Each row of `width` values from column 0 of rows of `stride` (0: width); the gain's length is the width.
Values rms_norm(const Values& x, const TensorView& gain, float eps, int64_t stride = 0);

// down . (silu(gate . x) * (up . x))
Values swiglu(const TensorView& gate, const TensorView& up, const TensorView& down, const Values& x);

}  // namespace engine::plain
