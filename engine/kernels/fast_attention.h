// SPDX-License-Identifier: Apache-2.0
// engine/kernels/fast_attention.h: attention.h over the vector steps `V`.
//
// A tile of queries by cache rows (for values: by columns) shares its loads in registers; a block of 64 rows is read from
// memory once for all queries of the call, first for the scores and then, from cache, for the values; of the block a few
// keys, and some columns of the values, serve all queries before the next. Rows in bf16 are widened as they are loaded, or
// multiplied as they are where the CPU can (fast_attention_pairs.h; whole sections in fast_attention_tiles.h). All loops over a
// tile are told to unroll: one that is not leaves the tile's sums in memory, at two thirds of the speed.
#pragma once
#include "engine/kernels/fast_elementwise.h"
#include "engine/kernels/attention.h"
#include "engine/kernels/attention_rows.h"
#include "engine/kernels/fast_attention_pairs.h"

namespace engine {
namespace {

template <class V>
class AttentionTiles;  // fast_attention_tiles.h, which files of an instruction set with V::kTileProducts include

template <class V>
struct FastAttention {
  using F = typename V::F;
  static constexpr int kBlock = kAttentionBlock;

  // Where the rows of a block lie.
  template <typename T>
  struct Strided {
    const T* first = nullptr;
    int64_t stride = 0;
    const T* operator[](int s) const { return first + s * stride; }
  };
  template <typename T>
  struct Listed {
    const std::byte* const* rows = nullptr;
    int64_t offset = 0;
    const T* operator[](int s) const { return reinterpret_cast<const T*>(rows[s]) + offset; }
  };

  template <class Rows>
  struct Block {
    Rows keys, values;
    int n = 0;  // rows; 0: there is no such block
  };

  // Fetches the rows of the next block into the second-level cache while this one is worked on: the hardware does not see
  // that one block follows another, nor that keys lie between values. Where the rows lie one behind the other, a line comes
  // with each step of a tile, so that there are never more on their way than the hardware keeps track of, which would stop
  // the tile; else each tile begins with its share.
  template <class Rows>
  class Ahead {
   public:
    // `width` values of each key and `value_width` of each value row (0: they lie in the keys), in `n_tiles` tiles.
    Ahead(const Block<Rows>& next, int64_t width, int64_t value_width, int64_t n_tiles)
        : parts_{{next.keys, lines(width)}, {next.values, lines(value_width)}}, n_rows_(next.n) {
      int64_t n_lines = n_rows_ * (parts_[0].lines + parts_[1].lines);
      if (n_rows_ > 0 && follow_each_other(next, width, value_width)) {
        at_ = reinterpret_cast<const char*>(next.keys[0]);
        n_lines = left_ = lines(n_rows_ * (width + value_width));
        row_ = n_rows_;  // none row by row
      }
      share_ = (n_lines + n_tiles - 1) / n_tiles;
    }

    struct Stretch {
      const char* at;
      int64_t stride;
      void operator()() {
        __builtin_prefetch(at, 0, 2);
        at += stride;
      }
    };
    // To be taken before each tile, and called in each of its steps.
    Stretch tile(int64_t n_steps) {
      if (left_ == 0) return fetch_share(), Stretch{at_, 0};
      const int64_t share = share_ < left_ ? share_ : left_, in_steps = share < n_steps ? share : n_steps;
      left_ -= share;
      for (int64_t i = in_steps; i < share; ++i, at_ += 64) __builtin_prefetch(at_, 0, 2);
      const Stretch stretch{at_, 64};
      at_ += in_steps * 64;
      return stretch;
    }

   private:
    static constexpr int64_t kValueBytes = static_cast<int64_t>(sizeof *Rows().operator[](0));
    static int64_t lines(int64_t width) { return (width * kValueBytes + 63) / 64; }

    static bool follow_each_other(const Block<Rows>& next, int64_t width, int64_t value_width) {
      if constexpr (requires { next.keys.stride; })
        return next.keys.stride == width + value_width && (value_width == 0 || next.values.first == next.keys.first + width);
      else
        return false;
    }
    void fetch_share() {
      for (int64_t i = 0; i < share_ && row_ < n_rows_; ++i) {
        __builtin_prefetch(reinterpret_cast<const char*>(parts_[part_].rows[row_]) + line_ * 64, 0, 2);
        if (++line_ < parts_[part_].lines) continue;
        line_ = 0;
        part_ = part_ == 0 && parts_[1].lines > 0 ? 1 : 0;
        row_ += part_ == 0;
      }
    }
    struct Part {
      Rows rows;
      int64_t lines;
    } parts_[2];
    int n_rows_;
    int64_t share_ = 0;  // lines of a tile
    const char* at_ = reinterpret_cast<const char*>(this);  // somewhere that is near already
    int64_t left_ = 0;  // lines behind `at`
    int row_ = 0, part_ = 0;
    int64_t line_ = 0;
  };

