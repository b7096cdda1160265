// SPDX-License-Identifier: Apache-2.0
#include "engine/cuda/gemm_mma.cuh"
#include "engine/cuda/launch.h"
#include "engine/cuda/prefill_attention.h"
#include "engine/cuda/route.cuh"

namespace engine::cuda {
namespace {

using Bf16 = __nv_bfloat16;

constexpr float kLog2E = 1.4426950408889634f;

// The keys [first, end) that a token sees.
struct Seen {
  int first, end;
};
__device__ inline Seen seen_by(const PrefillAttention& a, int token) {
  const int64_t position = a.position + token, end = min(int64_t{a.n_keys}, position + 1 - a.first_key);
  const int64_t first = a.window > 0 ? max(int64_t{0}, position + 1 - a.window - a.first_key) : 0;
  return {static_cast<int>(first), static_cast<int>(max(end, first))};
}

// What remains of a query between segments: unnormalised result [dv], then maximum (times log2 e) and sum.
__device__ inline float* state_of(const PrefillAttention& a, int64_t token, int head) {
  return a.state + (token * a.n_heads + head) * (a.dv + 2);
}

// ---- f32: one warp a query; lanes share the values of a key.

constexpr int kExactWarps = 4, kMostPerLane = 8;

__global__ void __launch_bounds__(kExactWarps * 32) attention_f32_kernel(const __grid_constant__ PrefillAttention a) {
  const int lane = threadIdx.x % 32, head = blockIdx.y, key_head = head / (a.n_heads / a.n_kv_heads);
  const int token = blockIdx.x * kExactWarps + threadIdx.x / 32;
  if (token >= a.n_tokens) return;
  const float* q = static_cast<const float*>(a.q) + (int64_t{token} * a.n_heads + head) * a.dk;
  float query[kMostPerLane] = {}, acc[kMostPerLane] = {}, top = -INFINITY, total = 0.0f;
#pragma unroll
  for (int i = 0; i < kMostPerLane; ++i)
    if (lane + i * 32 < a.dk) query[i] = q[lane + i * 32] * a.scale;
  float* state = a.state ? state_of(a, token, head) : nullptr;
  if (!a.first) {
#pragma unroll
    for (int i = 0; i < kMostPerLane; ++i)
      if (lane + i * 32 < a.dv) acc[i] = state[lane + i * 32];
    top = state[a.dv] / kLog2E, total = state[a.dv + 1];
  }
  const Seen seen = seen_by(a, token);
  for (int s = seen.first; s < seen.end; ++s) {
    const float* k = static_cast<const float*>(a.k) + s * a.k_stride + key_head * a.k_head_stride;
    const float* v = static_cast<const float*>(a.v) + s * a.v_stride + key_head * a.v_head_stride;
    float score = 0.0f;
#pragma unroll
    for (int i = 0; i < kMostPerLane; ++i)
      if (lane + i * 32 < a.dk) score = fmaf(query[i], k[lane + i * 32], score);
    score = sum_of_warp(score);
    const float higher = fmaxf(top, score), fade = expf(top - higher), weight = expf(score - higher);
    total = total * fade + weight;
    top = higher;
#pragma unroll
    for (int i = 0; i < kMostPerLane; ++i)
      if (lane + i * 32 < a.dv) acc[i] = fmaf(weight, v[lane + i * 32], acc[i] * fade);
  }
  if (a.last) {
    float scale = 1.0f;
    if (a.sinks) {
      const float higher = fmaxf(top, a.sinks[head]);
      scale = expf(top - higher);
      total = total * scale + expf(a.sinks[head] - higher);
    }
    float* out = static_cast<float*>(a.out) + (int64_t{token} * a.n_heads + head) * a.dv;
#pragma unroll
    for (int i = 0; i < kMostPerLane; ++i)
      if (lane + i * 32 < a.dv) out[lane + i * 32] = acc[i] * scale / total;
  } else {
#pragma unroll
    for (int i = 0; i < kMostPerLane; ++i)
      if (lane + i * 32 < a.dv) state[lane + i * 32] = acc[i];
    if (lane == 0) state[a.dv] = top * kLog2E, state[a.dv + 1] = total;
  }
}

// ---- bfloat16: a block takes 4 * 16 * M tokens of a head, a warp 16 * M of them, so that a tile of keys is read from
// shared memory M times less often than a warp of 16 would; keys come kKeys at a time, one step ahead.

constexpr int kWarps = 4;

// Row `row` of a tile of W values a row, piece of 8 values.
template <int W>
__device__ __forceinline__ int at_piece(int row, int piece) {
  return row * W * 2 + ((piece ^ (row & 7)) << 4);
}

// Rows [first, first + n) of which `valid` exist, `width` of W values; zeros elsewhere.
template <int W, int kThreads>
__device__ __forceinline__ void copy_rows(uint32_t to, const Bf16* from, int64_t stride, int n, int valid, int width) {
  for (int i = threadIdx.x; i < n * (W / 8); i += kThreads) {
    const int row = i / (W / 8), piece = i % (W / 8);
    const bool there = row < valid && piece * 8 < width;
    copy_async(to + at_piece<W>(row, piece), there ? from + row * stride + piece * 8 : from, there);
  }
}

template <int DK, int DV, int M, int kKeys>
__global__ void __launch_bounds__(kWarps * 32, M == 2 ? 2 : 1)
    attention_bf16_kernel(const __grid_constant__ PrefillAttention a) {
  constexpr int kThreads = kWarps * 32, kQueries = kWarps * 16 * M;
  constexpr int kKeyBytes = kKeys * DK * 2, kValueBytes = kKeys * DV * 2;
  GRAFT_LAUNCHED_SHARED(char, memory, 16);
  const uint32_t q_tile = shared_address(memory), key_tiles = q_tile + kQueries * DK * 2,
                 value_tiles = key_tiles + 2 * kKeyBytes;
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, head = blockIdx.y,
            key_head = head / (a.n_heads / a.n_kv_heads);
  // Late tokens see the most keys: they start first.
  const int first_token = (static_cast<int>(gridDim.x) - 1 - static_cast<int>(blockIdx.x)) * kQueries;
  const int n_queries = min(kQueries, a.n_tokens - first_token);
  const Bf16* keys = static_cast<const Bf16*>(a.k) + key_head * a.k_head_stride;
  const Bf16* values = static_cast<const Bf16*>(a.v) + key_head * a.v_head_stride;
  const int first_tile = seen_by(a, first_token).first / kKeys, end_key = seen_by(a, first_token + n_queries - 1).end;
  const int end_tile = (end_key + kKeys - 1) / kKeys;
  const auto copy_tile = [&](int tile) {
    const int valid = min(kKeys, a.n_keys - tile * kKeys), buffer = tile & 1;
    copy_rows<DK, kThreads>(key_tiles + buffer * kKeyBytes, keys + int64_t{tile} * kKeys * a.k_stride, a.k_stride,
                            kKeys, valid, a.dk);
    copy_rows<DV, kThreads>(value_tiles + buffer * kValueBytes, values + int64_t{tile} * kKeys * a.v_stride, a.v_stride,
                            kKeys, valid, a.dv);
  };
  copy_rows<DK, kThreads>(q_tile, static_cast<const Bf16*>(a.q) + (int64_t{first_token} * a.n_heads + head) * a.dk,
                          int64_t{a.n_heads} * a.dk, kQueries, n_queries, a.dk);
  if (first_tile < end_tile) copy_tile(first_tile);
  commit_copies();

  // This thread's queries: two of each 16, eight rows apart.
  const auto row_of = [&](int m, int i) { return (warp * M + m) * 16 + lane / 4 + i * 8; };
  const auto seen_of = [&](int m, int i) {
    return row_of(m, i) < n_queries ? seen_by(a, first_token + row_of(m, i)) : Seen{0, 0};
  };
  float acc[M][DV / 8][4] = {}, top[M][2], total[M][2];
#pragma unroll
  for (int m = 0; m < M; ++m)
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      top[m][i] = -INFINITY, total[m][i] = 0.0f;
      if (a.first || row_of(m, i) >= n_queries) continue;
      const float* state = state_of(a, first_token + row_of(m, i), head);
#pragma unroll
      for (int n = 0; n < DV / 8; ++n) {
        const int c = n * 8 + lane % 4 * 2;
        if (c < a.dv) acc[m][n][2 * i] = state[c], acc[m][n][2 * i + 1] = state[c + 1];
      }
      // Sums are kept by each thread for its own columns and joined at the end: one of four starts from the state.
      top[m][i] = state[a.dv], total[m][i] = lane % 4 == 0 ? state[a.dv + 1] : 0.0f;
    }
  const float scale = a.scale * kLog2E;
  for (int tile = first_tile; tile < end_tile; ++tile) {
    if (tile + 1 < end_tile) copy_tile(tile + 1);
    commit_copies();
    wait_copies<1>();
    __syncthreads();
    const uint32_t key_tile = key_tiles + (tile & 1) * kKeyBytes, value_tile = value_tiles + (tile & 1) * kValueBytes;
    float score[M][kKeys / 8][4] = {};
#pragma unroll
    for (int k = 0; k < DK / 16; ++k) {
      uint32_t q[M][4];
#pragma unroll
      for (int m = 0; m < M; ++m)
        load_fragments(q[m], q_tile + at_piece<DK>((warp * M + m) * 16 + lane % 16, k * 2 + lane / 16));
#pragma unroll
      for (int p = 0; p < kKeys / 16; ++p) {
        uint32_t b[4];
        load_fragments(b, key_tile + at_piece<DK>(p * 16 + lane % 8 + lane / 16 * 8, k * 2 + lane / 8 % 2));
#pragma unroll
        for (int m = 0; m < M; ++m) {
          multiply_16_8_16(score[m][2 * p], q[m], b[0], b[1]);
          multiply_16_8_16(score[m][2 * p + 1], q[m], b[2], b[3]);
        }
      }
    }
    const int base = tile * kKeys;
    // Whether some query of the block does not see all of the tile: its first one sees the fewest keys at the end, its
    // last one at the beginning. Queries that do not exist see nothing.
    const bool masked = n_queries < kQueries || base + kKeys > seen_by(a, first_token).end ||
                        base < seen_by(a, first_token + n_queries - 1).first;
#pragma unroll
    for (int m = 0; m < M; ++m)
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        if (masked) {
          const Seen seen = seen_of(m, i);
#pragma unroll
          for (int n = 0; n < kKeys / 8; ++n)
#pragma unroll
            for (int j = 0; j < 2; ++j) {
              const int key = base + n * 8 + lane % 4 * 2 + j;
              if (key < seen.first || key >= seen.end) score[m][n][2 * i + j] = -INFINITY;
            }
        }
        float higher = -INFINITY;
#pragma unroll
        for (int n = 0; n < kKeys / 8; ++n) higher = fmaxf(higher, fmaxf(score[m][n][2 * i], score[m][n][2 * i + 1]));
        higher = fmaxf(higher, __shfl_xor_sync(~0U, higher, 1));
        higher = fmaxf(higher, __shfl_xor_sync(~0U, higher, 2));
        higher = fmaxf(top[m][i], higher * scale);
        const float safe = higher == -INFINITY ? 0.0f : higher, fade = exp2f(top[m][i] - safe);
        top[m][i] = higher;
        float sum = 0.0f;
#pragma unroll
        for (int n = 0; n < kKeys / 8; ++n)
#pragma unroll
          for (int j = 0; j < 2; ++j) {
            float& s = score[m][n][2 * i + j];
            s = exp2f(fmaf(s, scale, -safe));
            sum += s;
          }
        total[m][i] = total[m][i] * fade + sum;
#pragma unroll
        for (int n = 0; n < DV / 8; ++n) acc[m][n][2 * i] *= fade, acc[m][n][2 * i + 1] *= fade;
      }
#pragma unroll
    for (int k = 0; k < kKeys / 16; ++k) {
      uint32_t p[M][4];
#pragma unroll
      for (int m = 0; m < M; ++m) {
        const float(&first)[4] = score[m][2 * k], (&second)[4] = score[m][2 * k + 1];
        p[m][0] = bf16_pair(first[0], first[1]), p[m][1] = bf16_pair(first[2], first[3]);
        p[m][2] = bf16_pair(second[0], second[1]), p[m][3] = bf16_pair(second[2], second[3]);
      }
#pragma unroll
      for (int n = 0; n < DV / 16; ++n) {
        uint32_t b[4];
        load_fragments_turned(b, value_tile + at_piece<DV>(k * 16 + lane % 8 + lane / 8 % 2 * 8, n * 2 + lane / 16));
#pragma unroll
        for (int m = 0; m < M; ++m) {
          multiply_16_8_16(acc[m][2 * n], p[m], b[0], b[1]);
          multiply_16_8_16(acc[m][2 * n + 1], p[m], b[2], b[3]);
        }
      }
    }
    __syncthreads();
  }
  wait_copies<0>();
#pragma unroll
  for (int m = 0; m < M; ++m)
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      float sum = total[m][i];
      sum += __shfl_xor_sync(~0U, sum, 1);
      sum += __shfl_xor_sync(~0U, sum, 2);
      if (row_of(m, i) >= n_queries) continue;
      const int64_t token = first_token + row_of(m, i);
      if (a.last) {
        float factor = 1.0f;
        if (a.sinks) {
          const float sink = a.sinks[head] * kLog2E, higher = fmaxf(top[m][i], sink);
          factor = exp2f(top[m][i] - higher);
          sum = sum * factor + exp2f(sink - higher);
        }
        factor /= sum;
        Bf16* out = static_cast<Bf16*>(a.out) + (token * a.n_heads + head) * a.dv;
#pragma unroll
        for (int n = 0; n < DV / 8; ++n) {
          const int c = n * 8 + lane % 4 * 2;
          if (c < a.dv)
            *reinterpret_cast<uint32_t*>(out + c) = bf16_pair(acc[m][n][2 * i] * factor, acc[m][n][2 * i + 1] * factor);
        }
      } else {
        float* state = state_of(a, token, head);
#pragma unroll
        for (int n = 0; n < DV / 8; ++n) {
          const int c = n * 8 + lane % 4 * 2;
          if (c < a.dv) state[c] = acc[m][n][2 * i], state[c + 1] = acc[m][n][2 * i + 1];
        }
        if (lane % 4 == 0) state[a.dv] = top[m][i], state[a.dv + 1] = sum;
      }
    }
}

