// SPDX-License-Identifier: Apache-2.0
// engine/cuda/operands.h: what operators of a step and of a chunk take beside matrices.
#pragma once
#include <cuda_runtime.h>

namespace engine::cuda {

struct Norm {
  const float* gain = nullptr;  // null: the input as it is
  float eps = 0.0f;
};

// Rotary angles, made on the device in double (kernels/rope.h says why).
using Turn = float2;  // cos, sin
struct Turns {
  const double* frequencies = nullptr;  // [n_pairs]
  int n_pairs = 0;
  float amplitude = 1.0f;
};

}  // namespace engine::cuda
