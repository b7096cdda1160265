// SPDX-License-Identifier: Apache-2.0
// engine/cuda/gemm_mma.cuh: products of bfloat16 rows with a matrix of any format, on the tensor cores of every device
// from 8.0 on.
//
// A block makes 128 rows x 128 outputs (gated: 64 of either matrix), 64 values of depth at a time, out of shared memory
// that is filled two steps ahead. Rows of x are gathered while they are copied. A tile's rows are 128 bytes whose eight
// 16-byte pieces are permuted by the row's number, which keeps ldmatrix free of bank conflicts.
#pragma once
#include "engine/cuda/gemm_tiles.cuh"
#include "engine/cuda/gemm_weights.cuh"
#include "engine/cuda/instructions.cuh"

namespace engine::cuda {

inline constexpr int kMmaColumns = 128, kMmaDepth = 64, kMmaStages = 3, kMmaThreads = 256;
inline constexpr int kMmaTileBytes = 128 * kMmaDepth * 2;  // of x, and of W
inline constexpr int kMmaShared = kMmaStages * 2 * kMmaTileBytes;

// Where piece `piece` of row `row` of a tile lies.
__device__ __forceinline__ uint32_t piece_at(int row, int piece) {
  return static_cast<uint32_t>(row * 128 + ((piece ^ (row & 7)) << 4));
}

// W: Weights<format> of both matrices, or MixedWeights.
template <bool kPair, typename W>
__global__ void __launch_bounds__(kMmaThreads, W::kCopied ? 2 : 1)
    gemm_mma_kernel(const __grid_constant__ Gemm g, int column_tiles) {
  GRAFT_LAUNCHED_SHARED(char, shared, 128);
  const int row_tiles = row_tiles_of(g), at = static_cast<int>(blockIdx.x);
  if (at >= row_tiles * column_tiles) return;
  const TilePlace place = tile_place(at, row_tiles, column_tiles);
  const TileRows rows = tile_rows(g, place.row_tile);
  const int64_t n_in = g.w.n_in, n_out = g.w.n_out,
                first_column = int64_t{place.column_tile} * (kPair ? 64 : kMmaColumns);
  const uint32_t tiles = shared_address(shared);
  const int thread = static_cast<int>(threadIdx.x), warp = thread / 32, lane = thread % 32;

  // This thread's piece of eight values in every 32nd row of either tile.
  const int piece = thread % 8, tile_row = thread / 8;
  const uint32_t to_piece = piece_at(tile_row, piece);  // the same for all four rows, but for their distance
  uint32_t from_x[4];  // in pieces of 16 bytes, which reach further than any device's memory
  bool x_there[4], w_there[4];
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const int64_t row = rows.first + tile_row + i * 32;
    x_there[i] = row < rows.end;
    w_there[i] = first_column + tile_row + (kPair ? i % 2 : i) * 32 < n_out;
    const int64_t source = !x_there[i] ? 0 : g.gather ? g.gather[row] : row;
    from_x[i] = static_cast<uint32_t>(source * (g.x_stride / 8));
  }
  const int64_t from_w = rows.expert * n_out + first_column + tile_row;  // row of the matrix, over all experts
  const W weights(g.w), weights_up(kPair ? g.w_up : g.w);
  const auto weights_of = [&](int i) -> const W& { return kPair && i >= 2 ? weights_up : weights; };
  const auto row_of = [&](int i) { return from_w + (kPair ? i % 2 : i) * 32; };

  // Of copied weights, the uppermost of this thread's rows in pieces, or where there is none the matrix's first.
  const int64_t first_piece = W::kCopied && w_there[0] ? from_w * n_in / 8 : 0;
  const uint4* const first_w = static_cast<const uint4*>(g.w.quants) + first_piece;
  const uint4* const first_up = kPair ? static_cast<const uint4*>(g.w_up.quants) + first_piece : nullptr;
  const int row_step = static_cast<int>(32 * n_in / 8);

