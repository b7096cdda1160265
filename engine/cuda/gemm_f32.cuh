// SPDX-License-Identifier: Apache-2.0
// engine/cuda/gemm_f32.cuh: products in f32 without tensor cores, which would round their inputs. 64 x 64 tiles, 4 x 4 a thread.
#pragma once
#include "engine/cuda/gemm_common.cuh"

namespace engine::cuda {

inline constexpr int kF32Tile = 64, kF32Depth = 16, kF32Threads = 256;

// Values [row][k] of a tile into shared memory turned round, zeros where there are none.
__device__ inline void load_f32_tile(const float* const (&rows)[4], int64_t k, int64_t n_in, float (&to)[kF32Depth][kF32Tile + 4]) {
  const int depth = threadIdx.x % kF32Depth, first = threadIdx.x / kF32Depth;
#pragma unroll
  for (int i = 0; i < 4; ++i) to[depth][first + i * 16] = rows[i] && k + depth < n_in ? rows[i][k + depth] : 0.0f;
}

template <Store kStore>
__global__ void __launch_bounds__(kF32Threads) gemm_f32_kernel(const __grid_constant__ Gemm g) {
  constexpr bool kPair = kStore == Store::kGated;
  __shared__ float x[kF32Depth][kF32Tile + 4], w[kF32Depth][kF32Tile + 4], u[kPair ? kF32Depth : 1][kF32Tile + 4];
  const TileRows rows = tile_rows(g, blockIdx.x, kF32Tile);
  if (rows.first >= rows.end) return;
  const int64_t n_in = g.w.n_in, n_out = g.w.n_out, column = int64_t{blockIdx.y} * kF32Tile;
  const float *from_x[4], *from_w[4], *from_u[4];
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const int at = threadIdx.x / kF32Depth + i * 16;
    const int64_t row = rows.first + at, out = column + at;
    from_x[i] = row < rows.end ? static_cast<const float*>(g.x) + (g.gather ? g.gather[row] : row) * g.x_stride : nullptr;
    const int64_t offset = (rows.expert * n_out + out) * n_in;
    from_w[i] = out < n_out ? static_cast<const float*>(g.w.quants) + offset : nullptr;
    from_u[i] = kPair && out < n_out ? static_cast<const float*>(g.w_up.quants) + offset : nullptr;
  }
  const int tx = threadIdx.x % 16, ty = threadIdx.x / 16;
  float sum[4][4] = {}, up[4][4] = {};
  for (int64_t k = 0; k < n_in; k += kF32Depth) {
    __syncthreads();
    load_f32_tile(from_x, k, n_in, x);
    load_f32_tile(from_w, k, n_in, w);
    if constexpr (kPair) load_f32_tile(from_u, k, n_in, u);
    __syncthreads();
#pragma unroll
    for (int d = 0; d < kF32Depth; ++d) {
      const float4 a = *reinterpret_cast<const float4*>(&x[d][ty * 4]), b = *reinterpret_cast<const float4*>(&w[d][tx * 4]);
      const float av[4] = {a.x, a.y, a.z, a.w}, bv[4] = {b.x, b.y, b.z, b.w};
#pragma unroll
      for (int i = 0; i < 4; ++i)
#pragma unroll
        for (int j = 0; j < 4; ++j) sum[i][j] = fmaf(av[i], bv[j], sum[i][j]);
      if constexpr (kPair) {
        const float4 c = *reinterpret_cast<const float4*>(&u[d][tx * 4]);
        const float cv[4] = {c.x, c.y, c.z, c.w};
#pragma unroll
        for (int i = 0; i < 4; ++i)
#pragma unroll
          for (int j = 0; j < 4; ++j) up[i][j] = fmaf(av[i], cv[j], up[i][j]);
      }
    }
  }
#pragma unroll
  for (int i = 0; i < 4; ++i)
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const int64_t row = rows.first + ty * 4 + i, out = column + tx * 4 + j;
      if (row < rows.end && out < n_out) {
        const float s[1] = {sum[i][j]}, v[1] = {up[i][j]};
        store_values<kStore, float>(g, rows.expert, row, out, s, v);
      }
    }
}

}  // namespace engine::cuda
