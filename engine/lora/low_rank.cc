// SPDX-License-Identifier: Apache-2.0
#include "engine/lora/low_rank.h"

#include <vector>

namespace engine {

void add_low_rank_cpu_reference(const LowRank& product, const float* x, int64_t n_tokens, float* y) {
  const F32Panels &a = *product.a, &b = *product.b;
  std::vector<float> low(static_cast<size_t>(a.n_out()));
  for (int64_t t = 0; t < n_tokens; ++t, x += a.n_in(), y += b.n_out()) {
    for (int64_t r = 0; r < a.n_out(); ++r) {
      float sum = 0.0f;
      for (int64_t i = 0; i < a.n_in(); ++i) sum += a.at(r, i) * x[i];
      low[static_cast<size_t>(r)] = sum;
    }
    for (int64_t o = 0; o < b.n_out(); ++o) {
      float sum = 0.0f;
      for (int64_t r = 0; r < a.n_out(); ++r) sum += b.at(o, r) * low[static_cast<size_t>(r)];
      y[o] += sum;
    }
  }
}

void add_low_rank_turned_cpu_reference(const LowRank& product, const float* x, float* y) {
  const F32Panels &a = *product.a, &b = *product.b;
  for (int64_t r = 0; r < a.n_out(); ++r) {
    float sum = 0.0f;
    for (int64_t o = 0; o < b.n_out(); ++o) sum += b.at(o, r) * x[o];
    for (int64_t i = 0; i < a.n_in(); ++i) y[i] += a.at(r, i) * sum;
  }
}

}  // namespace engine
