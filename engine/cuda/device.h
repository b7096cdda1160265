// SPDX-License-Identifier: Apache-2.0
// engine/cuda/device.h: memory and errors of a CUDA device, for the files of this folder alone.
//
// Owns     A DeviceBuffer owns its memory. All of it is taken with cudaMalloc, none while a token is decoded.
// Errors   Failure, thrown by check(); it is caught at the module's front door and becomes a plain message there.
#pragma once
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

#include "engine/accelerator.h"

namespace engine::cuda {

struct Failure : DeviceFailure {
  explicit Failure(const std::string& what, bool memory = false) : DeviceFailure(what), out_of_memory(memory) {}
  bool out_of_memory;
};

inline void check(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  cudaGetLastError();  // the next call starts clean where the error does not stick
  throw Failure(std::string(what) + ": " + cudaGetErrorString(error), error == cudaErrorMemoryAllocation);
}

template <typename T>
class DeviceBuffer {
 public:
  DeviceBuffer() = default;
  explicit DeviceBuffer(size_t n) : n_(n) {
    if (n > 0) check(cudaMalloc(&data_, n * sizeof(T)), "cudaMalloc");
  }
  DeviceBuffer(DeviceBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), n_(std::exchange(other.n_, 0)) {}
  DeviceBuffer& operator=(DeviceBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(n_, other.n_);
    return *this;
  }
  ~DeviceBuffer() { cudaFree(data_); }

  T* data() const { return data_; }
  size_t size() const { return n_; }
  size_t bytes() const { return n_ * sizeof(T); }

 private:
  T* data_ = nullptr;
  size_t n_ = 0;
};

inline constexpr int kTokensAtOnce = 16;  // whose scores and pieces of attention lie in memory side by side

constexpr int64_t ceil_div(int64_t n, int64_t by) {
  return (n + by - 1) / by;
}

}  // namespace engine::cuda
