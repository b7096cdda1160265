// SPDX-License-Identifier: Apache-2.0
// engine/kernels/half.h: IEEE binary16 and bfloat16 to f32, exact for every bit pattern.
#pragma once
#include <bit>
#include <cstdint>

namespace engine {

inline float f16_to_f32(uint16_t h) {
  const uint32_t sign = static_cast<uint32_t>(h & 0x8000U) << 16, exponent = (h >> 10) & 31U, fraction = h & 1023U;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000U | fraction << 13);
  if (exponent == 0) {  // zero and subnormals: fraction * 2^-24, which f32 holds exactly
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return sign ? -magnitude : magnitude;
  }
  return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
}

inline float bf16_to_f32(uint16_t h) { return std::bit_cast<float>(static_cast<uint32_t>(h) << 16); }

}  // namespace engine
