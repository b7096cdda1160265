// SPDX-License-Identifier: Apache-2.0
#include "engine/cuda/gemm.h"

#include <cstdlib>

#include "engine/cuda/device.h"
#include "engine/cuda/gemm_bf16.cuh"
#include "engine/cuda/gemm_f32.cuh"
#include "engine/cuda/launch.h"

namespace engine::cuda {
namespace {

// 1 in code for Hopper: code for older devices runs there too, without Hopper's products.
__device__ int compiled_for_warpgroups =
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
    1;
#else
    0;
#endif

// Hopper's own products; GRAFT_CUDA_NO_WGMMA=1 takes those of every device, to tell their faults apart.
bool has_warpgroups() {
  static const bool has = [] {
    const char* off = std::getenv("GRAFT_CUDA_NO_WGMMA");
    if (off && off[0] == '1') return false;
    int compiled = 0;
    check(cudaMemcpyFromSymbol(&compiled, compiled_for_warpgroups, sizeof compiled), "cudaMemcpyFromSymbol");
    return compiled == 1;
  }();
  return has;
}

dim3 grid_of(const Gemm& g, int rows, int columns) {
  const int64_t row_tiles = g.tiles ? int64_t{g.max_tiles} * (kGemmTileRows / rows) : ceil_div(g.n_rows, rows);
  return {static_cast<unsigned>(row_tiles), static_cast<unsigned>(ceil_div(g.w.n_out, columns))};
}

template <Store kStore, bool kDirect, bool kWarpgroup>
void launch_bf16(const Gemm& g, cudaStream_t stream) {
  constexpr auto kernel = gemm_bf16_kernel<kStore, kDirect, kWarpgroup>;
  static const cudaError_t allowed =
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(kGemmShared));
  check(allowed, "cudaFuncSetAttribute");
  kernel<<<grid_of(g, kTileRows, kStore == Store::kGated ? kTileColumns / 2 : kTileColumns), kGemmThreads, kGemmShared, stream>>>(g);
  check_launch("gemm");
}

template <Store kStore>
void launch(const Gemm& g, bool exact, cudaStream_t stream) {
  if (exact) {
    gemm_f32_kernel<kStore><<<grid_of(g, kF32Tile, kF32Tile), kF32Threads, 0, stream>>>(g);
    return check_launch("gemm in f32");
  }
  const bool direct = g.w.format == Format::kBF16 && (kStore != Store::kGated || g.w_up.format == Format::kBF16);
  if (direct) has_warpgroups() ? launch_bf16<kStore, true, true>(g, stream) : launch_bf16<kStore, true, false>(g, stream);
  else has_warpgroups() ? launch_bf16<kStore, false, true>(g, stream) : launch_bf16<kStore, false, false>(g, stream);
}

}  // namespace

void gemm(const Gemm& g, bool exact, cudaStream_t stream) {
  switch (g.store) {
    case Store::kF32: return launch<Store::kF32>(g, exact, stream);
    case Store::kActivation: return launch<Store::kActivation>(g, exact, stream);
    case Store::kAddF32: return launch<Store::kAddF32>(g, exact, stream);
    case Store::kGated: return launch<Store::kGated>(g, exact, stream);
  }
}

}  // namespace engine::cuda
