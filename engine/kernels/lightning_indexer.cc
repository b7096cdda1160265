// SPDX-License-Identifier: Apache-2.0
#include "engine/kernels/lightning_indexer.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace engine {

void index_scores_cpu_reference(const IndexRows& a) {
  for (int64_t s = 0; s < a.n_keys; ++s) {
    const float* key = a.keys + s * a.key_stride;
    float total = 0.0f;
    for (int h = 0; h < a.n_heads; ++h) {
      float dot = 0.0f;
      for (int64_t i = 0; i < a.width; ++i) dot += a.queries[h * a.width + i] * key[i];
      total += a.weights[h] * std::max(dot, 0.0f);
    }
    a.scores[s] = total;
  }
}

void select_rows(const float* scores, int64_t n, int64_t k, std::vector<int32_t>& chosen) {
  chosen.resize(static_cast<size_t>(n));
  std::iota(chosen.begin(), chosen.end(), 0);
  if (n <= k) return;
  const auto better = [&](int32_t a, int32_t b) { return scores[a] != scores[b] ? scores[a] > scores[b] : a < b; };
  // A score that is no number would break the order: it ranks last.
  const auto first_bad = std::stable_partition(chosen.begin(), chosen.end(), [&](int32_t s) { return scores[s] == scores[s]; });
  if (first_bad - chosen.begin() > k) std::nth_element(chosen.begin(), chosen.begin() + k, first_bad, better);
  chosen.resize(static_cast<size_t>(k));
  std::sort(chosen.begin(), chosen.end());
}

void select_blocks(const float* scores, int64_t n, int64_t size, int64_t k, std::vector<int32_t>& blocks) {
  constexpr float kFirst = std::numeric_limits<float>::infinity();
  const int64_t n_blocks = (n + size - 1) / size;
  std::vector<float> best(static_cast<size_t>(n_blocks));
  for (int64_t b = 0; b < n_blocks; ++b)
    best[static_cast<size_t>(b)] = *std::max_element(scores + b * size, scores + std::min(n, (b + 1) * size));
  if (n_blocks > 0) best.back() = kFirst;
  select_rows(best.data(), n_blocks, k, blocks);
}

void select_rows_of_blocks(const float* scores, int64_t n, int64_t k, const std::vector<int32_t>& blocks, int64_t size,
                           std::vector<int32_t>& chosen) {
  std::vector<int32_t> rows;
  std::vector<float> of_rows;
  for (const int32_t b : blocks)
    for (int64_t s = b * size; s < std::min(n, (b + 1) * size); ++s) {
      rows.push_back(static_cast<int32_t>(s));
      of_rows.push_back(scores[s]);
    }
  select_rows(of_rows.data(), static_cast<int64_t>(rows.size()), k, chosen);
  for (int32_t& row : chosen) row = rows[static_cast<size_t>(row)];
}

}  // namespace engine
