// SPDX-License-Identifier: Apache-2.0
// engine/kernels/fast_attention_tiles.h: a section of fast_attention.h with products of tiles (simd_amx.h), rows in bf16.
//
// A section (512 rows) is taken as a whole, in three steps: all scores, all weights, all sums of values. Nothing is scaled anew
// on the way, and sums stay in tiles. Rows of the cache are the left side of a score's product as they lie, queries the right
// side, laid out once a call; so a score's row has the queries side by side, and softmax runs on 16 queries at once. For the
// sums, values of neighbouring rows are interleaved, 32 columns at a time.
// Tiles are always whole: queries that are not there are 0 in them, and so are the weights of rows that are not there, which
// leaves the sums of the others as they are.
#pragma once
#include "engine/kernels/attention_rows.h"
#include "engine/kernels/fast_elementwise.h"
#include "engine/kernels/simd_amx.h"

namespace engine {
namespace {

template <class V>
class AttentionTiles {
 public:
  static bool takes(const AttentionRowsOf<Bf16>& a) {
    return a.width % kStep == 0 && a.value_width % kStep == 0 && a.value_width <= kMaxSectionWidth;
  }

  explicit AttentionTiles(const AttentionRowsOf<Bf16>& a) : a_(a) {
    lay_out_queries();
    for (int r = 0; r < kMaxAttentionRows; ++r) {
      n_visible_[r] = r < a.n_rows ? a.n_visible[r] : 0;
      first_visible_[r] = r < a.n_rows && a.first_visible ? a.first_visible[r] : 0;
    }
  }

  // Rows [first_key, n_keys), within one section, as FastAttention::section; `fetch_to` likewise.
  void section(int first_key, int n_keys, int fetch_to, float* z, float* tops, float* totals) {
    const int from = first_key / kStep * kStep;
    score(from, n_keys, fetch_to < n_keys ? n_keys : fetch_to);
    for (int t = 0; t < n_tiles(); ++t) weigh(t, from, n_keys, tops, totals);
    for (int s = from; s < n_keys; ++s) value_rows_[s - from] = value_row(a_, s);
    for (int64_t d = 0; d < a_.value_width; d += kStep) {
      interleave_values(n_keys - from, d);
      add_values((n_keys - from + kStep - 1) / kStep, z, d);
    }
  }

 private:
  using F = typename V::F;
  using Exp = FastElementwise<V>;
  static constexpr int kStep = 32;   // values of bf16 in a tile's row: columns of a key, or rows of a sum
  static constexpr int kLanes = 16;  // queries side by side
  static constexpr int kMostTiles = kMaxAttentionRows / kLanes, kMostSteps = kAttentionSection / kStep;
  static_assert(kMostTiles == 2, "score() and add_values() hold the sums of two tiles of queries");

  int n_tiles() const { return (a_.n_rows + kLanes - 1) / kLanes; }

  void lay_out_queries() {
    for (int t = 0; t < n_tiles(); ++t)
      for (int64_t i = 0; i < a_.width; i += kStep) {
        __m512i rows[kLanes];
        for (int q = 0; q < kLanes; ++q) {
          const int r = t * kLanes + q;
          rows[q] = _mm512_setzero_si512();
          if (r >= a_.n_rows) continue;
          alignas(64) Bf16 rounded[kStep];
          V::store_bf16(rounded, V::load(a_.queries + r * a_.width + i));
          V::store_bf16(rounded + V::kWidth, V::load(a_.queries + r * a_.width + i + V::kWidth));
          rows[q] = V::load_pairs(rounded);
        }
        V::transpose(rows);
        for (int p = 0; p < kLanes; ++p) _mm512_store_si512(queries_[t][i / kStep] + p * kStep, rows[p]);
      }
  }

  // Keys of rows [s, s + kStep): where the first begins, and how many bytes further the next; rows from n_keys on may be any.
  struct Keys {
    const Bf16* first;
    int64_t stride;
  };
  Keys keys(int s, int n_keys) {
    if (!a_.list && s + kStep <= n_keys) return {key_row(a_, s), a_.key_stride * static_cast<int64_t>(sizeof(Bf16))};
    for (int r = 0; r < kStep; ++r) {
      const Bf16* row = key_row(a_, s + r < n_keys ? s + r : n_keys - 1);
      for (int64_t i = 0; i < a_.width; i += kStep)
        _mm512_store_si512(some_keys_ + r * a_.width + i, V::load_pairs(row + i));
    }
    return {some_keys_, a_.width * static_cast<int64_t>(sizeof(Bf16))};
  }

