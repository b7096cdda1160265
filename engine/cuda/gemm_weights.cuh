// SPDX-License-Identifier: Apache-2.0
// engine/cuda/gemm_weights.cuh: weights of every format on their way to bfloat16, eight of a row at a time.
//
// Weights<format> and MixedWeights: read() fetches what eight weights are made of and touches none of it, so that the
// caller can do other work meanwhile; rounded() makes bfloat16s of it. Rows are counted over all experts; k is a
// multiple of 8.
#pragma once
#include "engine/cuda/fp8.cuh"
#include "engine/cuda/gemm_tiles.cuh"

namespace engine::cuda {

// 128 + a signed byte, four to a word, with its float: bytes of 2^23's mantissa need no conversion.
__device__ __forceinline__ float biased_byte(uint32_t bytes, int i) {
  return __uint_as_float(__byte_perm(bytes, 0x4b000000U, 0x7440U + static_cast<uint32_t>(i))) - 8388736.0f;
}
__device__ __forceinline__ uint4 scaled_bytes(uint32_t first, uint32_t second, float scale, float offset) {
  uint32_t out[4];
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const uint32_t bytes = i < 2 ? first : second;
    out[i] = bf16_pair(fmaf(scale, biased_byte(bytes, i % 2 * 2), offset),
                       fmaf(scale, biased_byte(bytes, i % 2 * 2 + 1), offset));
  }
  return {out[0], out[1], out[2], out[3]};
}
__device__ __forceinline__ float scale_of(uint16_t bits, bool bf16) {
  return bf16 ? __uint_as_float(static_cast<uint32_t>(bits) << 16) : __half2float(__ushort_as_half(bits));
}
template <typename V>
__device__ __forceinline__ V fetch(const void* base, int64_t bytes) {
  return __ldg(reinterpret_cast<const V*>(static_cast<const char*>(base) + bytes));
}

template <Format kFormat>
struct Weights;

template <>
struct Weights<Format::kF32> {
  static constexpr bool kCopied = false;
  struct Raw {
    float4 a, b;
  };
  const Matrix& m;
  __device__ explicit Weights(const Matrix& matrix) : m(matrix) {}
  __device__ Raw read(int64_t row, int64_t k) const {
    const int64_t at = (row * m.n_in + k) * 4;
    return {fetch<float4>(m.quants, at), fetch<float4>(m.quants, at + 16)};
  }
  __device__ uint4 rounded(const Raw& raw, int64_t) const {
    return {bf16_pair(raw.a.x, raw.a.y), bf16_pair(raw.a.z, raw.a.w), bf16_pair(raw.b.x, raw.b.y),
            bf16_pair(raw.b.z, raw.b.w)};
  }
};

template <>
struct Weights<Format::kBF16> {
  static constexpr bool kCopied = true;  // straight into shared memory, where a kernel has no other format to deal with
  using Raw = uint4;
  const Matrix& m;
  __device__ explicit Weights(const Matrix& matrix) : m(matrix) {}
  __device__ Raw read(int64_t row, int64_t k) const { return fetch<uint4>(m.quants, (row * m.n_in + k) * 2); }
  __device__ uint4 rounded(const Raw& raw, int64_t) const { return raw; }
};

template <>
struct Weights<Format::kF16> {
  static constexpr bool kCopied = false;
  using Raw = uint4;
  const Matrix& m;
  __device__ explicit Weights(const Matrix& matrix) : m(matrix) {}
  __device__ Raw read(int64_t row, int64_t k) const { return fetch<uint4>(m.quants, (row * m.n_in + k) * 2); }
  __device__ uint4 rounded(const Raw& raw, int64_t) const {
    return {pair(raw.x), pair(raw.y), pair(raw.z), pair(raw.w)};
  }
  __device__ static uint32_t pair(uint32_t halves) {
    const float2 v = __half22float2(reinterpret_cast<const __half2&>(halves));
    return bf16_pair(v.x, v.y);
  }
};

template <>
struct Weights<Format::kInt8> {
  static constexpr bool kCopied = false;
  struct Raw {
    uint2 quants;
    uint16_t scale;
  };
  const Matrix& m;
  __device__ explicit Weights(const Matrix& matrix) : m(matrix) {}
  __device__ Raw read(int64_t row, int64_t k) const {
    const int64_t at = row * m.n_in + k;
    return {fetch<uint2>(m.quants, at), fetch<uint16_t>(m.scales, at / 32 * 2)};
  }
  __device__ uint4 rounded(const Raw& raw, int64_t) const {
    return scaled_bytes(raw.quants.x ^ 0x80808080U, raw.quants.y ^ 0x80808080U, scale_of(raw.scale, m.bf16_scales),
                        0.0f);
  }
};

