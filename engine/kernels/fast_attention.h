// SPDX-License-Identifier: Apache-2.0
// engine/kernels/fast_attention.h: attention.h over the vector steps `V`.
//
// A tile of queries by cache rows (for values: by columns) shares its loads in registers; a block of 64 rows is read from
// memory once for all queries of the call, first for the scores and then, from cache, for the values. Rows in bf16 are widened
// as they are loaded, or multiplied as they are where the CPU can (fast_attention_pairs.h).
#pragma once
#include "engine/kernels/fast_elementwise.h"
#include "engine/kernels/attention.h"
#include "engine/kernels/fast_attention_pairs.h"

namespace engine {
namespace {

template <class V>
struct FastAttention {
  using F = typename V::F;
  static constexpr int kBlock = kAttentionBlock;
  static constexpr int kFetchRows = 16;  // more queries are those of a prefill, which finds the rows in the cache

  // Where the rows of a block lie, and those of the block after it, which are fetched into the second-level cache meanwhile:
  // the hardware does not see that one block follows another, nor that keys lie between values.
  template <typename T>
  struct Strided {
    const T *first, *next;
    int64_t stride;
    const T* operator[](int s) const { return first + s * stride; }
    const T* ahead(int s) const { return next + s * stride; }
  };
  template <typename T>
  struct Listed {
    const T* const *rows, *const *next;
    int64_t offset;
    const T* operator[](int s) const { return rows[s] + offset; }
    const T* ahead(int s) const { return next[s] + offset; }
  };

  static F load(const float* p) { return V::load(p); }
  static F load(const Bf16* p) { return V::load_bf16(reinterpret_cast<const uint8_t*>(p)); }

  // scores[r * kBlock + s] for R queries and as many cache rows as a tile takes, from row `from` of the block on; beyond the
  // block's last row they are anything.
  template <int R, bool kFetch, class Rows>
  static void dot_tile(const float* q, int64_t width, const Rows& rows, int from, int n_keys, float* scores) {
    constexpr int S = V::kDotTile / R;
    decltype(rows[0]) k[S], ahead[S];
    for (int s = 0; s < S; ++s) {
      const int row = from + s < n_keys ? from + s : n_keys - 1;
      k[s] = rows[row];
      ahead[s] = rows.ahead(row);
    }
    F acc[R * S];
    for (F& sum : acc) sum = V::zero();
    for (int64_t i = 0; i < width; i += V::kWidth) {
      F query[R];
      for (int r = 0; r < R; ++r) query[r] = V::load(q + r * width + i);
#pragma GCC unroll 16
      for (int s = 0; s < S; ++s) {
        const F key = load(k[s] + i);
        if constexpr (kFetch) __builtin_prefetch(ahead[s] + i, 0, 2);
#pragma GCC unroll 4
        for (int r = 0; r < R; ++r) acc[r * S + s] = V::fma(query[r], key, acc[r * S + s]);
      }
    }
    float sums[V::kDotTile];
    V::sums(acc, sums);
    for (int r = 0; r < R; ++r)
      for (int s = 0; s < S; ++s) scores[r * kBlock + from + s] = sums[r * S + s];
  }

  // z[r] = z[r] * keep[r] + sum_s p[r, s] * value row s, for R queries and columns [d, d + N vectors).
  template <int R, int N, bool kFetch, class Rows>
  static void value_tile(const float* p, const float* keep, const Rows& values, int n_keys, float* z, int64_t value_width, int64_t d) {
    F acc[R][N];
    for (int r = 0; r < R; ++r)
      for (int v = 0; v < N; ++v) acc[r][v] = V::mul(V::load(z + r * value_width + d + v * V::kWidth), V::set1(keep[r]));
    for (int s = 0; s < n_keys; ++s) {
      const auto* row = values[s] + d;
      if constexpr (kFetch) {
        const auto* ahead = values.ahead(s) + d;
        for (int i = 0; i < N * V::kWidth; i += 64 / static_cast<int>(sizeof *ahead)) __builtin_prefetch(ahead + i, 0, 2);
      }
      F weight[R];
      for (int r = 0; r < R; ++r) weight[r] = V::set1(p[r * kBlock + s]);
#pragma GCC unroll 4
      for (int v = 0; v < N; ++v) {
        const F value = load(row + v * V::kWidth);
#pragma GCC unroll 4
        for (int r = 0; r < R; ++r) acc[r][v] = V::fma(weight[r], value, acc[r][v]);
      }
    }
    for (int r = 0; r < R; ++r)
      for (int v = 0; v < N; ++v) V::store(z + r * value_width + d + v * V::kWidth, acc[r][v]);
  }

