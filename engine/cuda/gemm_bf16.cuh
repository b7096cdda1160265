// SPDX-License-Identifier: Apache-2.0
// engine/cuda/gemm_bf16.cuh: products of bfloat16 rows with a matrix of any format on the tensor cores.
//
// A block makes 128 rows x 128 outputs (kGated: 64 of each matrix), 64 values of depth at a time, out of shared memory that
// is filled three steps ahead. Rows of x are gathered while they are copied. Tiles lie in rows of 128 bytes whose eight 16-byte
// pieces are permuted by the row's number: that keeps ldmatrix free of bank conflicts, and is the layout that Hopper's
// warpgroup products read directly.
// Source   PTX ISA 9.0, sections "mma", "ldmatrix", "wgmma.mma_async", "matrix descriptor" (128-byte swizzle)
#pragma once
#include "engine/cuda/gemm_common.cuh"

namespace engine::cuda {

inline constexpr int kTileRows = 128, kTileColumns = 128, kDepth = 64, kStages = 3, kGemmThreads = 256;
inline constexpr int kTileBytes = 128 * kDepth * 2;  // of x, and of W: 16 KB
inline constexpr size_t kGemmShared = size_t{2} * kStages * kTileBytes + 1024;  // and room to align
static_assert(kTileRows == kGemmTileRows);

__device__ __forceinline__ uint32_t shared_address(const void* p) { return static_cast<uint32_t>(__cvta_generic_to_shared(p)); }

// Where piece `piece` (8 values) of row `row` of a tile lies.
__device__ __forceinline__ int piece_at(int row, int piece) { return row * 128 + ((piece ^ (row & 7)) << 4); }

__device__ __forceinline__ void copy_async(uint32_t to, const void* from, bool valid) {
  asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(valid ? 16 : 0) : "memory");
}
__device__ __forceinline__ void commit_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int N>
__device__ __forceinline__ void wait_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
}

