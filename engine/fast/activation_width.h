// SPDX-License-Identifier: Apache-2.0
// engine/fast/activation_width.h: how exactly activations meet quantised weights, and what a cache keeps beside them
// (docs/activations.md).
#pragma once
#include <cstdint>

#include "engine/engine.h"

namespace engine {

// Up to here a model is fast enough that exactness is worth more (docs/activations.md).
// A number, and not the size of this processor's cache: the same model gives the same tokens on machines that differ in it alone.
inline constexpr uint64_t kWideActivationsUpTo = uint64_t{16} << 20;  // bytes of weights

// Whether activations have 16 bits; else 8.
constexpr bool takes_wide_activations(ActivationType asked, uint64_t weight_bytes) {
  return asked == ActivationType::kAuto ? weight_bytes <= kWideActivationsUpTo : asked == ActivationType::k16Bit;
}

// Rows in bf16 would be the larger error beside 16-bit activations: kAuto becomes kF32 there.
constexpr CacheType cache_type_beside(bool wide, CacheType asked) {
  return wide && asked == CacheType::kAuto ? CacheType::kF32 : asked;
}

}  // namespace engine
