// SPDX-License-Identifier: Apache-2.0
// engine/cuda/prefill_ops.h: what a chunk of tokens needs between its products and its attention.
//
// Shapes   n tokens of the chunk, D hidden. T is float where `exact`, else bfloat16; hidden states are f32 throughout.
// Source   The operators of engine/kernels, of the same names.
#pragma once
#include <cuda_runtime.h>

#include <cstdint>

#include "engine/cuda/gemm.h"
#include "engine/cuda/operands.h"
#include "engine/kernels/moe_router.h"

namespace engine::cuda {

// x [n, D] and turns [n, n_pairs] of tokens at position, position + 1, ...
void begin_tokens(const Matrix& table, const Turns& turns, const int32_t* tokens, int n, int64_t position, float* x,
                  Turn* out, cudaStream_t stream);

// y T [n, width] = norm of the first `width` values of each row of x, rows at x_stride; also_f32: the same in f32, or
// null.
void norm_rows(const float* x, int64_t x_stride, int64_t n, int64_t width, const Norm& norm, bool exact, void* y,
               float* also_f32, cudaStream_t stream);

// kv f32 [n, C + R] to the cache's rows (T, at row_width), normed and rotated; q f32 [n, H, nope + R] to q_out T,
// rotated.
struct LatentStore {
  const float* q = nullptr;
  const float* kv = nullptr;
  Norm norm;
  const Turn* turns = nullptr;  // [n, R / 2]
  int n = 0, n_heads = 0, nope = 0, rope = 0, latent = 0;
  void* cache = nullptr;  // of the layer, at the first token's row
  int64_t row_width = 0;
  void* q_out = nullptr;
};
void latent_store(const LatentStore& store, bool exact, cudaStream_t stream);

// keys T [n_keys, H, nope + R] from `expanded` T [n_keys, H, nope + v] and the rotated part of the cache's rows.
struct KeyParts {
  const void* expanded = nullptr;
  const void* cache = nullptr;  // of the layer, at the first key's row
  int64_t row_width = 0;
  int64_t n_keys = 0;
  int n_heads = 0, nope = 0, rope = 0, v = 0, latent = 0;
  void* keys = nullptr;
};
void assemble_keys(const KeyParts& parts, bool exact, cudaStream_t stream);

// q f32 [n, H, d] to q_out T; k and v f32 [n, K, d] to the cache's rows; norms, rotation and rows as GroupedQuery has
// them.
struct GroupedStore {
  const float* q = nullptr;
  const float* k = nullptr;
  const float* v = nullptr;
  const float* q_gain = nullptr;
  const float* k_gain = nullptr;
  float eps = 0.0f;
  const Turn* turns = nullptr;  // [n, rotated / 2]
  bool interleaved = false;
  int n = 0, n_heads = 0, n_kv_heads = 0, d = 0, rotated = 0;
  void* cache = nullptr;
  int64_t row_width = 0;
  void* q_out = nullptr;
};
void grouped_store(const GroupedStore& store, bool exact, cudaStream_t stream);

// logits [n, E] = x [n, D] . router [E, D]^T (+ bias [E]), all f32: rounding would let close calls between experts fall
// otherwise than in a step.
void router_logits(const float* x, const Matrix& router, const float* bias, int n, float* logits, cudaStream_t stream);

// logits [n, E] to ids and weights [n, k]. `experts_of` [V, k]: chosen by the ids of `tokens`; null: by the logits.
void route_tokens(const RouterSettings& settings, const float* logits, const float* selection_bias,
                  const int32_t* experts_of, const int32_t* tokens, int n, int32_t* ids, float* weights,
                  cudaStream_t stream);

// Slots, ordered by expert: slot_of [n, k] says where a token's i-th expert writes, token_of [n k] what a slot reads.
// The tiles cover all slots; there are at most tiles_bound() of them.
struct Grouping {
  const int32_t* ids = nullptr;
  int n = 0, k = 0, n_experts = 0;
  int32_t* slot_of = nullptr;
  int32_t* token_of = nullptr;
  ExpertTile* tiles = nullptr;
  int32_t* n_tiles = nullptr;
};
constexpr int tiles_bound(int64_t slots, int n_experts) {
  const int64_t whole = (slots + kGemmTileRows - 1) / kGemmTileRows;
  return static_cast<int>(whole + (slots < n_experts ? slots : n_experts));
}
inline constexpr int kMaxExperts = 1024;
void group_tokens(const Grouping& grouping, cudaStream_t stream);

// hidden[t] += sum_i weights[t, i] * y[slot_of[t, i]], y T [slots, D].
void combine_slots(const void* y, const int32_t* slot_of, const float* weights, int n, int k, int64_t width, bool exact,
                   float* hidden, cudaStream_t stream);

}  // namespace engine::cuda