__device__ __forceinline__ void load_fragments(uint32_t (&f)[4], uint32_t address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(f[0]), "=r"(f[1]), "=r"(f[2]), "=r"(f[3])
               : "r"(address));
}
__device__ __forceinline__ void multiply_16_8_16(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// Eight weights of any format as they come from memory, and as bfloat16.
struct RawEight {
  uint4 first, second;
  float scale, offset;
};
__device__ inline RawEight read_eight(const Matrix& w, int64_t row, int64_t k) {
  RawEight raw{};
  const int64_t at = row * w.n_in + k;
  switch (w.format) {
    case Format::kF32:
      raw.first = __ldg(reinterpret_cast<const uint4*>(static_cast<const float*>(w.quants) + at));
      raw.second = __ldg(reinterpret_cast<const uint4*>(static_cast<const float*>(w.quants) + at + 4));
      break;
    case Format::kBF16:
    case Format::kF16: raw.first = __ldg(reinterpret_cast<const uint4*>(static_cast<const uint16_t*>(w.quants) + at)); break;
    case Format::kInt8:
    case Format::kWide: {
      const uint2 q = __ldg(reinterpret_cast<const uint2*>(static_cast<const int8_t*>(w.quants) + at));
      raw.first.x = q.x, raw.first.y = q.y;
      if (w.format == Format::kInt8) raw.scale = half_scale(w, w.scales, at / 32);
      else raw.scale = static_cast<const float*>(w.scales)[at / 16], raw.offset = static_cast<const float*>(w.offsets)[at / 16];
      break;
    }
    case Format::kInt4: {
      const int eighth = static_cast<int>(k / 8 & 3);  // of a block: the first two are its low halves
      const uint2 q = __ldg(reinterpret_cast<const uint2*>(static_cast<const uint8_t*>(w.quants) + at / 32 * 16 + (eighth & 1) * 8));
      const int shift = eighth < 2 ? 0 : 4;
      raw.first.x = q.x >> shift & 0x0f0f0f0fU, raw.first.y = q.y >> shift & 0x0f0f0f0fU;
      raw.scale = half_scale(w, w.scales, at / 32);
      raw.offset = w.offsets ? half_scale(w, w.offsets, at / 32) : 0.0f;
      break;
    }
  }
  return raw;
}

__device__ inline uint32_t pair_of(float a, float b) {
  const __nv_bfloat162 pair = __floats2bfloat162_rn(a, b);
  return reinterpret_cast<const uint32_t&>(pair);
}
__device__ inline uint4 eight_bf16(const Matrix& w, const RawEight& raw) {
  const uint32_t word[8] = {raw.first.x, raw.first.y, raw.first.z, raw.first.w, raw.second.x, raw.second.y, raw.second.z, raw.second.w};
  float v[8];
#pragma unroll
  for (int i = 0; i < 8; ++i) {
    const uint32_t byte = word[i / 4] >> (i % 4 * 8) & 255U, half = word[i / 2] >> (i % 2 * 16) & 0xffffU;
    switch (w.format) {
      case Format::kF32: v[i] = __uint_as_float(word[i]); break;
      case Format::kBF16: v[i] = __uint_as_float(half << 16); break;
      case Format::kF16: v[i] = __half2float(__ushort_as_half(static_cast<uint16_t>(half))); break;
      case Format::kInt8:
      case Format::kWide: v[i] = fmaf(raw.scale, static_cast<float>(static_cast<int8_t>(byte)), raw.offset); break;
      case Format::kInt4: v[i] = fmaf(raw.scale, number_of(w.nibbles, static_cast<int>(byte)), raw.offset); break;
    }
  }
  return {pair_of(v[0], v[1]), pair_of(v[2], v[3]), pair_of(v[4], v[5]), pair_of(v[6], v[7])};
}

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
// A tile of rows of 128 bytes, eight of them 1,024 bytes apart, permuted as piece_at() does.
__device__ __forceinline__ uint64_t tile_descriptor(uint32_t address) {
  return static_cast<uint64_t>((address & 0x3ffffU) >> 4) | uint64_t{1} << 16 | uint64_t{1024 >> 4} << 32 | uint64_t{1} << 62;
}
#define GRAFT_ACC4(i) "+f"(c[i][0]), "+f"(c[i][1]), "+f"(c[i][2]), "+f"(c[i][3])
// c[n8 tile] of a warp's 16 rows; the warpgroup makes 64 x 128.
__device__ __forceinline__ void multiply_64_128_16(float (&c)[16][4], uint64_t a, uint64_t b) {
  asm volatile(
      "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 "
      "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
      "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "
      "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "
      "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63}, "
      "%64, %65, 1, 1, 1, 0, 0;"
      : GRAFT_ACC4(0), GRAFT_ACC4(1), GRAFT_ACC4(2), GRAFT_ACC4(3), GRAFT_ACC4(4), GRAFT_ACC4(5), GRAFT_ACC4(6), GRAFT_ACC4(7),
        GRAFT_ACC4(8), GRAFT_ACC4(9), GRAFT_ACC4(10), GRAFT_ACC4(11), GRAFT_ACC4(12), GRAFT_ACC4(13), GRAFT_ACC4(14), GRAFT_ACC4(15)
      : "l"(a), "l"(b));
}
#undef GRAFT_ACC4
#endif

// kDirect: W is bfloat16 and copied as it is; else it is converted on its way. kWarpgroup: Hopper's products.
template <Store kStore, bool kDirect, bool kWarpgroup>
__global__ void __launch_bounds__(kGemmThreads, kDirect ? 2 : 1) gemm_bf16_kernel(const __grid_constant__ Gemm g) {
  constexpr bool kPair = kStore == Store::kGated;
  constexpr int kColumns = kPair ? kTileColumns / 2 : kTileColumns;  // of the result
  extern __shared__ char memory[];
  // Row tiles in groups of eight walk the columns together, so that W's tiles are still in the second-level cache.
  constexpr int64_t kGroup = 8;
  const int64_t row_tiles = gridDim.x, column_tiles = gridDim.y, linear = int64_t{blockIdx.y} * row_tiles + blockIdx.x;
  const int64_t group = linear / (kGroup * column_tiles), group_rows = min(kGroup, row_tiles - group * kGroup);
  const int64_t in_group = linear - group * kGroup * column_tiles;
  const TileRows rows = tile_rows(g, group * kGroup + in_group % group_rows, kTileRows);
  if (rows.first >= rows.end) return;
  const int64_t column = in_group / group_rows * kColumns, n_in = g.w.n_in, n_out = g.w.n_out;
  char* tiles = memory + (1024 - (shared_address(memory) & 1023)) % 1024;
  const uint32_t base = shared_address(tiles);

  // This thread's piece of 8 values in every 32nd row.
  const int piece = threadIdx.x % 8, first_row = threadIdx.x / 8;
  const __nv_bfloat16* from_x[4];
  int64_t from_w[4];  // row of its matrix
  bool has_x[4], has_w[4];
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const int64_t row = rows.first + first_row + i * 32;
    has_x[i] = row < rows.end;
    const int64_t source = !has_x[i] ? 0 : g.gather ? g.gather[row] : row;
    from_x[i] = static_cast<const __nv_bfloat16*>(g.x) + source * g.x_stride;
    const int tile_row = first_row + i * 32;
    const int64_t out = column + (kPair ? tile_row % 64 : tile_row);
    has_w[i] = out < n_out;
    from_w[i] = rows.expert * n_out + (has_w[i] ? out : 0);
  }
  const auto matrix_of = [&](int i) -> const Matrix& { return kPair && i >= 2 ? g.w_up : g.w; };
  const int steps = static_cast<int>((n_in + kDepth - 1) / kDepth);
  const auto copy_step = [&](int step) {
    const int64_t k = int64_t{step} * kDepth + piece * 8;
    const uint32_t to = base + step % kStages * 2 * kTileBytes;
#pragma unroll
    for (int i = 0; i < 4; ++i) copy_async(to + piece_at(first_row + i * 32, piece), from_x[i] + (k < n_in ? k : 0), has_x[i] && k < n_in);
    if constexpr (kDirect) {
#pragma unroll
      for (int i = 0; i < 4; ++i)
        copy_async(to + kTileBytes + piece_at(first_row + i * 32, piece),
                   static_cast<const __nv_bfloat16*>(matrix_of(i).quants) + from_w[i] * n_in + (k < n_in ? k : 0), has_w[i] && k < n_in);
    }
  };
  [[maybe_unused]] RawEight raw[kDirect ? 1 : 4];
  const auto read_step = [&](int step) {
    if constexpr (!kDirect) {
      const int64_t k = int64_t{step} * kDepth + piece * 8;
#pragma unroll
      for (int i = 0; i < 4; ++i)
        if (has_w[i] && k < n_in) raw[i] = read_eight(matrix_of(i), from_w[i], k);
    }
  };
  const auto convert_step = [&](int step) {
    if constexpr (!kDirect) {
      const int64_t k = int64_t{step} * kDepth + piece * 8;
      char* to = tiles + step % kStages * 2 * kTileBytes + kTileBytes;
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const uint4 values = has_w[i] && k < n_in ? eight_bf16(matrix_of(i), raw[i]) : uint4{0, 0, 0, 0};
        *reinterpret_cast<uint4*>(to + piece_at(first_row + i * 32, piece)) = values;
      }
    }
  };

  float sum[16][4] = {};
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int warp_row = kWarpgroup ? warp * 16 : warp / 4 * 64, warp_column = warp % 4;
#pragma unroll
  for (int step = 0; step < kStages - 1; ++step) {
    if (step < steps) {
      copy_step(step);
      read_step(step);
      convert_step(step);
    }
    commit_copies();
  }
  for (int step = 0; step < steps; ++step) {
    wait_copies<kStages - 2>();
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
    if constexpr (kWarpgroup) asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
#endif
    __syncthreads();
    const int ahead = step + kStages - 1;
    if (ahead < steps) {
      copy_step(ahead);
      read_step(ahead);
    }
    commit_copies();
    const uint32_t x_tile = base + step % kStages * 2 * kTileBytes, w_tile = x_tile + kTileBytes;
    if constexpr (kWarpgroup) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
      asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
      const uint64_t a = tile_descriptor(x_tile + warp / 4 * 64 * 128), b = tile_descriptor(w_tile);
#pragma unroll
      for (int k = 0; k < kDepth / 16; ++k) multiply_64_128_16(sum, a + k * 2, b + k * 2);
      asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
      if (ahead < steps) convert_step(ahead);
      asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory");
#endif
    } else {
#pragma unroll
      for (int k = 0; k < kDepth / 16; ++k) {
        uint32_t a[4][4], b[2][4];
#pragma unroll
        for (int m = 0; m < 4; ++m) load_fragments(a[m], x_tile + piece_at(warp_row + m * 16 + lane % 16, k * 2 + lane / 16));
#pragma unroll
        for (int p = 0; p < 2; ++p) {
          const int row = (kPair ? p * 64 + warp_column * 16 : warp_column * 32 + p * 16) + lane % 8 + lane / 16 * 8;
          load_fragments(b[p], w_tile + piece_at(row, k * 2 + lane / 8 % 2));
        }
#pragma unroll
        for (int m = 0; m < 4; ++m)
#pragma unroll
          for (int n = 0; n < 4; ++n) multiply_16_8_16(sum[m * 4 + n], a[m], b[n / 2][n % 2 * 2], b[n / 2][n % 2 * 2 + 1]);
      }
      if (ahead < steps) convert_step(ahead);
    }
  }

  // Sums lie in tiles of 16 x 8: two neighbours of row lane / 4, two of the row eight further down.
#pragma unroll
  for (int i = 0; i < 16; ++i) {
    const int n = kWarpgroup ? i : i % 4, pair = kWarpgroup ? 8 : 2;
    if (kPair && n >= pair) continue;
    const int row_in_tile = warp_row + (kWarpgroup ? 0 : i / 4 * 16) + lane / 4;
    const int column_in_tile = (kWarpgroup ? n * 8 : kPair ? warp_column * 16 + n * 8 : warp_column * 32 + n * 8) + lane % 4 * 2;
    if (column + column_in_tile >= n_out) continue;
    const float(&other)[4] = sum[kPair ? i + pair : i];
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int64_t row = rows.first + row_in_tile + half * 8;
      const float s[2] = {sum[i][half * 2], sum[i][half * 2 + 1]}, u[2] = {other[half * 2], other[half * 2 + 1]};
      if (row < rows.end) store_values<kStore, __nv_bfloat16>(g, rows.expert, row, column + column_in_tile, s, u);
    }
  }
}

}  // namespace engine::cuda
