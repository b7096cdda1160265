// SPDX-License-Identifier: Apache-2.0
// References of attention.h.
#include "engine/kernels/attention.h"

#include <cstddef>
#include <algorithm>
#include <vector>

#include "engine/kernels/softmax.h"

namespace engine {

void attention_cpu_reference(const float* q, const float* k, int64_t k_stride, int64_t d_k, const float* v, int64_t v_stride,
                             int64_t d_v, int64_t first_visible, int64_t n_visible, float scale, const float* sink, float* out) {
  const int64_t n = n_visible - first_visible;
  k += first_visible * k_stride;
  v += first_visible * v_stride;
  std::vector<float> weights(static_cast<size_t>(n));
  for (int64_t s = 0; s < n; ++s) {
    float score = 0.0f;
    for (int64_t i = 0; i < d_k; ++i) score += q[i] * k[s * k_stride + i];
    weights[static_cast<size_t>(s)] = score * scale;
  }
  if (sink) weights.push_back(*sink);
  softmax_cpu_reference(weights.data(), static_cast<int64_t>(weights.size()));
  for (int64_t i = 0; i < d_v; ++i) {
    float sum = 0.0f;
    for (int64_t s = 0; s < n; ++s) sum += weights[static_cast<size_t>(s)] * v[s * v_stride + i];
    out[i] = sum;
  }
}

void attention_rows_cpu_reference(const AttentionRows& a) {
  if (a.blocks) {
    std::vector<const std::byte*> list;
    for (int s = 0; s < *std::max_element(a.n_visible, a.n_visible + a.n_rows); ++s)
      list.push_back(a.blocks[s / kAttentionBlock] +
                     (a.block_offset + s % kAttentionBlock * a.key_stride) * static_cast<int64_t>(sizeof(float)));
    AttentionRows listed = a;
    listed.blocks = nullptr;
    listed.list = list.data();
    attention_rows_cpu_reference(listed);
    return;
  }
  if (a.list) {
    const int n = *std::max_element(a.n_visible, a.n_visible + a.n_rows);
    std::vector<float> keys, values;
    for (int s = 0; s < n; ++s) {
      const float *key = reinterpret_cast<const float*>(a.list[s]), *value = key + (a.values - a.keys);
      keys.insert(keys.end(), key, key + a.width);
      values.insert(values.end(), value, value + a.value_width);
    }
    AttentionRows gathered = a;
    gathered.list = nullptr;
    gathered.keys = keys.data();
    gathered.values = values.data();
    gathered.key_stride = a.width;
    gathered.value_stride = a.value_width;
    attention_rows_cpu_reference(gathered);
    return;
  }
  for (int r = 0; r < a.n_rows; ++r)
    attention_cpu_reference(a.queries + r * a.width, a.keys, a.key_stride, a.width, a.values, a.value_stride, a.value_width,
                            a.first_visible ? a.first_visible[r] : 0, a.n_visible[r], 1.0f, a.sinks ? a.sinks + r : nullptr,
                            a.out + r * a.value_width);
}

}  // namespace engine
