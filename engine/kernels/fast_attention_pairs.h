// SPDX-License-Identifier: Apache-2.0
// engine/kernels/fast_attention_pairs.h: the two tiles of fast_attention.h with products of pairs of bf16, for vector
// steps `V` that have them (V::kPairProducts).
//
// Scores pair neighbouring columns of a key; sums of values pair the same column of neighbouring rows.
#pragma once
#include "engine/kernels/attention.h"

namespace engine {
namespace {

constexpr int64_t kPairColumns = 32;  // that a step takes
template <class V>
struct AttentionPairs {
  using F = typename V::F;
  using P = typename V::P;
  static constexpr int kBlock = kAttentionBlock;
  static constexpr int64_t kStep = kPairColumns;

  static int64_t padded(int64_t width) { return (width + kStep - 1) / kStep * kStep; }

  // [n_rows, width] to [n_rows, padded(width)], zeros behind.
  static void round_queries(const float* queries, int n_rows, int64_t width, Bf16* out) {
    for (int r = 0; r < n_rows; ++r, queries += width, out += padded(width)) {
      for (int64_t i = 0; i < width; i += V::kWidth) V::store_bf16(out + i, V::load(queries + i));
      for (int64_t i = width; i < padded(width); ++i) out[i] = Bf16{0};
    }
  }

  // Returns the sum of what `weights`, [kBlock], became: rounding then moves numerator and denominator alike.
  static F round_weights(const float* weights, Bf16* out) {
    F sum = V::zero();
    for (int s = 0; s < kBlock; s += V::kWidth) {
      V::store_bf16(out + s, V::load(weights + s));
      sum = V::add(sum, V::load_bf16(reinterpret_cast<const uint8_t*>(out + s)));
    }
    return sum;
  }

  // As FastAttention::dot_tile; q [R, padded(width)].
  template <int R, class Rows, class Fetch>
  static void dot_tile(const Bf16* q, int64_t width, const Rows& rows, int from, int n_keys, float* scores, Fetch fetch) {
    constexpr int S = V::kDotTile / R;
    const int64_t stride = padded(width);
    const Bf16* k[S];
#pragma GCC unroll 16
    for (int s = 0; s < S; ++s) k[s] = rows[from + s < n_keys ? from + s : n_keys - 1];
    F acc[R * S];
#pragma GCC unroll 16
    for (F& sum : acc) sum = V::zero();
    const auto step = [&](int64_t i, auto&& load) {
      fetch();
      P query[R];
#pragma GCC unroll 4
      for (int r = 0; r < R; ++r) query[r] = V::load_pairs(q + r * stride + i);
#pragma GCC unroll 16
      for (int s = 0; s < S; ++s) {
        const P key = load(k[s] + i);
#pragma GCC unroll 4
        for (int r = 0; r < R; ++r) acc[r * S + s] = V::dot_pairs(acc[r * S + s], query[r], key);
      }
    };
    int64_t i = 0;
    for (; i + kStep <= width; i += kStep) step(i, [](const Bf16* p) { return V::load_pairs(p); });
    if (i < width) step(i, [](const Bf16* p) { return V::load_half(p); });
    float sums[V::kDotTile];
    V::sums(acc, sums);
    for (int r = 0; r < R; ++r)
      for (int s = 0; s < S; ++s) scores[r * kBlock + from + s] = sums[r * S + s];
  }

  // As FastAttention::add_values; p [R, kBlock], 0 from n_keys on.
  template <int R, class Rows, class Ahead>
  static void add_values(const Bf16* p, const float* keep, const Rows& values, int n_keys, float* z, int64_t value_width, int64_t d,
                         int64_t end, Ahead& ahead) {
    constexpr int64_t kWide = 2 * kStep;
    const auto tile = [&]<int N, bool kHalf>(Columns<N, kHalf>, int64_t at) {
      value_tile<R, N, kHalf>(p, keep, values, n_keys, z, value_width, at, ahead.tile((n_keys + 1) / 2));
    };
    for (; d + kWide <= end; d += kWide) tile(Columns<2, false>(), d);
    for (; d + kStep <= end; d += kStep) tile(Columns<1, false>(), d);
    if (d < end) tile(Columns<1, true>(), d);
  }

 private:
  template <int N, bool kHalf>
  struct Columns {};

  // Columns [d, d + N * kStep); of the only step the first half where `kHalf`.
  template <int R, int N, bool kHalf, class Rows, class Fetch>
  static void value_tile(const Bf16* p, const float* keep, const Rows& values, int n_keys, float* z,
                         int64_t value_width, int64_t d, Fetch fetch) {
    F low[R][N], high[R][N];
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 2
      for (int v = 0; v < N; ++v) {
        float* from = z + r * value_width + d + v * kStep;
        const F shrink = V::set1(keep[r]), first = V::mul(V::load(from), shrink);
        const F second = kHalf ? V::zero() : V::mul(V::load(from + V::kWidth), shrink);
        V::spread(first, second, low[r][v], high[r][v]);
      }
    for (int s = 0; s < n_keys; s += 2) {
      fetch();
      const int other = s + 1 < n_keys ? s + 1 : s;  // weighs 0 where there is no further row
      const Bf16 *a = values[s] + d, *b = values[other] + d;
      P weight[R];
#pragma GCC unroll 4
      for (int r = 0; r < R; ++r) weight[r] = V::repeat_pair(p + r * kBlock + s);
#pragma GCC unroll 2
      for (int v = 0; v < N; ++v) {
        P left, right;
        if constexpr (kHalf)
          V::interleave(V::load_half(a), V::load_half(b), left, right);
        else
          V::interleave(V::load_pairs(a + v * kStep), V::load_pairs(b + v * kStep), left, right);
#pragma GCC unroll 4
        for (int r = 0; r < R; ++r) {
          low[r][v] = V::dot_pairs(low[r][v], weight[r], left);
          high[r][v] = V::dot_pairs(high[r][v], weight[r], right);
        }
      }
    }
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 2
      for (int v = 0; v < N; ++v) {
        F first, second;
        V::gather(low[r][v], high[r][v], first, second);
        float* to = z + r * value_width + d + v * kStep;
        V::store(to, first);
        if constexpr (!kHalf) V::store(to + V::kWidth, second);
      }
  }
};

}  // namespace
}  // namespace engine
