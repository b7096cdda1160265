// SPDX-License-Identifier: Apache-2.0
#include "engine/kernels/hyper_connection.h"

#include <algorithm>
#include <cmath>

#include "engine/kernels/softmax.h"

namespace engine {
namespace {

float sigmoid(float x) {
  return 1.0f / (1.0f + std::exp(-x));
}

void divide_by_sums(float* matrix, int n, int step_of_sum, int step_of_member, float eps) {
  for (int i = 0; i < n; ++i) {
    float sum = eps;
    for (int j = 0; j < n; ++j) sum += matrix[i * step_of_sum + j * step_of_member];
    for (int j = 0; j < n; ++j) matrix[i * step_of_sum + j * step_of_member] /= sum;
  }
}

}  // namespace

void stream_mix(int n, int rounds, float eps, bool head, const float* mix, const float* scale, const float* base,
                StreamMix& out) {
  for (int j = 0; j < n; ++j) out.read[j] = sigmoid(mix[j] * scale[0] + base[j]) + eps;
  if (head) return;
  for (int k = 0; k < n; ++k) out.write[k] = 2.0f * sigmoid(mix[n + k] * scale[1] + base[n + k]);
  for (int j = 0; j < n; ++j) {
    float* row = out.carry + j * n;
    for (int k = 0; k < n; ++k) row[k] = mix[2 * n + j * n + k] * scale[2] + base[2 * n + j * n + k];
    softmax_cpu_reference(row, n);
    for (int k = 0; k < n; ++k) row[k] += eps;
  }
  divide_by_sums(out.carry, n, 1, n, eps);
  for (int round = 1; round < rounds; ++round) {
    divide_by_sums(out.carry, n, n, 1, eps);
    divide_by_sums(out.carry, n, 1, n, eps);
  }
}

void gather_streams(const StreamMix& mix, int n, int64_t width, const float* streams, float* input) {
  for (int64_t i = 0; i < width; ++i) {
    float sum = 0.0f;
    for (int j = 0; j < n; ++j) sum += mix.read[j] * streams[j * width + i];
    input[i] = sum;
  }
}

void spread_streams(const StreamMix& mix, int n, int64_t width, const float* result, float* streams) {
  float before[kMaxStreams];
  for (int64_t i = 0; i < width; ++i) {
    for (int j = 0; j < n; ++j) before[j] = streams[j * width + i];
    for (int k = 0; k < n; ++k) {
      float sum = mix.write[k] * result[i];
      for (int j = 0; j < n; ++j) sum += mix.carry[j * n + k] * before[j];
      streams[k * width + i] = sum;
    }
  }
}

}  // namespace engine
