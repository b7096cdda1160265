// SPDX-License-Identifier: Apache-2.0
#include "engine/cuda/decode_attention.h"

#include <algorithm>

#include "engine/cuda/launch.h"
#include "engine/cuda/route.cuh"
#include "engine/cuda/row_dot.cuh"
#include "engine/cuda/values.cuh"

namespace engine::cuda {
namespace {

constexpr int kThreads = 256, kWarps = 8;
constexpr int kTile = 16;         // cache rows in shared memory at a time
constexpr int kLeastRows = 32;    // of a piece: below, its start costs more than its work

// The run of rows that a piece covers; the same everywhere.
struct Pieces {
  int64_t first, end, rows;
  int n;
};
__device__ inline Pieces pieces_of(int64_t position, int window) {
  Pieces p;
  p.end = position + 1;
  p.first = window > 0 && p.end > window ? p.end - window : 0;
  const int64_t count = p.end - p.first;
  p.rows = max(int64_t{kLeastRows}, ((count + kMaxPieces - 1) / kMaxPieces + kTile - 1) / kTile * kTile);
  p.n = static_cast<int>((count + p.rows - 1) / p.rows);
  return p;
}

template <typename T>
__device__ inline void load_tile(const T* rows, int64_t row_width, int n_rows, int width, float* tile, int stride) {
  constexpr int kAtOnce = 16 / sizeof(T);
  for (int i = threadIdx.x; i < kTile * (width / kAtOnce); i += kThreads) {
    const int r = i / (width / kAtOnce), c = (i - r * (width / kAtOnce)) * kAtOnce;
    float* to = tile + r * stride + c;
    if (r >= n_rows) {
#pragma unroll
      for (int j = 0; j < kAtOnce; ++j) to[j] = 0.0f;
      continue;
    }
    const uint4 raw = *reinterpret_cast<const uint4*>(rows + r * row_width + c);
    if constexpr (sizeof(T) == 4) {
      *reinterpret_cast<uint4*>(to) = raw;
    } else {
      *reinterpret_cast<float4*>(to) = {bf16_low(raw.x), bf16_high(raw.x), bf16_low(raw.y), bf16_high(raw.y)};
      *reinterpret_cast<float4*>(to + 4) = {bf16_low(raw.z), bf16_high(raw.z), bf16_low(raw.w), bf16_high(raw.w)};
    }
  }
}

// One block: up to HB heads that share a key head, one piece of the cache.
template <int HB, typename T>
__global__ void __launch_bounds__(kThreads) attention_kernel(const __grid_constant__ DecodeAttention a, const StepState* state) {
  constexpr int kParts = 16 / HB;  // threads that share a score
  extern __shared__ float4 memory[];
  wait_for_predecessor();
  let_successor_start();
  const Pieces pieces = pieces_of(state->position, a.window);
  const int piece = blockIdx.x;
  if (piece >= pieces.n) return;
  const int group = a.n_heads / a.n_kv_heads, blocks = (group + HB - 1) / HB;
  const int key_head = blockIdx.y / blocks, first_head = key_head * group + blockIdx.y % blocks * HB;
  const int n_heads = min(HB, (key_head + 1) * group - first_head);
  const bool latent = a.key_offset == a.value_offset;
  const int stride = a.dk + 4, value_stride = latent ? stride : a.dv + 4;
  float* q = reinterpret_cast<float*>(memory);  // [HB, stride]
  float* weights = q + HB * stride;             // [kTile, HB]
  float* decay = weights + kTile * HB;          // [HB]
  float* keys = decay + HB;                     // [kTile, stride]
  float* values = latent ? keys : keys + kTile * stride;
  const T* cache = static_cast<const T*>(state->cache) + a.layer * state->layer_stride;
  for (int i = threadIdx.x; i < HB * a.dk; i += kThreads) {
    const int h = i / a.dk, c = i - h * a.dk;
    q[h * stride + c] = h < n_heads ? a.q[static_cast<int64_t>(first_head + h) * a.dk + c] : 0.0f;
  }
  const int row = threadIdx.x % 16, part = threadIdx.x / 16 % kParts, head = threadIdx.x / (16 * kParts);
  const int pairs = a.dv / 2, row_groups = kThreads / pairs, row_group = threadIdx.x / pairs, column = threadIdx.x % pairs * 2;
  float acc[HB][2] = {};
  float top = -INFINITY, total = 0.0f;
  const int64_t begin = pieces.first + piece * pieces.rows, end = min(pieces.end, begin + pieces.rows);
  for (int64_t s = begin; s < end; s += kTile) {
    const int n = static_cast<int>(min(int64_t{kTile}, end - s));
    __syncthreads();
    load_tile(cache + s * a.row_width + a.key_offset + static_cast<int64_t>(key_head) * a.dk, a.row_width, n, a.dk, keys, stride);
    if (!latent)
      load_tile(cache + s * a.row_width + a.value_offset + static_cast<int64_t>(key_head) * a.dv, a.row_width, n, a.dv, values, value_stride);
    __syncthreads();
    float score = 0.0f;
    const float4 *x = reinterpret_cast<const float4*>(q + head * stride), *y = reinterpret_cast<const float4*>(keys + row * stride);
#pragma unroll 4
    for (int i = part; i < a.dk / 4; i += kParts) {
      const float4 u = x[i], v = y[i];
      score = fmaf(u.x, v.x, fmaf(u.y, v.y, fmaf(u.z, v.z, fmaf(u.w, v.w, score))));
    }
    if constexpr (kParts == 2) score += __shfl_xor_sync(~0U, score, 16);
    if (row >= n) score = -INFINITY;
    float higher = fmaxf(top, score);
#pragma unroll
    for (int m = 8; m > 0; m >>= 1) higher = fmaxf(higher, __shfl_xor_sync(~0U, higher, m));
    const float weight = expf(score - higher), fade = expf(top - higher);
    float sum = weight;
#pragma unroll
    for (int m = 8; m > 0; m >>= 1) sum += __shfl_xor_sync(~0U, sum, m);
    total = total * fade + sum;
    top = higher;
    if (part == 0) {
      weights[row * HB + head] = weight;
      if (row == 0) decay[head] = fade;
    }
    __syncthreads();
    if (row_group < row_groups) {
#pragma unroll
      for (int h = 0; h < HB; ++h) {
        const float d = decay[h];
        acc[h][0] *= d, acc[h][1] *= d;
      }
      for (int r = row_group; r < kTile; r += row_groups) {
        const float2 v = *reinterpret_cast<const float2*>(values + r * value_stride + column);
        const float4* p = reinterpret_cast<const float4*>(weights + r * HB);
#pragma unroll
        for (int h = 0; h < HB; h += 4) {
          const float4 w = p[h / 4];
          acc[h][0] = fmaf(w.x, v.x, acc[h][0]), acc[h][1] = fmaf(w.x, v.y, acc[h][1]);
          acc[h + 1][0] = fmaf(w.y, v.x, acc[h + 1][0]), acc[h + 1][1] = fmaf(w.y, v.y, acc[h + 1][1]);
          acc[h + 2][0] = fmaf(w.z, v.x, acc[h + 2][0]), acc[h + 2][1] = fmaf(w.z, v.y, acc[h + 2][1]);
          acc[h + 3][0] = fmaf(w.w, v.x, acc[h + 3][0]), acc[h + 3][1] = fmaf(w.w, v.y, acc[h + 3][1]);
        }
      }
    }
  }
  float* out = a.partial + (static_cast<int64_t>(piece) * a.n_heads + first_head) * (a.dv + 2);
  if (part == 0 && row == 0 && head < n_heads) {
    out[head * (a.dv + 2) + a.dv] = top;
    out[head * (a.dv + 2) + a.dv + 1] = total;
  }
  // Sums of the row groups meet in shared memory, always in the same order.
  float* sums = reinterpret_cast<float*>(memory);  // [row_groups, dv]
  for (int h = 0; h < n_heads; ++h) {
    __syncthreads();
    if (row_group < row_groups)
#pragma unroll
      for (int i = 0; i < HB; ++i)
        if (i == h) *reinterpret_cast<float2*>(sums + row_group * a.dv + column) = {acc[i][0], acc[i][1]};
    __syncthreads();
    for (int c = threadIdx.x; c < a.dv; c += kThreads) {
      float sum = 0.0f;
      for (int g = 0; g < row_groups; ++g) sum += sums[g * a.dv + c];
      out[h * (a.dv + 2) + c] = sum;
    }
  }
}

template <int HB>
size_t attention_bytes(const DecodeAttention& a) {
  const int stride = a.dk + 4, tiles = kTile * stride + (a.key_offset == a.value_offset ? 0 : kTile * (a.dv + 4));
  const int floats = HB * stride + kTile * HB + HB + tiles;
  return static_cast<size_t>(std::max(floats, kThreads * 2)) * sizeof(float);
}

template <int HB, typename T>
void launch_attention(const DecodeAttention& a, const StepState* state, cudaStream_t stream) {
  const size_t bytes = attention_bytes<HB>(a);
  if (bytes > 48 * 1024)
    check(cudaFuncSetAttribute(attention_kernel<HB, T>, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes)), "cudaFuncSetAttribute");
  const int group = a.n_heads / a.n_kv_heads;
  const dim3 grid(kMaxPieces, static_cast<unsigned>(a.n_kv_heads * ceil_div(group, HB)));
  launch_after("decode_attention", attention_kernel<HB, T>, grid, kThreads, bytes, stream, a, state);
}

__global__ void __launch_bounds__(kThreads) merge_kernel(const __grid_constant__ Merge m, const StepState* state) {
  extern __shared__ float4 memory[];
  __shared__ float share[kMaxPieces];
  wait_for_predecessor();
  let_successor_start();
  const int head = blockIdx.y, n = pieces_of(state->position, m.window).n;
  const int64_t stride = m.dv + 2;
  const float* pieces = m.partial + head * stride;  // at n_heads * stride from piece to piece
  const int64_t step = m.n_heads * stride;
  if (threadIdx.x < 32) {
    const int lane = threadIdx.x;
    float top = m.sinks ? m.sinks[head] : -INFINITY;
    const float sink = top;
    for (int p = lane; p < n; p += 32) top = fmaxf(top, pieces[p * step + m.dv]);
#pragma unroll
    for (int i = 16; i > 0; i >>= 1) top = fmaxf(top, __shfl_xor_sync(~0U, top, i));
    float sum = 0.0f;
    for (int p = lane; p < n; p += 32) sum += pieces[p * step + m.dv + 1] * expf(pieces[p * step + m.dv] - top);
    sum = sum_of_warp(sum);
    if (m.sinks) sum += expf(sink - top);
    for (int p = lane; p < n; p += 32) share[p] = expf(pieces[p * step + m.dv] - top) / sum;
  }
  __syncthreads();
  const RowInput in = row_input_at(reinterpret_cast<char*>(memory), m.dv);
  for (int c = threadIdx.x; c < m.dv; c += kThreads) {
    float value = 0.0f;
#pragma unroll 8
    for (int p = 0; p < n; ++p) value = fmaf(share[p], pieces[p * step + c], value);
    if (m.w.quants) value_at(in, c) = value;
    else m.out[static_cast<int64_t>(head) * m.dv + c] = value;
  }
  if (!m.w.quants) return;
  __syncthreads();
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int64_t rows = m.w.n_out / m.n_heads;
  for (int64_t r = (int64_t{blockIdx.x} * kWarps + warp) * 2; r < rows; r += int64_t{gridDim.x} * kWarps * 2) {
    const int64_t at[2] = {head * rows + r, head * rows + min(r + 1, rows - 1)};
    float sum[2] = {0.0f, 0.0f};
    dot_rows<2>(m.w, at, in, lane, 32, sum);
    add_lanes(sum);
    if (lane == 0) m.out[at[0]] = sum[0];
    if (lane == 1 && r + 1 < rows) m.out[at[1]] = sum[1];
  }
}

template <typename T>
__device__ T* cache_row(const StepState* state, int layer, int64_t row_width) {
  return static_cast<T*>(state->cache) + layer * state->layer_stride + state->position * row_width;
}
__device__ inline void store(const StepState* state, int layer, int64_t row_width, bool float_cache, int64_t at, float value) {
  if (float_cache) cache_row<float>(state, layer, row_width)[at] = value;
  else cache_row<__nv_bfloat16>(state, layer, row_width)[at] = __float2bfloat16_rn(value);
}

// Blocks (tile, head) fold queries; the block of "head" H stores the cache's row.
__global__ void __launch_bounds__(kThreads) latent_query_kernel(const __grid_constant__ LatentQuery l, const StepState* state, int lanes) {
  extern __shared__ float4 memory[];
  __shared__ float partial[kWarps];
  wait_for_predecessor();
  let_successor_start();
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  if (static_cast<int>(blockIdx.y) == l.n_heads) {
    if (blockIdx.x != 0) return;
    float squares = 0.0f;
    for (int i = threadIdx.x; i < l.latent; i += kThreads) squares += l.kv[i] * l.kv[i];
    squares = sum_of_warp(squares);
    if (lane == 0) partial[warp] = squares;
    __syncthreads();
    float sum = 0.0f;
    for (int w = 0; w < kWarps; ++w) sum += partial[w];
    const float scale = rsqrtf(sum / static_cast<float>(l.latent) + l.norm.eps);
    for (int i = threadIdx.x; i < l.latent; i += kThreads)
      store(state, l.layer, l.row_width, l.float_cache, i, l.kv[i] * scale * l.norm.gain[i]);
    for (int i = threadIdx.x; i < l.rope / 2; i += kThreads) {
      const float a = l.kv[l.latent + 2 * i], b = l.kv[l.latent + 2 * i + 1];
      const Turn t = l.turns[i];
      store(state, l.layer, l.row_width, l.float_cache, l.latent + 2 * i, a * t.x - b * t.y);
      store(state, l.layer, l.row_width, l.float_cache, l.latent + 2 * i + 1, a * t.y + b * t.x);
    }
    return;
  }
  const int head = blockIdx.y;
  const float* q = l.q + static_cast<int64_t>(head) * (l.nope + l.rope);
  float* out = l.queries + static_cast<int64_t>(head) * (l.latent + l.rope);
  const RowInput in = row_input_at(reinterpret_cast<char*>(memory), l.nope);
  for (int i = threadIdx.x; i < l.nope / 4; i += kThreads) (i & 1 ? in.high : in.low)[i >> 1] = reinterpret_cast<const float4*>(q)[i];
  if (blockIdx.x == 0)
    for (int i = threadIdx.x; i < l.rope / 2; i += kThreads) {
      const float a = q[l.nope + 2 * i] * l.scale, b = q[l.nope + 2 * i + 1] * l.scale;
      const Turn t = l.turns[i];
      out[l.latent + 2 * i] = a * t.x - b * t.y;
      out[l.latent + 2 * i + 1] = a * t.y + b * t.x;
    }
  __syncthreads();
  // A row of k_absorb is short: `lanes` lanes take one, so a warp works on several.
  const int rows_at_once = 32 / lanes, mine = lane / lanes;
  const int per_pass = kWarps * rows_at_once * 2;
  for (int c0 = blockIdx.x * per_pass; c0 < l.latent; c0 += gridDim.x * per_pass) {
    const int c = c0 + (warp * rows_at_once + mine) * 2;
    const int64_t base = static_cast<int64_t>(head) * l.latent;
    const int64_t rows[2] = {base + min(c, l.latent - 1), base + min(c + 1, l.latent - 1)};
    float sum[2] = {0.0f, 0.0f};
    dot_rows<2>(l.k_absorb, rows, in, lane % lanes, lanes, sum);
    add_lanes(sum, lanes);
    if (lane % lanes != 0) continue;
    if (c < l.latent) out[c] = sum[0] * l.scale;
    if (c + 1 < l.latent) out[c + 1] = sum[1] * l.scale;
  }
}

// One warp a head: H queries, then K keys, then K value rows.
__global__ void grouped_query_kernel(const __grid_constant__ GroupedQuery g, const StepState* state) {
  extern __shared__ float4 memory[];
  wait_for_predecessor();
  let_successor_start();
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, job = blockIdx.x * (blockDim.x / 32) + warp;
  if (job >= g.n_heads + 2 * g.n_kv_heads) return;
  const bool is_query = job < g.n_heads, is_value = job >= g.n_heads + g.n_kv_heads;
  const int head = is_query ? job : is_value ? job - g.n_heads - g.n_kv_heads : job - g.n_heads;
  const float* from = (is_query ? g.q : is_value ? g.v : g.k) + static_cast<int64_t>(head) * g.d;
  float* row = reinterpret_cast<float*>(memory) + warp * g.d;
  float squares = 0.0f;
  for (int i = lane; i < g.d; i += 32) {
    row[i] = from[i];
    squares += row[i] * row[i];
  }
  __syncwarp();
  const float* gain = is_query ? g.q_gain : is_value ? nullptr : g.k_gain;
  if (gain) {
    const float scale = rsqrtf(sum_of_warp(squares) / static_cast<float>(g.d) + g.eps);
    for (int i = lane; i < g.d; i += 32) row[i] *= scale * gain[i];
    __syncwarp();
  }
  if (!is_value) {
    const int n = g.rotated / 2;
    for (int i = lane; i < n; i += 32) {
      float &a = g.interleaved ? row[2 * i] : row[i], &b = g.interleaved ? row[2 * i + 1] : row[i + n];
      const float x = a, y = b;
      a = x * g.turns[i].x - y * g.turns[i].y;
      b = x * g.turns[i].y + y * g.turns[i].x;
    }
    __syncwarp();
  }
  const int64_t at = (is_value ? static_cast<int64_t>(g.n_kv_heads) * g.d : 0) + static_cast<int64_t>(head) * g.d;
  for (int i = lane; i < g.d; i += 32) {
    if (is_query) g.q[static_cast<int64_t>(head) * g.d + i] = row[i] * g.scale;
    else store(state, g.layer, g.row_width, g.float_cache, at + i, row[i]);
  }
}

}  // namespace

