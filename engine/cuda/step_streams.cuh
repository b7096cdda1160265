// SPDX-License-Identifier: Apache-2.0
// engine/cuda/step_streams.cuh: the residual streams around half a layer of DeepSeek-V4, as
// engine/kernels/hyper_connection.h defines them.
#pragma once
#include "engine/cuda/step_block.cuh"
#include "engine/cuda/step_sparse.h"

namespace engine::cuda {

__device__ __forceinline__ float sigmoid(float x) {
  return 1.0f / (1.0f + expf(-x));
}

// One warp makes a token's mix in shared memory. `sums` [S].
__device__ inline void make_mix(const GatherOp& op, StreamMix& mix, float* sums) {
  const int n = op.n_streams, lane = threadIdx.x % 32;
  for (int j = lane; j < n; j += 32)
    mix.read[j] = sigmoid(fmaf(__ldcg(op.mixed + j), op.scale[0], op.base[j])) + op.eps;
  if (op.head) return;
  for (int k = lane; k < n; k += 32)
    mix.write[k] = 2.0f * sigmoid(fmaf(__ldcg(op.mixed + n + k), op.scale[1], op.base[n + k]));
  for (int j = lane; j < n; j += 32) {
    float* row = mix.carry + j * n;
    float top = -INFINITY, sum = 0.0f;
    for (int k = 0; k < n; ++k) {
      row[k] = fmaf(__ldcg(op.mixed + 2 * n + j * n + k), op.scale[2], op.base[2 * n + j * n + k]);
      top = fmaxf(top, row[k]);
    }
    for (int k = 0; k < n; ++k) sum += row[k] = expf(row[k] - top);
    for (int k = 0; k < n; ++k) row[k] = row[k] / sum + op.eps;
  }
  __syncwarp();
  const auto divide = [&](bool columns) {
    for (int i = lane; i < n; i += 32) {
      float sum = op.eps;
      for (int j = 0; j < n; ++j) sum += mix.carry[columns ? j * n + i : i * n + j];
      sums[i] = sum;
    }
    __syncwarp();
    for (int e = lane; e < n * n; e += 32) mix.carry[e] /= sums[columns ? e % n : e / n];
    __syncwarp();
  };
  divide(true);
#pragma unroll 1
  for (int round = 1; round < op.rounds; ++round) {
    divide(false);
    divide(true);
  }
}

// Each block makes the mix for itself; the first one leaves it for the spread.
__device__ inline void gather_op(const GatherOp& op) {
  __shared__ StreamMix mix;
  __shared__ float sums[kMaxStreams];
  __syncthreads();
  if (threadIdx.x < 32) make_mix(op, mix, sums);
  __syncthreads();
  const int n = op.n_streams;
  if (blockIdx.x == 0 && op.mix) {
    for (int e = threadIdx.x; e < n; e += kStepThreads) op.mix->write[e] = mix.write[e];
    for (int e = threadIdx.x; e < n * n; e += kStepThreads) op.mix->carry[e] = mix.carry[e];
  }
  for (int64_t i = int64_t{blockIdx.x} * kStepThreads + threadIdx.x; i < op.width;
       i += int64_t{gridDim.x} * kStepThreads) {
    float sum = 0.0f;
    for (int j = 0; j < n; ++j) sum = fmaf(mix.read[j], __ldcg(op.streams + j * op.width + i), sum);
    op.input[i] = sum;
  }
}

__device__ inline void spread_op(const SpreadOp& op) {
  const int n = op.n_streams;
  for (int64_t i = int64_t{blockIdx.x} * kStepThreads + threadIdx.x; i < op.width;
       i += int64_t{gridDim.x} * kStepThreads) {
    float before[kMaxStreams];
    const float result = __ldcg(op.result + i);
    for (int j = 0; j < n; ++j) before[j] = __ldcg(op.streams + j * op.width + i);
    for (int k = 0; k < n; ++k) {
      float sum = __ldcg(op.mix->write + k) * result;
      for (int j = 0; j < n; ++j) sum = fmaf(__ldcg(op.mix->carry + j * n + k), before[j], sum);
      op.streams[k * op.width + i] = sum;
    }
  }
}

}  // namespace engine::cuda
