// SPDX-License-Identifier: Apache-2.0
// engine/cuda/gemm_common.cuh: which rows a block works on, and what becomes of its sums; the same for every kind of product.
#pragma once
#include "engine/cuda/gemm.h"
#include "engine/cuda/values.cuh"

namespace engine::cuda {

// The rows of y of one tile.
struct TileRows {
  int64_t expert, first, end;  // none where first >= end
};
__device__ inline TileRows tile_rows(const Gemm& g, int64_t tile, int rows_of_tile) {
  if (!g.tiles) return {0, tile * rows_of_tile, min(g.n_rows, (tile + 1) * rows_of_tile)};
  // A tile of a grouped product may be cut further by products with smaller tiles.
  const int parts = kGemmTileRows / rows_of_tile;
  const int64_t whole = tile / parts;
  if (whole >= *g.n_tiles) return {0, 0, 0};
  const ExpertTile t = g.tiles[whole];
  const int64_t first = t.first_row + tile % parts * rows_of_tile;
  return {t.expert, first, min(int64_t{t.end_row}, first + rows_of_tile)};
}

// One or two neighbouring values of a result row; for kGated `up` are the sums of the other matrix.
template <Store kStore, typename T, int N>
__device__ __forceinline__ void store_values(const Gemm& g, int64_t expert, int64_t row, int64_t column, const float (&sum)[N], const float (&up)[N]) {
  float value[N];
#pragma unroll
  for (int i = 0; i < N; ++i) {
    value[i] = sum[i];
    if (g.bias) value[i] += g.bias[expert * g.w.n_out + column + i];
    if constexpr (kStore == Store::kGated) {
      float other = up[i];
      if (g.bias_up) other += g.bias_up[expert * g.w.n_out + column + i];
      value[i] = gated(g.form, value[i], other);
    }
  }
  const int64_t at = row * g.y_stride + column;
  if constexpr (kStore == Store::kF32 || kStore == Store::kAddF32) {
    float* y = static_cast<float*>(g.y) + at;
#pragma unroll
    for (int i = 0; i < N; ++i) y[i] = kStore == Store::kAddF32 ? y[i] + value[i] : value[i];
  } else if constexpr (N == 2 && sizeof(T) == 2) {
    *reinterpret_cast<__nv_bfloat162*>(static_cast<__nv_bfloat16*>(g.y) + at) = __floats2bfloat162_rn(value[0], value[1]);
  } else {
#pragma unroll
    for (int i = 0; i < N; ++i) static_cast<T*>(g.y)[at + i] = from_f32<T>(value[i]);
  }
}

}  // namespace engine::cuda
