// SPDX-License-Identifier: Apache-2.0
// engine/cuda/fp8.cuh: codes of E4M3 as floats, by means that every device has.
//
// A code's bits moved into a half are 2^-8 of its value, subnormals included: the half's exponents are 8 less. NaN comes
// out as a number; matrix.h says where it is kept instead.
//
// Source   OCP 8-bit Floating Point Specification 1.0
#pragma once
#include <cuda_fp16.h>

#include <cstdint>

namespace engine::cuda {

inline constexpr float kFp8Unit = 256.0f;  // what the floats below are to be multiplied by

// Codes in bytes 1 and 3, zeros in the others.
__device__ __forceinline__ float2 two_of_fp8(uint32_t codes) {
  const uint32_t halves = (codes & 0x80008000U) | (codes & 0x7f007f00U) >> 1;
  return __half22float2(reinterpret_cast<const __half2&>(halves));
}
__device__ __forceinline__ float4 four_of_fp8(uint32_t codes) {
  const float2 low = two_of_fp8(__byte_perm(codes, 0, 0x1404U)), high = two_of_fp8(__byte_perm(codes, 0, 0x3424U));
  return {low.x, low.y, high.x, high.y};
}

}  // namespace engine::cuda
