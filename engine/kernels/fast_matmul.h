// SPDX-License-Identifier: Apache-2.0
// engine/kernels/fast_matmul.h: matmul.h on panels of quantised types, written once over the vector steps `V` (simd_*.h).
//
// A tile is T tokens by NV vectors of rows with all sums in registers. With many tokens a weight vector is loaded (and its
// 4-bit halves are split) once for T tokens, and four inputs once for NV vectors; with one token a tile spans more rows
// instead, to keep enough independent chains of additions in flight. The order of additions within one sum is the same in
// every tile shape.
#pragma once
#include <type_traits>

#include "engine/kernels/fast_matmul_steps.h"

namespace engine {
namespace {

template <class V>
struct QuantizedMatmul {
  using F = typename V::F;
  static constexpr int kVectors = kPanelRows / V::kWidth;  // vectors per panel

  // Rows of vectors [first, first + NV), counted over all panels.
  template <PanelForm kForm, bool kWide, int T, int NV>
  static void tile(const uint8_t* panels, int64_t panel_bytes, int first, int64_t n_blocks, const MatmulRows<T>& rows) {
    using Block = PanelBlock<V, kForm>;
    if constexpr (Block::kSteps && V::kFewBits && !kWide) return StepMatmul<V>::template tile<kForm, T, NV>(panels, panel_bytes, first, n_blocks, rows);
    const uint8_t *block[NV], *units[NV];
    int lane[NV];
    for (int v = 0; v < NV; ++v) {
      units[v] = block[v] = panels + (first + v) / kVectors * panel_bytes;
      lane[v] = (first + v) % kVectors * V::kWidth;
    }
    F acc[T][NV];
    for (int t = 0; t < T; ++t)
      for (int v = 0; v < NV; ++v) acc[t][v] = V::zero();
    for (int64_t b = 0; b < n_blocks; ++b) {
      if constexpr (Block::kSteps)
        for (int v = 0; v < NV && b % 8 == 0; ++v) {
          units[v] = block[v];
          block[v] += Block::kUnitBytes;
        }
      const uint8_t* weights[NV];
      for (int v = 0; v < NV; ++v) weights[v] = block[v] + Block::kHeadBytes + lane[v] * 4;
#pragma GCC unroll 2
      for (int h = 0; h < Block::kScales; ++h) {
        F whole[T][NV];
        if constexpr (kWide)
          wide_sums<kForm, T, NV>(weights, b, h, rows, whole);
        else if constexpr (Block::kNibbles)
          nibble_sums<!Block::kOffset, T, NV>(weights, b, rows, whole);
        else if constexpr (Block::kCodes)
          code_sums<kForm == PanelForm::kFp4Codes, T, NV>(weights, b, rows, whole);
        else
          byte_sums<Block::kScales == 1, T, NV>(weights, b, h, rows, whole);
        park<V>(acc);
        F scale[NV];
        for (int v = 0; v < NV; ++v) scale[v] = Block::scale(units[v], block[v], h, lane[v]);
#pragma GCC unroll 8
        for (int t = 0; t < T; ++t) {
          const F x_scale = V::set1(rows.scales[t][b]);
          for (int v = 0; v < NV; ++v) acc[t][v] = V::fma(whole[t][v], V::mul(scale[v], x_scale), acc[t][v]);
        }
        if constexpr (Block::kOffset) {
          for (int v = 0; v < NV; ++v) scale[v] = Block::offset(units[v], block[v], h, lane[v]);
#pragma GCC unroll 8
          for (int t = 0; t < T; ++t) {
            const float* sums = rows.scaled_sums[t] + 2 * b;
            const F x_sum = V::set1(Block::kScales == 1 ? sums[0] : h == 0 ? sums[0] - sums[1] : sums[1]);
            for (int v = 0; v < NV; ++v) acc[t][v] = V::fma(scale[v], x_sum, acc[t][v]);
          }
        }
        park<V>(acc);
      }
      for (int v = 0; v < NV; ++v) block[v] += Block::kBlockBytes;
    }
    for (int t = 0; t < T; ++t)
      for (int v = 0; v < NV; ++v) V::store(rows.y[t] + (first + v) * V::kWidth, acc[t][v]);
  }

