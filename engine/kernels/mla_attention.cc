// SPDX-License-Identifier: Apache-2.0
// References of mla_attention.h.
#include "engine/kernels/mla_attention.h"

#include <cstddef>
#include <vector>

#include "engine/kernels/softmax.h"

namespace engine {

void attention_cpu_reference(const float* q, const float* k, int64_t k_stride, int64_t d_k, const float* v, int64_t v_stride,
                             int64_t d_v, int64_t n_visible, float scale, float* out) {
  std::vector<float> weights(static_cast<size_t>(n_visible));
  for (int64_t s = 0; s < n_visible; ++s) {
    float score = 0.0f;
    for (int64_t i = 0; i < d_k; ++i) score += q[i] * k[s * k_stride + i];
    weights[static_cast<size_t>(s)] = score * scale;
  }
  softmax_cpu_reference(weights.data(), n_visible);
  for (int64_t i = 0; i < d_v; ++i) {
    float sum = 0.0f;
    for (int64_t s = 0; s < n_visible; ++s) sum += weights[static_cast<size_t>(s)] * v[s * v_stride + i];
    out[i] = sum;
  }
}

void mla_attention_cpu_reference(const AttentionRows& a) {
  for (int r = 0; r < a.n_rows; ++r)
    attention_cpu_reference(a.queries + r * a.width, a.cache, a.width, a.width, a.cache, a.width, a.value_width,
                            a.n_visible[r], 1.0f, a.out + r * a.value_width);
}

}  // namespace engine
