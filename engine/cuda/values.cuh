// SPDX-License-Identifier: Apache-2.0
// engine/cuda/values.cuh: single values of a matrix, and the gate.
#pragma once
#include <cmath>
#include <cstdint>

#include "engine/cuda/fp8.cuh"
#include "engine/cuda/matrix.h"
#include "engine/cuda/operands.h"
#include "engine/kernels/silu_gate.h"

namespace engine::cuda {

__device__ __forceinline__ float to_f32(float v) {
  return v;
}
__device__ __forceinline__ float to_f32(__nv_bfloat16 v) {
  return __bfloat162float(v);
}
template <typename T>
__device__ __forceinline__ T from_f32(float v) {
  if constexpr (sizeof(T) == 2)
    return __float2bfloat16_rn(v);
  else
    return v;
}

__device__ inline float number_of(Nibbles kind, int half_byte) {
  constexpr int8_t curve[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
  constexpr int8_t e2m1[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
  switch (kind) {
    case Nibbles::kMinus8:
      return static_cast<float>(half_byte - 8);
    case Nibbles::kPlain:
      return static_cast<float>(half_byte);
    case Nibbles::kNonLinear:
      return static_cast<float>(curve[half_byte]);
    case Nibbles::kE2m1:
      return static_cast<float>(e2m1[half_byte]);
  }
  return 0.0f;
}

__device__ inline float half_scale(const Matrix& w, const void* scales, int64_t i) {
  const uint16_t bits = static_cast<const uint16_t*>(scales)[i];
  return w.bf16_scales ? __uint_as_float(static_cast<uint32_t>(bits) << 16) : __half2float(__ushort_as_half(bits));
}

// Value i of row `row` (counted over all experts).
__device__ inline float matrix_value(const Matrix& w, int64_t row, int64_t i) {
  const int64_t at = row * w.n_in + i;
  switch (w.format) {
    case Format::kF32:
      return static_cast<const float*>(w.quants)[at];
    case Format::kBF16:
      return __bfloat162float(static_cast<const __nv_bfloat16*>(w.quants)[at]);
    case Format::kF16:
      return __half2float(static_cast<const __half*>(w.quants)[at]);
    case Format::kInt8:
      return half_scale(w, w.scales, at / 32) * static_cast<float>(static_cast<const int8_t*>(w.quants)[at]);
    case Format::kInt4: {
      const int in_block = static_cast<int>(i & 31);
      const int byte = static_cast<const uint8_t*>(w.quants)[at / 32 * 16 + (in_block & 15)];
      const float value =
          half_scale(w, w.scales, at / 32) * number_of(w.nibbles, in_block < 16 ? byte & 15 : byte >> 4);
      return w.offsets ? value + half_scale(w, w.offsets, at / 32) : value;
    }
    case Format::kWide:
      return static_cast<const float*>(w.scales)[at / 16] *
                 static_cast<float>(static_cast<const int8_t*>(w.quants)[at]) +
             static_cast<const float*>(w.offsets)[at / 16];
    case Format::kFp8: {
      const uint32_t code = static_cast<const uint8_t*>(w.quants)[at];
      return two_of_fp8(code << 8).x *
             (kFp8Unit * static_cast<const float*>(w.scales)[at / (w.wide_scales ? 128 : 32)]);
    }
  }
  return 0.0f;
}

__device__ inline Turn turn_of(const Turns& turns, int64_t position, int pair) {
  double sine, cosine;
  sincos(static_cast<double>(position) * turns.frequencies[pair], &sine, &cosine);
  return {static_cast<float>(cosine) * turns.amplitude, static_cast<float>(sine) * turns.amplitude};
}

__device__ __forceinline__ float gated(const GateForm& form, float gate, float up) {
  gate = fminf(gate, form.limit);
  up = fminf(fmaxf(up, -form.limit), form.limit);
  return gate / (1.0f + expf(-form.alpha * gate)) * (up + form.shift);
}

}  // namespace engine::cuda
