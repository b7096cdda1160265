// SPDX-License-Identifier: Apache-2.0
// engine/cuda/decode_attention.h: the attention of one token, its cache cut into pieces that blocks work on side by side.
//
// Shapes   A cache row holds the keys of all key heads at key_offset + g * dk and their values at value_offset + g * dv. Latent
//          attention: one key head, dk = C + R, values the first C of the row. q [H, dk] f32, already scaled.
// Cache    float, or bfloat16 where the model's weights are no more precise than that.
// Results  partial [pieces, H, dv + 2] f32: unnormalised sums, then the piece's maximum and sum of exponentials. merged() joins
//          them. The pieces depend on the position alone, so a step gives the same bits every time.
// Bounds   dk, dv multiples of 8, at most kMaxKeyWidth and 512.
// Source   Flash-Decoding: online softmax over pieces, as in FlashAttention-2, arXiv:2307.08691, section 3.1
#pragma once
#include <cuda_runtime.h>

#include <cstdint>

#include "engine/cuda/decode_linear.h"

namespace engine::cuda {

inline constexpr int kMaxPieces = 64;
inline constexpr int kMaxKeyWidth = 576;

struct DecodeAttention {
  const float* q = nullptr;
  int n_heads = 0, n_kv_heads = 0, dk = 0, dv = 0;
  int64_t row_width = 0, key_offset = 0, value_offset = 0;  // values
  int layer = 0;
  int window = 0;  // positions a token sees, its own included; 0: all
  bool float_cache = false;
  float* partial = nullptr;  // [kMaxPieces, H, dv + 2]
};
void decode_attention(const DecodeAttention& attention, const StepState* state, cudaStream_t stream);

// out [H, n_out] = W_h . merged_h for latent attention (W [H, n_out, dv]), or merged_h itself where `w` is empty.
// sinks [H]: null for none.
struct Merge {
  const float* partial = nullptr;
  int n_heads = 0, dv = 0, window = 0;
  const float* sinks = nullptr;
  Matrix w;
  float* out = nullptr;
};
void merge_pieces(const Merge& merge, const StepState* state, cudaStream_t stream);

// What a step does between its projections and its attention.
//
// Latent: kv [C + R] becomes the cache's row (normed, rotated), q [H, nope + R] becomes queries [H, C + R]: the first part
// folded through k_absorb [H, C, nope], the second rotated; both times `scale`.
struct LatentQuery {
  const float* q = nullptr;
  const float* kv = nullptr;
  Norm norm;
  Matrix k_absorb;
  const Turn* turns = nullptr;  // [R / 2]
  float scale = 1.0f;
  int n_heads = 0, nope = 0, rope = 0, latent = 0;
  int64_t row_width = 0;
  int layer = 0;
  bool float_cache = false;
  float* queries = nullptr;
};
void latent_query(const LatentQuery& query, const StepState* state, cudaStream_t stream);

// Grouped: q [H, d] and k [K, d] are normed (where there are gains) and rotated, q times `scale` in place; k and v [K, d] go to
// the cache's row.
struct GroupedQuery {
  float* q = nullptr;
  const float* k = nullptr;
  const float* v = nullptr;
  const float* q_gain = nullptr;  // [d]; null: none
  const float* k_gain = nullptr;
  float eps = 0.0f;
  const Turn* turns = nullptr;  // [rotated / 2]
  float scale = 1.0f;
  bool interleaved = false;
  int n_heads = 0, n_kv_heads = 0, d = 0, rotated = 0;
  int64_t row_width = 0;
  int layer = 0;
  bool float_cache = false;
};
void grouped_query(const GroupedQuery& query, const StepState* state, cudaStream_t stream);

}  // namespace engine::cuda
