// SPDX-License-Identifier: Apache-2.0
// engine/cuda/route.cuh: one warp chooses the experts of one token; as engine/kernels/moe_router.h defines it, except
// that the softmax's sum is taken in the order of the lanes.
#pragma once
#include <cuda_runtime.h>

#include <cfloat>
#include <cmath>
#include <cstdint>

#include "engine/kernels/moe_router.h"

namespace engine::cuda {

struct Best {
  float score;
  int index;
};
__device__ __forceinline__ Best better(const Best& a, const Best& b) {  // the first of equal ones
  return b.score > a.score || (b.score == a.score && b.index < a.index) ? b : a;
}
__device__ __forceinline__ Best best_of_warp(Best best) {
#pragma unroll
  for (int m = 16; m > 0; m >>= 1)
    best = better(best, {__shfl_xor_sync(~0U, best.score, m), __shfl_xor_sync(~0U, best.index, m)});
  return best;
}
__device__ __forceinline__ float sum_of_warp(float value) {
#pragma unroll
  for (int m = 16; m > 0; m >>= 1) value += __shfl_xor_sync(~0U, value, m);
  return value;
}

// Scores of all experts from their logits.
__device__ inline void score_experts(const RouterSettings& settings, const float* logits, int lane, float* scores) {
  const int n = settings.n_experts;
  if (settings.scoring == Scoring::kSoftmax) {
    float top = -INFINITY;
#pragma unroll 1
    for (int e = lane; e < n; e += 32) top = fmaxf(top, logits[e]);
#pragma unroll
    for (int m = 16; m > 0; m >>= 1) top = fmaxf(top, __shfl_xor_sync(~0U, top, m));
    float sum = 0.0f;
#pragma unroll 1
    for (int e = lane; e < n; e += 32) sum += scores[e] = expf(logits[e] - top);
    sum = sum_of_warp(sum);
#pragma unroll 1
    for (int e = lane; e < n; e += 32) scores[e] /= sum;
  } else {
#pragma unroll 1
    for (int e = lane; e < n; e += 32) {
      const float x = logits[e];
      scores[e] = settings.scoring == Scoring::kSigmoid        ? 1.0f / (1.0f + expf(-x))
                  : settings.scoring == Scoring::kSqrtSoftplus ? sqrtf(x > 20.0f ? x : log1pf(expf(x)))
                                                               : x;
    }
  }
#pragma unroll 1
  for (int e = lane; e < n; e += 32)
    if (isnan(scores[e])) scores[e] = settings.scoring == Scoring::kSoftmaxOfChosen ? -FLT_MAX : 0.0f;
  __syncwarp();
}

// Choices of dropped groups become -inf. Lane g looks after groups g, g + 32, ...
__device__ inline void drop_groups(const RouterSettings& settings, int lane, float* choice) {
  const int size = settings.n_experts / settings.n_groups;
#pragma unroll 1
  for (int dropped = 0; dropped < settings.n_groups - settings.n_groups_used; ++dropped) {
    // The worst kept group goes; of equal ones the higher index: the best of negated scores and indices.
    Best worst{-INFINITY, INT32_MAX};
#pragma unroll 1
    for (int g = lane; g < settings.n_groups; g += 32) {
      float best = -INFINITY, second = -INFINITY;
#pragma unroll 1
      for (int e = g * size; e < (g + 1) * size; ++e) {
        const float c = choice[e];
        if (c > best)
          second = best, best = c;
        else if (c > second)
          second = c;
      }
      if (best == -INFINITY) continue;
      const float score = settings.selection == ExpertSelection::kGroupLimitedTopTwo && size > 1 ? best + second : best;
      worst = better(worst, {-score, -g});
    }
    worst = best_of_warp(worst);
    if (worst.index == INT32_MAX) break;
    const int g = -worst.index;
#pragma unroll 1
    for (int e = g * size + lane; e < (g + 1) * size; e += 32) choice[e] = -INFINITY;
    __syncwarp();
  }
}

// `scratch`: 2 E values of shared memory. `bias`: null for none. `chosen_before` [k]: experts chosen otherwise, or null. ids,
// weights [k], by falling choice.
__device__ __noinline__ inline void route_token(const RouterSettings& settings, const float* logits, const float* bias,
                                                const int32_t* chosen_before, int lane, float* scratch, int32_t* ids,
                                                float* weights) {
  const int n = settings.n_experts, k = settings.n_experts_used;
  float *scores = scratch, *choice = scratch + n;
  score_experts(settings, logits, lane, scores);
#pragma unroll 1
  for (int e = lane; e < n; e += 32) {
    const float c = bias ? scores[e] + bias[e] : scores[e];
    choice[e] = c >= -FLT_MAX ? c : -FLT_MAX;
  }
  __syncwarp();
  if (settings.selection != ExpertSelection::kGreedy && settings.n_groups > 1) drop_groups(settings, lane, choice);
  float sum = 0.0f, top = 0.0f;
#pragma unroll 1
  for (int i = 0; i < k; ++i) {
    Best best{-INFINITY, INT32_MAX};
#pragma unroll 1
    for (int e = lane; e < n; e += 32) best = better(best, {choice[e], e});
    best = best_of_warp(best);
    const int chosen = chosen_before ? chosen_before[i] : min(best.index, n - 1);
    float weight = scores[chosen];
    if (settings.scoring == Scoring::kSoftmaxOfChosen) {
      if (i == 0) top = weight;
      weight = expf(weight - top);
    }
    sum += weight;
    __syncwarp();
    if (lane == 0) {
      ids[i] = chosen;
      weights[i] = weight;
      choice[chosen] = -INFINITY;
    }
    __syncwarp();
  }
  float scale = settings.scale;
  if (settings.scoring == Scoring::kSoftmaxOfChosen)
    scale /= sum;
  else if (settings.normalize)
    scale /= sum + 1e-20f;
  for (int i = lane; i < k; i += 32) weights[i] *= scale;
}

}  // namespace engine::cuda
