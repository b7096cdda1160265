// SPDX-License-Identifier: Apache-2.0
// engine/cuda/step_block.cuh: what the operators of a step share: the shape of a block, and its input row.
#pragma once
#include "engine/cuda/route.cuh"
#include "engine/cuda/row_dot.cuh"
#include "engine/cuda/step.h"
#include "engine/cuda/values.cuh"

namespace engine::cuda {

inline constexpr int kStepThreads = 512, kStepWarps = kStepThreads / 32;
inline constexpr int kTeamBarrier = 1, kInputBarrier = 2;  // beside that of the whole block

// Work is dealt out to warps so that neighbouring pieces go to different multiprocessors.
__device__ __forceinline__ int step_warp() {
  return (static_cast<int>(threadIdx.x) / 32) * static_cast<int>(gridDim.x) + static_cast<int>(blockIdx.x);
}
__device__ __forceinline__ int step_warps() {
  return static_cast<int>(gridDim.x) * kStepWarps;
}

// x times the norm's gain into shared memory, by the block's first `team` threads, rounded to 8 bits as well where
// `whole`. Returns what products with it are still to be multiplied by: 1 / the root of the mean square, so that nobody
// waits for that first. Ends with the team's barrier. Activations are read past the first-level cache, as other
// multiprocessors have just written them.
template <bool kWhole>
__device__ __noinline__ inline float prepare_input(const float* x, int n, const float* gain, float eps, bool whole,
                                                   char* memory, int team) {
  __shared__ float partial[kStepWarps];
  const RowInput in = row_input_at(memory, n);
  const int thread = static_cast<int>(threadIdx.x), warp = thread / 32, lane = thread % 32, last = n / 4 - 1;
  const float4* fours = reinterpret_cast<const float4*>(x);
  const float4* gains = reinterpret_cast<const float4*>(gain);
  float squares = 0.0f;
  constexpr int kAtOnce = 4;
#pragma unroll 1
  for (int base = thread - lane; base <= last; base += team * kAtOnce) {
    float4 v[kAtOnce];
#pragma unroll
    for (int u = 0; u < kAtOnce; ++u) v[u] = __ldcg(fours + min(base + lane + u * team, last));
#pragma unroll
    for (int u = 0; u < kAtOnce; ++u) {
      if (base + u * team > last) break;
      const int i = base + lane + u * team;
      const bool there = i <= last;
      if (gain) {
        if (there) squares += v[u].x * v[u].x + v[u].y * v[u].y + v[u].z * v[u].z + v[u].w * v[u].w;
        const float4 g = __ldg(gains + min(i, last));
        v[u].x *= g.x, v[u].y *= g.y, v[u].z *= g.z, v[u].w *= g.w;
      }
      if (there) (i & 1 ? in.high : in.low)[i >> 1] = v[u];
      if constexpr (kWhole) {
        if (whole) round_four(in, i, v[u], there);
      }
    }
  }
  if (gain) {
    squares = sum_of_warp(squares);
    if (lane == 0) partial[warp] = squares;
  }
  barrier_of<kTeamBarrier>(team);
  if (!gain) return 1.0f;
  float sum = 0.0f;
#pragma unroll 4
  for (int w = 0; w < team / 32; ++w) sum += partial[w];
  return rsqrtf(sum / static_cast<float>(n) + eps);
}
template <unsigned kFormats>
__device__ __forceinline__ float prepare_for(const float* x, int n, const Norm& norm, bool whole, char* memory,
                                             int team = kStepThreads) {
  return prepare_input<(kFormats & kHasWhole) != 0>(x, n, norm.gain, norm.eps, whole, memory, team);
}

__device__ __forceinline__ RowInput input_from(const RowInput& in, int value) {
  return {in.low + value / 8,          in.high + value / 8,    in.quants_low + value / 32,
          in.quants_high + value / 32, in.scales + value / 32, in.sums + value / 16};
}

__host__ __device__ inline bool is_whole(const Matrix& w) {
  return w.quants && (w.format == Format::kInt8 || w.format == Format::kInt4 || w.format == Format::kWide);
}

}  // namespace engine::cuda
