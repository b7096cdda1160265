// SPDX-License-Identifier: Apache-2.0
// The fast paths for AVX-512 with VNNI. Compiled with those flags: nothing here may be inlined elsewhere, so this file
// includes no standard header that defines functions beyond <cmath>.
#include "engine/kernels/fast_attention.h"
#include "engine/kernels/fast_elementwise.h"
#include "engine/kernels/fast_indexer.h"
#include "engine/kernels/fast_kernels.h"
#include "engine/kernels/fast_matmul.h"
#include "engine/kernels/simd_avx512.h"

namespace engine {
namespace detail {

extern const FastKernels kAvx512Kernels;
const FastKernels kAvx512Kernels = {
    "avx512-vnni",
    {FastMatmul<Avx512>::floats<PanelForm::kF32>, FastMatmul<Avx512>::floats<PanelForm::kF16>, FastMatmul<Avx512>::floats<PanelForm::kBF16>,
     FastMatmul<Avx512>::tiled<PanelForm::kQ8_0>, FastMatmul<Avx512>::tiled<PanelForm::kQ4_0>,
     FastMatmul<Avx512>::tiled<PanelForm::kBytes>, FastMatmul<Avx512>::tiled<PanelForm::kBytesOffset>,
     FastMatmul<Avx512>::tiled<PanelForm::kNibblesOffset>, FastMatmul<Avx512>::tiled<PanelForm::kFp4Codes>,
     FastMatmul<Avx512>::tiled<PanelForm::kIq4Codes>, FastMatmul<Avx512>::tiled<PanelForm::kStepsNibbles>,
     FastMatmul<Avx512>::tiled<PanelForm::kStepsBytes>, FastMatmul<Avx512>::tiled<PanelForm::kHalfSteps>,
     FastMatmul<Avx512>::tiled<PanelForm::kHalfStepsOffset>, FastMatmul<Avx512>::f8,
     FastMatmul<Avx512>::floats<PanelForm::kTurned>, FastMatmul<Avx512>::floats<PanelForm::kTurnedOffset>,
     FastMatmul<Avx512>::floats<PanelForm::kTurnedF8>},
    {nullptr, nullptr, nullptr,
     FastMatmul<Avx512>::wide<PanelForm::kQ8_0>, FastMatmul<Avx512>::wide<PanelForm::kQ4_0>,
     FastMatmul<Avx512>::wide<PanelForm::kBytes>, FastMatmul<Avx512>::wide<PanelForm::kBytesOffset>,
     FastMatmul<Avx512>::wide<PanelForm::kNibblesOffset>, FastMatmul<Avx512>::wide<PanelForm::kFp4Codes>,
     FastMatmul<Avx512>::wide<PanelForm::kIq4Codes>, FastMatmul<Avx512>::wide<PanelForm::kStepsNibbles>,
     FastMatmul<Avx512>::wide<PanelForm::kStepsBytes>, FastMatmul<Avx512>::wide<PanelForm::kHalfSteps>,
     FastMatmul<Avx512>::wide<PanelForm::kHalfStepsOffset>,
     nullptr, nullptr, nullptr, nullptr},
    FastElementwise<Avx512>::quantize,
    FastElementwise<Avx512>::quantize_wide,
    FastElementwise<Avx512>::rms_norm,
    FastElementwise<Avx512>::silu_gate,
    FastAttention<Avx512>::run<float>,
    FastAttention<Avx512>::run<Bf16>,
    FastAttention<Avx512>::join_sections,
    FastIndexer<Avx512>::run,
    FastElementwise<Avx512>::log_sum_exp,
    false,
};

}  // namespace detail
}  // namespace engine
