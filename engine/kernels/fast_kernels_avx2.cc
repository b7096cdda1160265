// SPDX-License-Identifier: Apache-2.0
// The fast paths for AVX2, FMA and F16C. Compiled with those flags: nothing here may be inlined elsewhere, so this file
// includes no standard header that defines functions beyond <cmath>.
#include "engine/kernels/fast_attention.h"
#include "engine/kernels/fast_elementwise.h"
#include "engine/kernels/fast_indexer.h"
#include "engine/kernels/fast_kernels.h"
#include "engine/kernels/fast_matmul.h"
#include "engine/kernels/simd_avx2.h"

namespace engine {
namespace detail {

extern const FastKernels kAvx2Kernels;
const FastKernels kAvx2Kernels = {
    "avx2",
    {FastMatmul<Avx2>::floats<PanelForm::kF32>, FastMatmul<Avx2>::floats<PanelForm::kF16>, FastMatmul<Avx2>::floats<PanelForm::kBF16>,
     FastMatmul<Avx2>::tiled<PanelForm::kQ8_0>, FastMatmul<Avx2>::tiled<PanelForm::kQ4_0>,
     FastMatmul<Avx2>::tiled<PanelForm::kBytes>, FastMatmul<Avx2>::tiled<PanelForm::kBytesOffset>,
     FastMatmul<Avx2>::tiled<PanelForm::kNibblesOffset>, FastMatmul<Avx2>::tiled<PanelForm::kFp4Codes>,
     FastMatmul<Avx2>::tiled<PanelForm::kIq4Codes>, FastMatmul<Avx2>::tiled<PanelForm::kStepsNibbles>,
     FastMatmul<Avx2>::tiled<PanelForm::kStepsBytes>, FastMatmul<Avx2>::tiled<PanelForm::kHalfSteps>,
     FastMatmul<Avx2>::tiled<PanelForm::kHalfStepsOffset>, FastMatmul<Avx2>::f8,
     FastMatmul<Avx2>::floats<PanelForm::kTurned>, FastMatmul<Avx2>::floats<PanelForm::kTurnedOffset>,
     FastMatmul<Avx2>::floats<PanelForm::kTurnedF8>},
    {nullptr, nullptr, nullptr,
     FastMatmul<Avx2>::wide<PanelForm::kQ8_0>, FastMatmul<Avx2>::wide<PanelForm::kQ4_0>,
     FastMatmul<Avx2>::wide<PanelForm::kBytes>, FastMatmul<Avx2>::wide<PanelForm::kBytesOffset>,
     FastMatmul<Avx2>::wide<PanelForm::kNibblesOffset>, FastMatmul<Avx2>::wide<PanelForm::kFp4Codes>,
     FastMatmul<Avx2>::wide<PanelForm::kIq4Codes>, FastMatmul<Avx2>::wide<PanelForm::kStepsNibbles>,
     FastMatmul<Avx2>::wide<PanelForm::kStepsBytes>, FastMatmul<Avx2>::wide<PanelForm::kHalfSteps>,
     FastMatmul<Avx2>::wide<PanelForm::kHalfStepsOffset>,
     nullptr, nullptr, nullptr, nullptr},
    FastElementwise<Avx2>::quantize,
    FastElementwise<Avx2>::quantize_wide,
    FastElementwise<Avx2>::rms_norm,
    FastElementwise<Avx2>::silu_gate,
    FastAttention<Avx2>::run<float>,
    FastAttention<Avx2>::run<Bf16>,
    FastAttention<Avx2>::join_sections,
    FastIndexer<Avx2>::run,
    FastElementwise<Avx2>::log_sum_exp,
    false,
};

}  // namespace detail
}  // namespace engine
