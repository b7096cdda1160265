// SPDX-License-Identifier: Apache-2.0
#include "engine/cache_rows.h"

#include <algorithm>
#include <bit>

#include "engine/kernels/matmul.h"

namespace engine {

// 8-bit activations are off by 2^-8 of a block's largest value, bf16 by 2^-9 of each value: where the former made the
// rows, the latter adds little. docs/kv-cache.md
CacheType chosen_cache_type(CacheType asked, DType weights, int64_t width) {
  if (width > kMaxBf16Width) return CacheType::kF32;
  if (asked == CacheType::kAuto) return is_quantized(weights) ? CacheType::kBf16 : CacheType::kF32;
  return asked;
}

namespace {

// As f32_to_bf16(), without a branch and in place: a decode step of a small model waits for it.
inline Bf16 rounded(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const uint32_t nearest = (bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16, nan = bits >> 16 | 0x40u;
  return Bf16{static_cast<uint16_t>((bits & 0x7FFFFFFFu) > 0x7F800000u ? nan : nearest)};
}

}  // namespace

void store_row(CacheType type, std::byte* row, int64_t first, const float* values, int64_t n) {
  if (type == CacheType::kF32) {
    std::copy_n(values, n, reinterpret_cast<float*>(row) + first);
    return;
  }
  Bf16* to = reinterpret_cast<Bf16*>(row) + first;
  for (int64_t i = 0; i < n; ++i) to[i] = rounded(values[i]);
}

}  // namespace engine