  // scores_[s - from, r] for rows s in [from, n_keys), rounded up to a step, and all queries r.
  void score(int from, int n_keys, int fetch_to) {
    typename V::Tiles tiles;
    const bool two = n_tiles() == 2;
    for (int s = from; s < n_keys; s += kStep) {
      const Keys k = keys(s, n_keys);
      const Bf16* half = reinterpret_cast<const Bf16*>(reinterpret_cast<const std::byte*>(k.first) + kLanes * k.stride);
      const Next next(a_, s + kStep, fetch_to);
      tiles.template zero<0>(), tiles.template zero<1>(), tiles.template zero<2>(), tiles.template zero<3>();
      for (int64_t i = 0; i < a_.width; i += kStep) {
        next.fetch(i);
        tiles.template load<4>(k.first + i, k.stride);
        tiles.template load<6>(queries_[0][i / kStep], kRowBytes);
        tiles.template add_product<0, 4, 6>();
        tiles.template load<5>(half + i, k.stride);
        tiles.template add_product<1, 5, 6>();
        if (!two) continue;
        tiles.template load<7>(queries_[1][i / kStep], kRowBytes);
        tiles.template add_product<2, 4, 7>();
        tiles.template add_product<3, 5, 7>();
      }
      float* to = scores_[s - from];
      tiles.template store<0>(to, sizeof scores_[0]);
      tiles.template store<1>(to + kLanes * kMaxAttentionRows, sizeof scores_[0]);
      if (!two) continue;
      tiles.template store<2>(to + kLanes, sizeof scores_[0]);
      tiles.template store<3>(to + kLanes * kMaxAttentionRows + kLanes, sizeof scores_[0]);
    }
  }

  // The rows that come next, to be fetched into the second-level cache, keys and values, a step of columns at a time.
  class Next {
   public:
    Next(const AttentionRowsOf<Bf16>& a, int first, int end) : n_(end - first < kStep ? end - first : kStep) {
      for (int r = 0; r < n_; ++r) rows_[r] = key_row(a, first + r);
      if (a.values != a.keys) to_values_ = a.values - a.keys, value_width_ = a.value_width;
    }
    void fetch(int64_t i) const {
      for (int r = 0; r < n_; ++r) __builtin_prefetch(rows_[r] + i, 0, 2);
      if (i >= value_width_) return;
      for (int r = 0; r < n_; ++r) __builtin_prefetch(rows_[r] + to_values_ + i, 0, 2);
    }

   private:
    const Bf16* rows_[kStep];
    int n_;
    int64_t to_values_ = 0, value_width_ = 0;
  };

  // Scores of tile t's queries to weights in bf16; rows that a query does not see weigh exactly 0.
  void weigh(int t, int from, int n_keys, float* tops, float* totals) {
    const __m512i seen_to = _mm512_load_si512(n_visible_ + t * kLanes),
                  seen_from = _mm512_load_si512(first_visible_ + t * kLanes);
    const auto seen = [&](int s) {
      const __m512i row = _mm512_set1_epi32(s);
      return _mm512_mask_cmple_epi32_mask(_mm512_cmplt_epi32_mask(row, seen_to), seen_from, row);
    };
    F top = V::set1(-__builtin_inff());
    for (int s = from; s < n_keys; ++s) {
      const F score = V::load(scores_[s - from] + t * kLanes);
      top = _mm512_mask_max_ps(top, seen(s), top, score);
    }
    // Of the sum: what weights became, so that rounding moves numerator and denominator alike.
    F total = V::zero();
    const auto weight = [&](int s) {
      const F raised = Exp::exp(V::sub(V::load(scores_[s - from] + t * kLanes), top));
      const F rounded = _mm512_maskz_mov_ps(seen(s), raised);
      alignas(32) Bf16 halves[kLanes];
      V::store_bf16(halves, rounded);
      const __m512i bits = _mm512_cvtepu16_epi32(_mm256_load_si256(reinterpret_cast<const __m256i*>(halves)));
      total = V::add(total, _mm512_castsi512_ps(_mm512_slli_epi32(bits, 16)));
      return bits;
    };
    for (int s = from; s < n_keys; s += kStep) {
      __m512i pairs[kLanes];
      for (int p = 0; p < kLanes; ++p) {
        const __m512i even = weight(s + 2 * p), odd = weight(s + 2 * p + 1);
        pairs[p] = _mm512_or_si512(even, _mm512_slli_epi32(odd, 16));
      }
      V::transpose(pairs);
      for (int q = 0; q < kLanes; ++q) _mm512_store_si512(weights_[t][(s - from) / kStep] + q * kStep, pairs[q]);
    }
    const int n = a_.n_rows - t * kLanes;
    const __mmask16 lanes = n >= kLanes ? 0xFFFF : static_cast<__mmask16>((1 << n) - 1);
    _mm512_mask_storeu_ps(tops + t * kLanes, lanes, top);
    _mm512_mask_storeu_ps(totals + t * kLanes, lanes, total);
  }

