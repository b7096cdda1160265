// SPDX-License-Identifier: Apache-2.0
// engine/cuda/step_query.cuh: between the projections of a step and its attention: queries are normed, folded and
// turned, and the token's row goes to the cache.
#pragma once
#include "engine/cuda/step_block.cuh"

namespace engine::cuda {

// What k_absorb and v_b are kept in (WeightStore::made).
template <unsigned kFormats>
inline constexpr unsigned kCacheFormat = kFormats == kHasF32 ? kHasF32 : kHasBF16;

__device__ inline void store_cached(const StepState& state, int layer, int64_t row_width, bool float_cache, int64_t at,
                                    float value) {
  const int64_t index = layer * state.layer_stride + state.position * row_width + at;
  if (float_cache)
    static_cast<float*>(state.cache)[index] = value;
  else
    static_cast<__nv_bfloat16*>(state.cache)[index] = __float2bfloat16_rn(value);
}

// Lanes that take a row of k_absorb: rows are short, so a warp works on several at once.
__host__ __device__ inline int lanes_of_absorb(const LatentQueryOp& op) {
  const int at_once = op.k_absorb.format == Format::kF32 ? 4 : 8;
  int lanes = 1;
  while (lanes < 32 && lanes * at_once < op.nope) lanes *= 2;
  return lanes;
}

__device__ inline void latent_row(const LatentQueryOp& l, const StepState& state) {
  __shared__ float partial[kStepWarps];
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  float squares = 0.0f;
#pragma unroll 1
  for (int i = threadIdx.x; i < l.latent; i += kStepThreads) {
    const float v = __ldcg(l.kv + i);
    squares += v * v;
  }
  squares = sum_of_warp(squares);
  if (lane == 0) partial[warp] = squares;
  __syncthreads();
  float sum = 0.0f;
#pragma unroll
  for (int w = 0; w < kStepWarps; ++w) sum += partial[w];
  const float scale = rsqrtf(sum / static_cast<float>(l.latent) + l.norm.eps);
#pragma unroll 1
  for (int i = threadIdx.x; i < l.latent; i += kStepThreads)
    store_cached(state, l.layer, l.row_width, l.float_cache, i, __ldcg(l.kv + i) * scale * l.norm.gain[i]);
#pragma unroll 1
  for (int i = threadIdx.x; i < l.rope / 2; i += kStepThreads) {
    const float a = __ldcg(l.kv + l.latent + 2 * i), b = __ldcg(l.kv + l.latent + 2 * i + 1);
    const Turn t = __ldcg(l.turns + i);
    store_cached(state, l.layer, l.row_width, l.float_cache, l.latent + 2 * i, a * t.x - b * t.y);
    store_cached(state, l.layer, l.row_width, l.float_cache, l.latent + 2 * i + 1, a * t.y + b * t.x);
  }
}

// Pieces of work: (head, run of latent values), and the cache's row.
template <unsigned kFormats>
__device__ inline void latent_query_op(const LatentQueryOp& l, const StepState& state, char* memory) {
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, lanes = lanes_of_absorb(l);
  const int rows_at_once = 32 / lanes, run = kStepWarps * rows_at_once * 2, runs = (l.latent + run - 1) / run;
  const RowInput in = row_input_at(memory, l.nope);
  for (int item = blockIdx.x; item <= l.n_heads * runs; item += gridDim.x) {
    if (item == l.n_heads * runs) {
      latent_row(l, state);
      continue;
    }
    const int head = item / runs, part = item % runs;
    const int c = part * run + (warp * rows_at_once + lane / lanes) * 2;
    const int64_t base = static_cast<int64_t>(head) * l.latent;
    const bool pair = c + 1 < l.latent;
    const float* q = l.q + static_cast<int64_t>(head) * (l.nope + l.rope);
    float* out = l.queries + static_cast<int64_t>(head) * (l.latent + l.rope);
    __syncthreads();
#pragma unroll 1
    for (int i = threadIdx.x; i < l.nope / 4; i += kStepThreads)
      (i & 1 ? in.high : in.low)[i >> 1] = __ldcg(reinterpret_cast<const float4*>(q) + i);
    if (part == 0)
#pragma unroll 1
      for (int i = threadIdx.x; i < l.rope / 2; i += kStepThreads) {
        const float a = __ldcg(q + l.nope + 2 * i) * l.scale, b = __ldcg(q + l.nope + 2 * i + 1) * l.scale;
        const Turn t = __ldcg(l.turns + i);
        out[l.latent + 2 * i] = a * t.x - b * t.y;
        out[l.latent + 2 * i + 1] = a * t.y + b * t.x;
      }
    __syncthreads();
    const float4 sum = few_rows_times_input<kCacheFormat<kFormats>, 2>(&l.k_absorb, base + min(c, l.latent - 1),
                                                                       pair ? 1 : 0, memory, lanes);
    if (lane % lanes != 0) continue;
    if (c < l.latent) out[c] = sum.x * l.scale;
    if (pair) out[c + 1] = sum.y * l.scale;
  }
}

// One warp a head: H queries, then K keys, then K value rows.
__device__ inline void grouped_query_op(const GroupedQueryOp& g, const StepState& state, char* memory) {
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  float* row = reinterpret_cast<float*>(memory) + warp * g.d;
  for (int job = step_warp(); job < g.n_heads + 2 * g.n_kv_heads; job += step_warps()) {
    const bool is_query = job < g.n_heads, is_value = job >= g.n_heads + g.n_kv_heads;
    const int head = is_query ? job : is_value ? job - g.n_heads - g.n_kv_heads : job - g.n_heads;
    const float* from = (is_query ? g.q : is_value ? g.v : g.k) + static_cast<int64_t>(head) * g.d;
    float squares = 0.0f;
    __syncwarp();
#pragma unroll 1
    for (int i = lane; i < g.d; i += 32) {
      const float v = __ldcg(from + i);
      row[i] = v;
      squares += v * v;
    }
    __syncwarp();
    const float* gain = is_query ? g.q_gain : is_value ? nullptr : g.k_gain;
    if (gain) {
      const float scale = rsqrtf(sum_of_warp(squares) / static_cast<float>(g.d) + g.eps);
#pragma unroll 1
      for (int i = lane; i < g.d; i += 32) row[i] *= scale * gain[i];
      __syncwarp();
    }
    if (!is_value) {
      const int n = g.rotated / 2;
#pragma unroll 1
      for (int i = lane; i < n; i += 32) {
        float &a = g.interleaved ? row[2 * i] : row[i], &b = g.interleaved ? row[2 * i + 1] : row[i + n];
        const float x = a, y = b;
        const Turn t = __ldcg(g.turns + i);
        a = x * t.x - y * t.y;
        b = x * t.y + y * t.x;
      }
      __syncwarp();
    }
    const int64_t at = (is_value ? static_cast<int64_t>(g.n_kv_heads) * g.d : 0) + static_cast<int64_t>(head) * g.d;
#pragma unroll 1
    for (int i = lane; i < g.d; i += 32) {
      if (is_query)
        g.q[static_cast<int64_t>(head) * g.d + i] = row[i] * g.scale;
      else
        store_cached(state, g.layer, g.row_width, g.float_cache, at + i, row[i]);
    }
  }
}

}  // namespace engine::cuda