void decode_attention(const DecodeAttention& a, const StepState* state, cudaStream_t stream) {
  const bool wide = a.n_heads / a.n_kv_heads > 8;
  if (a.float_cache) wide ? launch_attention<16, float>(a, state, stream) : launch_attention<8, float>(a, state, stream);
  else wide ? launch_attention<16, __nv_bfloat16>(a, state, stream) : launch_attention<8, __nv_bfloat16>(a, state, stream);
}

void merge_pieces(const Merge& m, const StepState* state, cudaStream_t stream) {
  const int64_t rows = m.w ? m.w.n_out / m.n_heads : 1;
  const dim3 grid(static_cast<unsigned>(std::max<int64_t>(1, ceil_div(rows, kWarps * 4))), static_cast<unsigned>(m.n_heads));
  launch_after({"merge_pieces", m.w ? m.w.bytes(m.w.n_out) : 0.0}, merge_kernel, grid, kThreads, row_input_bytes(m.dv, false), stream, m, state);
}

void latent_query(const LatentQuery& l, const StepState* state, cudaStream_t stream) {
  const int at_once = l.k_absorb.format == Format::kF32 ? 4 : 8;
  int lanes = 1;
  while (lanes < 32 && lanes * at_once < l.nope) lanes *= 2;
  const dim3 grid(static_cast<unsigned>(std::max<int64_t>(1, ceil_div(l.latent, kWarps * (32 / lanes) * 2))), static_cast<unsigned>(l.n_heads + 1));
  launch_after({"latent_query", l.k_absorb.bytes(l.k_absorb.n_out)}, latent_query_kernel, grid, kThreads, row_input_bytes(l.nope, false), stream, l, state, lanes);
}

void grouped_query(const GroupedQuery& g, const StepState* state, cudaStream_t stream) {
  constexpr int kHeads = 4;  // of a block
  const auto blocks = static_cast<unsigned>(ceil_div(g.n_heads + 2 * g.n_kv_heads, kHeads));
  launch_after("grouped_query", grouped_query_kernel, blocks, kHeads * 32, static_cast<size_t>(kHeads * g.d) * sizeof(float), stream, g, state);
}

}  // namespace engine::cuda
