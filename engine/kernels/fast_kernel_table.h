// SPDX-License-Identifier: Apache-2.0
// engine/kernels/fast_kernel_table.h: the FastKernels of the vector steps `V`.
//
// Only the files of one instruction set include it, each compiled with its own flags (fast_kernels_avx2.cc).
#pragma once
#include "engine/kernels/fast_attention.h"
#include "engine/kernels/fast_elementwise.h"
#include "engine/kernels/fast_indexer.h"
#include "engine/kernels/fast_kernels.h"
#include "engine/kernels/fast_matmul.h"
#include "engine/kernels/fast_matmul_floats.h"

namespace engine {
namespace {

template <class V>
constexpr FastKernels kernels_of(const char* name) {
  using M = QuantizedMatmul<V>;
  using N = FloatMatmul<V>;
  using P = PanelForm;
  return {
      .name = name,
      .matmul = {N::template floats<P::kF32>, N::template floats<P::kF16>, N::template floats<P::kBF16>,
                 M::template tiled<P::kQ8_0>, M::template tiled<P::kQ4_0>, M::template tiled<P::kBytes>,
                 M::template tiled<P::kBytesOffset>, M::template tiled<P::kNibblesOffset>,
                 M::template tiled<P::kFp4Codes>, M::template tiled<P::kIq4Codes>, M::template tiled<P::kStepsNibbles>,
                 M::template tiled<P::kStepsBytes>, M::template tiled<P::kHalfSteps>,
                 M::template tiled<P::kHalfStepsOffset>, N::f8, N::template floats<P::kTurned>,
                 N::template floats<P::kTurnedOffset>, N::template floats<P::kTurnedF8>},
      .wide_matmul = {nullptr, nullptr, nullptr, M::template wide<P::kQ8_0>, M::template wide<P::kQ4_0>,
                      M::template wide<P::kBytes>, M::template wide<P::kBytesOffset>,
                      M::template wide<P::kNibblesOffset>, M::template wide<P::kFp4Codes>,
                      M::template wide<P::kIq4Codes>, M::template wide<P::kStepsNibbles>,
                      M::template wide<P::kStepsBytes>, M::template wide<P::kHalfSteps>,
                      M::template wide<P::kHalfStepsOffset>, nullptr, nullptr, nullptr, nullptr},
      .quantize = FastElementwise<V>::quantize,
      .quantize_wide = FastElementwise<V>::quantize_wide,
      .rms_norm = FastElementwise<V>::rms_norm,
      .silu_gate = FastElementwise<V>::silu_gate,
      .attention = FastAttention<V>::template run<float>,
      .attention_bf16 = FastAttention<V>::template run<Bf16>,
      .join_attention = FastAttention<V>::join_sections,
      .index_scores = FastIndexer<V>::template run<float>,
      .index_scores_bf16 = FastIndexer<V>::template run<Bf16>,
      .log_sum_exp = FastElementwise<V>::log_sum_exp,
      .wide = false,
  };
}

}  // namespace
}  // namespace engine