  static F load(const float* p) { return V::load(p); }
  static F load(const Bf16* p) { return V::load_bf16(reinterpret_cast<const uint8_t*>(p)); }

  // scores[r * kBlock + s] for R queries and as many cache rows as a tile takes, from row `from` of the block on; beyond the
  // block's last row they are anything.
  template <int R, class Rows, class Fetch>
  static void dot_tile(const float* q, int64_t width, const Rows& rows, int from, int n_keys, float* scores, Fetch fetch) {
    constexpr int S = V::kDotTile / R;
    decltype(rows[0]) k[S];
#pragma GCC unroll 16
    for (int s = 0; s < S; ++s) k[s] = rows[from + s < n_keys ? from + s : n_keys - 1];
    F acc[R * S];
#pragma GCC unroll 16
    for (F& sum : acc) sum = V::zero();
    for (int64_t i = 0; i < width; i += V::kWidth) {
      fetch();
      F query[R];
#pragma GCC unroll 4
      for (int r = 0; r < R; ++r) query[r] = V::in_register(V::load(q + r * width + i));
#pragma GCC unroll 16
      for (int s = 0; s < S; ++s) {
        const F key = load(k[s] + i);
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
  template <int R, int N, class Rows, class Fetch>
  static void value_tile(const float* p, const float* keep, const Rows& values, int n_keys, float* z, int64_t value_width, int64_t d,
                         Fetch fetch) {
    F acc[R][N];
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
      for (int v = 0; v < N; ++v) acc[r][v] = V::mul(V::load(z + r * value_width + d + v * V::kWidth), V::set1(keep[r]));
    for (int s = 0; s < n_keys; ++s) {
      fetch();
      const auto* row = values[s] + d;
      F weight[R];
#pragma GCC unroll 4
      for (int r = 0; r < R; ++r) weight[r] = V::set1(p[r * kBlock + s]);
#pragma GCC unroll 4
      for (int v = 0; v < N; ++v) {
        const F value = load(row + v * V::kWidth);
#pragma GCC unroll 4
        for (int r = 0; r < R; ++r) acc[r][v] = V::fma(weight[r], value, acc[r][v]);
      }
    }
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
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
    if constexpr (kTiles<T>)
      if (AttentionTiles<V>::takes(a)) {
        AttentionTiles<V> tiles(a);
        return run_sections(a, [&](int first_key, int n_keys, int fetch_to, const Sums& sums) {
          tiles.section(first_key, n_keys, fetch_to, sums.z, sums.tops, sums.totals);
        });
      }
    Work<kPairs<T>> work;
    if constexpr (kPairs<T>) AttentionPairs<V>::round_queries(a.queries, a.n_rows, a.width, work.queries);
    run_sections(a, [&](int first_key, int n_keys, int fetch_to, const Sums& sums) { section(a, first_key, n_keys, fetch_to, sums, work); });
  }

  static void join_sections(const AttentionSections& a) {
    for (int r = 0; r < a.n_rows; ++r) {
      float top = -__builtin_inff(), total = 0.0f;
      float* z = a.out + r * a.value_width;
      for (int64_t i = 0; i < a.value_width; ++i) z[i] = 0.0f;
      for (int64_t i = 0; i < a.n_sections; ++i)
        join({z, &top, &total}, a.sums + i * a.sums_stride + r * a.value_width, a.tops[i * a.tops_stride + r],
             a.totals[i * a.tops_stride + r], a.value_width);
      finish({z, &top, &total}, a.sinks ? a.sinks + r : nullptr, a.value_width);
    }
  }

 private:
  template <typename T>
  static constexpr bool kPairs = V::kPairProducts && sizeof(T) == sizeof(Bf16);
  template <typename T>
  static constexpr bool kTiles = V::kTileProducts && sizeof(T) == sizeof(Bf16);

  // Of one call; what only pairs need is a value long without them.
  template <bool kRounded>
  struct Work {
    float scores[kMaxAttentionRows * kBlock];
    Bf16 queries[kRounded ? kMaxAttentionRows * kMaxBf16Width : 1], weights[kRounded ? kMaxAttentionRows * kBlock : 1];
  };
  // Of the queries: sum of weight * value [.., value_width], largest score, sum of weights.
  struct Sums {
    float *z, *tops, *totals;
  };

  // The section that `a` asks for, or all of them, joined; `section` as below.
  template <typename T, class Section>
  static void run_sections(const AttentionRowsOf<T>& a, Section&& section) {
    int n_keys = 0, first_key = a.n_visible[0];
    for (int r = 0; r < a.n_rows; ++r) {
      const int first = a.first_visible ? a.first_visible[r] : 0;
      if (a.n_visible[r] > n_keys) n_keys = a.n_visible[r];
      if (first < first_key) first_key = first;
    }
    if (a.tops) {
      const int first = a.section * kAttentionSection, last = first + kAttentionSection;
      section(first > first_key ? first : first_key, last < n_keys ? last : n_keys, 0, Sums{a.out, a.tops, a.totals});
      return;
    }
    float tops[kMaxAttentionRows], totals[kMaxAttentionRows];
    if (a.value_width > kMaxSectionWidth) {
      section(first_key, n_keys, 0, Sums{a.out, tops, totals});
    } else {
      int first = first_key / kAttentionSection * kAttentionSection, last = first + kAttentionSection;
      section(first_key, last < n_keys ? last : n_keys, n_keys, Sums{a.out, tops, totals});
      float sums[kMaxAttentionRows * kMaxSectionWidth], more_tops[kMaxAttentionRows], more_totals[kMaxAttentionRows];
      for (first = last; first < n_keys; first = last) {
        last = first + kAttentionSection;
        section(first, last < n_keys ? last : n_keys, n_keys, Sums{sums, more_tops, more_totals});
        for (int r = 0; r < a.n_rows; ++r)
          join({a.out + r * a.value_width, tops + r, totals + r}, sums + r * a.value_width, more_tops[r], more_totals[r], a.value_width);
      }
    }
    for (int r = 0; r < a.n_rows; ++r)
      finish({a.out + r * a.value_width, tops + r, totals + r}, a.sinks ? a.sinks + r : nullptr, a.value_width);
  }

  // Rows [first_key, n_keys), within one section; `fetch_to`: the end of what the call will read, where that is more.
  template <typename T>
  static void section(const AttentionRowsOf<T>& a, int first_key, int n_keys, int fetch_to, const Sums& sums, Work<kPairs<T>>& work) {
    for (int r = 0; r < a.n_rows; ++r) sums.tops[r] = -__builtin_inff(), sums.totals[r] = 0.0f;
    for (int64_t i = 0; i < a.n_rows * a.value_width; ++i) sums.z[i] = 0.0f;
    if (fetch_to < n_keys) fetch_to = n_keys;
    for (int first = first_key / kBlock * kBlock; first < n_keys; first += kBlock) {
      if (a.list)
        block(a, first, listed(a, first, n_keys), listed(a, first + kBlock, fetch_to), sums, work);
      else
        block(a, first, strided(a, first, n_keys), strided(a, first + kBlock, fetch_to), sums, work);
    }
  }

  // Adds a later section's sums to those of one query; exact where either saw nothing.
  static void join(const Sums& to, const float* z, float top, float total, int64_t value_width) {
    if (total == 0.0f) return;
    const float new_top = top > *to.tops ? top : *to.tops;
    const float keep = *to.totals > 0.0f ? __builtin_expf(*to.tops - new_top) : 0.0f, add = __builtin_expf(top - new_top);
    *to.totals = *to.totals * keep + total * add;
    *to.tops = new_top;
    for (int64_t d = 0; d < value_width; d += V::kWidth)
      V::store(to.z + d, V::fma(V::load(z + d), V::set1(add), V::mul(V::load(to.z + d), V::set1(keep))));
  }

  static void finish(const Sums& of, const float* sink, int64_t value_width) {
    float keep = 1.0f;
    if (sink) {
      const float top = *sink > *of.tops ? *sink : *of.tops;
      keep = *of.totals > 0.0f ? __builtin_expf(*of.tops - top) : 0.0f;
      *of.totals = *of.totals * keep + __builtin_expf(*sink - top);
    }
    for (int64_t d = 0; d < value_width; d += V::kWidth) V::store(of.z + d, V::mul(V::load(of.z + d), V::set1(keep / *of.totals)));
  }

  static int rows_of_block(int first, int n_keys) {
    return first >= n_keys ? 0 : n_keys - first < kBlock ? n_keys - first : kBlock;
  }
  template <typename T>
  static Block<Strided<T>> strided(const AttentionRowsOf<T>& a, int first, int n_keys) {
    const int n = rows_of_block(first, n_keys);
    if (n == 0) return {};
    return {{key_row(a, first), a.key_stride}, {value_row(a, first), a.value_stride}, n};
  }
  template <typename T>
  static Block<Listed<T>> listed(const AttentionRowsOf<T>& a, int first, int n_keys) {
    return {{a.list + first, 0}, {a.list + first, a.values - a.keys}, rows_of_block(first, n_keys)};
  }

  template <typename T, class Rows>
  static void block(const AttentionRowsOf<T>& a, int first, const Block<Rows>& here, const Block<Rows>& next, const Sums& sums,
                    Work<kPairs<T>>& work) {
    const Rows &keys = here.keys, &values = here.values;
    const int n = here.n;
    float keep[kMaxAttentionRows];
    const auto in_tiles = [&a](auto&& tile) {  // (queries, first of them)
      int r = 0;
      for (; r + 4 <= a.n_rows; r += 4) tile(Tile<4>(), r);
      for (; r + 2 <= a.n_rows; r += 2) tile(Tile<2>(), r);
      for (; r < a.n_rows; ++r) tile(Tile<1>(), r);
    };
    constexpr int64_t kValueColumns = kPairs<T> ? 2 * kPairColumns : V::kValueTile * V::kWidth;
    int64_t n_tiles = 0;
    in_tiles([&]<int R>(Tile<R>, int) {
      n_tiles += (n + V::kDotTile / R - 1) / (V::kDotTile / R) + (a.value_width + kValueColumns - 1) / kValueColumns;
    });
    Ahead<Rows> ahead(next, a.width, a.values != a.keys ? a.value_width : 0, n_tiles);
    // A few keys for all queries, then the next: they stay in the first-level cache meanwhile. Likewise the values.
    for (int some = 0; some < n; some += V::kDotTile)
      in_tiles([&]<int R>(Tile<R>, int r) {
        for (int s = some; s < n && s < some + V::kDotTile; s += V::kDotTile / R) {
          if constexpr (kPairs<T>)
            AttentionPairs<V>::template dot_tile<R>(work.queries + r * AttentionPairs<V>::padded(a.width), a.width, keys, s, n,
                                                    work.scores + r * kBlock, ahead.tile((a.width + kPairColumns - 1) / kPairColumns));
          else
            dot_tile<R>(a.queries + r * a.width, a.width, keys, s, n, work.scores + r * kBlock, ahead.tile(a.width / V::kWidth));
        }
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
        keep[r] = weigh<kPairs<T>>(work.scores + r * kBlock, unseen, seen, sums.tops[r], sums.totals[r], rounded);
      }
    }
    for (int64_t d = 0; d < a.value_width; d += kSomeColumns)
      in_tiles([&]<int R>(Tile<R>, int r) {
        const int64_t end = d + kSomeColumns < a.value_width ? d + kSomeColumns : a.value_width;
        float* z = sums.z + r * a.value_width;
        if constexpr (kPairs<T>)
          AttentionPairs<V>::template add_values<R>(work.weights + r * kBlock, keep + r, values, n, z, a.value_width, d, end, ahead);
        else
          add_values<R>(work.scores + r * kBlock, keep + r, values, n, z, a.value_width, d, end, ahead);
      });
  }

  static constexpr int64_t kSomeColumns = 64;

  template <int R, class Rows>
  static void add_values(const float* p, const float* keep, const Rows& values, int n_keys, float* z, int64_t value_width, int64_t d,
                         int64_t end, Ahead<Rows>& ahead) {
    constexpr int64_t kWide = V::kValueTile * V::kWidth, kNarrow = 16;
    for (; d + kWide <= end; d += kWide)
      value_tile<R, kWide / V::kWidth>(p, keep, values, n_keys, z, value_width, d, ahead.tile(n_keys));
    for (; d < end; d += kNarrow)
      value_tile<R, kNarrow / V::kWidth>(p, keep, values, n_keys, z, value_width, d, ahead.tile(n_keys));
  }

  template <int R>
  struct Tile {};
};

}  // namespace
}  // namespace engine
