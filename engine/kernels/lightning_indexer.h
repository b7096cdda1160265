// SPDX-License-Identifier: Apache-2.0
// engine/kernels/lightning_indexer.h: which rows of a cache a token attends to.
//
// Shapes   score_s = sum_h weight_h * max(0, q_h . k_s) of one token over rows [0, n_keys): q [n_heads, width], width a
//          multiple of 16; keys at their stride, in f32 or bf16
// bf16     As in attention.h: AVX512-BF16 multiplies queries in bf16 too, up to kMaxBf16Width, the other paths in f32;
//          sums are f32.
// Results  A token's scores do not depend on how many rows are scored in one call.
// Source   DeepSeek-V3.2, arXiv:2512.02556, section 2.1; blocks: the description of DeepSeek-V4.1
#pragma once
#include <cstdint>
#include <vector>

namespace engine {

enum class Bf16 : uint16_t;

struct IndexQuery {
  const float* queries = nullptr;  // [n_heads, width]
  const float* weights = nullptr;  // [n_heads], scaled
  int n_heads = 0;
  int64_t width = 0;
};

// `T`: float or Bf16, of the keys.
template <typename T>
struct IndexRowsOf : IndexQuery {
  const T* keys = nullptr;
  int64_t key_stride = 0, n_keys = 0;
  float* scores = nullptr;         // [n_keys]
};

using IndexRows = IndexRowsOf<float>;
using IndexRowsBf16 = IndexRowsOf<Bf16>;

void index_scores_cpu_reference(const IndexRows& rows);

// The k best of `scores`, ascending by row; a tie goes to the lower row. All rows where there are no more than k.
void select_rows(const float* scores, int64_t n, int64_t k, std::vector<int32_t>& chosen);

// The k best of the blocks of `size` rows by their best rows, ascending; the last block always. All where there are no more.
void select_blocks(const float* scores, int64_t n, int64_t size, int64_t k, std::vector<int32_t>& blocks);
// select_rows() among the rows of `blocks`.
void select_rows_of_blocks(const float* scores, int64_t n, int64_t k, const std::vector<int32_t>& blocks, int64_t size,
                           std::vector<int32_t>& chosen);

}  // namespace engine
