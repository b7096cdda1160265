// SPDX-License-Identifier: Apache-2.0
// engine/cuda/step_sparse.h: operators of a step for models that choose among the rows of their cache: DeepSeek-V3.2's
// index, and DeepSeek-V4's streams, entries and grouped output. Programs with one of them run on a kernel of their own.
//
// Shapes   As step.h; S streams, Hi and Di heads and width of the index, m tokens to an entry.
// Source   engine/families/deepseek_v2/deepseek_v2.h, engine/families/deepseek_v4/deepseek_v4.h
#pragma once
#include "engine/cuda/step.h"
#include "engine/kernels/hyper_connection.h"

namespace engine::cuda {

// Where what a layer keeps lies in a V4 cache, in bytes from its beginning, where a table of these lies. Rows of keys
// and entries are T; parts [values | gates] f32. Keys and parts are rings by position.
struct LayerPlace {
  int64_t keys = 0, key_rows = 0;
  int64_t entries = 0, parts = 0;
  int64_t index_entries = 0, index_parts = 0;
  int64_t part_rows = 0;
};

// V3.2: q [Hi, Di] is turned in place (half-split pairs); k [Di] is normed by its mean and spread, turned, and goes to
// the row at `key_offset`.
struct IndexKeysOp {
  float* q = nullptr;
  const float* k = nullptr;
  const float* gain = nullptr;  // [Di]
  const float* bias = nullptr;
  float eps = 0.0f;
  const Turn* turns = nullptr;  // [n_turns]
  int n_turns = 0, n_heads = 0, width = 0;
  int64_t row_width = 0, key_offset = 0;  // values
  int layer = 0;
  bool float_cache = false;
};

// The step's scores[s] = sum_h weights_h scale max(0, q_h . k_s) over the rows that are over; none where all of them are seen.
inline constexpr int kMostIndexHeads = 128;

struct IndexScoresOp {
  const float* q = nullptr;        // [Hi, Di], turned
  const float* weights = nullptr;  // [Hi]
  float scale = 1.0f;
  int n_heads = 0, width = 0;
  int64_t row_width = 0, key_offset = 0;  // values; not of placed rows, which are keys alone
  SeenRows seen;
  int layer = 0;
  bool placed = false, float_cache = false;
};

// chosen [most]: the rows with the highest of the step's scores, ascending; a tie goes to the lower row.
struct ChooseOp {
  SeenRows seen;
  int32_t* chosen = nullptr;
};

// input [D] = sum_j read_j streams_j; `mix` keeps how the result is spread. As engine/kernels/hyper_connection.h.
struct GatherOp {
  const float* mixed = nullptr;  // [(2 + S) S], of the head [S]
  const float* scale = nullptr;
  const float* base = nullptr;
  const float* streams = nullptr;  // [S, D]
  int n_streams = 0, rounds = 0;
  float eps = 0.0f;
  bool head = false;
  int64_t width = 0;
  float* input = nullptr;
  StreamMix* mix = nullptr;
};

struct SpreadOp {
  const StreamMix* mix = nullptr;
  const float* result = nullptr;  // [D]
  int n_streams = 0;
  int64_t width = 0;
  float* streams = nullptr;
};

// A token's part in the entries of one width. `gates` + `place` [m, all], `values`: [all], all = series * width.
struct CompressorOp {
  const float* values = nullptr;
  const float* gates = nullptr;
  const float* place = nullptr;
  const float* gain = nullptr;  // of the norm of an entry, [width]
  int width = 0, series = 1;    // 2: an entry is of the tokens before as well
};

// V4, what follows the projections of an attention: queries [H, d] are normed without a gain where they are, turned at
// their end and scaled, in place; k [d] is normed, turned and goes to the ring of keys; index queries [Hi, Di] are
// turned in place; parts are kept, and the entries that the token completes are made.
struct PlaceOp {
  float* q = nullptr;
  const float* k = nullptr;
  const float* k_gain = nullptr;
  float* index_q = nullptr;     // null: no index
  const Turn* turns = nullptr;  // [n_turns]
  Turns entry_turns;
  int n_turns = 0, n_heads = 0, d = 0, index_heads = 0, index_width = 0, ratio = 0, layer = 0;
  float eps = 0.0f, scale = 1.0f;
  bool norm_queries = false, float_cache = false;
  // Tokens side by side: first all keep their parts, then the entries are made.
  enum class Half : uint8_t { kBoth, kParts, kEntries } half = Half::kBoth;
  CompressorOp entries, index_entries;  // width 0: none
};

// y [G, R] = W_g . x_g: each group of rows reads its own part of x [G, n_in].
struct GroupedOutOp {
  Matrix w;  // [G R, n_in]
  int n_groups = 1;
  const float* x = nullptr;
  float* y = nullptr;
};

// The kernel of programs with these operators.
StepKernel sparse_kernel_for(unsigned formats);

inline unsigned formats_of(const IndexKeysOp&) {
  return 0;
}
inline unsigned formats_of(const IndexScoresOp&) {
  return 0;
}
inline unsigned formats_of(const ChooseOp&) {
  return 0;
}
inline unsigned formats_of(const GatherOp&) {
  return 0;
}
inline unsigned formats_of(const SpreadOp&) {
  return 0;
}
inline unsigned formats_of(const PlaceOp&) {
  return 0;
}
unsigned formats_of(const GroupedOutOp& op);

size_t shared_bytes_of(const IndexKeysOp& op);
size_t shared_bytes_of(const IndexScoresOp& op);
inline size_t shared_bytes_of(const ChooseOp&) {
  return 0;
}
inline size_t shared_bytes_of(const GatherOp&) {
  return 0;
}
inline size_t shared_bytes_of(const SpreadOp&) {
  return 0;
}
size_t shared_bytes_of(const PlaceOp& op);
size_t shared_bytes_of(const GroupedOutOp& op);

}  // namespace engine::cuda
