// SPDX-License-Identifier: Apache-2.0
// The paths for CPUs without AVX2: the same panels and 8-bit activations in plain loops.
#include "engine/kernels/fast_attention.h"
#include "engine/kernels/fast_elementwise.h"
#include "engine/kernels/fast_indexer.h"
#include "engine/kernels/fast_kernels.h"
#include "engine/kernels/fast_matmul.h"
#include "engine/kernels/simd_portable.h"

namespace engine {
namespace detail {

extern const FastKernels kPortableKernels;
const FastKernels kPortableKernels = {
    "portable",
    {FastMatmul<Portable>::floats<PanelForm::kF32>, FastMatmul<Portable>::floats<PanelForm::kF16>, FastMatmul<Portable>::floats<PanelForm::kBF16>,
     FastMatmul<Portable>::tiled<PanelForm::kQ8_0>, FastMatmul<Portable>::tiled<PanelForm::kQ4_0>,
     FastMatmul<Portable>::tiled<PanelForm::kBytes>, FastMatmul<Portable>::tiled<PanelForm::kBytesOffset>,
     FastMatmul<Portable>::tiled<PanelForm::kNibblesOffset>, FastMatmul<Portable>::tiled<PanelForm::kFp4Codes>,
     FastMatmul<Portable>::tiled<PanelForm::kIq4Codes>, FastMatmul<Portable>::tiled<PanelForm::kStepsNibbles>,
     FastMatmul<Portable>::tiled<PanelForm::kStepsBytes>, FastMatmul<Portable>::tiled<PanelForm::kHalfSteps>,
     FastMatmul<Portable>::tiled<PanelForm::kHalfStepsOffset>, FastMatmul<Portable>::f8,
     FastMatmul<Portable>::floats<PanelForm::kTurned>, FastMatmul<Portable>::floats<PanelForm::kTurnedOffset>,
     FastMatmul<Portable>::floats<PanelForm::kTurnedF8>},
    {nullptr, nullptr, nullptr,
     FastMatmul<Portable>::wide<PanelForm::kQ8_0>, FastMatmul<Portable>::wide<PanelForm::kQ4_0>,
     FastMatmul<Portable>::wide<PanelForm::kBytes>, FastMatmul<Portable>::wide<PanelForm::kBytesOffset>,
     FastMatmul<Portable>::wide<PanelForm::kNibblesOffset>, FastMatmul<Portable>::wide<PanelForm::kFp4Codes>,
     FastMatmul<Portable>::wide<PanelForm::kIq4Codes>, FastMatmul<Portable>::wide<PanelForm::kStepsNibbles>,
     FastMatmul<Portable>::wide<PanelForm::kStepsBytes>, FastMatmul<Portable>::wide<PanelForm::kHalfSteps>,
     FastMatmul<Portable>::wide<PanelForm::kHalfStepsOffset>,
     nullptr, nullptr, nullptr, nullptr},
    FastElementwise<Portable>::quantize,
    FastElementwise<Portable>::quantize_wide,
    FastElementwise<Portable>::rms_norm,
    FastElementwise<Portable>::silu_gate,
    FastAttention<Portable>::run<float>,
    FastAttention<Portable>::run<Bf16>,
    FastAttention<Portable>::join_sections,
    FastIndexer<Portable>::run,
    FastElementwise<Portable>::log_sum_exp,
    false,
};

}  // namespace detail
}  // namespace engine
