// SPDX-License-Identifier: Apache-2.0
// engine/kernels/fast_matmul.h: matmul.h on panels, written once over the vector steps `V` (simd_*.h).
//
// A tile is T tokens by NV vectors of rows with all sums in registers. With many tokens a weight vector is loaded (and its
// 4-bit halves are split) once for T tokens, and four inputs once for NV vectors; with one token a tile spans more rows
// instead, to keep enough independent chains of additions in flight. The order of additions within one sum is the same in
// every tile shape.
#pragma once
#include <type_traits>

#include "engine/formats/quant_blocks.h"
#include "engine/kernels/matmul.h"

namespace engine {
namespace {

template <class V>
struct FastMatmul {
  using F = typename V::F;
  static constexpr int kVectors = kPanelRows / V::kWidth;  // vectors per panel

  template <int T>
  struct Rows {  // the T input rows of a tile
    const float* values[T];
    const int8_t* quants[T];
    const int16_t* wide[T];
    const float* scales[T];
    const int32_t* sums[T];
    float* y[T];
    Rows(const Activations& x, int64_t first, float* out, int64_t y_stride) {
      for (int t = 0; t < T; ++t) {
        const int64_t row = x.row(first + t);
        values[t] = x.values + row * x.stride;
        quants[t] = x.quants + row * x.stride;
        wide[t] = x.wide_quants + row * x.stride;
        scales[t] = x.scales + row * (x.stride / kBlockValues);
        sums[t] = x.sums + row * (x.stride / kHalfBlock);
        y[t] = out + (first + t) * y_stride;
      }
    }
  };

  // --- the quantised types -------------------------------------------------------------------------------------------
  // A form's block of 32 inputs and one panel: scales, offsets where it has some, then the whole numbers.
  template <PanelForm kForm>
  struct Form {
    static constexpr bool kFile = kForm == PanelForm::kQ8_0 || kForm == PanelForm::kQ4_0;  // laid out as in the file: f16 scales
    static constexpr bool kNibbles =
        kForm == PanelForm::kQ4_0 || kForm == PanelForm::kNibblesOffset || kForm == PanelForm::kStepsNibbles;
    static constexpr bool kCodes = kForm == PanelForm::kFp4Codes || kForm == PanelForm::kIq4Codes;
    static constexpr int kUnitBytes = static_cast<int>(unit_panel_bytes(kForm));
    static constexpr bool kSteps = kUnitBytes > 0;
    static constexpr bool kOffset = kForm == PanelForm::kNibblesOffset || kForm == PanelForm::kBytesOffset ||
                                    kForm == PanelForm::kStepsNibbles || kForm == PanelForm::kStepsBytes || kForm == PanelForm::kHalfStepsOffset;
    static constexpr int kScales = kForm == PanelForm::kHalfSteps || kForm == PanelForm::kHalfStepsOffset ? 2 : 1;
    static constexpr int kScaleBytes = kFile ? 2 : kSteps ? 1 : 4;
    static constexpr int kHeadBytes = kPanelRows * kScaleBytes * kScales * (kOffset ? 2 : 1);
    static constexpr int kBlockBytes = kHeadBytes + kPanelRows * (kNibbles || kCodes ? 16 : 32);

    static F scale(const uint8_t* units, const uint8_t* block, int h, int lane) {
      if constexpr (kFile)
        return V::load_f16(block + lane * 2);
      else if constexpr (kSteps)
        return V::mul(V::load_i8(block + h * kPanelRows + lane), V::load_f16(units + lane * 2));
      else
        return V::load(reinterpret_cast<const float*>(block) + lane);
    }
    static F offset(const uint8_t* units, const uint8_t* block, int h, int lane) {
      if constexpr (kSteps)
        return V::sub(V::zero(), V::mul(V::load_i8(block + (kScales + h) * kPanelRows + lane), V::load_f16(units + (kPanelRows + lane) * 2)));
      else
        return V::load(reinterpret_cast<const float*>(block) + kPanelRows + lane);
    }
  };

