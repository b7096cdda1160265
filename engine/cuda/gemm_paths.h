// SPDX-License-Identifier: Apache-2.0
// engine/cuda/gemm_paths.h: which ways of making a bfloat16 product are open, so that a fault can be laid to one of
// them.
#pragma once

namespace engine::cuda {

struct GemmPaths {
  bool wgmma;        // Hopper's products of a warpgroup; closed by GRAFT_CUDA_NO_WGMMA=1
  bool bulk_copies;  // W copied by the tensor memory accelerator in those; closed by GRAFT_CUDA_NO_TMA=1
  int columns;       // rows of W in their tiles: 256 or 128; 0: what suits a product
};

// Read from the environment at the first call; a test may change it while no other thread uses it.
GemmPaths& gemm_paths();

}  // namespace engine::cuda
