// SPDX-License-Identifier: Apache-2.0
// engine/cuda/gemm_wgmma.cuh: products of bfloat16 rows with a bfloat16 matrix on Hopper's tensor cores.
//
// As many blocks as multiprocessors take tiles of 128 rows x kColumns rows of W (gated: half of them of either matrix)
// in turn. One warpgroup fills a ring of stages, 64 values of depth each: x by gathering copies of 16 bytes, W by the
// copy engine (or by such copies too). Two warpgroups multiply 64 rows each and store, while the first is at the next
// tile already.
//
// Of a stage, `full` says that it is filled (an arrival of the copying warp, and one that announces the copy engine's
// bytes), `empty` that both warpgroups are done with it (an arrival of each of their warps).
#pragma once
#include "engine/cuda/gemm_hopper.cuh"
#include "engine/cuda/gemm_tiles.cuh"

namespace engine::cuda {

inline constexpr int kWgmmaThreads = 3 * 128, kWgmmaDepth = 64;
// What a thread has of the block's registers, of which each of its threads gets 168 to begin with; to ask for more
// never ends.
inline constexpr int kCopyRegisters = 72, kProductRegisters = 216;
static_assert(kCopyRegisters * 128 + kProductRegisters * 256 <= 168 * kWgmmaThreads);
inline constexpr int kWgmmaXBytes = 128 * kWgmmaDepth * 2;

template <int kColumns>
struct WgmmaShape {
  static constexpr int kStages = kColumns == 256 ? 4 : 6;
  static constexpr int kWBytes = kColumns * kWgmmaDepth * 2, kStageBytes = kWgmmaXBytes + kWBytes;
  static constexpr int kShared = kStages * kStageBytes + 1024;  // and room to align
};

// Boxes of kWgmmaDepth values of a tile's rows of either matrix.
struct WeightMaps {
  CUtensorMap w, up;
};

template <int kStages>
struct RingPlace {
  int stage = 0;
  uint32_t parity = 0;
  __device__ __forceinline__ void advance() {
    if (++stage == kStages) stage = 0, parity ^= 1;
  }
};

template <bool kPair, int kColumns, bool kBulk>
__global__ void __launch_bounds__(kWgmmaThreads, 1)
    gemm_wgmma_kernel(const __grid_constant__ Gemm g, const __grid_constant__ WeightMaps maps, int column_tiles) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  using Shape = WgmmaShape<kColumns>;
  using Place = RingPlace<Shape::kStages>;
  constexpr int kResults = kPair ? kColumns / 2 : kColumns;  // columns of y that a tile makes
  GRAFT_LAUNCHED_SHARED(char, shared, 128);
  __shared__ __align__(8) uint64_t barriers[2 * Shape::kStages];
  const uint32_t ring = (shared_address(shared) + 1023) & ~1023U;
  const uint32_t full = shared_address(barriers), empty = full + 8 * Shape::kStages;
  const int warp = static_cast<int>(threadIdx.x) / 32 % 4,
            lane = static_cast<int>(threadIdx.x) % 32;  // of its warpgroup
  if (threadIdx.x == 0) {
    for (int i = 0; i < Shape::kStages; ++i) {
      barrier_init(full + 8 * i, kBulk ? 2 : 1);
      barrier_init(empty + 8 * i, 8);
    }
    barriers_made();
  }
  __syncthreads();
  const int row_tiles = row_tiles_of(g), n_tiles = row_tiles * column_tiles;
  const int n_in = static_cast<int>(g.w.n_in), steps = (n_in + kWgmmaDepth - 1) / kWgmmaDepth;
  const int64_t n_out = g.w.n_out;

