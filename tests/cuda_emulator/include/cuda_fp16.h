// SPDX-License-Identifier: Apache-2.0
// IEEE binary16 as the backend uses it; rounds to the nearest, ties to even.
#pragma once
#include "cuda_runtime.h"

struct __half_raw {
  uint16_t x;
};
struct __half {
  uint16_t bits;
  __half() = default;
  explicit __half(uint16_t b) : bits(b) {}
  explicit __half(__half_raw raw) : bits(raw.x) {}
};
struct alignas(4) __half2 {
  __half x, y;
};
inline float __half2float(__half value) {
  const int exponent = value.bits >> 10 & 31, fraction = value.bits & 1023;
  float f = exponent == 31  ? (fraction ? NAN : INFINITY)
            : exponent == 0 ? std::ldexp(static_cast<float>(fraction), -24)
                            : std::ldexp(static_cast<float>(1024 + fraction), exponent - 25);
  return value.bits & 0x8000 ? -f : f;
}
inline __half __float2half_rn(float value) {
  const uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  const float size = std::fabs(value);
  const auto with = [sign](int bits) { return __half(static_cast<uint16_t>(sign | bits)); };
  if (std::isnan(value)) return __half(uint16_t{0x7fff});
  if (size >= 65520.0f) return with(0x7c00);
  if (size < 0x1p-14f) return with(static_cast<int>(std::nearbyint(std::ldexp(size, 24))));
  int exponent;
  std::frexp(size, &exponent);  // size = m 2^exponent, m in [1/2, 1)
  const int steps = static_cast<int>(std::nearbyint(std::ldexp(size, 11 - exponent)));  // 1,024 .. 2,048
  return with(((exponent + 14) << 10) + steps - 1024);
}
inline float2 __half22float2(__half2 value) {
  return {__half2float(value.x), __half2float(value.y)};
}
inline __half __ushort_as_half(uint16_t bits) {
  return __half(bits);
}
inline uint16_t __half_as_ushort(__half value) {
  return value.bits;
}
