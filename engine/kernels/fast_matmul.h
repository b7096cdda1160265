// SPDX-License-Identifier: Apache-2.0
// engine/kernels/fast_matmul.h: matmul.h on panels, written once over the vector steps `V` (simd_*.h).
//
// A tile is T tokens by NV vectors of rows with all sums in registers. With many tokens a weight vector is loaded (and its
// 4-bit halves are split) once for T tokens; with one token a tile spans more rows instead, to keep enough independent
// chains of additions in flight. The order of additions within one sum is the same in every tile shape.
#pragma once
#include "engine/kernels/matmul.h"

namespace engine {
namespace {

template <class V>
struct FastMatmul {
  using F = typename V::F;
  static constexpr int kVectors = kPanelRows / V::kWidth;  // vectors per panel
  static constexpr int kTokens = 4;                        // of a quantised tile

  template <int T>
  struct Rows {  // the T input rows of a tile
    const float* values[T];
    const int8_t* quants[T];
    const float* scales[T];
    const int32_t* sums[T];
    float* y[T];
    Rows(const Activations& x, int64_t first, float* out, int64_t y_stride) {
      for (int t = 0; t < T; ++t) {
        const int64_t row = x.row(first + t);
        values[t] = x.values + row * x.stride;
        quants[t] = x.quants + row * x.stride;
        scales[t] = x.scales + row * (x.stride / kBlockValues);
        sums[t] = x.sums + row * (x.stride / kHalfBlock);
        y[t] = out + (first + t) * y_stride;
      }
    }
  };

  // --- Q8_0 ----------------------------------------------------------------------------------------------------------
  template <int T, int NV>
  static void q8_tile(const uint8_t* panel, int vector, int64_t n_blocks, const Rows<T>& rows) {
    F acc[T][NV];
    for (int t = 0; t < T; ++t)
      for (int v = 0; v < NV; ++v) acc[t][v] = V::zero();
    for (int64_t b = 0; b < n_blocks; ++b) {
      const uint8_t* block = panel + b * (kPanelRows * 34);
      const uint8_t* weights = block + kPanelRows * 2 + vector * V::kWidth * 4;
      typename V::Sum8 sum[T][NV];
      for (int t = 0; t < T; ++t)
        for (int v = 0; v < NV; ++v) sum[t][v] = V::start8(rows.sums[t][2 * b] + rows.sums[t][2 * b + 1]);
#pragma GCC unroll 8
      for (int g = 0; g < 8; ++g) {
        typename V::W8 w[NV];
        for (int v = 0; v < NV; ++v) w[v] = V::load_w8(weights + g * 64 + v * V::kWidth * 4);
#pragma GCC unroll 8
        for (int t = 0; t < T; ++t) {
          const typename V::X4 x = V::repeat4(rows.quants[t] + b * kBlockValues + g * 4);
          for (int v = 0; v < NV; ++v) sum[t][v] = V::dot8(sum[t][v], w[v], x);
        }
      }
      for (int v = 0; v < NV; ++v) {
        const F scale = V::load_f16(block + (vector + v) * V::kWidth * 2);
        for (int t = 0; t < T; ++t)
          acc[t][v] = V::fma(V::finish8(sum[t][v]), V::mul(scale, V::set1(rows.scales[t][b])), acc[t][v]);
      }
    }
    for (int t = 0; t < T; ++t)
      for (int v = 0; v < NV; ++v) V::store(rows.y[t] + (vector + v) * V::kWidth, acc[t][v]);
  }

