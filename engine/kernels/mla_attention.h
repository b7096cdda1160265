// SPDX-License-Identifier: Apache-2.0
// engine/kernels/mla_attention.h: multi-head latent attention over a cache of latent rows.
//
// Shapes   A cache row is [c (C) | k_rope (R)], shared by all heads, zero-padded to `width`, a multiple of 16.
//          Expanded form (reference): k_h = [k_b_h . c | k_rope], v_h = v_b_h . c; softmax(scale q_h k_h) v_h.
//          Absorbed form (fast): the query already holds scale * [q_nope . k_b_h | q_rope], so a score is one dot product
//          with the cache row and the result is a weighted sum z of the c parts; v_b_h . z follows outside.
// Bounds   Every query sees at least one row.
// Results  Scores are taken in blocks of 64 rows counted from the start of the cache: a query's result does not depend on
//          which queries share the call, so decoding equals prefill bit for bit.
// Source   DeepSeek-V2, arXiv:2405.04434, section 2.1; online softmax as in FlashAttention, arXiv:2205.14135, section 3.1.
#pragma once
#include <cstdint>

namespace engine {

inline constexpr int kAttentionBlock = 64;  // cache rows; at width 576 a block is 147 kB and stays in the second-level cache
inline constexpr int kMaxAttentionRows = 32;  // queries in a call

// Queries against one layer's cache: absorbed form.
struct AttentionRows {
  const float* queries;       // [n_rows, width], scaled
  int n_rows;                 // at most kMaxAttentionRows
  const int32_t* n_visible;   // [n_rows], how many cache rows, from the first, each query sees
  const float* cache;         // [.., width]
  int64_t width;              // multiple of 16
  int64_t value_width;        // C rounded up to 16; at most width
  float* out;                 // [n_rows, value_width]; columns from C on are meaningless
};

// Reference, absorbed form: plain loops over the same arguments.
void mla_attention_cpu_reference(const AttentionRows& rows);

// Reference, expanded form, one query head: q and k [.., d_k], v [.., d_v]; sees rows [0, n_visible).
void attention_cpu_reference(const float* q, const float* k, int64_t k_stride, int64_t d_k, const float* v, int64_t v_stride,
                             int64_t d_v, int64_t n_visible, float scale, float* out);

}  // namespace engine
