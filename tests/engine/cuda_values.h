// SPDX-License-Identifier: Apache-2.0
// tests/engine/cuda_values.h: values on a device and back, for the tests of kernels.
#pragma once
#include <cstdio>
#include <vector>

#include "engine/cuda/device.h"

namespace engine::cuda::test {

// Says where there is none, for ctest to list the test as skipped.
inline bool has_gpu() {
  int n = 0;
  if (cudaGetDeviceCount(&n) == cudaSuccess && n > 0) return true;
  cudaGetLastError();
  std::puts("[skipped] cuda: no CUDA device");
  return false;
}

template <typename T>
DeviceBuffer<T> on_device(const std::vector<T>& values) {
  DeviceBuffer<T> buffer(values.size());
  check(cudaMemcpy(buffer.data(), values.data(), buffer.bytes(), cudaMemcpyHostToDevice), "copy");
  return buffer;
}
template <typename T>
std::vector<T> from_device(const DeviceBuffer<T>& buffer) {
  std::vector<T> values(buffer.size());
  check(cudaMemcpy(values.data(), buffer.data(), buffer.bytes(), cudaMemcpyDeviceToHost), "copy");
  return values;
}

}  // namespace engine::cuda::test