  // --- Q4_0 ----------------------------------------------------------------------------------------------------------
  template <int T, int NV>
  static void q4_tile(const uint8_t* panel, int vector, int64_t n_blocks, const Rows<T>& rows) {
    F acc[T][NV];
    for (int t = 0; t < T; ++t)
      for (int v = 0; v < NV; ++v) acc[t][v] = V::zero();
    for (int64_t b = 0; b < n_blocks; ++b) {
      const uint8_t* block = panel + b * (kPanelRows * 18);
      const uint8_t* weights = block + kPanelRows * 2 + vector * V::kWidth * 4;
      typename V::Sum4 sum[T][NV];
      for (int t = 0; t < T; ++t)
        for (int v = 0; v < NV; ++v) sum[t][v] = V::start4(rows.sums[t][2 * b] + rows.sums[t][2 * b + 1]);
#pragma GCC unroll 4
      for (int g = 0; g < 4; ++g) {
        typename V::W4 w[NV];
        for (int v = 0; v < NV; ++v) w[v] = V::load_w4(weights + g * 64 + v * V::kWidth * 4);
#pragma GCC unroll 8
        for (int t = 0; t < T; ++t) {
          const int8_t* q = rows.quants[t] + b * kBlockValues + g * 4;
          const typename V::X4 low = V::repeat4(q), high = V::repeat4(q + 16);
          for (int v = 0; v < NV; ++v) sum[t][v] = V::dot4(V::dot4(sum[t][v], w[v].low, low), w[v].high, high);
        }
      }
      for (int v = 0; v < NV; ++v) {
        const F scale = V::load_f16(block + (vector + v) * V::kWidth * 2);
        for (int t = 0; t < T; ++t) {
          const F whole = V::finish4(sum[t][v], rows.sums[t][2 * b] + rows.sums[t][2 * b + 1]);
          acc[t][v] = V::fma(whole, V::mul(scale, V::set1(rows.scales[t][b])), acc[t][v]);
        }
      }
    }
    for (int t = 0; t < T; ++t)
      for (int v = 0; v < NV; ++v) V::store(rows.y[t] + (vector + v) * V::kWidth, acc[t][v]);
  }

  // --- the types laid out anew ---------------------------------------------------------------------------------------
  template <PanelForm kForm, int T, int NV>
  static void block_tile(const uint8_t* panel, int vector, int64_t n_blocks, const Rows<T>& rows) {
    constexpr bool kNibbles = kForm == PanelForm::kNibblesOffset;
    constexpr bool kOffset = kNibbles || kForm == PanelForm::kBytesOffset || kForm == PanelForm::kHalvesBytesOffset;
    constexpr int kScales = kForm == PanelForm::kHalvesBytes || kForm == PanelForm::kHalvesBytesOffset ? 2 : 1;
    constexpr int kHeadBytes = kPanelRows * 4 * kScales * (kOffset ? 2 : 1);
    F acc[T][NV];
    for (int t = 0; t < T; ++t)
      for (int v = 0; v < NV; ++v) acc[t][v] = V::zero();
    for (int64_t b = 0; b < n_blocks; ++b) {
      const uint8_t* block = panel + b * block_panel_bytes(kForm);
      const float* head = reinterpret_cast<const float*>(block) + vector * V::kWidth;
      const uint8_t* weights = block + kHeadBytes + vector * V::kWidth * 4;
      for (int h = 0; h < kScales; ++h) {
        int32_t x_sum[T];
        for (int t = 0; t < T; ++t) x_sum[t] = kScales == 2 ? rows.sums[t][2 * b + h] : rows.sums[t][2 * b] + rows.sums[t][2 * b + 1];
        F whole[T][NV];
        if constexpr (kNibbles)
          nibble_sums<T, NV>(weights, b, rows, whole);
        else
          byte_sums<T, NV, 8 / kScales>(weights + h * 4 * 64, b * kBlockValues + h * kHalfBlock, x_sum, rows, whole);
        for (int v = 0; v < NV; ++v) {
          const F scale = V::load(head + h * kPanelRows + v * V::kWidth);
          for (int t = 0; t < T; ++t) acc[t][v] = V::fma(whole[t][v], V::mul(scale, V::set1(rows.scales[t][b])), acc[t][v]);
          if constexpr (kOffset) {
            const F offset = V::load(head + (kScales + h) * kPanelRows + v * V::kWidth);
            for (int t = 0; t < T; ++t)
              acc[t][v] = V::fma(offset, V::set1(rows.scales[t][b] * static_cast<float>(x_sum[t])), acc[t][v]);
          }
        }
      }
    }
    for (int t = 0; t < T; ++t)
      for (int v = 0; v < NV; ++v) V::store(rows.y[t] + (vector + v) * V::kWidth, acc[t][v]);
  }

