// SPDX-License-Identifier: Apache-2.0
// tests/engine/cuda_kit.h: the GPU that tests run on: this machine's, or the emulated one (tests/cuda_emulator).
#pragma once
#include <doctest/doctest.h>

#include <cstdio>
#include <memory>
#include <utility>

#include "engine/accelerator.h"

extern "C" base::Result<engine::Accelerator*> graft_cuda_module(int version);

namespace engine::test {

#ifdef GRAFT_CUDA_EMULATED
inline constexpr bool kEmulated = true;  // some ten thousand times slower
#else
inline constexpr bool kEmulated = false;
#endif

// Null where there is none; the test then ends without a check.
inline Accelerator* gpu() {
#ifdef GRAFT_CUDA_EMULATED
  const auto opened = graft_cuda_module(kCudaModuleVersion);  // linked into the test (tests/cuda_emulator)
#else
  const auto opened = open_cuda();
#endif
  if (!opened) std::printf("[skipped] cuda: %s\n", opened.error().message.c_str());
  return opened ? *opened : nullptr;
}

inline std::unique_ptr<Model> on_gpu(base::Result<std::unique_ptr<Model>> made) {
  REQUIRE_MESSAGE(made, made.error().message);
  return std::move(*made);
}

// Of the largest difference in f32, relative to the largest logit: sums are taken in another order than the CPU's.
inline constexpr double kExactBound = 1e-4;

inline UploadOptions in_f32() {
  UploadOptions options;
  options.exact = true;
  return options;
}

}  // namespace engine::test
