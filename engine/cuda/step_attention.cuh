// SPDX-License-Identifier: Apache-2.0
// engine/cuda/step_attention.cuh: the attention half of a layer in a step. A block takes a piece of the cache for up to
// 16 heads that share a key head, 32 rows at a time; with a bfloat16 cache their scores and sums are products of the
// tensor cores.
#pragma once
#include "engine/cuda/gemm_mma.cuh"
#include "engine/cuda/step_query.cuh"
#include "engine/cuda/step_sparse.h"

namespace engine::cuda {

inline constexpr int kHeadsAtOnce = 16, kRowsAtOnce = 32;
static_assert(kHeadsAtOnce * kRowsAtOnce == kStepThreads);

// Rows that a token sees by ratio; all of them, or those that are chosen.
__device__ inline int listed_rows(const SeenRows& seen, int position, bool chosen) {
  const int all = seen.ratio > 0 ? (position + 1) / seen.ratio : 0;
  return chosen && seen.most > 0 ? min(all, seen.most) : all;
}

// The run of rows that a piece covers; the same in every block. Rows by ratio are counted behind those of the window.
struct Pieces {
  int first, end, rows, n;
};
template <bool kSparse>
__device__ inline Pieces pieces_of(int position, const SeenRows& seen) {
  Pieces p;
  p.end = position + 1;
  p.first = seen.window > 0 && p.end > seen.window ? p.end - seen.window : 0;
  if constexpr (kSparse) {
    if (seen.window < 0) p.first = p.end;
    p.end += listed_rows(seen, position, true);
  }
  const int count = p.end - p.first;
  p.rows = ((count + kMaxPieces - 1) / kMaxPieces + kRowsAtOnce - 1) / kRowsAtOnce * kRowsAtOnce;
  p.n = p.rows == kRowsAtOnce ? (count + kRowsAtOnce - 1) / kRowsAtOnce : (count + p.rows - 1) / p.rows;
  return p;
}

// What one piece of work of an attention is.
struct AttentionItem {
  int key_head, first_head, n_heads, begin, end;
  float* out;  // [n_heads, dv + 2]
};
__device__ inline int attention_items(const AttentionOp& a, const Pieces& pieces) {
  return pieces.n * a.n_kv_heads * a.blocks;
}
__device__ inline AttentionItem attention_item(const AttentionOp& a, const Pieces& pieces, int item) {
  const int at = item / pieces.n, piece = item - at * pieces.n;
  AttentionItem i;
  i.key_head = a.blocks == 1 ? at : at / a.blocks;
  i.first_head = i.key_head * a.group + (at - i.key_head * a.blocks) * kHeadsAtOnce;
  i.n_heads = min(kHeadsAtOnce, (i.key_head + 1) * a.group - i.first_head);
  i.begin = pieces.first + piece * pieces.rows;
  i.end = min(pieces.end, i.begin + pieces.rows);
  i.out = a.partial + (static_cast<int64_t>(piece) * a.n_heads + i.first_head) * (a.dv + 2);
  return i;
}

// Where rows lie: one after the other in the layer's part of the cache,
template <typename T>
struct RowRun {
  const T* rows;
  int64_t row_width;
  __device__ RowRun(const AttentionOp& a, const StepState& state)
      : rows(static_cast<const T*>(state.cache) + a.layer * state.layer_stride), row_width(a.row_width) {}
  __device__ const T* operator()(int row) const { return rows + row * row_width; }
};
// or some of them in a ring, and others behind it or elsewhere, as a list says.
template <typename T>
struct RowList {
  const T *ring, *listed;
  const int32_t* chosen;
  int64_t row_width, ring_rows;
  int end;  // of the window
  __device__ RowList(const AttentionOp& a, const StepState& state)
      : chosen(a.chosen), row_width(a.row_width), end(state.position + 1) {
    if (a.placed) {
      const LayerPlace place = static_cast<const LayerPlace*>(state.cache)[a.layer];
      const char* base = static_cast<const char*>(state.cache);
      ring = reinterpret_cast<const T*>(base + place.keys), listed = reinterpret_cast<const T*>(base + place.entries);
      ring_rows = place.key_rows;
    } else {
      ring = listed = static_cast<const T*>(state.cache) + a.layer * state.layer_stride;
      ring_rows = INT32_MAX;
    }
  }
  __device__ const T* operator()(int row) const {
    if (row < end) return ring + row % ring_rows * row_width;
    return listed + int64_t{chosen ? __ldcg(chosen + row - end) : row - end} * row_width;
  }
};

// ---- f32

template <typename RowAt>
__device__ inline void copy_rows_f32(const RowAt& row_at, int first, int64_t offset, int n_rows, int width, float* tile,
                                     int stride) {
  for (int i = threadIdx.x; i < kRowsAtOnce * (width / 4); i += kStepThreads) {
    const int r = i / (width / 4), c = (i - r * (width / 4)) * 4;
    *reinterpret_cast<float4*>(tile + r * stride + c) =
        r < n_rows ? __ldcg(reinterpret_cast<const float4*>(row_at(first + r) + offset + c))
                   : float4{0.0f, 0.0f, 0.0f, 0.0f};
  }
}

template <typename RowAt>
__device__ inline void attention_f32(const AttentionOp& a, const RowAt& row_at, const AttentionItem& item,
                                     char* memory) {
  const bool latent = a.key_offset == a.value_offset;
  const int stride = a.dk + 4, value_stride = latent ? stride : a.dv + 4;
  float* q = reinterpret_cast<float*>(memory);  // [16, stride]
  float* weights = q + kHeadsAtOnce * stride;   // [32 rows, 16]
  float* decay = weights + kRowsAtOnce * kHeadsAtOnce;
  float* keys = decay + kHeadsAtOnce;  // [32, stride]
  float* values = latent ? keys : keys + kRowsAtOnce * stride;
  for (int i = threadIdx.x; i < kHeadsAtOnce * a.dk; i += kStepThreads) {
    const int h = i / a.dk, c = i - h * a.dk;
    q[h * stride + c] = h < item.n_heads ? __ldcg(a.q + static_cast<int64_t>(item.first_head + h) * a.dk + c) : 0.0f;
  }
  const int row = threadIdx.x % 32, head = threadIdx.x / 32;
  const int pairs = a.dv / 2, row_groups = kStepThreads / pairs, row_group = threadIdx.x / pairs,
            column = threadIdx.x % pairs * 2;
  float acc[kHeadsAtOnce][2] = {};
  float top = -INFINITY, total = 0.0f;
  for (int s = item.begin; s < item.end; s += kRowsAtOnce) {
    const int n = min(kRowsAtOnce, item.end - s);
    __syncthreads();
    copy_rows_f32(row_at, s, a.key_offset + static_cast<int64_t>(item.key_head) * a.dk, n, a.dk, keys, stride);
    if (!latent)
      copy_rows_f32(row_at, s, a.value_offset + static_cast<int64_t>(item.key_head) * a.dv, n, a.dv, values,
                    value_stride);
    __syncthreads();
    float score = 0.0f;
    const float4 *x = reinterpret_cast<const float4*>(q + head * stride),
                 *y = reinterpret_cast<const float4*>(keys + row * stride);
#pragma unroll 4
    for (int i = 0; i < a.dk / 4; ++i) {
      const float4 u = x[i], v = y[i];
      score = fmaf(u.x, v.x, fmaf(u.y, v.y, fmaf(u.z, v.z, fmaf(u.w, v.w, score))));
    }
    if (row >= n) score = -INFINITY;
    float higher = fmaxf(top, score);
#pragma unroll
    for (int m = 16; m > 0; m >>= 1) higher = fmaxf(higher, __shfl_xor_sync(~0U, higher, m));
    const float weight = expf(score - higher), fade = expf(top - higher);
    total = total * fade + sum_of_warp(weight);
    top = higher;
    weights[row * kHeadsAtOnce + head] = weight;
    if (row == 0) decay[head] = fade;
    __syncthreads();
    if (row_group < row_groups) {
#pragma unroll
      for (int h = 0; h < kHeadsAtOnce; ++h) acc[h][0] *= decay[h], acc[h][1] *= decay[h];
      for (int r = row_group; r < kRowsAtOnce; r += row_groups) {
        const float2 v = *reinterpret_cast<const float2*>(values + r * value_stride + column);
#pragma unroll
        for (int h = 0; h < kHeadsAtOnce; ++h) {
          const float w = weights[r * kHeadsAtOnce + h];
          acc[h][0] = fmaf(w, v.x, acc[h][0]), acc[h][1] = fmaf(w, v.y, acc[h][1]);
        }
      }
    }
  }
  if (row == 0 && head < item.n_heads) {
    item.out[head * (a.dv + 2) + a.dv] = top;
    item.out[head * (a.dv + 2) + a.dv + 1] = total;
  }
  // Sums of the row groups meet in shared memory, always in the same order.
  float* sums = reinterpret_cast<float*>(memory);  // [row_groups, dv]
#pragma unroll
  for (int h = 0; h < kHeadsAtOnce; ++h) {
    if (h >= item.n_heads) break;
    __syncthreads();
    if (row_group < row_groups) *reinterpret_cast<float2*>(sums + row_group * a.dv + column) = {acc[h][0], acc[h][1]};
    __syncthreads();
    for (int c = threadIdx.x; c < a.dv; c += kStepThreads) {
      float sum = 0.0f;
      for (int g = 0; g < row_groups; ++g) sum += sums[g * a.dv + c];
      item.out[h * (a.dv + 2) + c] = sum;
    }
  }
  __syncthreads();
}

// ---- bfloat16

// Bytes of a row in shared memory: an odd number of 16-byte pieces keeps ldmatrix free of bank conflicts.
__host__ __device__ constexpr int padded_width(int width) {
  return (width + 15) / 16 * 16;
}
__host__ __device__ constexpr int row_pitch(int width) {
  return padded_width(width) * 2 + 16;
}

template <typename RowAt>
__device__ __noinline__ inline void copy_rows_bf16(const RowAt row_at, int first, int64_t offset, int n_rows, int width,
                                                   uint32_t tile) {
  const int pieces = padded_width(width) / 8, pitch = row_pitch(width);
  const __nv_bfloat16* somewhere = row_at(first);
#pragma unroll 1
  for (int i = threadIdx.x; i < kRowsAtOnce * pieces; i += kStepThreads) {
    const int r = i / pieces, piece = i - r * pieces;
    const bool there = r < n_rows && piece * 8 < width;
    copy_async(tile + r * pitch + piece * 16, there ? row_at(first + r) + offset + piece * 8 : somewhere, there);
  }
}

inline constexpr int kScorePitch = kRowsAtOnce + 1, kWeightPitch = (kRowsAtOnce + 8) * 2, kDepthParts = 4,
                     kMostTiles = 4;

__host__ __device__ inline size_t attention_bf16_bytes(const AttentionOp& a) {
  const bool latent = a.key_offset == a.value_offset;
  const int tile = kRowsAtOnce * (row_pitch(a.dk) + (latent ? 0 : row_pitch(a.dv)));
  return static_cast<size_t>(kHeadsAtOnce * row_pitch(a.dk) + 2 * tile + kDepthParts * kHeadsAtOnce * kScorePitch * 4 +
                             kHeadsAtOnce * kWeightPitch + kHeadsAtOnce * 4);
}

template <typename RowAt>
__device__ inline void attention_bf16(const AttentionOp& a, const RowAt& row_at, const AttentionItem& item,
                                      char* memory) {
  const bool latent = a.key_offset == a.value_offset;
  const int pitch = row_pitch(a.dk), value_pitch = latent ? pitch : row_pitch(a.dv);
  const int tile_bytes = kRowsAtOnce * (pitch + (latent ? 0 : value_pitch));
  char* tiles = memory + kHeadsAtOnce * pitch;
  float* scores = reinterpret_cast<float*>(tiles + 2 * tile_bytes);  // [parts, 16, 33]
  char* weights = reinterpret_cast<char*>(scores + kDepthParts * kHeadsAtOnce * kScorePitch);
  float* decay = reinterpret_cast<float*>(weights + kHeadsAtOnce * kWeightPitch);
  const uint32_t q_tile = shared_address(memory), first_tile = shared_address(tiles),
                 weight_tile = shared_address(weights);
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const auto copy_tile = [&](int s, int buffer) {
    const int n = min(kRowsAtOnce, item.end - s);
    const uint32_t to = first_tile + buffer * tile_bytes;
    copy_rows_bf16(row_at, s, a.key_offset + static_cast<int64_t>(item.key_head) * a.dk, n, a.dk, to);
    if (!latent)
      copy_rows_bf16(row_at, s, a.value_offset + static_cast<int64_t>(item.key_head) * a.dv, n, a.dv,
                     to + kRowsAtOnce * pitch);
  };
  __syncthreads();  // the memory may still be read for the piece before
  copy_tile(item.begin, 0);
  commit_copies();
  // A warp a head: its query, four values a lane at a time, all under way before the first is used.
  const int width = padded_width(a.dk);
  constexpr int kFours = (kMaxKeyWidth + 127) / 128;
  float4 query[kFours];
#pragma unroll
  for (int u = 0; u < kFours; ++u) {
    const int c = (u * 32 + lane) * 4;
    const bool there = warp < item.n_heads && c < a.dk;
    query[u] = __ldcg(reinterpret_cast<const float4*>(
        a.q + static_cast<int64_t>(item.first_head + (there ? warp : 0)) * a.dk + (there ? c : 0)));
    if (!there) query[u] = {0.0f, 0.0f, 0.0f, 0.0f};
  }
#pragma unroll
  for (int u = 0; u < kFours; ++u) {
    const int c = (u * 32 + lane) * 4;
    if (c < width)
      *reinterpret_cast<uint2*>(memory + warp * pitch + c * 2) = {bf16_pair(query[u].x, query[u].y),
                                                                  bf16_pair(query[u].z, query[u].w)};
  }
  const int n_tiles = a.dv / 8, tiles_of_warp = (n_tiles + kStepWarps - 1) / kStepWarps,
            own_tile = warp * tiles_of_warp;
  float acc[kMostTiles][4] = {};
  float top = -INFINITY, total = 0.0f;  // of head `warp`
  for (int s = item.begin, buffer = 0; s < item.end; s += kRowsAtOnce, buffer ^= 1) {
    const int n = min(kRowsAtOnce, item.end - s);
    if (s + kRowsAtOnce < item.end) copy_tile(s + kRowsAtOnce, buffer ^ 1);
    commit_copies();
    wait_copies<1>();
    __syncthreads();
    const uint32_t key_tile = first_tile + buffer * tile_bytes,
                   value_tile = latent ? key_tile : key_tile + kRowsAtOnce * pitch;
    {  // scores of 16 heads x 8 rows over a part of the width
      const int rows = warp % 4 * 8, part = warp / 4, steps = width / 16;
      float c[4] = {};
#pragma unroll 3
      for (int k = part * steps / kDepthParts; k < (part + 1) * steps / kDepthParts; ++k) {
        uint32_t x[4], y[2];
        load_fragments(x, q_tile + lane % 16 * pitch + k * 32 + lane / 16 * 16);
        load_two(y, key_tile + (rows + lane % 8) * pitch + k * 32 + lane / 8 % 2 * 16);
        multiply_16_8_16(c, x, y[0], y[1]);
      }
      float* to = scores + part * kHeadsAtOnce * kScorePitch + lane / 4 * kScorePitch + rows + lane % 4 * 2;
      to[0] = c[0], to[1] = c[1];
      to[8 * kScorePitch] = c[2], to[8 * kScorePitch + 1] = c[3];
    }
    __syncthreads();
    {  // a warp a head, a lane a row
      float score = 0.0f;
#pragma unroll
      for (int part = 0; part < kDepthParts; ++part) score += scores[(part * kHeadsAtOnce + warp) * kScorePitch + lane];
      if (lane >= n) score = -INFINITY;
      float higher = fmaxf(top, score);
#pragma unroll
      for (int m = 16; m > 0; m >>= 1) higher = fmaxf(higher, __shfl_xor_sync(~0U, higher, m));
      const float weight = expf(score - higher), fade = expf(top - higher);
      total = total * fade + sum_of_warp(weight);
      top = higher;
      *reinterpret_cast<__nv_bfloat16*>(weights + warp * kWeightPitch + lane * 2) = __float2bfloat16_rn(weight);
      if (lane == 0) decay[warp] = fade;
    }
    __syncthreads();
    const float fade[2] = {decay[lane / 4], decay[lane / 4 + 8]};
    uint32_t p[kRowsAtOnce / 16][4];
#pragma unroll
    for (int k = 0; k < kRowsAtOnce / 16; ++k)
      load_fragments(p[k], weight_tile + lane % 16 * kWeightPitch + k * 32 + lane / 16 * 16);
#pragma unroll
    for (int t = 0; t < kMostTiles; ++t) {
      if (t >= tiles_of_warp || own_tile + t >= n_tiles) break;
      acc[t][0] *= fade[0], acc[t][1] *= fade[0], acc[t][2] *= fade[1], acc[t][3] *= fade[1];
#pragma unroll
      for (int k = 0; k < kRowsAtOnce / 16; ++k) {
        uint32_t v[2];
        load_two_turned(v, value_tile + (k * 16 + lane % 16) * value_pitch + (own_tile + t) * 16);
        multiply_16_8_16(acc[t], p[k], v[0], v[1]);
      }
    }
  }
  wait_copies<0>();
#pragma unroll
  for (int t = 0; t < kMostTiles; ++t) {
    if (t >= tiles_of_warp || own_tile + t >= n_tiles) break;
    const int c = (own_tile + t) * 8 + lane % 4 * 2, h = lane / 4;
    if (h < item.n_heads) item.out[h * (a.dv + 2) + c] = acc[t][0], item.out[h * (a.dv + 2) + c + 1] = acc[t][1];
    if (h + 8 < item.n_heads)
      item.out[(h + 8) * (a.dv + 2) + c] = acc[t][2], item.out[(h + 8) * (a.dv + 2) + c + 1] = acc[t][3];
  }
  if (lane == 0 && warp < item.n_heads)
    item.out[warp * (a.dv + 2) + a.dv] = top, item.out[warp * (a.dv + 2) + a.dv + 1] = total;
}

template <unsigned kFormats, bool kSparse>
__device__ inline void attention_op(const AttentionOp& a, const StepState& state, char* memory) {
  using T = std::conditional_t<kFormats == kHasF32, float, __nv_bfloat16>;
  using Rows = std::conditional_t<kSparse, RowList<T>, RowRun<T>>;
  const Pieces pieces = pieces_of<kSparse>(state.position, a.seen);
  const Rows rows(a, state);
  const int items = attention_items(a, pieces);
  for (int i = blockIdx.x; i < items; i += gridDim.x) {
    const AttentionItem item = attention_item(a, pieces, i);
    if constexpr (kFormats == kHasF32)
      attention_f32(a, rows, item, memory);
    else
      attention_bf16(a, rows, item, memory);
  }
}

}  // namespace engine::cuda
