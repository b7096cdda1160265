// SPDX-License-Identifier: Apache-2.0
// engine/cuda/row_dot.cuh: a warp's product of a few weight rows with one activation row that lies in shared memory.
//
// Weights are read once, in whole lines, and never cached in the first level; activations are read by every warp of a block.
// Whole-number formats meet activations of 8 bits per block of 32, as the CPU's fast paths do (kernels/quantize.h); the others
// meet f32.
#pragma once
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>

#include "engine/cuda/matrix.h"

namespace engine::cuda {

// One row of activations in shared memory. Values of eight lie in two planes, so that the 16-byte reads of neighbouring lanes
// meet no common bank; 8-bit blocks likewise.
struct RowInput {
  float4* low;       // [n / 8] values 0..3 of eight
  float4* high;      // values 4..7
  int4* quants_low;  // [n / 32] numbers 0..15 of a block
  int4* quants_high;
  float* scales;     // [n / 32]
  int* sums;         // [n / 16]
};

__host__ __device__ constexpr size_t row_input_bytes(int64_t n, bool whole_numbers) {
  const int64_t padded = (n + 31) / 32 * 32;
  return static_cast<size_t>(padded * 4 + (whole_numbers ? padded + padded / 32 * 4 + padded / 16 * 4 : 0));
}

__device__ inline RowInput row_input_at(char* memory, int64_t n) {
  const int64_t padded = (n + 31) / 32 * 32;
  RowInput in;
  in.low = reinterpret_cast<float4*>(memory);
  in.high = in.low + padded / 8;
  in.quants_low = reinterpret_cast<int4*>(in.high + padded / 8);
  in.quants_high = in.quants_low + padded / 32;
  in.scales = reinterpret_cast<float*>(in.quants_high + padded / 32);
  in.sums = reinterpret_cast<int*>(in.scales + padded / 32);
  return in;
}

__device__ __forceinline__ float& value_at(const RowInput& in, int64_t i) {
  float4* plane = i & 4 ? in.high : in.low;
  return reinterpret_cast<float*>(plane + (i >> 3))[i & 3];
}

// The whole block rounds n values to 8 bits, 32 at a time; one warp a block of values. A barrier must follow.
__device__ inline void quantize_input(const RowInput& in, int64_t n, int warp, int n_warps, int lane) {
  for (int64_t b = warp; b < n / 32; b += n_warps) {
    const float value = value_at(in, b * 32 + lane);
    float largest = fabsf(value);
#pragma unroll
    for (int m = 16; m > 0; m >>= 1) largest = fmaxf(largest, __shfl_xor_sync(~0U, largest, m));
    const float scale = largest / 127.0f;
    const int q = scale > 0.0f ? __float2int_rn(value / scale) : 0;
    int sum = q;
#pragma unroll
    for (int m = 8; m > 0; m >>= 1) sum += __shfl_xor_sync(~0U, sum, m);
    reinterpret_cast<int8_t*>(lane < 16 ? in.quants_low + b : in.quants_high + b)[lane & 15] = static_cast<int8_t>(q);
    if ((lane & 15) == 0) in.sums[b * 2 + lane / 16] = sum;
    if (lane == 0) in.scales[b] = scale;
  }
}

// 16 bytes that are read once.
__device__ __forceinline__ uint4 load_once(const void* at) {
  uint4 v;
  asm volatile("ld.global.nc.L1::no_allocate.L2::128B.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
               : "l"(at));
  return v;
}

__device__ __forceinline__ float bf16_low(uint32_t pair) { return __uint_as_float(pair << 16); }
__device__ __forceinline__ float bf16_high(uint32_t pair) { return __uint_as_float(pair & 0xffff0000U); }

__device__ __forceinline__ float dot8_bf16(const uint4& w, const float4& a, const float4& b, float sum) {
  sum = fmaf(bf16_low(w.x), a.x, sum), sum = fmaf(bf16_high(w.x), a.y, sum);
  sum = fmaf(bf16_low(w.y), a.z, sum), sum = fmaf(bf16_high(w.y), a.w, sum);
  sum = fmaf(bf16_low(w.z), b.x, sum), sum = fmaf(bf16_high(w.z), b.y, sum);
  sum = fmaf(bf16_low(w.w), b.z, sum), sum = fmaf(bf16_high(w.w), b.w, sum);
  return sum;
}

__device__ __forceinline__ float dot8_f16(const uint4& w, const float4& a, const float4& b, float sum) {
  const float2 p = __half22float2(reinterpret_cast<const __half2&>(w.x)), q = __half22float2(reinterpret_cast<const __half2&>(w.y));
  const float2 r = __half22float2(reinterpret_cast<const __half2&>(w.z)), s = __half22float2(reinterpret_cast<const __half2&>(w.w));
  sum = fmaf(p.x, a.x, sum), sum = fmaf(p.y, a.y, sum), sum = fmaf(q.x, a.z, sum), sum = fmaf(q.y, a.w, sum);
  sum = fmaf(r.x, b.x, sum), sum = fmaf(r.y, b.y, sum), sum = fmaf(s.x, b.z, sum), sum = fmaf(s.y, b.w, sum);
  return sum;
}

// Four half bytes (the low or the high ones of a word) as signed bytes.
struct HalfBytes {
  uint32_t low, high;
};
__device__ __forceinline__ uint32_t look_up4(uint32_t four, const uint32_t (&table)[4]) {
  const uint32_t first = __byte_perm(table[0], table[1], four & 0x7777U), second = __byte_perm(table[2], table[3], four & 0x7777U);
  return __byte_perm(first, second, 0x3210U | ((four & 0x8888U) >> 1));
}
template <Nibbles kind>
__device__ __forceinline__ HalfBytes unpack(uint32_t word) {
  if constexpr (kind == Nibbles::kMinus8 || kind == Nibbles::kPlain) {
    return {word & 0x0f0f0f0fU, (word >> 4) & 0x0f0f0f0fU};
  } else {
    constexpr uint32_t curve[4] = {0xbfad9881U, 0xf6eaddcfU, 0x26190d01U, 0x71594535U};
    constexpr uint32_t e2m1[4] = {0x03020100U, 0x0c080604U, 0xfdfeff00U, 0xf4f8fafcU};
    uint32_t table[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) table[i] = kind == Nibbles::kNonLinear ? curve[i] : e2m1[i];
    const uint32_t first = look_up4(word, table), second = look_up4(word >> 16, table);
    return {__byte_perm(first, second, 0x6420U), __byte_perm(first, second, 0x7531U)};
  }
}

__device__ __forceinline__ int dot4(uint32_t a, int b, int sum) { return __dp4a(static_cast<int>(a), b, sum); }

template <Nibbles kind>
__device__ __forceinline__ int dot32_nibbles(const uint4& w, const int4& low, const int4& high) {
  int sum = 0;
  HalfBytes h = unpack<kind>(w.x);
  sum = dot4(h.low, low.x, sum), sum = dot4(h.high, high.x, sum);
  h = unpack<kind>(w.y);
  sum = dot4(h.low, low.y, sum), sum = dot4(h.high, high.y, sum);
  h = unpack<kind>(w.z);
  sum = dot4(h.low, low.z, sum), sum = dot4(h.high, high.z, sum);
  h = unpack<kind>(w.w);
  sum = dot4(h.low, low.w, sum), sum = dot4(h.high, high.w, sum);
  return sum;
}

__device__ __forceinline__ float scale_at(const Matrix& w, const void* scales, int64_t i) {
  const uint16_t bits = __ldg(static_cast<const uint16_t*>(scales) + i);
  return w.bf16_scales ? __uint_as_float(static_cast<uint32_t>(bits) << 16) : __half2float(__ushort_as_half(bits));
}

// R rows `row[r]` (counted over all experts) of `w`; each lane's part of each sum is added to `sum`. Lanes of the warp split
// the row between `first` and `step`: lane and 32.
template <int R, Nibbles kind>
__device__ __forceinline__ void dot_int4(const Matrix& w, const int64_t (&row)[R], const RowInput& x, int first, int step, float (&sum)[R]) {
  const int64_t blocks = w.n_in / 32;
  const uint4* quants = static_cast<const uint4*>(w.quants);
#pragma unroll 2
  for (int64_t b = first; b < blocks; b += step) {
    uint4 q[R];
    float d[R], m[R];
#pragma unroll
    for (int r = 0; r < R; ++r) q[r] = load_once(quants + row[r] * blocks + b);
#pragma unroll
    for (int r = 0; r < R; ++r) {
      d[r] = scale_at(w, w.scales, row[r] * blocks + b);
      m[r] = w.offsets ? scale_at(w, w.offsets, row[r] * blocks + b) : 0.0f;
    }
    const int4 low = x.quants_low[b], high = x.quants_high[b];
    const float scale = x.scales[b];
    const int total = x.sums[2 * b] + x.sums[2 * b + 1];
#pragma unroll
    for (int r = 0; r < R; ++r) {
      int dot = dot32_nibbles<kind>(q[r], low, high);
      if constexpr (kind == Nibbles::kMinus8) dot -= 8 * total;
      sum[r] = fmaf(scale, d[r] * static_cast<float>(dot) + m[r] * static_cast<float>(total), sum[r]);
    }
  }
}

template <int R>
__device__ __forceinline__ void dot_rows(const Matrix& w, const int64_t (&row)[R], const RowInput& x, int first, int step, float (&sum)[R]) {
  switch (w.format) {
    case Format::kBF16: {
      const int64_t eights = w.n_in / 8;
      const uint4* values = static_cast<const uint4*>(w.quants);
#pragma unroll 4
      for (int64_t k = first; k < eights; k += step) {
        uint4 v[R];
#pragma unroll
        for (int r = 0; r < R; ++r) v[r] = load_once(values + row[r] * eights + k);
        const float4 a = x.low[k], b = x.high[k];
#pragma unroll
        for (int r = 0; r < R; ++r) sum[r] = dot8_bf16(v[r], a, b, sum[r]);
      }
      return;
    }
    case Format::kF16: {
      const int64_t eights = w.n_in / 8;
      const uint4* values = static_cast<const uint4*>(w.quants);
#pragma unroll 4
      for (int64_t k = first; k < eights; k += step) {
        uint4 v[R];
#pragma unroll
        for (int r = 0; r < R; ++r) v[r] = load_once(values + row[r] * eights + k);
        const float4 a = x.low[k], b = x.high[k];
#pragma unroll
        for (int r = 0; r < R; ++r) sum[r] = dot8_f16(v[r], a, b, sum[r]);
      }
      return;
    }
    case Format::kF32: {
      const int64_t fours = w.n_in / 4;
      const float4* values = static_cast<const float4*>(w.quants);
#pragma unroll 4
      for (int64_t k = first; k < fours; k += step) {
        const float4 a = k & 1 ? x.high[k >> 1] : x.low[k >> 1];
#pragma unroll
        for (int r = 0; r < R; ++r) {
          const float4 v = __ldg(values + row[r] * fours + k);
          sum[r] = fmaf(v.x, a.x, fmaf(v.y, a.y, fmaf(v.z, a.z, fmaf(v.w, a.w, sum[r]))));
        }
      }
      return;
    }
    case Format::kInt8: {
      const int64_t halves = w.n_in / 16;
      const uint4* quants = static_cast<const uint4*>(w.quants);
#pragma unroll 4
      for (int64_t k = first; k < halves; k += step) {
        uint4 q[R];
        float d[R];
#pragma unroll
        for (int r = 0; r < R; ++r) q[r] = load_once(quants + row[r] * halves + k);
#pragma unroll
        for (int r = 0; r < R; ++r) d[r] = scale_at(w, w.scales, (row[r] * halves + k) >> 1);
        const int4 a = k & 1 ? x.quants_high[k >> 1] : x.quants_low[k >> 1];
        const float scale = x.scales[k >> 1];
#pragma unroll
        for (int r = 0; r < R; ++r) {
          const int dot = dot4(q[r].x, a.x, dot4(q[r].y, a.y, dot4(q[r].z, a.z, dot4(q[r].w, a.w, 0))));
          sum[r] = fmaf(scale * d[r], static_cast<float>(dot), sum[r]);
        }
      }
      return;
    }
    case Format::kInt4:
      switch (w.nibbles) {
        case Nibbles::kMinus8: return dot_int4<R, Nibbles::kMinus8>(w, row, x, first, step, sum);
        case Nibbles::kPlain: return dot_int4<R, Nibbles::kPlain>(w, row, x, first, step, sum);
        case Nibbles::kNonLinear: return dot_int4<R, Nibbles::kNonLinear>(w, row, x, first, step, sum);
        case Nibbles::kE2m1: return dot_int4<R, Nibbles::kE2m1>(w, row, x, first, step, sum);
      }
      return;
    case Format::kWide: {
      const int64_t halves = w.n_in / 16;
      const uint4* quants = static_cast<const uint4*>(w.quants);
#pragma unroll 2
      for (int64_t k = first; k < halves; k += step) {
        const int4 a = k & 1 ? x.quants_high[k >> 1] : x.quants_low[k >> 1];
        const float scale = x.scales[k >> 1], total = static_cast<float>(x.sums[k]);
#pragma unroll
        for (int r = 0; r < R; ++r) {
          const uint4 q = load_once(quants + row[r] * halves + k);
          const float d = __ldg(static_cast<const float*>(w.scales) + row[r] * halves + k);
          const float m = __ldg(static_cast<const float*>(w.offsets) + row[r] * halves + k);
          const int dot = dot4(q.x, a.x, dot4(q.y, a.y, dot4(q.z, a.z, dot4(q.w, a.w, 0))));
          sum[r] = fmaf(scale, d * static_cast<float>(dot) + m * total, sum[r]);
        }
      }
      return;
    }
  }
}

template <int R>
__device__ __forceinline__ void add_lanes(float (&sum)[R], int width = 32) {
#pragma unroll
  for (int r = 0; r < R; ++r)
    for (int m = width / 2; m > 0; m >>= 1) sum[r] += __shfl_xor_sync(~0U, sum[r], m);
}

}  // namespace engine::cuda
