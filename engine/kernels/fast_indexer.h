// SPDX-License-Identifier: Apache-2.0
// engine/kernels/fast_indexer.h: lightning_indexer.h over the vector steps `V`. Four heads by two keys share their loads.
#pragma once
#include "engine/kernels/lightning_indexer.h"

namespace engine {
namespace {

template <class V>
struct FastIndexer {
  using F = typename V::F;

  template <typename T>
  static void run(const IndexRowsOf<T>& a) {
    int64_t s = 0;
    for (; s + 2 <= a.n_keys; s += 2) keys<2>(a, s);
    for (; s < a.n_keys; ++s) keys<1>(a, s);
  }

 private:
  static F load(const float* p) { return V::load(p); }
  static F load(const Bf16* p) { return V::load_bf16(reinterpret_cast<const uint8_t*>(p)); }

  template <int S, typename T>
  static void keys(const IndexRowsOf<T>& a, int64_t first) {
    float total[S] = {};
    int h = 0;
    for (; h + 4 <= a.n_heads; h += 4) heads<4, S>(a, first, h, total);
    for (; h < a.n_heads; ++h) heads<1, S>(a, first, h, total);
    for (int s = 0; s < S; ++s) a.scores[first + s] = total[s];
  }

  template <int R, int S, typename T>
  static void heads(const IndexRowsOf<T>& a, int64_t first, int head, float* total) {
    F acc[R][S];
    for (int r = 0; r < R; ++r)
      for (int s = 0; s < S; ++s) acc[r][s] = V::zero();
    for (int64_t i = 0; i < a.width; i += V::kWidth) {
      F key[S];
      for (int s = 0; s < S; ++s) key[s] = load(a.keys + (first + s) * a.key_stride + i);
      for (int r = 0; r < R; ++r) {
        const F query = V::load(a.queries + (head + r) * a.width + i);
        for (int s = 0; s < S; ++s) acc[r][s] = V::fma(query, key[s], acc[r][s]);
      }
    }
    for (int s = 0; s < S; ++s)
      for (int r = 0; r < R; ++r) {
        const float dot = V::sum(acc[r][s]);
        if (dot > 0.0f) total[s] += a.weights[head + r] * dot;
      }
  }
};

}  // namespace
}  // namespace engine