  // Products of `G` groups of four inputs from input `first` on.
  template <int T, int NV, int G>
  static void byte_sums(const uint8_t* weights, int64_t first, const int32_t* x_sum, const Rows<T>& rows, F (&whole)[T][NV]) {
    typename V::Sum8 sum[T][NV];
    for (int t = 0; t < T; ++t)
      for (int v = 0; v < NV; ++v) sum[t][v] = V::start8(x_sum[t]);
#pragma GCC unroll 8
    for (int g = 0; g < G; ++g) {
      typename V::W8 w[NV];
      for (int v = 0; v < NV; ++v) w[v] = V::load_w8(weights + g * 64 + v * V::kWidth * 4);
#pragma GCC unroll 8
      for (int t = 0; t < T; ++t) {
        const typename V::X4 x = V::repeat4(rows.quants[t] + first + g * 4);
        for (int v = 0; v < NV; ++v) sum[t][v] = V::dot8(sum[t][v], w[v], x);
      }
    }
    for (int t = 0; t < T; ++t)
      for (int v = 0; v < NV; ++v) whole[t][v] = V::finish8(sum[t][v]);
  }

  // Products of a block's 32 inputs with numbers of 0 to 15.
  template <int T, int NV>
  static void nibble_sums(const uint8_t* weights, int64_t b, const Rows<T>& rows, F (&whole)[T][NV]) {
    typename V::Sum4 sum[T][NV];
    for (int t = 0; t < T; ++t)
      for (int v = 0; v < NV; ++v) sum[t][v] = V::start4(0);
#pragma GCC unroll 4
    for (int g = 0; g < 4; ++g) {
      typename V::W4 w[NV];
      for (int v = 0; v < NV; ++v) w[v] = V::load_w4(weights + g * 64 + v * V::kWidth * 4);
#pragma GCC unroll 8
      for (int t = 0; t < T; ++t) {
        const int8_t* q = rows.quants[t] + b * kBlockValues + g * 4;
        const typename V::X4 low = V::repeat4(q), high = V::repeat4(q + 16);
        for (int v = 0; v < NV; ++v) sum[t][v] = V::dot4(V::dot4(sum[t][v], w[v].low, low), w[v].high, high);
      }
    }
    for (int t = 0; t < T; ++t)
      for (int v = 0; v < NV; ++v) whole[t][v] = V::finish4(sum[t][v], 0);
  }

  template <PanelForm kForm, int T, int NV>
  static void tile(const uint8_t* panel, int vector, int64_t n_blocks, const Rows<T>& rows) {
    if constexpr (kForm == PanelForm::kQ8_0)
      q8_tile<T, NV>(panel, vector, n_blocks, rows);
    else if constexpr (kForm == PanelForm::kQ4_0)
      q4_tile<T, NV>(panel, vector, n_blocks, rows);
    else
      block_tile<kForm, T, NV>(panel, vector, n_blocks, rows);
  }