template <>
struct Weights<Format::kInt4> {
  static constexpr bool kCopied = false;
  struct Raw {
    uint2 quants;
    uint16_t scale, offset;
  };
  const Matrix& m;
  uint32_t numbers[4];  // what each half byte stands for, plus 128, a byte each
  __device__ explicit Weights(const Matrix& matrix) : m(matrix) {
    switch (m.nibbles) {
      case Nibbles::kMinus8:
        set(0x7b7a7978U, 0x7f7e7d7cU, 0x83828180U, 0x87868584U);
        break;
      case Nibbles::kPlain:
        set(0x83828180U, 0x87868584U, 0x8b8a8988U, 0x8f8e8d8cU);
        break;
      case Nibbles::kNonLinear:
        set(0x3f2d1801U, 0x766a5d4fU, 0xa6998d81U, 0xf1d9c5b5U);
        break;
      case Nibbles::kE2m1:
        set(0x83828180U, 0x8c888684U, 0x7d7e7f80U, 0x74787a7cU);
        break;
    }
  }
  __device__ void set(uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
    numbers[0] = a, numbers[1] = b, numbers[2] = c, numbers[3] = d;
  }
  // The first two eighths of a block's four are low halves of its bytes 0-7 and 8-15, the others the high halves.
  __device__ Raw read(int64_t row, int64_t k) const {
    const int64_t block = (row * m.n_in + k) / 32;
    Raw raw{fetch<uint2>(m.quants, block * 16 + (k & 8)), fetch<uint16_t>(m.scales, block * 2), 0};
    if (m.offsets) raw.offset = fetch<uint16_t>(m.offsets, block * 2);
    return raw;
  }
  __device__ uint4 rounded(const Raw& raw, int64_t k) const {
    const int shift = k & 16 ? 4 : 0;
    return scaled_bytes(looked_up(raw.quants.x >> shift), looked_up(raw.quants.y >> shift),
                        scale_of(raw.scale, m.bf16_scales), m.offsets ? scale_of(raw.offset, m.bf16_scales) : 0.0f);
  }
  // A byte permutation looks up eight entries for four half bytes at once; a third one takes the lower or the upper
  // eight's.
  __device__ uint32_t looked_up(uint32_t low_halves) const {
    uint32_t half = low_halves & 0x0f0f0f0fU;
    half = __byte_perm(half | half >> 4, 0, 0x4420);
    const uint32_t lower = __byte_perm(numbers[0], numbers[1], half & 0x7777U);
    const uint32_t upper = __byte_perm(numbers[2], numbers[3], half & 0x7777U);
    return __byte_perm(lower, upper, 0x3210U | (half & 0x8888U) >> 1);
  }
};

template <>
struct Weights<Format::kWide> {
  static constexpr bool kCopied = false;
  struct Raw {
    uint2 quants;
    float scale, offset;
  };
  const Matrix& m;
  __device__ explicit Weights(const Matrix& matrix) : m(matrix) {}
  __device__ Raw read(int64_t row, int64_t k) const {
    const int64_t at = row * m.n_in + k;
    return {fetch<uint2>(m.quants, at), fetch<float>(m.scales, at / 16 * 4),
            m.offsets ? fetch<float>(m.offsets, at / 16 * 4) : 0.0f};
  }
  __device__ uint4 rounded(const Raw& raw, int64_t) const {
    return scaled_bytes(raw.quants.x ^ 0x80808080U, raw.quants.y ^ 0x80808080U, raw.scale, raw.offset);
  }
};

template <>
struct Weights<Format::kFp8> {
  static constexpr bool kCopied = false;
  struct Raw {
    uint2 codes;
    float scale;
  };
  const Matrix& m;
  __device__ explicit Weights(const Matrix& matrix) : m(matrix) {}
  __device__ Raw read(int64_t row, int64_t k) const {
    const int64_t at = row * m.n_in + k;
    return {fetch<uint2>(m.quants, at), fetch<float>(m.scales, (at >> (m.wide_scales ? 7 : 5)) * 4)};
  }
  __device__ uint4 rounded(const Raw& raw, int64_t) const {
    const float scale = kFp8Unit * raw.scale;
    const float4 a = four_of_fp8(raw.codes.x), b = four_of_fp8(raw.codes.y);
    return {bf16_pair(a.x * scale, a.y * scale), bf16_pair(a.z * scale, a.w * scale),
            bf16_pair(b.x * scale, b.y * scale), bf16_pair(b.z * scale, b.w * scale)};
  }
};

// Two matrices of different formats, which is rare enough to be slow.
struct MixedWeights {
  static constexpr bool kCopied = false;
  using Raw = uint4;
  const Matrix& m;
  __device__ explicit MixedWeights(const Matrix& matrix) : m(matrix) {}
  __device__ Raw read(int64_t row, int64_t k) const {
    switch (m.format) {
      case Format::kF32:
        return at_once<Format::kF32>(row, k);
      case Format::kBF16:
        return at_once<Format::kBF16>(row, k);
      case Format::kF16:
        return at_once<Format::kF16>(row, k);
      case Format::kInt8:
        return at_once<Format::kInt8>(row, k);
      case Format::kInt4:
        return at_once<Format::kInt4>(row, k);
      case Format::kWide:
        return at_once<Format::kWide>(row, k);
      case Format::kFp8:
        return at_once<Format::kFp8>(row, k);
    }
    return {};
  }
  __device__ uint4 rounded(const Raw& raw, int64_t) const { return raw; }
  template <Format kFormat>
  __device__ uint4 at_once(int64_t row, int64_t k) const {
    const Weights<kFormat> w(m);
    return w.rounded(w.read(row, k), k);
  }
};

}  // namespace engine::cuda
