// SPDX-License-Identifier: Apache-2.0
// engine/cuda/prefill_attention.h: causal softmax attention of a chunk of tokens over a run of keys.
//
// Shapes   q [n, H, dk] of T; key s of key head g at k + s * k_stride + g * k_head_stride, its value at v likewise; out
//          [n, H, dv] of T. Query head h reads key head h / (H / n_kv_heads). dk and dv are multiples of 8, at most
//          256.
// Types    T is float where `exact`, with products and sums in f32; else bfloat16 on the tensor cores with sums and the
//          softmax in f32.
// Masks    Key s stands at position first_key + s, s < n_keys. The query of token t, at position `position` + t, sees
//          positions (position + t - window, position + t], or all up to its own where window is 0.
// Sinks    [H] logits that take part in the softmax and have no value; null: none.
// Segments A long past may be attended to piece by piece: state [n, H, dv + 2] f32 holds each query's running maximum,
//          sum and unnormalised result between calls; `first` starts it, `last` writes `out` (and counts the sinks).
//          With first and last both set, state may be null. A query that sees no key of a segment leaves its state as
//          it is.
// Source   FlashAttention-2, arXiv:2307.08691, section 3.1; sinks: gpt-oss's model card, arXiv:2508.10925, section 2
#pragma once
#include <cuda_runtime.h>

#include <cstdint>

namespace engine::cuda {

struct PrefillAttention {
  const void* q = nullptr;
  const void* k = nullptr;
  const void* v = nullptr;
  int64_t k_stride = 0, k_head_stride = 0, v_stride = 0, v_head_stride = 0;  // values
  int n_tokens = 0, n_keys = 0, n_heads = 0, n_kv_heads = 0, dk = 0, dv = 0;
  int64_t position = 0, first_key = 0;
  int window = 0;
  float scale = 1.0f;
  const float* sinks = nullptr;
  float* state = nullptr;
  bool first = true, last = true;
  void* out = nullptr;
};

// Launches on `stream`; allocates nothing. Throws Failure where a launch is refused.
void prefill_attention(const PrefillAttention& attention, bool exact, cudaStream_t stream);

}  // namespace engine::cuda