  // Turns the scores of one query into weights; rows the query does not see weigh exactly 0, which leaves its sums as if
  // they were not there. Returns by how much earlier sums shrink. `rounded`: the weights in bf16, for kPairs.
  template <bool kPairs>
  static float weigh(float* scores, int first_seen, int n_seen, float& top, float& total, Bf16* rounded) {
    for (int s = 0; s < first_seen; ++s) scores[s] = -__builtin_inff();
    for (int s = n_seen; s < kBlock; ++s) scores[s] = -__builtin_inff();
    F largest = V::load(scores);
    for (int s = V::kWidth; s < kBlock; s += V::kWidth) largest = V::max(largest, V::load(scores + s));
    const float block_top = V::max_of(largest), new_top = block_top > top ? block_top : top;
    F sum = V::zero();
    for (int s = 0; s < kBlock; s += V::kWidth) {
      const F weight = FastElementwise<V>::exp(V::sub(V::load(scores + s), V::set1(new_top)));
      V::store(scores + s, weight);
      sum = V::add(sum, weight);
    }
    if constexpr (kPairs) sum = AttentionPairs<V>::round_weights(scores, rounded);
    const float keep = total > 0.0f ? __builtin_expf(top - new_top) : 0.0f;
    total = total * keep + V::sum(sum);
    top = new_top;
    return keep;
  }

  template <typename T>
  static void run(const AttentionRowsOf<T>& a) {
    Work<kPairs<T>> work;
    int n_keys = 0, first_key = a.n_visible[0];
    for (int r = 0; r < a.n_rows; ++r) {
      work.top[r] = a.sinks ? a.sinks[r] : -__builtin_inff();
      work.total[r] = a.sinks ? 1.0f : 0.0f;
      const int first = a.first_visible ? a.first_visible[r] : 0;
      if (a.n_visible[r] > n_keys) n_keys = a.n_visible[r];
      if (first < first_key) first_key = first;
    }
    if constexpr (kPairs<T>) AttentionPairs<V>::round_queries(a.queries, a.n_rows, a.width, work.queries);
    for (int64_t i = 0; i < a.n_rows * a.value_width; ++i) a.out[i] = 0.0f;
    for (int first = first_key / kBlock * kBlock; first < n_keys; first += kBlock) {
      const int n = n_keys - first < kBlock ? n_keys - first : kBlock;
      const int next = first + 2 * kBlock <= n_keys ? first + kBlock : first;  // a whole block, or again this one
      if (a.list) {
        const int64_t apart = a.values - a.keys;
        block(a, first, n, Listed<T>{a.list + first, a.list + next, 0}, Listed<T>{a.list + first, a.list + next, apart}, work);
      } else {
        block(a, first, n, Strided<T>{keys_of(a, first), keys_of(a, next), a.key_stride},
              Strided<T>{values_of(a, first), values_of(a, next), a.value_stride}, work);
      }
    }
    for (int r = 0; r < a.n_rows; ++r)
      for (int64_t d = 0; d < a.value_width; d += V::kWidth)
        V::store(a.out + r * a.value_width + d, V::mul(V::load(a.out + r * a.value_width + d), V::set1(1.0f / work.total[r])));
  }

 private:
  template <typename T>
  static constexpr bool kPairs = V::kPairProducts && sizeof(T) == sizeof(Bf16);

  // Of one call; what only pairs need is a value long without them.
  template <bool kRounded>
  struct Work {
    float scores[kMaxAttentionRows * kBlock], top[kMaxAttentionRows], total[kMaxAttentionRows];
    Bf16 queries[kRounded ? kMaxAttentionRows * kMaxBf16Width : 1], weights[kRounded ? kMaxAttentionRows * kBlock : 1];
  };

