// SPDX-License-Identifier: Apache-2.0
// The fast paths for AVX-512 with VNNI. Compiled with those flags: nothing here may be inlined elsewhere, so this file
// includes no standard header that defines functions beyond <cmath>.
#include "engine/kernels/fast_kernel_table.h"
#include "engine/kernels/simd_avx512.h"

namespace engine {
namespace detail {

extern const FastKernels kAvx512Kernels;
constinit const FastKernels kAvx512Kernels = kernels_of<Avx512>("avx512-vnni");

}  // namespace detail
}  // namespace engine