  // Columns [d, d + kStep) of the section's `n` values: of each pair of rows the columns that V::interleave calls low, then the
  // others.
  void interleave_values(int n, int64_t d) {
    const auto store = [this](int i, __m512i even, __m512i odd) {
      __m512i low, high;
      V::interleave(even, odd, low, high);
      _mm512_store_si512(values_[i / 2], low);
      _mm512_store_si512(values_[i / 2] + kStep, high);
    };
    int i = 0;
    for (; i + 2 <= n; i += 2) store(i, V::load_pairs(value_rows_[i] + d), V::load_pairs(value_rows_[i + 1] + d));
    if (i < n) store(i, V::load_pairs(value_rows_[i] + d), _mm512_setzero_si512()), i += 2;
    for (; i % kStep != 0; i += 2) store(i, _mm512_setzero_si512(), _mm512_setzero_si512());
  }

  void add_values(int n_steps, float* z, int64_t d) {
    {
      typename V::Tiles tiles;
      const bool two = n_tiles() == 2;
      tiles.template zero<0>(), tiles.template zero<1>(), tiles.template zero<2>(), tiles.template zero<3>();
      for (int i = 0; i < n_steps; ++i) {
        const Bf16* values = values_[i * kStep / 2];
        tiles.template load<4>(weights_[0][i], kRowBytes);
        tiles.template load<6>(values, sizeof values_[0]);
        tiles.template add_product<0, 4, 6>();
        tiles.template load<7>(values + kStep, sizeof values_[0]);
        tiles.template add_product<1, 4, 7>();
        if (!two) continue;
        tiles.template load<5>(weights_[1][i], kRowBytes);
        tiles.template add_product<2, 5, 6>();
        tiles.template add_product<3, 5, 7>();
      }
      tiles.template store<0>(sums_[0], sizeof sums_[0]);
      tiles.template store<1>(sums_[0] + kLanes, sizeof sums_[0]);
      tiles.template store<2>(sums_[kLanes], sizeof sums_[0]);
      tiles.template store<3>(sums_[kLanes] + kLanes, sizeof sums_[0]);
    }
    for (int r = 0; r < a_.n_rows; ++r) {
      F first, second;
      V::gather(V::load(sums_[r]), V::load(sums_[r] + kLanes), first, second);
      V::store(z + r * a_.value_width + d, first);
      V::store(z + r * a_.value_width + d + kLanes, second);
    }
  }

  static constexpr int64_t kRowBytes = 64;
  const AttentionRowsOf<Bf16>& a_;
  alignas(64) int32_t n_visible_[kMaxAttentionRows];
  alignas(64) int32_t first_visible_[kMaxAttentionRows];
  alignas(64) Bf16 queries_[kMostTiles][kMaxBf16Width / kStep][kLanes * kStep];  // pairs of columns by query
  alignas(64) float scores_[kAttentionSection][kMaxAttentionRows];
  alignas(64) Bf16 weights_[kMostTiles][kMostSteps][kLanes * kStep];  // queries by rows
  alignas(64) Bf16 values_[kAttentionSection / 2][2 * kStep];         // pairs of rows by column
  alignas(64) Bf16 some_keys_[kStep * kMaxBf16Width];
  alignas(64) float sums_[kMaxAttentionRows][kStep];
  const Bf16* value_rows_[kAttentionSection];
};

}  // namespace
}  // namespace engine
