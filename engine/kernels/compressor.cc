// SPDX-License-Identifier: Apache-2.0
#include "engine/kernels/compressor.h"

#include <algorithm>
#include <cmath>

namespace engine {

void compress_rows(const float* const* values, const float* const* gates, int64_t n, int64_t width, float* y) {
  for (int64_t j = 0; j < width; ++j) {
    float top = gates[0][j];
    for (int64_t i = 1; i < n; ++i) top = std::max(top, gates[i][j]);
    float total = 0.0f, sum = 0.0f;
    for (int64_t i = 0; i < n; ++i) {
      const float weight = std::exp(gates[i][j] - top);
      total += weight;
      sum += weight * values[i][j];
    }
    y[j] = sum / total;
  }
}

}  // namespace engine
