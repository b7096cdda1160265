// SPDX-License-Identifier: Apache-2.0
// engine/cuda/gemm_tiles.cuh: which rows and columns a block works on, and how its sums leave it; the same for every
// product.
#pragma once
#include "engine/cuda/device.h"
#include "engine/cuda/gemm.h"

namespace engine::cuda {

// Rows [first, end) of y, which go to one expert.
struct TileRows {
  int64_t expert, first, end;
};
__device__ __forceinline__ TileRows tile_rows(const Gemm& g, int tile) {
  if (g.tiles) {
    const ExpertTile t = g.tiles[tile];
    return {t.expert, t.first_row, t.end_row};
  }
  const int64_t first = int64_t{tile} * kGemmTileRows;
  return {0, first, min(g.n_rows, first + kGemmTileRows)};
}
__device__ __forceinline__ int row_tiles_of(const Gemm& g) {
  return g.tiles ? *g.n_tiles : static_cast<int>((g.n_rows + kGemmTileRows - 1) / kGemmTileRows);
}

// Eight row tiles walk the columns side by side: the blocks at work at one time share their parts of W and of x, and
// the second-level cache holds both.
struct TilePlace {
  int row_tile, column_tile;
};
__device__ __forceinline__ TilePlace tile_place(int at, int row_tiles, int column_tiles) {
  constexpr int kTogether = 8;
  const int group = at / (kTogether * column_tiles), in_group = at - group * kTogether * column_tiles;
  const int height = min(kTogether, row_tiles - group * kTogether), column = in_group / height;
  return {group * kTogether + in_group - column * height, column};
}

// engine/kernels/silu_gate.h. kFast: to about 1e-6 for |alpha gate| < 16, which no bfloat16 shows.
template <bool kFast>
__device__ __forceinline__ float gate_value(const GateForm& form, float gate, float up) {
  gate = gate > form.limit ? form.limit : gate;
  up = up > form.limit ? form.limit : up < -form.limit ? -form.limit : up;
  if constexpr (kFast) return __fdividef(gate, 1.0f + __expf(-form.alpha * gate)) * (up + form.shift);
  return gate / (1.0f + expf(-form.alpha * gate)) * (up + form.shift);
}

__device__ __forceinline__ bool rows_are_aligned(const Gemm& g, int bytes_per_value) {
  return ((reinterpret_cast<uintptr_t>(g.y) | static_cast<uintptr_t>(g.y_stride * bytes_per_value)) & 15) == 0;
}

// Four neighbouring floats of a row.
__device__ __forceinline__ void store_four(const Gemm& g, int64_t row, int64_t column, float4 v, bool aligned) {
  float* y = static_cast<float*>(g.y) + row * g.y_stride + column;
  const bool add = g.store == Store::kAddF32;
  if (aligned) {
    if (add) {
      const float4 old = *reinterpret_cast<const float4*>(y);
      v = {old.x + v.x, old.y + v.y, old.z + v.z, old.w + v.w};
    }
    *reinterpret_cast<float4*>(y) = v;
  } else {
    y[0] = add ? y[0] + v.x : v.x;
    y[1] = add ? y[1] + v.y : v.y;
    y[2] = add ? y[2] + v.z : v.z;
    y[3] = add ? y[3] + v.w : v.w;
  }
}

__device__ __forceinline__ uint32_t bf16_pair(float low, float high) {
  const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
  return reinterpret_cast<const uint32_t&>(pair);
}

// Word i of the four lanes of a quad, in their order, goes to lane i of the quad.
__device__ __forceinline__ uint4 turn_quad(uint32_t w0, uint32_t w1, uint32_t w2, uint32_t w3) {
  const bool odd = threadIdx.x & 1, high = threadIdx.x & 2;
  const uint32_t r0 = __shfl_xor_sync(~0U, odd ? w0 : w1, 1), r1 = __shfl_xor_sync(~0U, odd ? w2 : w3, 1);
  const uint32_t a0 = odd ? r0 : w0, a1 = odd ? w1 : r0;  // word odd of this lane and its neighbour
  const uint32_t b0 = odd ? r1 : w2, b1 = odd ? w3 : r1;  // word 2 + odd
  const uint32_t c0 = __shfl_xor_sync(~0U, high ? a0 : b0, 2), c1 = __shfl_xor_sync(~0U, high ? a1 : b1, 2);
  return high ? uint4{c0, c1, b0, b1} : uint4{a0, a1, c0, c1};
}

// What a warp has of 16 rows: kTiles tiles of 16 x 8 beside each other from sum[tile] on. In a tile a lane holds two
// neighbours of row lane / 4 and two of the row eight further down, as mma and wgmma leave them.
template <int kTiles, int N>
struct Strip {
  static_assert(kTiles == 2 || kTiles % 4 == 0);
  const Gemm& g;
  float (&sum)[N][4];
  int tile;
  int64_t row, column;          // of y: this lane's upper row, and the strip's first column
  int rows_left, columns_left;  // that there are from them on
  int quad;                     // lane % 4

