// SPDX-License-Identifier: Apache-2.0
// engine/cuda/upload.h: weights from a mapped file to the device, laid out as matrix.h says.
//
// Owns     A WeightStore owns the device memory of everything it made.
// Errors   Failure: out of memory. Unsupported where matrices that lie side by side differ in type, and
//          where scales beside a matrix do not fit matrix.h's layout.
#pragma once
#include <functional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "engine/accelerator.h"
#include "engine/cuda/device.h"
#include "engine/cuda/matrix.h"
#include "engine/tensor.h"

namespace engine::cuda {

struct Unsupported : std::runtime_error {
  using std::runtime_error::runtime_error;
};

bool all_f32(const std::vector<const TensorView*>& views);
uint64_t bytes_of(const std::vector<const TensorView*>& views);  // as stored

class WeightStore {
 public:
  // `exact`: every weight is kept in f32; else as it is stored, and weights that are made here are bfloat16.
  WeightStore(const UploadOptions& options, bool exact, uint64_t total_bytes)
      : options_(options), exact_(exact), total_(total_bytes) {}

  Matrix matrix(const TensorView& view);                   // [n_out, n_in]
  Matrix stacked(const std::vector<TensorView>& experts);  // [E, n_out, n_in]
  // Two stacks in one run of memory: the second follows the first.
  std::pair<Matrix, Matrix> pair(const std::vector<TensorView>& first, const std::vector<TensorView>& second);
  Matrix in_f32(const TensorView& view);                      // whatever its type was
  const float* floats(const TensorView& view);                // a vector; null for an empty view
  const float* floats(const std::vector<TensorView>& views);  // one after the other; null for none
  // Values that the caller makes row by row: f32, or bfloat16 where not exact.
  Matrix made(int64_t n_out, int64_t n_in, const std::function<void(int64_t row, float* values)>& row);
  const double* doubles(const std::vector<double>& values);
  const float* constant(size_t n, float value);
  const int32_t* ints(const std::vector<int32_t>& values);

  bool synthetic() const { return options_.synthetic; }
  // Values of the largest matrices that lie together, are not bfloat16 and are no more than `most`.
  int64_t largest_to_round(int64_t most) const;

 private:
  void* take(size_t bytes);
  void* upload(const void* data, size_t bytes);
  void put(const TensorView& view, Matrix& to, int64_t expert);
  void check_width(int64_t n_in) const;
  Matrix empty_for(const std::vector<TensorView>& experts);
  void count(uint64_t stored_bytes);

  const UploadOptions& options_;
  const bool exact_;
  const uint64_t total_;
  uint64_t done_ = 0;
  std::vector<int64_t> to_round_;
  std::vector<DeviceBuffer<std::byte>> memory_;
};

}  // namespace engine::cuda