  // Products of a block's inputs with signed bytes: of all 32, or of half `h`.
  template <bool kWhole, int T, int NV>
  static void byte_sums(const uint8_t* const* weights, int64_t b, int h, const MatmulRows<T>& rows, F (&whole)[T][NV]) {
    constexpr int kGroups = kWhole ? 8 : 4;
    typename V::Sum8 sum[T][NV];
#pragma GCC unroll 8
    for (int t = 0; t < T; ++t) {
      const int32_t* sums = rows.sums[t] + 2 * b;
      for (int v = 0; v < NV; ++v) sum[t][v] = kWhole ? V::start8(sums[0] + sums[1]) : V::start8(sums[h]);
    }
#pragma GCC unroll 8
    for (int g = 0; g < kGroups; ++g) {
      typename V::W8 w[NV];
      for (int v = 0; v < NV; ++v) w[v] = V::load_w8(weights[v] + (h * 4 + g) * 64);
#pragma GCC unroll 8
      for (int t = 0; t < T; ++t) {
        const typename V::X4 x = V::repeat4(rows.quants[t] + b * kBlockValues + h * kHalfBlock + g * 4);
        for (int v = 0; v < NV; ++v) sum[t][v] = V::dot8(sum[t][v], w[v], x);
      }
    }
#pragma GCC unroll 8
    for (int t = 0; t < T; ++t)
      for (int v = 0; v < NV; ++v) whole[t][v] = V::finish8(sum[t][v]);
  }

  // With numbers of 0 to 15, from which 8 is taken where `kSigned`.
  template <bool kSigned, int T, int NV>
  static void nibble_sums(const uint8_t* const* weights, int64_t b, const MatmulRows<T>& rows, F (&whole)[T][NV]) {
    typename V::Sum4 sum[T][NV];
#pragma GCC unroll 8
    for (int t = 0; t < T; ++t) {
      const int32_t* sums = rows.sums[t] + 2 * b;
      for (int v = 0; v < NV; ++v) sum[t][v] = V::start4(kSigned ? sums[0] + sums[1] : 0);
    }
#pragma GCC unroll 4
    for (int g = 0; g < 4; ++g) {
      typename V::W4 w[NV];
      for (int v = 0; v < NV; ++v) w[v] = V::load_w4(weights[v] + g * 64);
#pragma GCC unroll 8
      for (int t = 0; t < T; ++t) {
        const int8_t* q = rows.quants[t] + b * kBlockValues + g * 4;
        const typename V::X4 low = V::repeat4(q), high = V::repeat4(q + 16);
        for (int v = 0; v < NV; ++v) sum[t][v] = V::dot4(sum[t][v], w[v].low, low);
        for (int v = 0; v < NV; ++v) sum[t][v] = V::dot4(sum[t][v], w[v].high, high);
      }
    }
#pragma GCC unroll 8
    for (int t = 0; t < T; ++t) {
      const int32_t* sums = rows.sums[t] + 2 * b;
      for (int v = 0; v < NV; ++v) whole[t][v] = V::finish4(sum[t][v], kSigned ? sums[0] + sums[1] : 0);
    }
  }

  // With the values that the halves of bytes stand for.
  template <bool kFp4, int T, int NV>
  static void code_sums(const uint8_t* const* weights, int64_t b, const MatmulRows<T>& rows, F (&whole)[T][NV]) {
    constexpr bool kFew = kFp4 && V::kFewBits;  // 32 products of 12 * 127
    const typename V::Codes codes = V::codes(kFp4 ? kFp4Values : kIq4Values);
    typename V::Sum8 sum[T][NV];
#pragma GCC unroll 8
    for (int t = 0; t < T; ++t) {
      const int32_t* sums = rows.sums[t] + 2 * b;
      for (int v = 0; v < NV; ++v) sum[t][v] = V::start8(sums[0] + sums[1]);
    }
    const auto add = [](auto& to, const typename V::W8& w, typename V::X4 x) {
      if constexpr (kFew)
        to = V::dot_few(to, w, x);
      else
        to = V::dot8(to, w, x);
    };
#pragma GCC unroll 4
    for (int g = 0; g < 4; ++g) {
      typename V::W8 low[NV], high[NV];
      for (int v = 0; v < NV; ++v) V::load_codes(weights[v] + g * 64, codes, low[v], high[v]);
#pragma GCC unroll 8
      for (int t = 0; t < T; ++t) {
        const int8_t* q = rows.quants[t] + b * kBlockValues + g * 4;
        const typename V::X4 x_low = V::repeat4(q), x_high = V::repeat4(q + 16);
        for (int v = 0; v < NV; ++v) add(sum[t][v], low[v], x_low);
        for (int v = 0; v < NV; ++v) add(sum[t][v], high[v], x_high);
      }
    }
#pragma GCC unroll 8
    for (int t = 0; t < T; ++t)
      for (int v = 0; v < NV; ++v)
        if constexpr (kFew)
          whole[t][v] = V::times_steps(sum[t][v], V::one_step());
        else
          whole[t][v] = V::finish8(sum[t][v]);
  }