  const int steps = static_cast<int>((n_in + kMmaDepth - 1) / kMmaDepth);
  const auto stage_of = [&](int step) { return tiles + static_cast<uint32_t>(step % kMmaStages * 2 * kMmaTileBytes); };
  const auto copy_step = [&](int step) {
    const int k = step * kMmaDepth + piece * 8;
    const bool inside = k < n_in;
    const uint32_t to = stage_of(step) + to_piece;
    const uint4* x = static_cast<const uint4*>(g.x) + (inside ? k / 8 : 0);
#pragma unroll
    for (int i = 0; i < 4; ++i) copy_async(to + i * 32 * 128, x + from_x[i], inside && x_there[i]);
    if constexpr (W::kCopied) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const bool there = inside && w_there[i];
        const uint4* w = kPair && i >= 2 ? first_up : first_w;
        copy_async(to + kMmaTileBytes + i * 32 * 128, w + (there ? k / 8 + (kPair ? i % 2 : i) * row_step : 0), there);
      }
    }
  };
  // Weights that need work: fetched before a step's products, rounded and stored behind them.
  [[maybe_unused]] typename W::Raw raw[4];
  const auto read_step = [&](int step) {
    if constexpr (!W::kCopied) {
      const int k = step * kMmaDepth + piece * 8;
#pragma unroll
      for (int i = 0; i < 4; ++i)
        if (k < n_in && w_there[i]) raw[i] = weights_of(i).read(row_of(i), k);
    }
  };
  const auto round_step = [&](int step) {
    if constexpr (!W::kCopied) {
      const int k = step * kMmaDepth + piece * 8;
      char* to = shared + step % kMmaStages * 2 * kMmaTileBytes + kMmaTileBytes + to_piece;
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        uint4 values{0, 0, 0, 0};
        if (k < n_in && w_there[i]) values = weights_of(i).rounded(raw[i], k);
        *reinterpret_cast<uint4*>(to + i * 32 * 128) = values;
      }
    }
  };

  // Warps lie 2 x 4 over the tile; each makes 64 rows x 32 columns, or 16 of the gate and the same 16 of up.
  const int warp_row = warp / 4 * 64, warp_column = warp % 4 * (kPair ? 16 : 32);
  const uint32_t a_row = static_cast<uint32_t>((warp_row + lane % 16) * 128);
  const uint32_t a_piece = static_cast<uint32_t>((lane / 16 ^ lane % 8) << 4);
  const uint32_t b_row = static_cast<uint32_t>(kMmaTileBytes + (warp_column + lane % 8 + lane / 16 * 8) * 128);
  const uint32_t b_piece = static_cast<uint32_t>((lane / 8 % 2 ^ lane % 8) << 4);
  constexpr uint32_t kSecondColumns = (kPair ? 64 : 16) * 128;
  float sum[16][4] = {};

#pragma unroll
  for (int step = 0; step < kMmaStages - 1; ++step) {
    if (step < steps) {
      copy_step(step);
      read_step(step);
      round_step(step);
    }
    commit_copies();
  }
  for (int step = 0; step < steps; ++step) {
    wait_copies<kMmaStages - 2>();
    __syncthreads();  // this step's tiles are there for all, and all are done with those that are now filled again
    const int ahead = step + kMmaStages - 1;
    if (ahead < steps) {
      copy_step(ahead);
      read_step(ahead);
    }
    commit_copies();
    const uint32_t stage = stage_of(step);
#pragma unroll
    for (int k = 0; k < kMmaDepth / 16; ++k) {
      uint32_t a[4][4], b[2][4];
#pragma unroll
      for (int m = 0; m < 4; ++m) load_fragments(a[m], stage + a_row + m * 16 * 128 + (a_piece ^ k << 5));
#pragma unroll
      for (int n = 0; n < 2; ++n) load_fragments(b[n], stage + b_row + n * kSecondColumns + (b_piece ^ k << 5));
#pragma unroll
      for (int m = 0; m < 4; ++m)
#pragma unroll
        for (int n = 0; n < 4; ++n)
          multiply_16_8_16(sum[m * 4 + n], a[m], b[n / 2][n % 2 * 2], b[n / 2][n % 2 * 2 + 1]);
    }
    if (ahead < steps) round_step(ahead);
  }
#pragma unroll
  for (int m = 0; m < 4; ++m)
    store_strip<kPair, kPair ? 2 : 4>(g, rows, rows.first + warp_row + m * 16, first_column + warp_column, sum, m * 4,
                                      m * 4 + 2);
}

}  // namespace engine::cuda
