// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "engine/cuda/instructions.cuh"
#include "engine/cuda/launch.h"
#include "engine/cuda/prefill_ops.h"
#include "engine/cuda/route.cuh"
#include "engine/cuda/values.cuh"

namespace engine::cuda {
namespace {

using Bf16 = __nv_bfloat16;

constexpr int kThreads = 256, kWarps = kThreads / 32;

__global__ void begin_kernel(const __grid_constant__ Matrix table, Turns turns, const int32_t* tokens, int64_t position,
                             float* x, Turn* out) {
  const int64_t t = blockIdx.x;
  for (int64_t i = threadIdx.x; i < table.n_in; i += blockDim.x)
    x[t * table.n_in + i] = matrix_value(table, tokens[t], i);
  for (int i = threadIdx.x; i < turns.n_pairs; i += blockDim.x)
    out[t * turns.n_pairs + i] = turn_of(turns, position + t, i);
}

// One block a row.
template <typename T>
__global__ void __launch_bounds__(kThreads)
    norm_kernel(const float* x, int64_t x_stride, int64_t width, Norm norm, T* y, float* also) {
  __shared__ float partial[kWarps];
  const float* row = x + blockIdx.x * x_stride;
  float scale = 1.0f;
  if (norm.gain) {
    float squares = 0.0f;
    for (int64_t i = threadIdx.x; i < width; i += kThreads) squares += row[i] * row[i];
    squares = sum_of_warp(squares);
    if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = squares;
    __syncthreads();
    float sum = 0.0f;
#pragma unroll
    for (int w = 0; w < kWarps; ++w) sum += partial[w];
    scale = rsqrtf(sum / static_cast<float>(width) + norm.eps);
  }
  for (int64_t i = threadIdx.x; i < width; i += kThreads) {
    const float value = norm.gain ? row[i] * scale * norm.gain[i] : row[i];
    y[blockIdx.x * width + i] = from_f32<T>(value);
    if (also) also[blockIdx.x * width + i] = value;
  }
}

template <typename T>
__global__ void __launch_bounds__(kThreads) latent_store_kernel(const __grid_constant__ LatentStore l) {
  __shared__ float partial[kWarps];
  const int64_t t = blockIdx.x;
  const Turn* turns = l.turns + t * (l.rope / 2);
  const float* kv = l.kv + t * (l.latent + l.rope);
  T* row = static_cast<T*>(l.cache) + t * l.row_width;
  float squares = 0.0f;
  for (int i = threadIdx.x; i < l.latent; i += kThreads) squares += kv[i] * kv[i];
  squares = sum_of_warp(squares);
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = squares;
  __syncthreads();
  float sum = 0.0f;
#pragma unroll
  for (int w = 0; w < kWarps; ++w) sum += partial[w];
  const float scale = rsqrtf(sum / static_cast<float>(l.latent) + l.norm.eps);
  for (int i = threadIdx.x; i < l.latent; i += kThreads) row[i] = from_f32<T>(kv[i] * scale * l.norm.gain[i]);
  for (int i = threadIdx.x; i < l.rope / 2; i += kThreads) {
    const float a = kv[l.latent + 2 * i], b = kv[l.latent + 2 * i + 1];
    row[l.latent + 2 * i] = from_f32<T>(a * turns[i].x - b * turns[i].y);
    row[l.latent + 2 * i + 1] = from_f32<T>(a * turns[i].y + b * turns[i].x);
  }
  const int dk = l.nope + l.rope;
  const float* q = l.q + t * l.n_heads * dk;
  T* out = static_cast<T*>(l.q_out) + t * l.n_heads * dk;
  for (int i = threadIdx.x; i < l.n_heads * dk / 2; i += kThreads) {
    const int c = 2 * i % dk;
    const float a = q[2 * i], b = q[2 * i + 1];
    const Turn turn = c < l.nope ? Turn{1.0f, 0.0f} : turns[(c - l.nope) / 2];
    out[2 * i] = from_f32<T>(a * turn.x - b * turn.y);
    out[2 * i + 1] = from_f32<T>(a * turn.y + b * turn.x);
  }
}

template <typename T>
__global__ void assemble_kernel(const __grid_constant__ KeyParts k) {
  const int64_t s = blockIdx.x;
  const int dk = k.nope + k.rope;
  const T* expanded = static_cast<const T*>(k.expanded) + s * k.n_heads * (k.nope + k.v);
  const T* turned = static_cast<const T*>(k.cache) + s * k.row_width + k.latent;
  T* out = static_cast<T*>(k.keys) + s * k.n_heads * dk;
  for (int i = threadIdx.x * 2; i < k.n_heads * dk; i += blockDim.x * 2) {
    const int h = i / dk, c = i - h * dk;
    const T* from = c < k.nope ? expanded + h * (k.nope + k.v) + c : turned + (c - k.nope);
    out[i] = from[0], out[i + 1] = from[1];
  }
}

// One warp a head of one token; the heads as GroupedQuery counts them.
template <typename T>
__global__ void grouped_store_kernel(const __grid_constant__ GroupedStore g) {
  GRAFT_LAUNCHED_SHARED(float, rows, 16);
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, job = blockIdx.y * (blockDim.x / 32) + warp;
  if (job >= g.n_heads + 2 * g.n_kv_heads) return;
  const int64_t t = blockIdx.x;
  const bool is_query = job < g.n_heads, is_value = job >= g.n_heads + g.n_kv_heads;
  const int head = is_query ? job : is_value ? job - g.n_heads - g.n_kv_heads : job - g.n_heads;
  const float* from =
      is_query ? g.q + (t * g.n_heads + head) * g.d : (is_value ? g.v : g.k) + (t * g.n_kv_heads + head) * g.d;
  float* row = rows + warp * g.d;
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
    const Turn* turns = g.turns + t * n;
    for (int i = lane; i < n; i += 32) {
      float &a = g.interleaved ? row[2 * i] : row[i], &b = g.interleaved ? row[2 * i + 1] : row[i + n];
      const float x = a, y = b;
      a = x * turns[i].x - y * turns[i].y;
      b = x * turns[i].y + y * turns[i].x;
    }
    __syncwarp();
  }
  T* to = is_query ? static_cast<T*>(g.q_out) + (t * g.n_heads + head) * g.d
                   : static_cast<T*>(g.cache) + t * g.row_width + (is_value ? int64_t{g.n_kv_heads} * g.d : 0) +
                         int64_t{head} * g.d;
  for (int i = lane; i < g.d; i += 32) to[i] = from_f32<T>(row[i]);
}

// 16 tokens x 64 experts a block; a thread has four experts of a token, 16 apart.
constexpr int kRouterTokens = 16, kRouterExperts = 64, kRouterDepth = 64, kRouterPitch = kRouterDepth + 4;
__global__ void __launch_bounds__(256)
    router_kernel(const float* x, const __grid_constant__ Matrix router, const float* bias, int n, float* logits) {
  __shared__ __align__(16) float tokens[kRouterTokens][kRouterPitch], experts[kRouterExperts][kRouterPitch];
  const int64_t d = router.n_in, n_experts = router.n_out, first_token = int64_t{blockIdx.x} * kRouterTokens,
                first_expert = int64_t{blockIdx.y} * kRouterExperts;
  const int thread = threadIdx.x, row = thread / 16, column = thread % 16;
  const float* weights = static_cast<const float*>(router.quants);
  float sum[4] = {};
  for (int64_t k = 0; k < d; k += kRouterDepth) {
    __syncthreads();
    const int64_t at = k + column * 4;
    const bool inside = at < d;  // widths are multiples of 4
    const auto four = [&](const float* from, bool there) {
      return there && inside ? *reinterpret_cast<const float4*>(from + at) : float4{};
    };
    *reinterpret_cast<float4*>(&tokens[row][column * 4]) = four(x + (first_token + row) * d, first_token + row < n);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int64_t e = first_expert + row + i * 16;
      *reinterpret_cast<float4*>(&experts[row + i * 16][column * 4]) = four(weights + e * d, e < n_experts);
    }
    __syncthreads();
#pragma unroll
    for (int j = 0; j < kRouterDepth; j += 4) {
      const float4 a = *reinterpret_cast<const float4*>(&tokens[row][j]);
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const float4 b = *reinterpret_cast<const float4*>(&experts[column + i * 16][j]);
        sum[i] = fmaf(a.x, b.x, fmaf(a.y, b.y, fmaf(a.z, b.z, fmaf(a.w, b.w, sum[i]))));
      }
    }
  }
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const int64_t t = first_token + row, e = first_expert + column + i * 16;
    if (t < n && e < n_experts) logits[t * n_experts + e] = bias ? sum[i] + bias[e] : sum[i];
  }
}

