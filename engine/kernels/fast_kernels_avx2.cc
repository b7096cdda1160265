// SPDX-License-Identifier: Apache-2.0
// The fast paths for AVX2, FMA and F16C. Compiled with those flags: nothing here may be inlined elsewhere, so this file
// includes no standard header that defines functions beyond <cmath>.
#include "engine/kernels/fast_kernel_table.h"
#include "engine/kernels/simd_avx2.h"

namespace engine {
namespace detail {

extern const FastKernels kAvx2Kernels;
constinit const FastKernels kAvx2Kernels = kernels_of<Avx2>("avx2");

}  // namespace detail
}  // namespace engine