  template <typename T>
  static const T* keys_of(const AttentionRowsOf<T>& a, int row) {
    return a.blocks ? reinterpret_cast<const T*>(a.blocks[row / kBlock]) + a.block_offset : a.keys + row * a.key_stride;
  }
  template <typename T>
  static const T* values_of(const AttentionRowsOf<T>& a, int row) {
    return a.blocks ? keys_of(a, row) + (a.values - a.keys) : a.values + row * a.value_stride;
  }

  template <typename T, class Rows>
  static void block(const AttentionRowsOf<T>& a, int first, int n, const Rows& keys, const Rows& values, Work<kPairs<T>>& work) {
    float keep[kMaxAttentionRows];
    const auto in_tiles = [&a](auto&& tile) {  // (queries, first of them), the first tile fetching
      int r = 0;
      if (a.n_rows > kFetchRows) tile(Tile<4, false>(), 0), r = 4;
      else if (a.n_rows >= 4) tile(Tile<4, true>(), 0), r = 4;
      else if (a.n_rows >= 2) tile(Tile<2, true>(), 0), r = 2;
      else tile(Tile<1, true>(), 0), r = 1;
      for (; r + 4 <= a.n_rows; r += 4) tile(Tile<4, false>(), r);
      for (; r + 2 <= a.n_rows; r += 2) tile(Tile<2, false>(), r);
      for (; r < a.n_rows; ++r) tile(Tile<1, false>(), r);
    };
    in_tiles([&]<int R, bool kFetch>(Tile<R, kFetch>, int r) {
      for (int s = 0; s < n; s += V::kDotTile / R)
        if constexpr (kPairs<T>)
          AttentionPairs<V>::template dot_tile<R, kFetch>(work.queries + r * AttentionPairs<V>::padded(a.width), a.width, keys, s, n,
                                                          work.scores + r * kBlock);
        else
          dot_tile<R, kFetch>(a.queries + r * a.width, a.width, keys, s, n, work.scores + r * kBlock);
    });
    for (int r = 0; r < a.n_rows; ++r) {
      const int seen = a.n_visible[r] - first < kBlock ? a.n_visible[r] - first : kBlock;
      const int unseen = a.first_visible && a.first_visible[r] > first ? a.first_visible[r] - first : 0;
      Bf16* rounded = kPairs<T> ? work.weights + r * kBlock : work.weights;
      if (seen <= unseen) {  // all weights 0
        for (int s = 0; s < kBlock; ++s) work.scores[r * kBlock + s] = 0.0f;
        if constexpr (kPairs<T>) AttentionPairs<V>::round_weights(work.scores + r * kBlock, rounded);
        keep[r] = 1.0f;
      } else {
        keep[r] = weigh<kPairs<T>>(work.scores + r * kBlock, unseen, seen, work.top[r], work.total[r], rounded);
      }
    }
    const bool apart = a.values != a.keys;  // else the next block's values are on their way already
    in_tiles([&]<int R, bool kFetch>(Tile<R, kFetch>, int r) {
      float* z = a.out + r * a.value_width;
      const auto add = [&]<bool kFetchValues>(Fetch<kFetchValues>) {
        if constexpr (kPairs<T>)
          AttentionPairs<V>::template add_values<R, kFetchValues>(work.weights + r * kBlock, keep + r, values, n, z, a.value_width);
        else
          add_values<R, kFetchValues>(work.scores + r * kBlock, keep + r, values, n, z, a.value_width);
      };
      if (kFetch && apart)
        add(Fetch<true>());
      else
        add(Fetch<false>());
    });
  }

  template <int R, bool kFetch, class Rows>
  static void add_values(const float* p, const float* keep, const Rows& values, int n_keys, float* z, int64_t value_width) {
    constexpr int64_t kWide = V::kValueTile * V::kWidth, kNarrow = 16;
    int64_t d = 0;
    for (; d + kWide <= value_width; d += kWide) value_tile<R, V::kValueTile, kFetch>(p, keep, values, n_keys, z, value_width, d);
    for (; d < value_width; d += kNarrow) value_tile<R, kNarrow / V::kWidth, kFetch>(p, keep, values, n_keys, z, value_width, d);
  }

  template <int R, bool kFetch>
  struct Tile {};
  template <bool kFetch>
  struct Fetch {};
};

}  // namespace
}  // namespace engine
