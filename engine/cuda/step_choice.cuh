// SPDX-License-Identifier: Apache-2.0
// engine/cuda/step_choice.cuh: which rows of the cache a token attends to, by the scores of an index.
#pragma once
#include "engine/cuda/step_attention.cuh"
#include "engine/cuda/step_sparse.h"

namespace engine::cuda {

__device__ __forceinline__ float cached(const char* row, int64_t at, bool is_float) {
  return is_float ? __ldcg(reinterpret_cast<const float*>(row) + at)
                  : bf16_low(__ldcg(reinterpret_cast<const unsigned short*>(row) + at));
}
__device__ __forceinline__ void put_cached(char* row, int64_t at, bool is_float, float value) {
  if (is_float)
    reinterpret_cast<float*>(row)[at] = value;
  else
    reinterpret_cast<__nv_bfloat16*>(row)[at] = __float2bfloat16_rn(value);
}

// A warp a query head, then one for the key.
__device__ inline void index_keys_op(const IndexKeysOp& op, const StepState& state, char* memory) {
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  float* row = reinterpret_cast<float*>(memory) + warp * op.width;
  for (int job = step_warp(); job <= op.n_heads; job += step_warps()) {
    const bool is_key = job == op.n_heads;
    const float* from = is_key ? op.k : op.q + static_cast<int64_t>(job) * op.width;
    float sum = 0.0f;
    __syncwarp();
    for (int i = lane; i < op.width; i += 32) sum += row[i] = __ldcg(from + i);
    __syncwarp();
    if (is_key) {
      const float mean = sum_of_warp(sum) / static_cast<float>(op.width);
      float squares = 0.0f;
      for (int i = lane; i < op.width; i += 32) squares += (row[i] - mean) * (row[i] - mean);
      const float scale = rsqrtf(sum_of_warp(squares) / static_cast<float>(op.width) + op.eps);
      for (int i = lane; i < op.width; i += 32) row[i] = fmaf((row[i] - mean) * scale, op.gain[i], op.bias[i]);
      __syncwarp();
    }
    for (int i = lane; i < op.n_turns; i += 32) {
      float &a = row[i], &b = row[i + op.n_turns];
      const float x = a, y = b;
      const Turn t = __ldcg(op.turns + i);
      a = x * t.x - y * t.y;
      b = x * t.y + y * t.x;
    }
    __syncwarp();
    for (int i = lane; i < op.width; i += 32) {
      if (is_key)
        store_cached(state, op.layer, op.row_width, op.float_cache, op.key_offset + i, row[i]);
      else
        op.q[static_cast<int64_t>(job) * op.width + i] = row[i];
    }
  }
}

inline constexpr int kIndexKeysAtOnce = 4;  // of a warp

__host__ __device__ constexpr size_t index_bytes(int n_heads, int width) {
  return static_cast<size_t>(n_heads * width + kStepWarps * kIndexKeysAtOnce * width) * sizeof(float);
}

// Queries lie turned round in shared memory, so that the lanes of a warp take a head each; a warp has four keys.
__device__ inline void index_scores_op(const IndexScoresOp& op, const StepState& state, char* memory) {
  const int n = listed_rows(op.seen, state.position, false);
  if (n <= op.seen.most) return;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, heads = op.n_heads, width = op.width;
  float* queries = reinterpret_cast<float*>(memory);  // [Di, Hi]
  float* keys = queries + heads * width + warp * kIndexKeysAtOnce * width;
  for (int i = threadIdx.x; i < heads * width; i += kStepThreads) {
    const int h = i / width;
    queries[(i - h * width) * heads + h] = __ldcg(op.q + i);
  }
  const int value_bytes = op.float_cache ? 4 : 2;
  const char* base;
  if (op.placed)
    base = static_cast<const char*>(state.cache) + static_cast<const LayerPlace*>(state.cache)[op.layer].index_entries;
  else
    base = static_cast<const char*>(state.cache) + (op.layer * state.layer_stride + op.key_offset) * value_bytes;
  const int64_t row_bytes = op.row_width * value_bytes;
  __syncthreads();
  for (int first = step_warp() * kIndexKeysAtOnce; first < n; first += step_warps() * kIndexKeysAtOnce) {
    __syncwarp();
    for (int i = lane; i < kIndexKeysAtOnce * width; i += 32) {
      const int u = i / width;
      keys[i] = cached(base + min(first + u, n - 1) * row_bytes, i - u * width, op.float_cache);
    }
    __syncwarp();
    float total[kIndexKeysAtOnce] = {};
    for (int h = lane; h - lane < heads; h += 32) {
      const int head = min(h, heads - 1);
      float dot[kIndexKeysAtOnce] = {};
      for (int i = 0; i < width; ++i) {
        const float q = queries[i * heads + head];
#pragma unroll
        for (int u = 0; u < kIndexKeysAtOnce; ++u) dot[u] = fmaf(q, keys[u * width + i], dot[u]);
      }
      const float weight = h < heads ? __ldcg(op.weights + head) * op.scale : 0.0f;
#pragma unroll
      for (int u = 0; u < kIndexKeysAtOnce; ++u) total[u] = fmaf(weight, fmaxf(dot[u], 0.0f), total[u]);
    }
#pragma unroll
    for (int u = 0; u < kIndexKeysAtOnce; ++u) {
      const float sum = sum_of_warp(total[u]);
      if (lane == 0 && first + u < n) state.scores[first + u] = sum;
    }
  }
}

// A number that orders as the score does; what is no number comes last.
__device__ __forceinline__ uint32_t rank_of(float score) {
  const uint32_t bits = __float_as_uint(score);
  if (score != score) return 0;
  return bits & 0x80000000U ? ~bits : bits | 0x80000000U;
}

// One block chooses: the rank of the k-th best, eight bits at a time, then all above it and the first that have it.
__device__ inline void choose_op(const ChooseOp& op, const StepState& state) {
  constexpr int kRun = 8;  // rows of a thread at a time
  __shared__ int counts[256], above[kStepWarps], equal[kStepWarps], chosen_digit, left;
  const int n = listed_rows(op.seen, state.position, false), k = op.seen.most, thread = threadIdx.x;
  if (n <= k) {
    for (int i = static_cast<int>(blockIdx.x) * kStepThreads + thread; i < n;
         i += static_cast<int>(gridDim.x) * kStepThreads)
      op.chosen[i] = i;
    return;
  }
  if (blockIdx.x != 0) return;
  uint32_t prefix = 0;
  if (thread == 0) left = k;
  for (int shift = 24; shift >= 0; shift -= 8) {
    for (int i = thread; i < 256; i += kStepThreads) counts[i] = 0;
    __syncthreads();
    for (int i = thread; i < n; i += kStepThreads) {
      const uint32_t rank = rank_of(__ldcg(state.scores + i));
      if (shift == 24 || rank >> (shift + 8) == prefix) atomicAdd(&counts[rank >> shift & 255U], 1);
    }
    __syncthreads();
    if (thread == 0) {
      int digit = 255;
      for (; digit > 0 && counts[digit] < left; --digit) left -= counts[digit];
      chosen_digit = digit;
    }
    __syncthreads();
    prefix = prefix << 8 | static_cast<uint32_t>(chosen_digit);
  }
  // `left` of the rows with exactly this rank are still wanted.
  const int warp = thread / 32, lane = thread % 32, wanted = left;
  int written = 0, equals = 0;  // before this tile; the same in all threads
  for (int base = 0; base < n; base += kStepThreads * kRun) {
    const int first = base + thread * kRun;
    uint32_t is_above = 0, is_equal = 0;
#pragma unroll
    for (int i = 0; i < kRun; ++i) {
      if (first + i >= n) break;
      const uint32_t rank = rank_of(__ldcg(state.scores + first + i));
      is_above |= static_cast<uint32_t>(rank > prefix) << i;
      is_equal |= static_cast<uint32_t>(rank == prefix) << i;
    }
    // How many of either kind come before this thread's.
    int sum_above = __popc(is_above), sum_equal = __popc(is_equal);
    const int own_above = sum_above, own_equal = sum_equal;
#pragma unroll
    for (int m = 1; m < 32; m <<= 1) {
      const int a = __shfl_up_sync(~0U, sum_above, m), e = __shfl_up_sync(~0U, sum_equal, m);
      if (lane >= m) sum_above += a, sum_equal += e;
    }
    if (lane == 31) above[warp] = sum_above, equal[warp] = sum_equal;
    __syncthreads();
    int before_above = sum_above - own_above, before_equal = equals + sum_equal - own_equal, all_above = 0,
        all_equal = 0;
    for (int w = 0; w < kStepWarps; ++w) {
      if (w < warp) before_above += above[w], before_equal += equal[w];
      all_above += above[w], all_equal += equal[w];
    }
    int to = written + before_above + min(before_equal, wanted) - min(equals, wanted);
#pragma unroll
    for (int i = 0; i < kRun; ++i) {
      const bool takes = (is_above >> i & 1U) || ((is_equal >> i & 1U) && before_equal < wanted);
      if (is_equal >> i & 1U) ++before_equal;
      if (takes) op.chosen[to++] = first + i;
    }
    written += all_above + min(equals + all_equal, wanted) - min(equals, wanted);
    equals += all_equal;
    __syncthreads();
  }
}

}  // namespace engine::cuda
