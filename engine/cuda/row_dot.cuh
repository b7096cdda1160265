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

// Rounds n values to 8 bits, 32 at a time: eight lanes a block of values, four values each. A barrier must follow.
__device__ inline void quantize_input(const RowInput& in, int n, int warp, int n_warps, int lane) {
  const int blocks = n / 32, part = lane % 8;
  for (int b0 = warp * 4; b0 < blocks; b0 += n_warps * 4) {  // all lanes take part in the exchange
    const int b = min(b0 + lane / 8, blocks - 1);
    const float4 v = (part & 1 ? in.high : in.low)[b * 4 + part / 2];
    float largest = fmaxf(fmaxf(fabsf(v.x), fabsf(v.y)), fmaxf(fabsf(v.z), fabsf(v.w)));
#pragma unroll
    for (int m = 4; m > 0; m >>= 1) largest = fmaxf(largest, __shfl_xor_sync(~0U, largest, m));
    const float scale = largest / 127.0f, inverse = largest > 0.0f ? 127.0f / largest : 0.0f;
    const int q0 = __float2int_rn(v.x * inverse), q1 = __float2int_rn(v.y * inverse), q2 = __float2int_rn(v.z * inverse),
              q3 = __float2int_rn(v.w * inverse);
    int sum = q0 + q1 + q2 + q3;
    sum += __shfl_xor_sync(~0U, sum, 1);
    sum += __shfl_xor_sync(~0U, sum, 2);
    if (b0 + lane / 8 >= blocks) continue;
    reinterpret_cast<int*>((part < 4 ? in.quants_low : in.quants_high) + b)[part & 3] =
        (q0 & 255) | (q1 & 255) << 8 | (q2 & 255) << 16 | q3 << 24;
    if ((part & 3) == 0) in.sums[b * 2 + part / 4] = sum;
    if (part == 0) in.scales[b] = scale;
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

__device__ __forceinline__ float scale_of_bits(const Matrix& w, uint32_t bits) {
  return w.bf16_scales ? __uint_as_float(bits << 16) : __half2float(__ushort_as_half(static_cast<uint16_t>(bits)));
}
__device__ __forceinline__ uint32_t bits_at(const void* scales, int64_t i) { return __ldg(static_cast<const uint16_t*>(scales) + i); }

// What a lane takes of R rows at a time: four pieces of 16 bytes, with their scales. Loading and using are apart, so that
// a warp has the next batch under way while it works on one, whatever row or matrix that one belongs to.
template <int R>
struct RawBatch {
  uint4 v[4];
  uint32_t s[4];  // of whole numbers: scale in the lower half, offset in the upper one
};

// Pieces of 16 bytes in a row, and how many of each row a lane takes in a batch.
__device__ __forceinline__ int pieces_of_row(const Matrix& w) {
  const int n = static_cast<int>(w.n_in);
  switch (w.format) {
    case Format::kF32: return n / 4;
    case Format::kBF16:
    case Format::kF16: return n / 8;
    case Format::kInt8:
    case Format::kWide: return n / 16;
    case Format::kInt4: return n / 32;
  }
  return 0;
}
template <int R>
__device__ __forceinline__ int pieces_of_batch(const Matrix& w) {
  return (w.format == Format::kWide ? 2 : 4) / R;
}

// Pieces k, k + step, ... of rows `row[r]`, counted over all experts; zeros beyond a row's end.
template <int R>
__device__ __forceinline__ void load_batch(const Matrix& w, const int64_t (&row)[R], int k, int step, RawBatch<R>& raw) {
  const int n = pieces_of_row(w);
  const uint4* from = static_cast<const uint4*>(w.quants);
  if (w.format == Format::kF32 || w.format == Format::kBF16 || w.format == Format::kF16) {
#pragma unroll
    for (int u = 0; u < 4 / R; ++u)
#pragma unroll
      for (int r = 0; r < R; ++r) {
        raw.v[u * R + r] = {0, 0, 0, 0};
        if (k + u * step < n) raw.v[u * R + r] = load_once(from + row[r] * n + k + u * step);
      }
    return;
  }
  if (w.format == Format::kWide) {
#pragma unroll
    for (int u = 0; u < 2 / R; ++u)
#pragma unroll
      for (int r = 0; r < R; ++r) {
        const int at = u * R + r, piece = k + u * step;
        raw.v[at] = raw.v[2 + at] = {0, 0, 0, 0};
        if (piece < n) {
          const int64_t index = row[r] * n + piece;
          raw.v[at] = load_once(from + index);
          raw.v[2 + at].x = __float_as_uint(__ldg(static_cast<const float*>(w.scales) + index));
          raw.v[2 + at].y = __float_as_uint(__ldg(static_cast<const float*>(w.offsets) + index));
        }
      }
    return;
  }
  const int shift = w.format == Format::kInt8 ? 1 : 0;  // its scales belong to two pieces
#pragma unroll
  for (int u = 0; u < 4 / R; ++u)
#pragma unroll
    for (int r = 0; r < R; ++r) {
      const int at = u * R + r, piece = k + u * step;
      raw.v[at] = {0, 0, 0, 0};
      raw.s[at] = 0;
      if (piece < n) {
        const int64_t index = row[r] * n + piece;
        raw.v[at] = load_once(from + index);
        raw.s[at] = bits_at(w.scales, index >> shift);
        if (w.offsets) raw.s[at] |= bits_at(w.offsets, index) << 16;
      }
    }
}

template <int R, Nibbles kind>
__device__ __forceinline__ void use_int4(const Matrix& w, const RowInput& x, const RawBatch<R>& raw, int k, int step, float (&sum)[R]) {
  const int n = static_cast<int>(w.n_in / 32);
#pragma unroll
  for (int u = 0; u < 4 / R; ++u) {
    const int b = min(k + u * step, n - 1);
    const int4 low = x.quants_low[b], high = x.quants_high[b];
    const float scale = x.scales[b];
    const int total = x.sums[2 * b] + x.sums[2 * b + 1];
#pragma unroll
    for (int r = 0; r < R; ++r) {
      const uint32_t bits = raw.s[u * R + r];
      int dot = dot32_nibbles<kind>(raw.v[u * R + r], low, high);
      if constexpr (kind == Nibbles::kMinus8) dot -= 8 * total;
      float value = scale_of_bits(w, bits & 0xffffU) * static_cast<float>(dot);
      if (w.offsets) value = fmaf(scale_of_bits(w, bits >> 16), static_cast<float>(total), value);
      sum[r] = fmaf(scale, value, sum[r]);
    }
  }
}

__device__ __forceinline__ int dot16(const uint4& v, const int4& a) { return dot4(v.x, a.x, dot4(v.y, a.y, dot4(v.z, a.z, dot4(v.w, a.w, 0)))); }

template <int R>
__device__ __forceinline__ void use_batch(const Matrix& w, const RowInput& x, const RawBatch<R>& raw, int k, int step, float (&sum)[R]) {
  const int last = pieces_of_row(w) - 1;
  switch (w.format) {
    case Format::kBF16:
    case Format::kF16:
#pragma unroll
      for (int u = 0; u < 4 / R; ++u) {
        const int piece = min(k + u * step, last);
        const float4 a = x.low[piece], b = x.high[piece];
#pragma unroll
        for (int r = 0; r < R; ++r)
          sum[r] = w.format == Format::kBF16 ? dot8_bf16(raw.v[u * R + r], a, b, sum[r]) : dot8_f16(raw.v[u * R + r], a, b, sum[r]);
      }
      return;
    case Format::kF32:
#pragma unroll
      for (int u = 0; u < 4 / R; ++u) {
        const int piece = min(k + u * step, last);
        const float4 a = piece & 1 ? x.high[piece >> 1] : x.low[piece >> 1];
#pragma unroll
        for (int r = 0; r < R; ++r) {
          const uint4& v = raw.v[u * R + r];
          sum[r] = fmaf(__uint_as_float(v.x), a.x, fmaf(__uint_as_float(v.y), a.y, fmaf(__uint_as_float(v.z), a.z, fmaf(__uint_as_float(v.w), a.w, sum[r]))));
        }
      }
      return;
    case Format::kInt8:
#pragma unroll
      for (int u = 0; u < 4 / R; ++u) {
        const int piece = min(k + u * step, last);
        const int4 a = piece & 1 ? x.quants_high[piece >> 1] : x.quants_low[piece >> 1];
        const float scale = x.scales[piece >> 1];
#pragma unroll
        for (int r = 0; r < R; ++r)
          sum[r] = fmaf(scale * scale_of_bits(w, raw.s[u * R + r]), static_cast<float>(dot16(raw.v[u * R + r], a)), sum[r]);
      }
      return;
    case Format::kWide:
#pragma unroll
      for (int u = 0; u < 2 / R; ++u) {
        const int piece = min(k + u * step, last);
        const int4 a = piece & 1 ? x.quants_high[piece >> 1] : x.quants_low[piece >> 1];
        const float scale = x.scales[piece >> 1], total = static_cast<float>(x.sums[piece]);
#pragma unroll
        for (int r = 0; r < R; ++r) {
          const int at = u * R + r;
          const float dot = static_cast<float>(dot16(raw.v[at], a));
          sum[r] = fmaf(scale, fmaf(__uint_as_float(raw.v[2 + at].y), total, __uint_as_float(raw.v[2 + at].x) * dot), sum[r]);
        }
      }
      return;
    case Format::kInt4:
      switch (w.nibbles) {
        case Nibbles::kMinus8: return use_int4<R, Nibbles::kMinus8>(w, x, raw, k, step, sum);
        case Nibbles::kPlain: return use_int4<R, Nibbles::kPlain>(w, x, raw, k, step, sum);
        case Nibbles::kNonLinear: return use_int4<R, Nibbles::kNonLinear>(w, x, raw, k, step, sum);
        case Nibbles::kE2m1: return use_int4<R, Nibbles::kE2m1>(w, x, raw, k, step, sum);
      }
      return;
  }
}

// What remains of rows whose first batch `raw` is under way.
template <int R>
__device__ __forceinline__ void finish_rows(const Matrix& w, const int64_t (&row)[R], const RowInput& x, int first, int step, RawBatch<R>& raw, float (&sum)[R]) {
  const int n = pieces_of_row(w), batch = step * pieces_of_batch<R>(w);
  for (int k = first; k - first < n; k += batch) {
    if (k != first) load_batch(w, row, k, step, raw);
    use_batch(w, x, raw, k, step, sum);
  }
}

template <int R>
__device__ __forceinline__ void add_lanes(float (&sum)[R], int width = 32) {
#pragma unroll
  for (int r = 0; r < R; ++r)
    for (int m = width / 2; m > 0; m >>= 1) sum[r] += __shfl_xor_sync(~0U, sum[r], m);
}

}  // namespace engine::cuda
