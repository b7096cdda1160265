// SPDX-License-Identifier: Apache-2.0
// engine/kernels/fast_matmul_blocks.h: what the tiles of fast_matmul*.h read: rows of inputs, blocks of panels.
#pragma once
#include "engine/formats/quant_blocks.h"
#include "engine/kernels/matmul.h"

namespace engine {
namespace {

// The T input rows of a tile, and where its results go.
template <int T>
struct MatmulRows {
  const float* values[T];
  const int8_t* quants[T];
  const int16_t* wide[T];
  const float* scales[T];
  const int32_t* sums[T];
  const float* scaled_sums[T];
  float* y[T];
  MatmulRows(const Activations& x, int64_t first, float* out, int64_t y_stride) {
    for (int t = 0; t < T; ++t) {
      const int64_t row = x.row(first + t);
      values[t] = x.values + row * x.stride;
      quants[t] = x.quants + row * x.stride;
      wide[t] = x.wide_quants + row * x.stride;
      scales[t] = x.scales + row * (x.stride / kBlockValues);
      sums[t] = x.sums + row * (x.stride / kHalfBlock);
      scaled_sums[t] = x.scaled_sums + row * (x.stride / kHalfBlock);
      y[t] = out + (first + t) * y_stride;
    }
  }
};

// A form's block of 32 inputs and one panel: scales, offsets where it has some, then the whole numbers.
template <class V, PanelForm kForm>
struct PanelBlock {
  using F = typename V::F;
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

// Keeps a tile's sums in memory where they are more than `V` holds beside a block's products: the compiler would exchange both
// in turns. To be called before a block's results are added and after.
template <class V, int T, int NV>
void park(typename V::F (&sums)[T][NV]) {
  if constexpr (T * NV > V::kHeldSums) asm volatile("" : "+m"(sums));
}

}  // namespace
}  // namespace engine