  // Products with inputs of 16 bits, of any form: of all 32, or of half `h`.
  template <PanelForm kForm, int T, int NV>
  static void wide_sums(const uint8_t* const* weights, int64_t b, int h, const MatmulRows<T>& rows, F (&whole)[T][NV]) {
    using Block = PanelBlock<V, kForm>;
    constexpr bool kHalves = Block::kNibbles || Block::kCodes;
    constexpr int kGroups = kHalves || Block::kScales == 2 ? 4 : 8;
    const typename V::WideCodes codes = V::wide_codes(kForm == PanelForm::kFp4Codes ? kFp4Values : kIq4Values);
    typename V::Sum16 sum[T][NV];
#pragma GCC unroll 8
    for (int t = 0; t < T; ++t) {
      const int32_t* sums = rows.sums[t] + 2 * b;
      // Nibbles without an offset are stored 8 above the weight.
      for (int v = 0; v < NV; ++v) sum[t][v] = V::start16(Block::kNibbles && !Block::kOffset ? -8 * (sums[0] + sums[1]) : 0);
    }
    const auto step = [&]<bool kHigh>(std::bool_constant<kHigh>, int g) {
      typename V::W16 w[NV];
      for (int v = 0; v < NV; ++v) {
        const uint8_t* at = weights[v] + (h * 4 + g) * 64;
        if constexpr (Block::kNibbles)
          w[v] = V::template load_w16_nibbles<kHigh>(at);
        else if constexpr (Block::kCodes)
          w[v] = V::template load_w16_codes<kHigh>(at, codes);
        else
          w[v] = V::load_w16(at);
      }
#pragma GCC unroll 8
      for (int t = 0; t < T; ++t) {
        const typename V::X16 x = V::repeat_wide(rows.wide[t] + b * kBlockValues + (kHigh ? 1 : h) * kHalfBlock + g * 4);
        for (int v = 0; v < NV; ++v) sum[t][v] = V::dot16(sum[t][v], w[v], x);
      }
    };
#pragma GCC unroll 8
    for (int g = 0; g < kGroups; ++g) {
      step(std::false_type(), g);
      if constexpr (kHalves) step(std::true_type(), g);
    }
#pragma GCC unroll 8
    for (int t = 0; t < T; ++t)
      for (int v = 0; v < NV; ++v) whole[t][v] = V::finish16(sum[t][v]);
  }

  // All tokens for NV vectors of rows: as many at once as a tile takes, then four, two, one.
  template <PanelForm kForm, bool kWide, int NV>
  static void token_tiles(const uint8_t* panels, int64_t panel_bytes, int first, int64_t n_blocks, const Activations& x, int64_t t,
                          int64_t end, float* y, int64_t y_stride) {
    const auto tiles = [&]<int T>(std::integral_constant<int, T>) {
      for (; t + T <= end; t += T) tile<kForm, kWide, T, NV>(panels, panel_bytes, first, n_blocks, MatmulRows<T>(x, t, y, y_stride));
    };
    constexpr int kMost = kWide ? V::kWideTileTokens : V::kTileTokens;
    tiles(std::integral_constant<int, kMost>());
    if constexpr (kMost > 4) tiles(std::integral_constant<int, 4>());
    if constexpr (kMost > 2) tiles(std::integral_constant<int, 2>());
    if constexpr (kMost > 1) tiles(std::integral_constant<int, 1>());
  }

  template <PanelForm kForm, bool kWide = false>
  static void tiled(const uint8_t* panels, int64_t n_panels, int64_t n_in, const Activations& x, int64_t first_token,
                    int64_t n_tokens, float* y, int64_t y_stride) {
    const int64_t n_blocks = n_in / kBlockValues, panel_bytes = n_blocks * PanelBlock<V, kForm>::kBlockBytes + n_blocks / 8 * PanelBlock<V, kForm>::kUnitBytes;
    const int64_t end = first_token + n_tokens;
    const int n_vectors = static_cast<int>(n_panels * kVectors);
    int v = 0;
    if (n_tokens == 1) {
      const MatmulRows<1> rows(x, first_token, y, y_stride);
      for (; v + V::kRowVectors <= n_vectors; v += V::kRowVectors) tile<kForm, kWide, 1, V::kRowVectors>(panels, panel_bytes, v, n_blocks, rows);
    }
    for (; v + V::kTileVectors <= n_vectors; v += V::kTileVectors)
      token_tiles<kForm, kWide, V::kTileVectors>(panels, panel_bytes, v, n_blocks, x, first_token, end, y, y_stride);
    for (; v < n_vectors; ++v) token_tiles<kForm, kWide, 1>(panels, panel_bytes, v, n_blocks, x, first_token, end, y, y_stride);
  }

  template <PanelForm kForm>
  static constexpr auto wide = tiled<kForm, true>;
};

}  // namespace
}  // namespace engine
