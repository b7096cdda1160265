// SPDX-License-Identifier: Apache-2.0
// engine/cuda/step_merge.cuh: the pieces of an attention become one, and what follows a head's sum at once.
#pragma once
#include "engine/cuda/step_attention.cuh"

namespace engine::cuda {

// Pieces of work: (head, 16 rows of W), or a head where there is no W.
template <unsigned kFormats, bool kSparse>
__device__ inline void merge_op(const MergeOp& m, const StepState& state, char* memory) {
  __shared__ float share[kMaxPieces];
  const int n = pieces_of<kSparse>(state.position, m.seen).n, warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int rows = m.w.quants ? static_cast<int>(m.w.n_out) / m.n_heads : 1,
            runs = m.w.quants ? (rows + kStepWarps - 1) / kStepWarps : 1;
  const int64_t stride = m.dv + 2, step = m.n_heads * stride;
  const RowInput in = row_input_at(memory, m.dv);
  for (int item = blockIdx.x; item < m.n_heads * runs; item += gridDim.x) {
    const int head = item / runs, run = item % runs;
    const float* pieces = m.partial + head * stride;
    const int row = run * kStepWarps + warp;
    __syncthreads();
    if (warp == 0) {
      constexpr int kPerLane = kMaxPieces / 32;
      float tops[kPerLane], sums[kPerLane];
#pragma unroll
      for (int i = 0; i < kPerLane; ++i) {
        const int p = lane + i * 32;
        tops[i] = p < n ? __ldcg(pieces + p * step + m.dv) : -INFINITY;
        sums[i] = p < n ? __ldcg(pieces + p * step + m.dv + 1) : 0.0f;
      }
      const float sink = m.sinks ? m.sinks[head] : -INFINITY;
      float top = sink, sum = 0.0f;
#pragma unroll
      for (int i = 0; i < kPerLane; ++i) top = fmaxf(top, tops[i]);
#pragma unroll
      for (int i = 16; i > 0; i >>= 1) top = fmaxf(top, __shfl_xor_sync(~0U, top, i));
#pragma unroll
      for (int i = 0; i < kPerLane; ++i) {
        tops[i] = expf(tops[i] - top);
        sum += sums[i] * tops[i];
      }
      sum = sum_of_warp(sum);
      if (m.sinks) sum += expf(sink - top);
#pragma unroll
      for (int i = 0; i < kPerLane; ++i) share[lane + i * 32] = tops[i] / sum;
    }
    __syncthreads();
    for (int c = threadIdx.x; c < m.dv; c += kStepThreads) {
      float value = 0.0f;
#pragma unroll 8
      for (int p = 0; p < n; ++p) value = fmaf(share[p], __ldcg(pieces + p * step + c), value);
      if (m.w.quants || (kSparse && m.turned))
        value_at(in, c) = value;
      else
        m.out[static_cast<int64_t>(head) * m.dv + c] = value;
    }
    if constexpr (kSparse) {
      if (m.turned) {
        __syncthreads();
        const int first = m.dv - 2 * m.n_turns;
        for (int c = threadIdx.x; c < m.dv; c += kStepThreads) {
          float value = value_at(in, c);
          if (c >= first) {
            const Turn t = __ldcg(m.turned + (c - first) / 2);
            const float other = value_at(in, c ^ 1);
            value = (c - first) & 1 ? value * t.x - other * t.y : value * t.x + other * t.y;
          }
          m.out[static_cast<int64_t>(head) * m.dv + c] = value;
        }
      }
    }
    if (!m.w.quants) continue;
    __syncthreads();
    if (row >= rows) continue;
    const int64_t at = static_cast<int64_t>(head) * rows + row;
    const float4 sum = few_rows_times_input<kCacheFormat<kFormats>, 1>(&m.w, at, 0, memory, 32);
    if (lane == 0) m.out[at] = sum.x;
  }
}

}  // namespace engine::cuda
