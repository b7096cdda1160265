// SPDX-License-Identifier: Apache-2.0
// engine/kernels/attention.h: softmax attention of a few queries over the rows of a cache.
//
// Shapes   A key is `width` values (a multiple of 16), a value row `value_width` (likewise); both lie at their own stride.
//          Latent attention (MLA), absorbed: a row is [c (C) | k_rope (R)], shared by all heads; keys are whole rows, values
//          their first part, and the query holds scale * [q_nope . k_b_h | q_rope]. Grouped-query attention: a row holds
//          the keys and values of all key heads, and the queries of one call share a key head.
// Bounds   Every query sees at least one row. A query sees rows [first_visible, n_visible).
// Sinks    A logit that takes part in the softmax and has no value.
// Blocks   A cache in blocks of 64 rows gives where they begin; rows lie at their strides within a block.
// Lists    Sparse attention gives the rows themselves, from wherever they lie; all queries of the call share the list.
// bf16     Rows may be stored in bf16 (16 bits, rounded to nearest). AVX512-BF16 and AMX then multiply queries and weights in
//          bf16 too, with f32 sums; the other paths widen the rows and multiply in f32. Rounding moves a value by at most 2^-9 of
//          itself; docs/kv-cache.md derives what that does to a result.
// Results  Scores are taken in blocks of 64 rows (with AMX: of a section's), and sums in sections of 512, counted from the start
//          of the cache (or list), and sections are joined in order. A query's result depends neither on which queries share the
//          call nor on which cores took which sections, so decoding equals prefill bit for bit.
// Source   DeepSeek-V2, arXiv:2405.04434, section 2.1; online softmax as in FlashAttention, arXiv:2205.14135, section 3.1;
//          sections on several cores as in Flash-Decoding (pytorch.org/blog/flash-decoding, 2023);
//          sinks as in gpt-oss's model card, arXiv:2508.10925, section 2.
#pragma once
#include <cstddef>
#include <cstdint>

namespace engine {

inline constexpr int kAttentionBlock = 64;  // cache rows; at width 576 a block is 147 kB and stays in the second-level cache
inline constexpr int kAttentionSection = 8 * kAttentionBlock;  // rows
inline constexpr int64_t kMaxSectionWidth = 512;  // of a value row; of wider ones all rows are one section
inline constexpr int kMaxAttentionRows = 32;  // queries in a call
inline constexpr int64_t kMaxBf16Width = 1024;  // of a key in bf16: the queries' rounded copies lie on the stack

enum class Bf16 : uint16_t {};  // the upper half of an f32

// `T`: float or Bf16, of the rows.
template <typename T>
struct AttentionRowsOf {
  const float* queries = nullptr;           // [n_rows, width], scaled
  int n_rows = 0;                           // at most kMaxAttentionRows
  const int32_t* n_visible = nullptr;       // [n_rows]
  const int32_t* first_visible = nullptr;   // [n_rows]; null: 0
  const T* keys = nullptr;                  // [.., width] at key_stride, which counts values
  int64_t key_stride = 0, width = 0;
  const T* values = nullptr;                // [.., value_width] at value_stride
  int64_t value_stride = 0, value_width = 0;
  const std::byte* const* list =
      nullptr;  // [max n_visible]: where keys begin, in place of keys + s * key_stride; values at the
                // same distance from them as `values` from `keys`; null: rows lie at their strides
  const std::byte* const* blocks = nullptr; // [max n_visible / kAttentionBlock, rounded up]: row s of the cache is row
                                            // s % kAttentionBlock from value block_offset of blocks[..] on, in place of `keys`;
  int64_t block_offset = 0;                 // values lie from it as `values` from `keys`; not together with a list
  const float* sinks = nullptr;             // [n_rows]; null: none
  float* out = nullptr;                     // [n_rows, value_width]
  // Given: only section `section`, for join_attention: `out` gets sums, `tops` the largest scores, `totals` the weights'
  // sums, each [n_rows]; 0 in totals where a query sees no row of it.
  int section = 0;
  float *tops = nullptr, *totals = nullptr;
};

using AttentionRows = AttentionRowsOf<float>;
using AttentionRowsBf16 = AttentionRowsOf<Bf16>;

// Sections 0 to n_sections - 1 of all rows that `n_rows` queries see, as AttentionRows gave them.
struct AttentionSections {
  int n_sections = 0, n_rows = 0;
  int64_t value_width = 0;
  const float* sums = nullptr;               // section i from i * sums_stride on: [n_rows, value_width]
  int64_t sums_stride = 0;
  const float *tops = nullptr, *totals = nullptr;  // section i from i * tops_stride on: [n_rows]
  int64_t tops_stride = 0;
  const float* sinks = nullptr;              // [n_rows]; null: none
  float* out = nullptr;                      // [n_rows, value_width]
};

// Reference: plain loops over the same arguments, all sections.
void attention_rows_cpu_reference(const AttentionRows& rows);

// Reference of one query head over rows [first_visible, n_visible): q and k [.., d_k], v [.., d_v]. `sink`: null, or the
// head's own logit.
void attention_cpu_reference(const float* q, const float* k, int64_t k_stride, int64_t d_k, const float* v, int64_t v_stride,
                             int64_t d_v, int64_t first_visible, int64_t n_visible, float scale, const float* sink, float* out);

}  // namespace engine
