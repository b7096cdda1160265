// SPDX-License-Identifier: Apache-2.0
// The paths for CPUs without AVX2: the same panels and rounded activations in plain loops.
#include "engine/kernels/fast_kernel_table.h"
#include "engine/kernels/simd_portable.h"

namespace engine {
namespace detail {

extern const FastKernels kPortableKernels;
constinit const FastKernels kPortableKernels = kernels_of<Portable>("portable");

}  // namespace detail
}  // namespace engine
