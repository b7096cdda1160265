// SPDX-License-Identifier: Apache-2.0
// engine/cuda/gemm_f32.cuh: products in f32 without tensor cores, which would round their inputs. 128 x 128 tiles, 8 x
// 8 a thread.
#pragma once
#include "engine/cuda/gemm_tiles.cuh"

namespace engine::cuda {

inline constexpr int kF32Columns = 128, kF32Depth = 8, kF32Threads = 256;

// A tile's rows turned round: values of one depth side by side. Rows stay aligned for reads of four.
using F32Tile = float[kF32Depth][128 + 4];

// kPair: 64 outputs of either matrix, at columns 0 and 64 of the tile, so that a thread has both sums of its outputs.
template <bool kPair>
__global__ void __launch_bounds__(kF32Threads, 2) gemm_f32_kernel(const __grid_constant__ Gemm g, int column_tiles) {
  __shared__ __align__(16) F32Tile x_tile[2], w_tile[2];
  const int row_tiles = row_tiles_of(g), at = static_cast<int>(blockIdx.x);
  if (at >= row_tiles * column_tiles) return;
  const TilePlace place = tile_place(at, row_tiles, column_tiles);
  const TileRows rows = tile_rows(g, place.row_tile);
  const int64_t n_in = g.w.n_in, n_out = g.w.n_out,
                first_column = int64_t{place.column_tile} * (kPair ? 64 : kF32Columns);

  // This thread copies four values of depth in one row of either tile.
  const int r = static_cast<int>(threadIdx.x) / 2, depth = static_cast<int>(threadIdx.x) % 2 * 4;
  const int64_t row = rows.first + r, out = first_column + (kPair ? r % 64 : r);
  const float *from_x = nullptr, *from_w = nullptr;
  if (row < rows.end) from_x = static_cast<const float*>(g.x) + (g.gather ? g.gather[row] : row) * g.x_stride + depth;
  if (out < n_out)
    from_w = static_cast<const float*>(kPair && r >= 64 ? g.w_up.quants : g.w.quants) +
             (rows.expert * n_out + out) * n_in + depth;
  float4 next_x, next_w;
  const auto read = [&](int k) {
    const bool inside = k + depth < n_in;
    next_x = inside && from_x ? *reinterpret_cast<const float4*>(from_x + k) : float4{};
    next_w = inside && from_w ? __ldg(reinterpret_cast<const float4*>(from_w + k)) : float4{};
  };
  const auto keep = [&](int buffer) {
    const float x[4] = {next_x.x, next_x.y, next_x.z, next_x.w}, w[4] = {next_w.x, next_w.y, next_w.z, next_w.w};
#pragma unroll
    for (int d = 0; d < 4; ++d) {
      x_tile[buffer][depth + d][r] = x[d];
      w_tile[buffer][depth + d][r] = w[d];
    }
  };

  // It multiplies rows ty * 4 .. + 3 and 64 further down with columns tx * 4 .. + 3 and 64 further on.
  const int tx = static_cast<int>(threadIdx.x) % 16, ty = static_cast<int>(threadIdx.x) / 16;
  float sum[8][8] = {};
  read(0);
  keep(0);
  __syncthreads();
  int buffer = 0;
  for (int k = 0; k < n_in; k += kF32Depth, buffer ^= 1) {
    const bool more = k + kF32Depth < n_in;
    if (more) read(k + kF32Depth);
#pragma unroll
    for (int d = 0; d < kF32Depth; ++d) {
      const float4 a0 = *reinterpret_cast<const float4*>(&x_tile[buffer][d][ty * 4]);
      const float4 a1 = *reinterpret_cast<const float4*>(&x_tile[buffer][d][ty * 4 + 64]);
      const float4 b0 = *reinterpret_cast<const float4*>(&w_tile[buffer][d][tx * 4]);
      const float4 b1 = *reinterpret_cast<const float4*>(&w_tile[buffer][d][tx * 4 + 64]);
      const float a[8] = {a0.x, a0.y, a0.z, a0.w, a1.x, a1.y, a1.z, a1.w};
      const float b[8] = {b0.x, b0.y, b0.z, b0.w, b1.x, b1.y, b1.z, b1.w};
#pragma unroll
      for (int i = 0; i < 8; ++i)
#pragma unroll
        for (int j = 0; j < 8; ++j) sum[i][j] = fmaf(a[i], b[j], sum[i][j]);
    }
    if (more) keep(buffer ^ 1);
    __syncthreads();
  }

  const bool aligned = rows_are_aligned(g, 4);
#pragma unroll
  for (int part = 0; part < (kPair ? 1 : 2); ++part) {
    const int64_t column = first_column + tx * 4 + part * 64;
    if (column >= n_out) continue;
    float bias[4] = {}, bias_up[4] = {};
    const int there = static_cast<int>(n_out - column < 4 ? n_out - column : 4);
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      if (j >= there) break;
      if (g.bias) bias[j] = g.bias[rows.expert * n_out + column + j];
      if (kPair && g.bias_up) bias_up[j] = g.bias_up[rows.expert * n_out + column + j];
    }
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      const int64_t to = rows.first + ty * 4 + i % 4 + i / 4 * 64;
      if (to >= rows.end) continue;
      float v[4];
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        v[j] = sum[i][part * 4 + j] + bias[j];
        if constexpr (kPair) v[j] = gate_value<false>(g.form, v[j], sum[i][4 + j] + bias_up[j]);
      }
      if (there == 4) {
        store_four(g, to, column, {v[0], v[1], v[2], v[3]}, aligned);
      } else {  // the last outputs of a matrix of odd height
        float* y = static_cast<float*>(g.y) + to * g.y_stride + column;
        for (int j = 0; j < there; ++j) y[j] = g.store == Store::kAddF32 ? y[j] + v[j] : v[j];
      }
    }
  }
}

}  // namespace engine::cuda