__global__ void route_kernel(const __grid_constant__ RouterSettings settings, const float* logits, const float* bias,
                             const int32_t* experts_of, const int32_t* tokens, int n, int32_t* ids, float* weights) {
  GRAFT_LAUNCHED_SHARED(float, scratch, 16);
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int64_t t = int64_t{blockIdx.x} * (blockDim.x / 32) + warp;
  if (t >= n) return;
  const int64_t e = settings.n_experts, k = settings.n_experts_used;
  route_token(settings, logits + t * e, bias, experts_of ? experts_of + tokens[t] * k : nullptr, lane,
              scratch + warp * 2 * e, ids + t * k, weights + t * k);
}

// One block for all tokens.
__global__ void __launch_bounds__(1024) group_kernel(const __grid_constant__ Grouping g) {
  __shared__ int32_t counts[kMaxExperts], next[kMaxExperts], first_tile[kMaxExperts + 1];
  for (int e = threadIdx.x; e < g.n_experts; e += blockDim.x) counts[e] = 0;
  __syncthreads();
  const int slots = g.n * g.k;
  for (int i = threadIdx.x; i < slots; i += blockDim.x) atomicAdd(&counts[g.ids[i]], 1);
  __syncthreads();
  if (threadIdx.x == 0) {
    int slot = 0, tile = 0;
    for (int e = 0; e < g.n_experts; ++e) {
      next[e] = slot;
      first_tile[e] = tile;
      slot += counts[e];
      tile += (counts[e] + kGemmTileRows - 1) / kGemmTileRows;
    }
    *g.n_tiles = tile;
  }
  __syncthreads();
  for (int e = threadIdx.x; e < g.n_experts; e += blockDim.x)
    for (int row = 0; row < counts[e]; row += kGemmTileRows)
      g.tiles[first_tile[e] + row / kGemmTileRows] = {e, next[e] + row, next[e] + min(row + kGemmTileRows, counts[e])};
  __syncthreads();
  // Which of an expert's slots a token gets does not matter: rows of a product do not depend on each other.
  for (int i = threadIdx.x; i < slots; i += blockDim.x) {
    const int slot = atomicAdd(&next[g.ids[i]], 1);
    g.slot_of[i] = slot;
    g.token_of[slot] = i / g.k;
  }
}

