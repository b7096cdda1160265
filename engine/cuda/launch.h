// SPDX-License-Identifier: Apache-2.0
// engine/cuda/launch.h: how kernels are started.
#pragma once
#include <utility>

#include "engine/cuda/device.h"

namespace engine::cuda {

// Of the device.
inline int multiprocessors() {
  static const int n = [] {
    int device = 0, count = 0;
    check(cudaGetDevice(&device), "cudaGetDevice");
    check(cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, device), "cudaDeviceGetAttribute");
    return count;
  }();
  return n;
}

// Lets a kernel have all the shared memory that the device gives a block, beside what it declares itself.
template <typename Kernel>
cudaError_t allow_all_shared(Kernel kernel) {
  int device = 0, most = 0;
  cudaFuncAttributes own{};
  cudaError_t error = cudaGetDevice(&device);
  if (error == cudaSuccess) error = cudaDeviceGetAttribute(&most, cudaDevAttrMaxSharedMemoryPerBlockOptin, device);
  if (error == cudaSuccess) error = cudaFuncGetAttributes(&own, kernel);
  if (error != cudaSuccess) return error;
  return cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                              most - static_cast<int>(own.sharedSizeBytes));
}

struct LaunchShape {
  dim3 grid, block;
  size_t shared_bytes = 0;  // beside what the kernel declares itself
  cudaStream_t stream = nullptr;
  bool together = false;  // all blocks at once, for those that wait for each other
};

// Starts `kernel` with what it takes; waits for nothing.
// Errors   Failure, which names `what`.
template <typename... Parameters, typename... Arguments>
void launch(const char* what, const LaunchShape& shape, void (*kernel)(Parameters...), Arguments&&... arguments) {
  cudaLaunchConfig_t config{};
  config.gridDim = shape.grid;
  config.blockDim = shape.block;
  config.dynamicSmemBytes = shape.shared_bytes;
  config.stream = shape.stream;
  cudaLaunchAttribute together{};
  together.id = cudaLaunchAttributeCooperative;
  together.val.cooperative = 1;
  config.attrs = &together;
  config.numAttrs = shape.together ? 1 : 0;
  check(cudaLaunchKernelEx(&config, kernel, std::forward<Arguments>(arguments)...), what);
}

}  // namespace engine::cuda