template <int DK, int DV, int M, int kKeys>
void launch_bf16(const PrefillAttention& a, cudaStream_t stream) {
  constexpr auto kernel = attention_bf16_kernel<DK, DV, M, kKeys>;
  constexpr size_t kBytes = size_t{kWarps} * 16 * M * DK * 2 + size_t{2} * kKeys * (DK + DV) * 2;
  static const cudaError_t allowed =
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(kBytes));
  check(allowed, "cudaFuncSetAttribute");
  const dim3 grid(static_cast<unsigned>(ceil_div(a.n_tokens, kWarps * 16 * M)), static_cast<unsigned>(a.n_heads));
  launch("prefill_attention", {grid, kWarps * 32, kBytes, stream}, kernel, a);
}

}  // namespace

void prefill_attention(const PrefillAttention& a, bool exact, cudaStream_t stream) {
  if (exact) {
    const dim3 grid(static_cast<unsigned>(ceil_div(a.n_tokens, kExactWarps)), static_cast<unsigned>(a.n_heads));
    launch("prefill_attention in f32", {grid, kExactWarps * 32, 0, stream}, attention_f32_kernel, a);
    return;
  }
  if (a.dk <= 64 && a.dv <= 64) return launch_bf16<64, 64, 2, 64>(a, stream);
  if (a.dk <= 128 && a.dv <= 128) return launch_bf16<128, 128, 2, 32>(a, stream);
  if (a.dk <= 192 && a.dv <= 128) return launch_bf16<192, 128, 2, 32>(a, stream);
  return launch_bf16<256, 256, 1, 64>(a, stream);
}

}  // namespace engine::cuda