template <typename T>
__global__ void combine_kernel(const T* y, const int32_t* slot_of, const float* weights, int k, int64_t width,
                               float* hidden) {
  const int64_t t = blockIdx.x;
  for (int64_t c = threadIdx.x; c < width; c += blockDim.x) {
    float sum = hidden[t * width + c];
    for (int i = 0; i < k; ++i) sum = fmaf(weights[t * k + i], to_f32(y[slot_of[t * k + i] * width + c]), sum);
    hidden[t * width + c] = sum;
  }
}

}  // namespace

void begin_tokens(const Matrix& table, const Turns& turns, const int32_t* tokens, int n, int64_t position, float* x,
                  Turn* out, cudaStream_t stream) {
  launch("begin_tokens", {static_cast<unsigned>(n), kThreads, 0, stream}, begin_kernel, table, turns, tokens, position,
         x, out);
}

void norm_rows(const float* x, int64_t x_stride, int64_t n, int64_t width, const Norm& norm, bool exact, void* y,
               float* also_f32, cudaStream_t stream) {
  const auto blocks = static_cast<unsigned>(n);
  if (exact)
    launch("norm_rows", {blocks, kThreads, 0, stream}, norm_kernel<float>, x, x_stride, width, norm,
           static_cast<float*>(y), also_f32);
  else
    launch("norm_rows", {blocks, kThreads, 0, stream}, norm_kernel<Bf16>, x, x_stride, width, norm,
           static_cast<Bf16*>(y), also_f32);
}

