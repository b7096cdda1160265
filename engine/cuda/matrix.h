// SPDX-License-Identifier: Apache-2.0
// engine/cuda/matrix.h: a linear layer's weights as they lie on the device.
//
// Shapes   [n_experts, n_out, n_in], row-major; n_experts is 1 outside of a mixture. n_in of quantised ones is a
//          multiple of 32.
// Layout   Numbers and scales of quantised types lie apart, so that a warp reads whole aligned lines:
//            kInt8  quants int8 [.., n_in], scales half [.., n_in / 32]                                           Q8_0
//            kInt4  quants [.., n_in / 2]: of 32 values, value i in the low half of byte i, i + 16 in the high half;
//                   scales [.., n_in / 32]; offsets likewise or null       Q4_0, Q4_1, Q4_K, IQ4_NL, MXFP4, FP4
//            kWide  quants int8 [.., n_in], scales float [.., n_in / 16], offsets likewise                the others
//            kFp8   codes of E4M3 [.., n_in], scales float [.., n_in / 128] where `wide_scales`, else [.., n_in / 32]
// Values   scale * number (+ offset); the number of a half byte h is given by `nibbles`. MXFP4's and FP4's scales are
//          bfloat16. The scale of codes among which is E4M3's NaN is NaN itself: no kernel knows that code.
// Owns     Nothing.
#pragma once
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>

namespace engine::cuda {

enum class Format : uint8_t { kF32, kBF16, kF16, kInt8, kInt4, kWide, kFp8 };
enum class Nibbles : uint8_t {
  kMinus8,     // h - 8
  kPlain,      // h
  kNonLinear,  // IQ4_NL's curve
  kE2m1,       // twice the value of FP4
};

struct Matrix {
  Format format = Format::kF32;
  Nibbles nibbles = Nibbles::kMinus8;
  bool bf16_scales = false;
  bool wide_scales = false;
  const void* quants = nullptr;  // or the values themselves
  const void* scales = nullptr;
  const void* offsets = nullptr;
  int64_t n_experts = 1, n_out = 0, n_in = 0;

  explicit operator bool() const { return quants != nullptr; }
  // Bytes of `rows` rows, scales included.
  double bytes(int64_t rows) const {
    const double n = static_cast<double>(rows) * static_cast<double>(n_in);
    switch (format) {
      case Format::kF32:
        return n * 4;
      case Format::kBF16:
      case Format::kF16:
        return n * 2;
      case Format::kInt8:
        return n + n / 16;
      case Format::kInt4:
        return n / 2 + n / 16 + (offsets ? n / 16 : 0);
      case Format::kWide:
        return n * 1.5;
      case Format::kFp8:
        return n + n / (wide_scales ? 32 : 8);
    }
    return 0;
  }
  // Rows [first, first + n) of a matrix that is no mixture.
  Matrix rows(int64_t first, int64_t n) const {
    Matrix part = *this;
    const auto further = [](const void*& at, int64_t bytes) {
      if (at) at = static_cast<const char*>(at) + bytes;
    };
    const int64_t skipped = first * n_in;
    switch (format) {
      case Format::kF32:
        further(part.quants, skipped * 4);
        break;
      case Format::kBF16:
      case Format::kF16:
        further(part.quants, skipped * 2);
        break;
      case Format::kInt8:
        further(part.quants, skipped);
        further(part.scales, skipped / 32 * 2);
        break;
      case Format::kInt4:
        further(part.quants, skipped / 2);
        further(part.scales, skipped / 32 * 2);
        further(part.offsets, skipped / 32 * 2);
        break;
      case Format::kWide:
        further(part.quants, skipped);
        further(part.scales, skipped / 16 * 4);
        further(part.offsets, skipped / 16 * 4);
        break;
      case Format::kFp8:
        further(part.quants, skipped);
        further(part.scales, skipped / (wide_scales ? 128 : 32) * 4);
        break;
    }
    part.n_out = n;
    return part;
  }
  bool whole_numbers() const { return format == Format::kInt8 || format == Format::kInt4 || format == Format::kWide; }
};

}  // namespace engine::cuda
