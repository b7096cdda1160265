// SPDX-License-Identifier: Apache-2.0
// engine/fast/activation_buffer.h: rows of activations in f32 and, where a quantised matrix reads them, in 8 or 16 bits.
#pragma once
#include <cstdint>

#include "engine/buffer.h"
#include "engine/kernels/fast_kernels.h"

namespace engine {

class ActivationBuffer {
 public:
  ActivationBuffer() = default;
  ActivationBuffer(int64_t max_rows, int64_t width)
      : stride_(round_up(width, kBlockValues)),
        values_(static_cast<size_t>(max_rows * stride_)),
        quants_(values_.size()),
        wide_quants_(values_.size()),
        scales_(values_.size() / kBlockValues),
        sums_(values_.size() / kHalfBlock),
        scaled_sums_(sums_.size()) {}

  int64_t stride() const { return stride_; }
  float* row(int64_t i) { return values_.data() + i * stride_; }

  // Fills the rounded form that `kernels` read of columns [first, first + n) of row i; both are multiples of 32.
  void quantize(const FastKernels& kernels, int64_t i, int64_t first, int64_t n) {
    const int64_t at = i * stride_ + first;
    float* const scales = scales_.data() + at / kBlockValues;
    int32_t* const sums = sums_.data() + at / kHalfBlock;
    if (kernels.wide)
      kernels.quantize_wide(values_.data() + at, n, wide_quants_.data() + at, scales, sums);
    else
      kernels.quantize(values_.data() + at, n, quants_.data() + at, scales, sums);
    float* const scaled = scaled_sums_.data() + at / kHalfBlock;
    for (int64_t b = 0; b < n / kBlockValues; ++b) {
      scaled[2 * b] = scales[b] * static_cast<float>(sums[2 * b] + sums[2 * b + 1]);
      scaled[2 * b + 1] = scales[b] * static_cast<float>(sums[2 * b + 1]);
    }
  }

  Activations from(int64_t first_row) const {
    const int64_t at = first_row * stride_;
    return {values_.data() + at, quants_.data() + at, wide_quants_.data() + at, scales_.data() + at / kBlockValues,
            sums_.data() + at / kHalfBlock, scaled_sums_.data() + at / kHalfBlock, stride_, nullptr};
  }

 private:
  int64_t stride_ = 0;
  Buffer<float> values_;
  Buffer<int8_t> quants_;  // of these two one is written: pages of the other are never touched, and take no memory
  Buffer<int16_t> wide_quants_;
  Buffer<float> scales_;
  Buffer<int32_t> sums_;
  Buffer<float> scaled_sums_;
};

}  // namespace engine