void latent_store(const LatentStore& l, bool exact, cudaStream_t stream) {
  const auto blocks = static_cast<unsigned>(l.n);
  if (exact)
    launch("latent_store", {blocks, kThreads, 0, stream}, latent_store_kernel<float>, l);
  else
    launch("latent_store", {blocks, kThreads, 0, stream}, latent_store_kernel<Bf16>, l);
}

void assemble_keys(const KeyParts& k, bool exact, cudaStream_t stream) {
  const auto blocks = static_cast<unsigned>(k.n_keys);
  if (exact)
    launch("assemble_keys", {blocks, kThreads, 0, stream}, assemble_kernel<float>, k);
  else
    launch("assemble_keys", {blocks, kThreads, 0, stream}, assemble_kernel<Bf16>, k);
}

void grouped_store(const GroupedStore& g, bool exact, cudaStream_t stream) {
  const dim3 grid(static_cast<unsigned>(g.n), static_cast<unsigned>(ceil_div(g.n_heads + 2 * g.n_kv_heads, kWarps)));
  const size_t bytes = static_cast<size_t>(kWarps * g.d) * sizeof(float);
  if (exact)
    launch("grouped_store", {grid, kThreads, bytes, stream}, grouped_store_kernel<float>, g);
  else
    launch("grouped_store", {grid, kThreads, bytes, stream}, grouped_store_kernel<Bf16>, g);
}

void router_logits(const float* x, const Matrix& router, const float* bias, int n, float* logits, cudaStream_t stream) {
  const dim3 grid(static_cast<unsigned>(ceil_div(n, kRouterTokens)),
                  static_cast<unsigned>(ceil_div(router.n_out, kRouterExperts)));
  launch("router_logits", {grid, 256, 0, stream}, router_kernel, x, router, bias, n, logits);
}

void route_tokens(const RouterSettings& settings, const float* logits, const float* selection_bias,
                  const int32_t* experts_of, const int32_t* tokens, int n, int32_t* ids, float* weights,
                  cudaStream_t stream) {
  constexpr int kTokens = 4;  // of a block
  launch("route_tokens",
         {static_cast<unsigned>(ceil_div(n, kTokens)), kTokens * 32,
          static_cast<size_t>(kTokens * 2 * settings.n_experts) * sizeof(float), stream},
         route_kernel, settings, logits, selection_bias, experts_of, tokens, n, ids, weights);
}

void group_tokens(const Grouping& g, cudaStream_t stream) {
  launch("group_tokens", {1, 1024, 0, stream}, group_kernel, g);
}

void combine_slots(const void* y, const int32_t* slot_of, const float* weights, int n, int k, int64_t width, bool exact,
                   float* hidden, cudaStream_t stream) {
  const auto blocks = static_cast<unsigned>(n);
  if (exact)
    launch("combine_slots", {blocks, kThreads, 0, stream}, combine_kernel<float>, static_cast<const float*>(y), slot_of,
           weights, k, width, hidden);
  else
    launch("combine_slots", {blocks, kThreads, 0, stream}, combine_kernel<Bf16>, static_cast<const Bf16*>(y), slot_of,
           weights, k, width, hidden);
}

}  // namespace engine::cuda
