// SPDX-License-Identifier: Apache-2.0
// engine/cache_rows.h: what the rows of any cache are made of: f32, or bf16 (rounded to nearest as they are stored).
// Which of the two, how values get into a row, and how the fast kernels get to read them.
//
// Bounds   A type is kF32 or kBf16; kAuto is for chosen_cache_type() alone.
#pragma once
#include <cstddef>
#include <cstdint>

#include "engine/engine.h"
#include "engine/kernels/attention.h"
#include "engine/kernels/fast_kernels.h"
#include "engine/kernels/lightning_indexer.h"
#include "engine/tensor.h"

namespace engine {

// What kAuto means for keys of `width` values that a matrix of `weights` makes on the fast paths, and whether bf16 is
// there at all.
CacheType chosen_cache_type(CacheType asked, DType weights, int64_t width);

constexpr int64_t value_bytes(CacheType type) {
  return type == CacheType::kBf16 ? 2 : 4;
}
constexpr const char* type_name(CacheType type) {
  return type == CacheType::kBf16 ? "bf16" : "f32";
}

// Puts `n` values into a row, from value `first` on.
void store_row(CacheType type, std::byte* row, int64_t first, const float* values, int64_t n);

// Attention over rows of `type`: `fill` sets the fields of an AttentionRowsOf<float or Bf16>.
template <typename Fill>
void attend_cached(const FastKernels& kernels, CacheType type, Fill&& fill) {
  const auto run = [&](auto rows, auto kernel) {
    fill(rows);
    kernel(rows);
  };
  if (type == CacheType::kBf16)
    run(AttentionRowsBf16(), kernels.attention_bf16);
  else
    run(AttentionRows(), kernels.attention);
}

// Index scores of keys of `type` that begin at `keys`.
inline void score_cached(const FastKernels& kernels, CacheType type, const IndexQuery& query, const std::byte* keys,
                         int64_t key_stride, int64_t n_keys, float* scores) {
  if (type == CacheType::kBf16)
    kernels.index_scores_bf16({query, reinterpret_cast<const Bf16*>(keys), key_stride, n_keys, scores});
  else
    kernels.index_scores({query, reinterpret_cast<const float*>(keys), key_stride, n_keys, scores});
}

}  // namespace engine