  if (threadIdx.x < 128) {
    give_registers<kCopyRegisters>();
    // Each warp copies a whole step and then the fourth next one, so that none waits for what another one has started.
    const int piece = lane % 8, tile_row = lane / 8;  // this thread's piece of every fourth row
    Place at;
    int turn = 0;
    for (int tile = static_cast<int>(blockIdx.x); tile < n_tiles; tile += static_cast<int>(gridDim.x)) {
      const TilePlace place = tile_place(tile, row_tiles, column_tiles);
      const TileRows rows = tile_rows(g, place.row_tile);
      const int64_t first_column = int64_t{place.column_tile} * kResults, first_w = rows.expert * n_out + first_column;
      uint32_t from_x[32];  // in pieces of 16 bytes
      const int rows_there = static_cast<int>(rows.end - rows.first) - tile_row;
#pragma unroll
      for (int i = 0; i < 32; ++i) {
        const int64_t row = rows.first + tile_row + i * 4;
        const int64_t source = i * 4 >= rows_there ? 0 : g.gather ? __ldg(g.gather + row) : row;
        from_x[i] = static_cast<uint32_t>(source * (g.x_stride / 8));
      }
      for (int step = 0; step < steps; ++step, turn = (turn + 1) % 4, at.advance()) {
        if (turn != warp) continue;
        const uint32_t stage = ring + static_cast<uint32_t>(at.stage * Shape::kStageBytes),
                       w_tile = stage + kWgmmaXBytes;
        const uint32_t barrier = full + 8 * at.stage;
        barrier_wait(empty + 8 * at.stage, at.parity ^ 1);
        if constexpr (kBulk) {
          if (lane == 0) {
            barrier_arrive_announcing(barrier, Shape::kWBytes);
            copy_box(w_tile, maps.w, step * kWgmmaDepth, static_cast<int>(first_w), barrier);
            if (kPair)
              copy_box(w_tile + Shape::kWBytes / 2, maps.up, step * kWgmmaDepth, static_cast<int>(first_w), barrier);
          }
          __syncwarp();
        }
        const int k = step * kWgmmaDepth + piece * 8;
        const bool inside = k < n_in;
        const uint4* x = static_cast<const uint4*>(g.x) + (inside ? k / 8 : 0);
        const uint32_t to_even = piece_at(tile_row, piece), to_odd = piece_at(tile_row + 4, piece);
#pragma unroll
        for (int i = 0; i < 32; ++i)
          copy_async(stage + (i % 2 ? to_odd : to_even) + i / 2 * 8 * 128, x + from_x[i], inside && i * 4 < rows_there);
        if constexpr (!kBulk) {
#pragma unroll 4
          for (int i = 0; i < kColumns / 4; ++i) {
            const bool second = kPair && i >= kColumns / 8;
            const int64_t out = tile_row + (second ? i - kColumns / 8 : i) * 4;
            const bool there = inside && first_column + out < n_out;
            const uint4* w = static_cast<const uint4*>(second ? g.w_up.quants : g.w.quants);
            copy_async(w_tile + (i % 2 ? to_odd : to_even) + i / 2 * 8 * 128,
                       there ? w + ((first_w + out) * n_in + k) / 8 : w, there);
          }
        }
        commit_copies();
        wait_copies<0>();
        show_to_wgmma();
        __syncwarp();
        if (lane == 0) barrier_arrive(barrier);
      }
    }
  } else {
    take_registers<kProductRegisters>();
    const int group = static_cast<int>(threadIdx.x) / 128 - 1;
    Place at;
    float sum[kColumns / 8][4] = {};
    for (int tile = static_cast<int>(blockIdx.x); tile < n_tiles; tile += static_cast<int>(gridDim.x)) {
      const TilePlace place = tile_place(tile, row_tiles, column_tiles);
      const TileRows rows = tile_rows(g, place.row_tile);
      if (rows.first + group * 64 >= rows.end) {  // an expert's last rows are often few
        for (int step = 0; step < steps; ++step) {
          barrier_wait(full + 8 * at.stage, at.parity);
          if (lane == 0) barrier_arrive(empty + 8 * at.stage);
          at.advance();
        }
        continue;
      }
      uint32_t before = 0;  // the `empty` of the step before
      for (int step = 0; step < steps; ++step) {
        const uint32_t stage = ring + static_cast<uint32_t>(at.stage * Shape::kStageBytes);
        const uint64_t a = tile_descriptor(stage + group * 64 * 128), b = tile_descriptor(stage + kWgmmaXBytes);
        barrier_wait(full + 8 * at.stage, at.parity);
        products_begin();
#pragma unroll
        for (int k = 0; k < kWgmmaDepth / 16; ++k) multiply_warpgroup(sum, a + k * 2, b + k * 2, step > 0 || k > 0);
        products_commit();
        products_wait<1>();
        if (step > 0 && lane == 0) barrier_arrive(before);
        before = empty + 8 * at.stage;
        at.advance();
      }
      products_wait<0>();
      pin(sum);
      if (lane == 0) barrier_arrive(before);
      const int64_t first_column = int64_t{place.column_tile} * kResults;
      store_strip<kPair, kResults / 8>(g, rows, rows.first + group * 64 + warp * 16, first_column, sum, 0,
                                       kResults / 8);
    }
  }
#endif
}

}  // namespace engine::cuda
