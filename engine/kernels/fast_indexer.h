// SPDX-License-Identifier: Apache-2.0
// engine/kernels/fast_indexer.h: lightning_indexer.h over the vector steps `V`. A block of keys at a time, which stays
// in the first-level cache for all heads; four heads share its loads (fast_attention.h).
#pragma once
#include "engine/kernels/fast_attention.h"
#include "engine/kernels/lightning_indexer.h"

namespace engine {
namespace {

template <class V>
struct FastIndexer {
  using F = typename V::F;
  static constexpr int kBlock = kAttentionBlock;

  template <typename T>
  static void run(const IndexRowsOf<T>& a) {
    for (int64_t first = 0; first < a.n_keys; first += kBlock) {
      const int n = static_cast<int>(a.n_keys - first < kBlock ? a.n_keys - first : kBlock);
      float totals[kBlock] = {};
      int h = 0;
      for (; h + 4 <= a.n_heads; h += 4) heads<4>(a, first, n, h, totals);
      for (; h < a.n_heads; ++h) heads<1>(a, first, n, h, totals);
      for (int s = 0; s < n; ++s) a.scores[first + s] = totals[s];
    }
  }

 private:
  // Adds heads [head, head + R) to the totals of `n` keys; beyond them totals are anything.
  template <int R, typename T>
  static void heads(const IndexRowsOf<T>& a, int64_t first, int n, int head, float* totals) {
    using Keys = typename FastAttention<V>::template Strided<T>;
    const Keys keys{a.keys + first * a.key_stride, a.key_stride};
    const float* queries = a.queries + head * a.width;
    const auto fetch = [] {};
    float dots[R * kBlock] = {};
    bool done = false;
    if constexpr (V::kPairProducts && sizeof(T) == sizeof(Bf16)) {
      if (a.width <= kMaxBf16Width) {
        Bf16 rounded[R * kMaxBf16Width];
        AttentionPairs<V>::round_queries(queries, R, a.width, rounded);
        for (int s = 0; s < n; s += V::kDotTile / R)
          AttentionPairs<V>::template dot_tile<R>(rounded, a.width, keys, s, n, dots, fetch);
        done = true;
      }
    }
    for (int s = 0; s < n && !done; s += V::kDotTile / R)
      FastAttention<V>::template dot_tile<R>(queries, a.width, keys, s, n, dots, fetch);
    for (int s = 0; s < n; s += V::kWidth) {
      F total = V::load(totals + s);
      for (int r = 0; r < R; ++r)
        total = V::fma(V::set1(a.weights[head + r]), V::max(V::load(dots + r * kBlock + s), V::zero()), total);
      V::store(totals + s, total);
    }
  }
};

}  // namespace
}  // namespace engine