  template <PanelForm kForm>
  static void tiled(const uint8_t* panels, int64_t n_panels, int64_t n_in, const Activations& x, int64_t first_token,
                    int64_t n_tokens, float* y, int64_t y_stride) {
    constexpr int64_t kBlockBytes = kForm == PanelForm::kQ8_0   ? kPanelRows * 34
                                    : kForm == PanelForm::kQ4_0 ? kPanelRows * 18
                                                                : block_panel_bytes(kForm);
    const int64_t n_blocks = n_in / kBlockValues;
    for (int64_t p = 0; p < n_panels; ++p) {
      const uint8_t* panel = panels + p * n_blocks * kBlockBytes;
      float* out = y + p * kPanelRows;
      int64_t t = first_token;
      const int64_t end = first_token + n_tokens;
      for (; t + kTokens <= end; t += kTokens) {
        const Rows<kTokens> rows(x, t, out, y_stride);
        for (int v = 0; v < kVectors; ++v) tile<kForm, kTokens, 1>(panel, v, n_blocks, rows);
      }
      for (; t < end; ++t) tile<kForm, 1, kVectors>(panel, 0, n_blocks, Rows<1>(x, t, out, y_stride));
    }
  }

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

  // --- F32, F16, BF16 ------------------------------------------------------------------------------------------------
  template <DType kType>
  static F load_weights(const uint8_t* p, int vector) {
    if constexpr (kType == DType::kF32) {
      return V::load(reinterpret_cast<const float*>(p) + vector * V::kWidth);
    } else if constexpr (kType == DType::kF16) {
      return V::load_f16(p + vector * V::kWidth * 2);
    } else {
      return V::load_bf16(p + vector * V::kWidth * 2);
    }
  }

  template <DType kType, int T, int P>  // P panels at once
  static void float_tile(const uint8_t* panels, int64_t panel_bytes, int64_t n_in, const Rows<T>& rows) {
    constexpr int kBytes = kPanelRows * traits(kType).block_bytes;
    F acc[T][P * kVectors];
    for (int t = 0; t < T; ++t)
      for (int v = 0; v < P * kVectors; ++v) acc[t][v] = V::zero();
    for (int64_t i = 0; i < n_in; ++i) {
      F w[P * kVectors];
      for (int v = 0; v < P * kVectors; ++v)
        w[v] = load_weights<kType>(panels + v / kVectors * panel_bytes + i * kBytes, v % kVectors);
      for (int t = 0; t < T; ++t) {
        const F x = V::set1(rows.values[t][i]);
        for (int v = 0; v < P * kVectors; ++v) acc[t][v] = V::fma(w[v], x, acc[t][v]);
      }
    }
    for (int t = 0; t < T; ++t)
      for (int v = 0; v < P * kVectors; ++v) V::store(rows.y[t] + v * V::kWidth, acc[t][v]);
  }

  template <DType kType>
  static void floats(const uint8_t* panels, int64_t n_panels, int64_t n_in, const Activations& x, int64_t first_token,
                     int64_t n_tokens, float* y, int64_t y_stride) {
    constexpr int kFloatTokens = 6, kWide = 4;
    const int64_t panel_bytes = n_in * kPanelRows * traits(kType).block_bytes, end = first_token + n_tokens;
    int64_t tiled_end = first_token;
    for (; tiled_end + kFloatTokens <= end; tiled_end += kFloatTokens) {
    }
    for (int64_t p = 0; p < n_panels; ++p)
      for (int64_t t = first_token; t < tiled_end; t += kFloatTokens)
        float_tile<kType, kFloatTokens, 1>(panels + p * panel_bytes, panel_bytes, n_in,
                                           Rows<kFloatTokens>(x, t, y + p * kPanelRows, y_stride));
    for (int64_t t = tiled_end; t < end; ++t) {
      int64_t p = 0;
      for (; p + kWide <= n_panels; p += kWide)
        float_tile<kType, 1, kWide>(panels + p * panel_bytes, panel_bytes, n_in, Rows<1>(x, t, y + p * kPanelRows, y_stride));
      for (; p < n_panels; ++p)
        float_tile<kType, 1, 1>(panels + p * panel_bytes, panel_bytes, n_in, Rows<1>(x, t, y + p * kPanelRows, y_stride));
    }
  }
};

}  // namespace
}  // namespace engine