  // sum + bias, and for a gated product the gate's value, with `up_tile` the first of the other matrix's tiles.
  template <bool kPair>
  __device__ __forceinline__ void finish(int64_t expert, int up_tile) {
    if (!kPair && !g.bias) return;
    const int64_t at = expert * g.w.n_out + column + quad * 2;
    const float *bias = g.bias ? g.bias + at : nullptr, *bias_up = kPair && g.bias_up ? g.bias_up + at : nullptr;
#pragma unroll
    for (int j = 0; j < kTiles; ++j) {
      const bool inside = j * 8 < columns_left;
      float b[2] = {0.0f, 0.0f}, up[2] = {0.0f, 0.0f};
      if (bias && inside) b[0] = __ldg(bias + j * 8), b[1] = __ldg(bias + j * 8 + 1);
      if (bias_up && inside) up[0] = __ldg(bias_up + j * 8), up[1] = __ldg(bias_up + j * 8 + 1);
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        float& v = sum[tile + j][i];
        v += b[i % 2];
        if constexpr (kPair) v = gate_value<true>(g.form, v, sum[up_tile + j][i] + up[i % 2]);
      }
    }
  }

  // The lanes of a quad swap, so that each stores 16 bytes: here a tile's whole row,
  __device__ __forceinline__ void store_bf16() const {
    uint16_t* y = static_cast<uint16_t*>(g.y) + row * g.y_stride + column;
#pragma unroll
    for (int u = 0; u < 2 * kTiles; u += 4) {  // the upper row's tiles, then the lower row's
      uint32_t word[4];
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const float(&from)[4] = sum[tile + (u + i) % kTiles];
        const int half = (u + i) / kTiles;
        word[i] = bf16_pair(from[half * 2], from[half * 2 + 1]);
      }
      const uint4 piece = turn_quad(word[0], word[1], word[2], word[3]);
      const int down = (u + quad) / kTiles * 8, right = (u + quad) % kTiles * 8;
      if (down < rows_left && right < columns_left) *reinterpret_cast<uint4*>(y + down * g.y_stride + right) = piece;
    }
  }

  // and here half of one. What is added to is read for several tiles at once, as each read takes long.
  __device__ __forceinline__ void store_f32() const {
    const bool odd = quad % 2, add = g.store == Store::kAddF32;
    const int aside = (odd ? 8 : 0) + quad / 2 * 4;
    float* y = static_cast<float*>(g.y) + row * g.y_stride + column + aside;
    constexpr int kAtOnce = kTiles < 8 ? kTiles : 8;
#pragma unroll
    for (int first = 0; first < kTiles; first += kAtOnce) {
      float4 old[kAtOnce];
#pragma unroll
      for (int u = 0; u < kAtOnce; ++u) {  // even: the upper row, odd: the lower one
        const int right = (first + u / 2 * 2) * 8, down = u % 2 * 8;
        old[u] = {0.0f, 0.0f, 0.0f, 0.0f};
        if (add && down < rows_left && right + aside < columns_left)
          old[u] = *reinterpret_cast<const float4*>(y + down * g.y_stride + right);
      }
#pragma unroll
      for (int u = 0; u < kAtOnce; ++u) {
        const int j = first + u / 2 * 2, half = u % 2, right = j * 8, down = half * 8;
        const float a0 = sum[tile + j][half * 2], a1 = sum[tile + j][half * 2 + 1];
        const float b0 = sum[tile + j + 1][half * 2], b1 = sum[tile + j + 1][half * 2 + 1];
        const float r0 = __shfl_xor_sync(~0U, odd ? a0 : b0, 1), r1 = __shfl_xor_sync(~0U, odd ? a1 : b1, 1);
        const float4 v = odd ? float4{r0, r1, b0, b1} : float4{a0, a1, r0, r1};
        if (down < rows_left && right + aside < columns_left)
          *reinterpret_cast<float4*>(y + down * g.y_stride + right) =
              float4{old[u].x + v.x, old[u].y + v.y, old[u].z + v.z, old[u].w + v.w};
      }
    }
  }

  // Rows that 16-byte stores cannot reach.
  __device__ __forceinline__ void store_by_ones(bool bf16) const {
    const int64_t at = row * g.y_stride + column + quad * 2;
#pragma unroll
    for (int j = 0; j < kTiles; ++j)
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        if (half * 8 >= rows_left || j * 8 >= columns_left) continue;
        const int64_t to = at + half * 8 * g.y_stride + j * 8;
        const float a = sum[tile + j][half * 2], b = sum[tile + j][half * 2 + 1];
        if (bf16) {
          __nv_bfloat16* y = static_cast<__nv_bfloat16*>(g.y) + to;
          y[0] = __float2bfloat16_rn(a), y[1] = __float2bfloat16_rn(b);
        } else {
          float* y = static_cast<float*>(g.y) + to;
          const bool add = g.store == Store::kAddF32;
          y[0] = add ? y[0] + a : a, y[1] = add ? y[1] + b : b;
        }
      }
  }
};

// Finishes and stores a strip whose uppermost row is first_row of y. All of the warp take part.
template <bool kPair, int kTiles, int N>
__device__ __forceinline__ void store_strip(const Gemm& g, const TileRows& rows, int64_t first_row,
                                            int64_t first_column, float (&sum)[N][4], int tile, int up_tile) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int64_t row = first_row + lane / 4;
  const int rows_left = static_cast<int>(rows.end - row), columns_left = static_cast<int>(g.w.n_out - first_column);
  Strip<kTiles, N> strip{g, sum, tile, row, first_column, rows_left, columns_left, lane % 4};
  strip.template finish<kPair>(rows.expert, up_tile);
  const bool bf16 = kPair || g.store == Store::kActivation;
  if (!rows_are_aligned(g, bf16 ? 2 : 4))
    strip.store_by_ones(bf16);
  else if (bf16)
    strip.store_bf16();
  else
    strip.store_f32();
}

}  // namespace engine::cuda