  // Rows of vectors [first, first + NV), counted over all panels.
  template <PanelForm kForm, bool kWide, int T, int NV>
  static void tile(const uint8_t* panels, int64_t panel_bytes, int first, int64_t n_blocks, const Rows<T>& rows) {
    using Block = Form<kForm>;
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
            const int32_t* sums = rows.sums[t] + 2 * b;
            const F x_sum = V::set1(rows.scales[t][b] * static_cast<float>(Block::kScales == 2 ? sums[h] : sums[0] + sums[1]));
            for (int v = 0; v < NV; ++v) acc[t][v] = V::fma(scale[v], x_sum, acc[t][v]);
          }
        }
      }
      for (int v = 0; v < NV; ++v) block[v] += Block::kBlockBytes;
    }
    for (int t = 0; t < T; ++t)
      for (int v = 0; v < NV; ++v) V::store(rows.y[t] + (first + v) * V::kWidth, acc[t][v]);
  }

  // Products of a block's inputs with signed bytes: of all 32, or of half `h`.
  template <bool kWhole, int T, int NV>
  static void byte_sums(const uint8_t* const* weights, int64_t b, int h, const Rows<T>& rows, F (&whole)[T][NV]) {
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
  static void nibble_sums(const uint8_t* const* weights, int64_t b, const Rows<T>& rows, F (&whole)[T][NV]) {
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
  static void code_sums(const uint8_t* const* weights, int64_t b, const Rows<T>& rows, F (&whole)[T][NV]) {
    const typename V::Codes codes = V::codes(kFp4 ? kFp4Values : kIq4Values);
    typename V::Sum8 sum[T][NV];
#pragma GCC unroll 8
    for (int t = 0; t < T; ++t) {
      const int32_t* sums = rows.sums[t] + 2 * b;
      for (int v = 0; v < NV; ++v) sum[t][v] = V::start8(sums[0] + sums[1]);
    }
#pragma GCC unroll 4
    for (int g = 0; g < 4; ++g) {
      typename V::W8 low[NV], high[NV];
      for (int v = 0; v < NV; ++v) V::load_codes(weights[v] + g * 64, codes, low[v], high[v]);
#pragma GCC unroll 8
      for (int t = 0; t < T; ++t) {
        const int8_t* q = rows.quants[t] + b * kBlockValues + g * 4;
        const typename V::X4 x_low = V::repeat4(q), x_high = V::repeat4(q + 16);
        for (int v = 0; v < NV; ++v) sum[t][v] = V::dot8(sum[t][v], low[v], x_low);
        for (int v = 0; v < NV; ++v) sum[t][v] = V::dot8(sum[t][v], high[v], x_high);
      }
    }
#pragma GCC unroll 8
    for (int t = 0; t < T; ++t)
      for (int v = 0; v < NV; ++v) whole[t][v] = V::finish8(sum[t][v]);
  }

  // Products with inputs of 16 bits, of any form: of all 32, or of half `h`.
  template <PanelForm kForm, int T, int NV>
  static void wide_sums(const uint8_t* const* weights, int64_t b, int h, const Rows<T>& rows, F (&whole)[T][NV]) {
    using Block = Form<kForm>;
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
      for (; t + T <= end; t += T) tile<kForm, kWide, T, NV>(panels, panel_bytes, first, n_blocks, Rows<T>(x, t, y, y_stride));
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
    const int64_t n_blocks = n_in / kBlockValues, panel_bytes = n_blocks * Form<kForm>::kBlockBytes + n_blocks / 8 * Form<kForm>::kUnitBytes;
    const int64_t end = first_token + n_tokens;
    const int n_vectors = static_cast<int>(n_panels * kVectors);
    int v = 0;
    if (n_tokens == 1) {
      const Rows<1> rows(x, first_token, y, y_stride);
      for (; v + V::kRowVectors <= n_vectors; v += V::kRowVectors) tile<kForm, kWide, 1, V::kRowVectors>(panels, panel_bytes, v, n_blocks, rows);
    }
    for (; v + V::kTileVectors <= n_vectors; v += V::kTileVectors)
      token_tiles<kForm, kWide, V::kTileVectors>(panels, panel_bytes, v, n_blocks, x, first_token, end, y, y_stride);
    for (; v < n_vectors; ++v) token_tiles<kForm, kWide, 1>(panels, panel_bytes, v, n_blocks, x, first_token, end, y, y_stride);
  }

  template <PanelForm kForm>
  static constexpr auto wide = tiled<kForm, true>;

  // --- F8_E4M3 -------------------------------------------------------------------------------------------------------
  template <int T, int P>  // P panels at once
  static void f8_tile(const uint8_t* panels, int64_t panel_bytes, int64_t n_in, const Rows<T>& rows) {
    F acc[T][P * kVectors];
    for (int t = 0; t < T; ++t)
      for (int v = 0; v < P * kVectors; ++v) acc[t][v] = V::zero();
    const uint8_t* part = panels;
    for (int64_t first = 0; first < n_in; first += kBlockValues) {
      const int64_t last = first + kBlockValues < n_in ? first + kBlockValues : n_in;
      const uint8_t* values = part + kPanelRows * 4;
      F sum[T][P * kVectors];
      for (int t = 0; t < T; ++t)
        for (int v = 0; v < P * kVectors; ++v) sum[t][v] = V::zero();
      for (int64_t i = first; i < last; ++i, values += kPanelRows) {
        F w[P * kVectors];
        for (int v = 0; v < P * kVectors; ++v) w[v] = V::load_e4m3(values + v / kVectors * panel_bytes + v % kVectors * V::kWidth);
        for (int t = 0; t < T; ++t) {
          const F x = V::set1(rows.values[t][i]);
          for (int v = 0; v < P * kVectors; ++v) sum[t][v] = V::fma(w[v], x, sum[t][v]);
        }
      }
      for (int v = 0; v < P * kVectors; ++v) {
        const F scale = V::load(reinterpret_cast<const float*>(part + v / kVectors * panel_bytes) + v % kVectors * V::kWidth);
        // load_e4m3 gives a 256th of the value. Not in the scale: that might pass the largest number.
        for (int t = 0; t < T; ++t) acc[t][v] = V::fma(V::mul(sum[t][v], V::set1(256.0f)), scale, acc[t][v]);
      }
      part = values;
    }
    for (int t = 0; t < T; ++t)
      for (int v = 0; v < P * kVectors; ++v) V::store(rows.y[t] + v * V::kWidth, acc[t][v]);
  }

  static void f8(const uint8_t* panels, int64_t n_panels, int64_t n_in, const Activations& x, int64_t first_token,
                 int64_t n_tokens, float* y, int64_t y_stride) {
    constexpr int kF8Tokens = 3, kWide = 2;  // sums of a part and of the row: twice the registers of floats()
    const int64_t panel_bytes = engine::panel_bytes(DType::kF8_E4M3, n_in), end = first_token + n_tokens;
    const int64_t tiled_end = end - n_tokens % kF8Tokens;
    for (int64_t p = 0; p < n_panels; ++p)
      for (int64_t t = first_token; t < tiled_end; t += kF8Tokens)
        f8_tile<kF8Tokens, 1>(panels + p * panel_bytes, panel_bytes, n_in, Rows<kF8Tokens>(x, t, y + p * kPanelRows, y_stride));
    for (int64_t t = tiled_end; t < end; ++t) {
      int64_t p = 0;
      for (; p + kWide <= n_panels; p += kWide)
        f8_tile<1, kWide>(panels + p * panel_bytes, panel_bytes, n_in, Rows<1>(x, t, y + p * kPanelRows, y_stride));
      for (; p < n_panels; ++p)
        f8_tile<1, 1>(panels + p * panel_bytes, panel_bytes, n_in, Rows<1>(x, t, y + p * kPanelRows, y_stride));
    }
  }

  // --- F32, F16, BF16, and turned matrices ---------------------------------------------------------------------------
  template <PanelForm kForm>
  static constexpr int kValueBytes = kForm == PanelForm::kF32 ? 4 : kForm == PanelForm::kF16 || kForm == PanelForm::kBF16 ? 2 : 1;
  template <PanelForm kForm>  // f32 numbers before the values, times n_in
  static constexpr int kHeads = kForm == PanelForm::kTurnedOffset ? 2 : kValueBytes<kForm> == 1 ? 1 : 0;

  // Step i of a panel: `vector` of its rows, as f32.
  template <PanelForm kForm>
  static F load_weights(const uint8_t* panel, int64_t n_in, int64_t i, int vector) {
    const uint8_t* values = panel + n_in * 4 * kHeads<kForm> + (i * kPanelRows + vector * V::kWidth) * kValueBytes<kForm>;
    const float* heads = reinterpret_cast<const float*>(panel) + i;
    if constexpr (kForm == PanelForm::kF32) return V::load(reinterpret_cast<const float*>(values));
    if constexpr (kForm == PanelForm::kF16) return V::load_f16(values);
    if constexpr (kForm == PanelForm::kBF16) return V::load_bf16(values);
    if constexpr (kForm == PanelForm::kTurned) return V::mul(V::load_i8(values), V::set1(heads[0]));
    if constexpr (kForm == PanelForm::kTurnedOffset) return V::add(V::mul(V::load_i8(values), V::set1(heads[0])), V::set1(heads[n_in]));
    // A 256th of the value is what load_e4m3 gives. Not in the scale: that might pass the largest number.
    if constexpr (kForm == PanelForm::kTurnedF8) return V::mul(V::mul(V::load_e4m3(values), V::set1(256.0f)), V::set1(heads[0]));
  }

  template <PanelForm kForm, int T, int P>  // P panels at once
  static void float_tile(const uint8_t* panels, int64_t panel_bytes, int64_t n_in, const Rows<T>& rows) {
    F acc[T][P * kVectors];
    for (int t = 0; t < T; ++t)
      for (int v = 0; v < P * kVectors; ++v) acc[t][v] = V::zero();
    for (int64_t i = 0; i < n_in; ++i) {
      F w[P * kVectors];
      for (int v = 0; v < P * kVectors; ++v)
        w[v] = load_weights<kForm>(panels + v / kVectors * panel_bytes, n_in, i, v % kVectors);
      for (int t = 0; t < T; ++t) {
        const F x = V::set1(rows.values[t][i]);
        for (int v = 0; v < P * kVectors; ++v) acc[t][v] = V::fma(w[v], x, acc[t][v]);
      }
    }
    for (int t = 0; t < T; ++t)
      for (int v = 0; v < P * kVectors; ++v) V::store(rows.y[t] + v * V::kWidth, acc[t][v]);
  }

  template <PanelForm kForm>
  static void floats(const uint8_t* panels, int64_t n_panels, int64_t n_in, const Activations& x, int64_t first_token,
                     int64_t n_tokens, float* y, int64_t y_stride) {
    constexpr int kFloatTokens = 6, kWide = 4;
    const int64_t panel_bytes = n_in * (kPanelRows * kValueBytes<kForm> + 4 * kHeads<kForm>), end = first_token + n_tokens;
    int64_t tiled_end = first_token;
    for (; tiled_end + kFloatTokens <= end; tiled_end += kFloatTokens) {
    }
    for (int64_t p = 0; p < n_panels; ++p)
      for (int64_t t = first_token; t < tiled_end; t += kFloatTokens)
        float_tile<kForm, kFloatTokens, 1>(panels + p * panel_bytes, panel_bytes, n_in,
                                           Rows<kFloatTokens>(x, t, y + p * kPanelRows, y_stride));
    for (int64_t t = tiled_end; t < end; ++t) {
      int64_t p = 0;
      for (; p + kWide <= n_panels; p += kWide)
        float_tile<kForm, 1, kWide>(panels + p * panel_bytes, panel_bytes, n_in, Rows<1>(x, t, y + p * kPanelRows, y_stride));
      for (; p < n_panels; ++p)
        float_tile<kForm, 1, 1>(panels + p * panel_bytes, panel_bytes, n_in, Rows<1>(x, t, y + p * kPanelRows, y_stride));
    }
  }
};

}  // namespace
}  // namespace engine
