// SPDX-License-Identifier: Apache-2.0
// engine/kernels/fast_matmul_floats.h: matmul.h on panels whose values are made floats before they are multiplied.
#pragma once
#include "engine/kernels/fast_matmul_blocks.h"

namespace engine {
namespace {

template <class V>
struct FloatMatmul {
  using F = typename V::F;
  static constexpr int kVectors = kPanelRows / V::kWidth;  // per panel

  // --- F8_E4M3 -------------------------------------------------------------------------------------------------------
  template <int T, int P>  // P panels at once
  static void f8_tile(const uint8_t* panels, int64_t panel_bytes, int64_t n_in, const MatmulRows<T>& rows) {
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
        f8_tile<kF8Tokens, 1>(panels + p * panel_bytes, panel_bytes, n_in, MatmulRows<kF8Tokens>(x, t, y + p * kPanelRows, y_stride));
    for (int64_t t = tiled_end; t < end; ++t) {
      int64_t p = 0;
      for (; p + kWide <= n_panels; p += kWide)
        f8_tile<1, kWide>(panels + p * panel_bytes, panel_bytes, n_in, MatmulRows<1>(x, t, y + p * kPanelRows, y_stride));
      for (; p < n_panels; ++p)
        f8_tile<1, 1>(panels + p * panel_bytes, panel_bytes, n_in, MatmulRows<1>(x, t, y + p * kPanelRows, y_stride));
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
  static void float_tile(const uint8_t* panels, int64_t panel_bytes, int64_t n_in, const MatmulRows<T>& rows) {
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
                                           MatmulRows<kFloatTokens>(x, t, y + p * kPanelRows, y_stride));
    for (int64_t t = tiled_end; t < end; ++t) {
      int64_t p = 0;
      for (; p + kWide <= n_panels; p += kWide)
        float_tile<kForm, 1, kWide>(panels + p * panel_bytes, panel_bytes, n_in, MatmulRows<1>(x, t, y + p * kPanelRows, y_stride));
      for (; p < n_panels; ++p)
        float_tile<kForm, 1, 1>(panels + p * panel_bytes, panel_bytes, n_in, MatmulRows<1>(x, t, y + p * kPanelRows, y_stride));
    }
  }
};

}  // namespace
}  // namespace engine
