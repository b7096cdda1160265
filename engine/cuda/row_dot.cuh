// SPDX-License-Identifier: Apache-2.0
// engine/cuda/row_dot.cuh: a warp's product of a few weight rows with one activation row that lies in shared memory.
//
// Weights are read once, in whole lines, and never cached in the first level; activations are read by every warp of a
// block. Whole-number formats meet activations of 8 bits per block of 32, as the CPU's fast paths do
// (kernels/quantize.h); the others meet f32.
#pragma once
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>

#include "engine/cuda/fp8.cuh"
#include "engine/cuda/instructions.cuh"
#include "engine/cuda/matrix.h"

namespace engine::cuda {

// One row of activations in shared memory. Values of eight lie in two planes, so that the 16-byte reads of neighbouring
// lanes meet no common bank; 8-bit blocks likewise.
struct RowInput {
  float4* low;       // [n / 8] values 0..3 of eight
  float4* high;      // values 4..7
  int4* quants_low;  // [n / 32] numbers 0..15 of a block
  int4* quants_high;
  float* scales;  // [n / 32]
  int* sums;      // [n / 16]
};

__host__ __device__ constexpr size_t row_input_bytes(int64_t n, bool whole_numbers) {
  const int64_t padded = (n + 31) / 32 * 32;
  return static_cast<size_t>(padded * 4 + (whole_numbers ? padded + padded / 32 * 4 + padded / 16 * 4 : 0) + 15) / 16 *
         16;
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

// Rounds 32 values to 8 bits, four of them in each of eight neighbouring lanes; `four` is their place in the input, in
// fours. All lanes of a warp take part; those that are not `there` store nothing.
__device__ __forceinline__ void round_four(const RowInput& in, int four, const float4& v, bool there) {
  float largest = fmaxf(fmaxf(fabsf(v.x), fabsf(v.y)), fmaxf(fabsf(v.z), fabsf(v.w)));
#pragma unroll
  for (int m = 4; m > 0; m >>= 1) largest = fmaxf(largest, __shfl_xor_sync(~0U, largest, m));
  const float inverse = largest > 0.0f ? 127.0f / largest : 0.0f;
  const int q0 = __float2int_rn(v.x * inverse), q1 = __float2int_rn(v.y * inverse), q2 = __float2int_rn(v.z * inverse),
            q3 = __float2int_rn(v.w * inverse);
  int sum = q0 + q1 + q2 + q3;
  sum += __shfl_xor_sync(~0U, sum, 1);
  sum += __shfl_xor_sync(~0U, sum, 2);
  if (!there) return;
  const int block = four / 8, part = four % 8;
  reinterpret_cast<int*>((part < 4 ? in.quants_low : in.quants_high) + block)[part & 3] =
      (q0 & 255) | (q1 & 255) << 8 | (q2 & 255) << 16 | q3 << 24;
  if ((part & 3) == 0) in.sums[block * 2 + part / 4] = sum;
  if (part == 0) in.scales[block] = largest / 127.0f;
}

__device__ __forceinline__ float bf16_low(uint32_t pair) {
  return __uint_as_float(pair << 16);
}
__device__ __forceinline__ float bf16_high(uint32_t pair) {
  return __uint_as_float(pair & 0xffff0000U);
}

__device__ __forceinline__ float dot8_bf16(const uint4& w, const float4& a, const float4& b, float sum) {
  sum = fmaf(bf16_low(w.x), a.x, sum), sum = fmaf(bf16_high(w.x), a.y, sum);
  sum = fmaf(bf16_low(w.y), a.z, sum), sum = fmaf(bf16_high(w.y), a.w, sum);
  sum = fmaf(bf16_low(w.z), b.x, sum), sum = fmaf(bf16_high(w.z), b.y, sum);
  sum = fmaf(bf16_low(w.w), b.z, sum), sum = fmaf(bf16_high(w.w), b.w, sum);
  return sum;
}

__device__ __forceinline__ float dot8_f16(const uint4& w, const float4& a, const float4& b, float sum) {
  const float2 p = __half22float2(reinterpret_cast<const __half2&>(w.x)),
               q = __half22float2(reinterpret_cast<const __half2&>(w.y));
  const float2 r = __half22float2(reinterpret_cast<const __half2&>(w.z)),
               s = __half22float2(reinterpret_cast<const __half2&>(w.w));
  sum = fmaf(p.x, a.x, sum), sum = fmaf(p.y, a.y, sum), sum = fmaf(q.x, a.z, sum), sum = fmaf(q.y, a.w, sum);
  sum = fmaf(r.x, b.x, sum), sum = fmaf(r.y, b.y, sum), sum = fmaf(s.x, b.z, sum), sum = fmaf(s.y, b.w, sum);
  return sum;
}

__device__ __forceinline__ float dot4_fp8(uint32_t codes, const float4& a, float sum) {
  const float4 w = four_of_fp8(codes);
  return fmaf(w.x, a.x, fmaf(w.y, a.y, fmaf(w.z, a.z, fmaf(w.w, a.w, sum))));
}

// What formats a program's matrices have: code for the others is left out, as a multiprocessor's instruction cache
// holds little more than one program.
enum Formats : unsigned {
  kHasF32 = 1,
  kHasBF16 = 2,
  kHasF16 = 4,
  kHasInt8 = 8,
  kHasInt4 = 16,       // Nibbles::kMinus8 and kPlain
  kHasInt4Table = 32,  // the other Nibbles
  kHasWide = 64,
  kHasFp8 = 128,
  kHasAll = 255,
  kHasF32Layers = 256,  // f32 in layers that are f32 in hardly any model but one of f32 throughout
};
__host__ __device__ inline unsigned format_bit(const Matrix& w) {
  switch (w.format) {
    case Format::kF32:
      return kHasF32;
    case Format::kBF16:
      return kHasBF16;
    case Format::kF16:
      return kHasF16;
    case Format::kInt8:
      return kHasInt8;
    case Format::kInt4:
      return w.nibbles == Nibbles::kMinus8 || w.nibbles == Nibbles::kPlain ? kHasInt4 : kHasInt4Table;
    case Format::kWide:
      return kHasWide;
    case Format::kFp8:
      return kHasFp8;
  }
  return 0;
}
constexpr unsigned kHasWhole = kHasInt8 | kHasInt4 | kHasInt4Table | kHasWide;

// Four half bytes (the low or the high ones of a word) as signed bytes.
struct HalfBytes {
  uint32_t low, high;
};
__device__ __forceinline__ uint32_t look_up4(uint32_t four, const uint32_t (&table)[4]) {
  const uint32_t first = __byte_perm(table[0], table[1], four & 0x7777U),
                 second = __byte_perm(table[2], table[3], four & 0x7777U);
  return __byte_perm(first, second, 0x3210U | ((four & 0x8888U) >> 1));
}
// `kTable`: through the numbers of `kind`, else as they are.
template <bool kTable>
__device__ __forceinline__ HalfBytes unpack(uint32_t word, Nibbles kind) {
  if constexpr (!kTable) {
    return {word & 0x0f0f0f0fU, (word >> 4) & 0x0f0f0f0fU};
  } else {
    const bool curve = kind == Nibbles::kNonLinear;
    const uint32_t table[4] = {curve ? 0xbfad9881U : 0x03020100U, curve ? 0xf6eaddcfU : 0x0c080604U,
                               curve ? 0x26190d01U : 0xfdfeff00U, curve ? 0x71594535U : 0xf4f8fafcU};
    const uint32_t first = look_up4(word, table), second = look_up4(word >> 16, table);
    return {__byte_perm(first, second, 0x6420U), __byte_perm(first, second, 0x7531U)};
  }
}

__device__ __forceinline__ int dot4(uint32_t a, int b, int sum) {
  return __dp4a(static_cast<int>(a), b, sum);
}
__device__ __forceinline__ int dot16(const uint4& v, const int4& a) {
  return dot4(v.x, a.x, dot4(v.y, a.y, dot4(v.z, a.z, dot4(v.w, a.w, 0))));
}

template <bool kTable>
__device__ __forceinline__ int dot32(const uint4& w, const int4& low, const int4& high, Nibbles kind) {
  const HalfBytes a = unpack<kTable>(w.x, kind), b = unpack<kTable>(w.y, kind), c = unpack<kTable>(w.z, kind),
                  d = unpack<kTable>(w.w, kind);
  const int first = dot4(a.low, low.x, dot4(b.low, low.y, dot4(c.low, low.z, dot4(d.low, low.w, 0))));
  return dot4(a.high, high.x, dot4(b.high, high.y, dot4(c.high, high.z, dot4(d.high, high.w, first))));
}

__device__ __forceinline__ float scale_of_bits(const Matrix& w, uint32_t bits) {
  return w.bf16_scales ? __uint_as_float(bits << 16) : __half2float(__ushort_as_half(static_cast<uint16_t>(bits)));
}
__device__ __forceinline__ uint32_t bits_at(const void* scales, int64_t i) {
  return __ldg(static_cast<const uint16_t*>(scales) + i);
}

// Pieces of 16 bytes in a row.
__host__ __device__ inline int pieces_of_row(const Matrix& w) {
  const int n = static_cast<int>(w.n_in);
  switch (w.format) {
    case Format::kF32:
      return n / 4;
    case Format::kBF16:
    case Format::kF16:
      return n / 8;
    case Format::kInt8:
    case Format::kWide:
    case Format::kFp8:
      return n / 16;
    case Format::kInt4:
      return n / 32;
  }
  return 0;
}

// A piece of 16 bytes on its way, with what its numbers are scaled by: two halves, or floats.
struct Piece {
  uint4 v;
  uint32_t scale, offset;
};

// Piece number `at` of a matrix, or of a Segment.
template <unsigned kBit, typename Source>
__device__ __forceinline__ Piece load_piece(const Source& w, int64_t at) {
  Piece p{load_once(static_cast<const uint4*>(w.quants) + at), 0, 0};
  if constexpr (kBit == kHasInt8) p.scale = bits_at(w.scales, at >> 1);
  if constexpr (kBit == kHasInt4 || kBit == kHasInt4Table) {
    p.scale = bits_at(w.scales, at);
    if (w.offsets) p.offset = bits_at(w.offsets, at);
  }
  if constexpr (kBit == kHasWide) {
    p.scale = __float_as_uint(__ldg(static_cast<const float*>(w.scales) + at));
    p.offset = __float_as_uint(__ldg(static_cast<const float*>(w.offsets) + at));
  }
  if constexpr (kBit == kHasFp8)
    p.scale = __float_as_uint(__ldg(static_cast<const float*>(w.scales) + (at >> (w.wide_scales ? 3 : 1))));
  return p;
}

// Its product with piece `k` of the input.
template <unsigned kBit>
__device__ __forceinline__ float dot_piece(const Matrix& w, const Piece& p, const RowInput& x, int k) {
  if constexpr (kBit == kHasBF16) return dot8_bf16(p.v, x.low[k], x.high[k], 0.0f);
  if constexpr (kBit == kHasF16) return dot8_f16(p.v, x.low[k], x.high[k], 0.0f);
  if constexpr (kBit == kHasF32) {
    const float4 a = k & 1 ? x.high[k >> 1] : x.low[k >> 1];
    return fmaf(__uint_as_float(p.v.x), a.x,
                fmaf(__uint_as_float(p.v.y), a.y, fmaf(__uint_as_float(p.v.z), a.z, __uint_as_float(p.v.w) * a.w)));
  }
  if constexpr (kBit == kHasInt8) {
    const int4 a = k & 1 ? x.quants_high[k >> 1] : x.quants_low[k >> 1];
    return x.scales[k >> 1] * scale_of_bits(w, p.scale) * static_cast<float>(dot16(p.v, a));
  }
  if constexpr (kBit == kHasInt4 || kBit == kHasInt4Table) {
    const int total = x.sums[2 * k] + x.sums[2 * k + 1];
    int dot = dot32<kBit == kHasInt4Table>(p.v, x.quants_low[k], x.quants_high[k], w.nibbles);
    if (kBit == kHasInt4 && w.nibbles == Nibbles::kMinus8) dot -= 8 * total;
    float value = scale_of_bits(w, p.scale) * static_cast<float>(dot);
    if (w.offsets) value = fmaf(scale_of_bits(w, p.offset), static_cast<float>(total), value);
    return x.scales[k] * value;
  }
  if constexpr (kBit == kHasWide) {
    const int4 a = k & 1 ? x.quants_high[k >> 1] : x.quants_low[k >> 1];
    return x.scales[k >> 1] * fmaf(__uint_as_float(p.offset), static_cast<float>(x.sums[k]),
                                   __uint_as_float(p.scale) * static_cast<float>(dot16(p.v, a)));
  }
  if constexpr (kBit == kHasFp8) {
    // Eight lanes read from one plane at a time, 32 bytes apart: four of them begin with their second half, so that no
    // two meet in a bank.
    const int other = k >> 2 & 1, at = 2 * k + other, then = 2 * k + 1 - other;
    float sum = dot4_fp8(other ? p.v.z : p.v.x, x.low[at], 0.0f);
    sum = dot4_fp8(other ? p.v.w : p.v.y, x.high[at], sum);
    sum = dot4_fp8(other ? p.v.x : p.v.z, x.low[then], sum);
    sum = dot4_fp8(other ? p.v.y : p.v.w, x.high[then], sum);
    return sum * (kFp8Unit * __uint_as_float(p.scale));
  }
  return 0.0f;
}

// Calls `use` with the format of `w` as a constant.
template <unsigned kFormats, typename Use>
__device__ __forceinline__ void with_format(const Matrix& w, const Use& use) {
  const unsigned bit = format_bit(w);
  if constexpr (kFormats & kHasBF16)
    if (bit == kHasBF16) return use.template operator()<kHasBF16>();
  if constexpr (kFormats & kHasInt4)
    if (bit == kHasInt4) return use.template operator()<kHasInt4>();
  if constexpr (kFormats & kHasInt8)
    if (bit == kHasInt8) return use.template operator()<kHasInt8>();
  if constexpr (kFormats & kHasF32)
    if (bit == kHasF32) return use.template operator()<kHasF32>();
  if constexpr (kFormats & kHasF16)
    if (bit == kHasF16) return use.template operator()<kHasF16>();
  if constexpr (kFormats & kHasInt4Table)
    if (bit == kHasInt4Table) return use.template operator()<kHasInt4Table>();
  if constexpr (kFormats & kHasWide)
    if (bit == kHasWide) return use.template operator()<kHasWide>();
  if constexpr (kFormats & kHasFp8)
    if (bit == kHasFp8) return use.template operator()<kHasFp8>();
}

// Pieces of R rows under way at a time: eight, where numbers need little work.
template <unsigned kBit, int R>
inline constexpr int kAtOnce = R == 1 && (kBit & (kHasWhole | kHasFp8)) ? 4
                               : R == 1 && kBit == kHasF32              ? 16
                                                                        : 8 / R;

// R rows from the given ones on; each lane's part of each sum is added to `sum`. The lanes of the warp, or of a part of
// it, take every `step`th piece from `first` on. All pieces of a batch are started before the first is used: a row is
// often shorter than the time that one of them takes.
template <unsigned kBit, int R>
__device__ __forceinline__ void dot_rows_of(const Matrix& w, const int64_t (&row)[R], const RowInput& x, int first,
                                            int step, float (&sum)[R]) {
  constexpr int U = kAtOnce<kBit, R>;
  const int n = pieces_of_row(w);
#pragma unroll 1
  for (int k0 = first; k0 < n; k0 += step * U) {
    Piece p[U][R];
#pragma unroll
    for (int u = 0; u < U; ++u)
#pragma unroll
      for (int r = 0; r < R; ++r) {
        const int k = k0 + u * step;
        p[u][r] = load_piece<kBit>(w, row[r] * n + min(k, n - 1));
        if (k >= n) p[u][r] = {};  // past the end: counts for nothing
      }
#pragma unroll
    for (int u = 0; u < U; ++u)
#pragma unroll
      for (int r = 0; r < R; ++r) sum[r] += dot_piece<kBit>(w, p[u][r], x, min(k0 + u * step, n - 1));
  }
}

template <int R>
__device__ __forceinline__ void add_lanes(float (&sum)[R], int width = 32) {
#pragma unroll 1
  for (int m = width / 2; m > 0; m >>= 1)
#pragma unroll
    for (int r = 0; r < R; ++r) sum[r] += __shfl_xor_sync(~0U, sum[r], m);
}

// Rows of `w` times the input at `memory`, summed over `lanes` lanes: first_row and first_row + apart (0: the same
// one), and of four also the row after each; counted over all experts.
template <unsigned kFormats, int R>
__device__ __forceinline__ float4 rows_times_input(const Matrix* matrix, int64_t first_row, int64_t apart, char* memory,
                                                   int lanes) {
  const Matrix& w = *matrix;
  const RowInput x = row_input_at(memory, w.n_in);
  const int lane = static_cast<int>(threadIdx.x) & (lanes - 1);
  int64_t rows[R];
  float sum[R] = {};
#pragma unroll
  for (int r = 0; r < R; ++r) rows[r] = first_row + (r & 1) * apart + (r >> 1);
  with_format<kFormats>(w, [&]<unsigned kBit>() { dot_rows_of<kBit, R>(w, rows, x, lane, lanes, sum); });
#pragma unroll 1
  for (int m = lanes / 2; m > 0; m >>= 1)
#pragma unroll
    for (int r = 0; r < R; ++r) sum[r] += __shfl_xor_sync(~0U, sum[r], m);
  float4 result{sum[0], 0.0f, 0.0f, 0.0f};
  if constexpr (R > 1) result.y = sum[1];
  if constexpr (R > 2) result.z = sum[2], result.w = sum[3];
  return result;
}

// The same as a function that is called: operators that take few rows share one copy, as a multiprocessor's instruction
// cache is small.
template <unsigned kFormats, int R>
__device__ __noinline__ float4 few_rows_times_input(const Matrix* matrix, int64_t first_row, int64_t apart,
                                                    char* memory, int lanes) {
  return rows_times_input<kFormats, R>(matrix, first_row, apart, memory, lanes);
}

}  // namespace engine::cuda
