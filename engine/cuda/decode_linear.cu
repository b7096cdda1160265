// SPDX-License-Identifier: Apache-2.0
#include "engine/cuda/decode_linear.h"

#include <algorithm>

#include "engine/cuda/launch.h"
#include "engine/cuda/route.cuh"
#include "engine/cuda/row_dot.cuh"
#include "engine/cuda/values.cuh"

namespace engine::cuda {
namespace {

constexpr int kWarps = 8, kThreads = kWarps * 32;
constexpr int kBlocksPerProcessor = 4;

int processors() {
  static const int n = [] {
    int device = 0, count = 0;
    check(cudaGetDevice(&device), "cudaGetDevice");
    check(cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, device), "cudaDeviceGetAttribute");
    return count;
  }();
  return n;
}

__device__ float sum_of_block(float value, float* partial) {
  value = sum_of_warp(value);
  const int warp = threadIdx.x / 32;
  if (threadIdx.x % 32 == 0) partial[warp] = value;
  __syncthreads();
  float sum = 0.0f;
#pragma unroll
  for (int w = 0; w < kWarps; ++w) sum += partial[w];
  return sum;
}

// norm(x) into shared memory, rounded to 8 bits as well where `whole_numbers`.
__device__ void prepare_input(const float* x, int64_t n, const Norm& norm, bool whole_numbers, const RowInput& in) {
  __shared__ float partial[kWarps];
  const float4* fours = reinterpret_cast<const float4*>(x);
  float squares = 0.0f;
  for (int64_t i = threadIdx.x; i < n / 4; i += kThreads) {
    const float4 v = fours[i];
    squares += v.x * v.x + v.y * v.y + v.z * v.z + v.w * v.w;
    (i & 1 ? in.high : in.low)[i >> 1] = v;
  }
  if (norm.gain) {
    const float scale = rsqrtf(sum_of_block(squares, partial) / static_cast<float>(n) + norm.eps);
    const float4* gains = reinterpret_cast<const float4*>(norm.gain);
    for (int64_t i = threadIdx.x; i < n / 4; i += kThreads) {
      const float4 g = __ldg(gains + i);
      float4& v = (i & 1 ? in.high : in.low)[i >> 1];
      v.x *= scale * g.x, v.y *= scale * g.y, v.z *= scale * g.z, v.w *= scale * g.w;
    }
  }
  __syncthreads();
  if (!whole_numbers) return;
  quantize_input(in, n, threadIdx.x / 32, kWarps, threadIdx.x % 32);
  __syncthreads();
}

__device__ RowInput from(const RowInput& in, int64_t value) {
  return {in.low + value / 8, in.high + value / 8, in.quants_low + value / 32, in.quants_high + value / 32, in.scales + value / 32,
          in.sums + value / 16};
}

// Rows of the layers one after the other; a warp takes two neighbours of one layer at a time.
__device__ void project_pair(const Projection& p, int64_t pair, const RowInput& in, int lane) {
  int m = 0;
  while (m + 1 < p.n && pair >= (p.w[m].n_out + 1) / 2) pair -= (p.w[m].n_out + 1) / 2, ++m;
  const Matrix& w = p.w[m];
  const int64_t second = min(2 * pair + 1, w.n_out - 1);
  const int64_t rows[2] = {2 * pair, second};
  float sum[2] = {0.0f, 0.0f};
  dot_rows<2>(w, rows, in, lane, 32, sum);
  add_lanes(sum);
  if (lane >= 2 || (lane == 1 && second == 2 * pair)) return;
  const int64_t row = rows[lane];
  float value = lane == 0 ? sum[0] : sum[1];
  if (p.bias[m]) value += p.bias[m][row];
  if (p.add) p.y[m][row] += value;
  else p.y[m][row] = value;
}

__host__ __device__ int64_t pairs_of(const Projection& p) {
  int64_t pairs = 0;
  for (int m = 0; m < p.n; ++m) pairs += (p.w[m].n_out + 1) / 2;
  return pairs;
}

template <bool kRoutes>
__global__ void __launch_bounds__(kThreads) project_kernel(const __grid_constant__ Projection p, const __grid_constant__ Routing routing,
                                                           const float* x, Norm norm, bool whole_numbers) {
  extern __shared__ float4 memory[];
  const RowInput in = row_input_at(reinterpret_cast<char*>(memory), p.w[0].n_in);
  wait_for_predecessor();
  let_successor_start();
  prepare_input(x, p.w[0].n_in, norm, whole_numbers, in);
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int64_t pairs = pairs_of(p), first = int64_t{blockIdx.x} * kWarps;
  if (first + warp < pairs) project_pair(p, first + warp, in, lane);
  if constexpr (kRoutes) {
    const int64_t router_pairs = (p.w[0].n_out + 1) / 2;
    if (first < router_pairs) {
      __shared__ bool last;
      __syncthreads();
      if (threadIdx.x == 0) {
        const int mine = static_cast<int>(min(router_pairs - first, int64_t{kWarps}));
        __threadfence();
        last = atomicAdd(routing.done, mine) + mine == router_pairs;
      }
      __syncthreads();
      if (last && warp == 0) {
        __threadfence();
        extern __shared__ float4 all[];
        float* scratch = reinterpret_cast<float*>(reinterpret_cast<char*>(all) + row_input_bytes(p.w[0].n_in, whole_numbers));
        float* logits = scratch + 2 * routing.settings.n_experts;
        for (int e = lane; e < routing.settings.n_experts; e += 32) logits[e] = __ldcg(p.y[0] + e);
        __syncwarp();
        route_token(routing.settings, logits, routing.selection_bias, lane, scratch, routing.ids, routing.weights);
        if (lane == 0) *routing.done = 0;
      }
    }
  }
  for (int64_t pair = first + warp + int64_t{gridDim.x} * kWarps; pair < pairs; pair += int64_t{gridDim.x} * kWarps)
    project_pair(p, pair, in, lane);
}

__global__ void __launch_bounds__(kThreads) gate_up_kernel(const __grid_constant__ GateUp g, const float* x, Norm norm, bool whole_numbers) {
  extern __shared__ float4 memory[];
  const RowInput in = row_input_at(reinterpret_cast<char*>(memory), g.gate.n_in);
  wait_for_predecessor();
  let_successor_start();
  prepare_input(x, g.gate.n_in, norm, whole_numbers, in);
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int64_t width = g.gate.n_out;
  for (int64_t i = int64_t{blockIdx.x} * kWarps + warp; i < g.k * width; i += int64_t{gridDim.x} * kWarps) {
    const int64_t slot = i / width, f = i - slot * width, expert = g.ids ? __ldcg(g.ids + slot) : 0;
    const int64_t rows[2] = {expert * width + f, (g.gate.n_experts + expert) * width + f};
    float sum[2] = {0.0f, 0.0f};
    dot_rows<2>(g.gate, rows, in, lane, 32, sum);
    add_lanes(sum);
    if (lane != 0) continue;
    if (g.gate_bias) sum[0] += g.gate_bias[rows[0]], sum[1] += g.up_bias[rows[0]];
    g.h[i] = gated(g.form, sum[0], sum[1]);
  }
}

template <int R>
__global__ void __launch_bounds__(kThreads) down_kernel(const __grid_constant__ Down d, float* hidden, bool whole_numbers) {
  extern __shared__ float4 memory[];
  const int64_t width = d.down.n_in, routed = d.k * width, shared = d.shared_down.quants ? d.shared_down.n_in : 0;
  const RowInput in = row_input_at(reinterpret_cast<char*>(memory), routed + shared);
  wait_for_predecessor();
  let_successor_start();
  for (int64_t i = threadIdx.x; i < routed / 4; i += kThreads)
    (i & 1 ? in.high : in.low)[i >> 1] = reinterpret_cast<const float4*>(d.h)[i];
  for (int64_t i = threadIdx.x; i < shared; i += kThreads) value_at(in, routed + i) = gated(d.form, d.shared[i], d.shared[shared + i]);
  __syncthreads();
  if (whole_numbers) {
    quantize_input(in, routed + shared, threadIdx.x / 32, kWarps, threadIdx.x % 32);
    __syncthreads();
  }
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int64_t n_out = d.down.n_out;
  for (int64_t o = (int64_t{blockIdx.x} * kWarps + warp) * R; o < n_out; o += int64_t{gridDim.x} * kWarps * R) {
    float total[R] = {};
    for (int slot = 0; slot < d.k; ++slot) {
      const int64_t expert = d.ids ? __ldcg(d.ids + slot) : 0;
      const float weight = d.weights ? __ldcg(d.weights + slot) : 1.0f;
      int64_t rows[R];
      float sum[R] = {};
#pragma unroll
      for (int r = 0; r < R; ++r) rows[r] = expert * n_out + min(o + r, n_out - 1);
      dot_rows<R>(d.down, rows, from(in, slot * width), lane, 32, sum);
#pragma unroll
      for (int r = 0; r < R; ++r) {
        if (d.bias && lane == 0) sum[r] += d.bias[rows[r]];
        total[r] = fmaf(weight, sum[r], total[r]);
      }
    }
    if (shared > 0) {
      int64_t rows[R];
#pragma unroll
      for (int r = 0; r < R; ++r) rows[r] = min(o + r, n_out - 1);
      dot_rows<R>(d.shared_down, rows, from(in, routed), lane, 32, total);
    }
    add_lanes(total);
#pragma unroll
    for (int r = 0; r < R; ++r)
      if (lane == r && o + r < n_out) hidden[o + r] += total[r];
  }
}

__global__ void begin_kernel(const __grid_constant__ Matrix table, Turns turns, const StepState* state, float* x, Turn* out) {
  wait_for_predecessor();
  let_successor_start();
  const int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i < table.n_in) x[i] = matrix_value(table, state->token, i);
  if (i < turns.n_pairs) out[i] = turn_of(turns, state->position, static_cast<int>(i));
}

// A grid for `pieces` of work of one warp each, and shared memory beyond the default where a kernel needs it.
unsigned blocks_for(int64_t pieces) {
  return static_cast<unsigned>(std::clamp<int64_t>(ceil_div(pieces, kWarps), 1, int64_t{processors()} * kBlocksPerProcessor));
}
double bytes_of(const Projection& p) {
  double bytes = 0;
  for (int m = 0; m < p.n; ++m) bytes += p.w[m].bytes(p.w[m].n_out);
  return bytes;
}
template <typename Kernel>
void allow_shared(Kernel* kernel, size_t bytes) {
  if (bytes > 48 * 1024)
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes)), "cudaFuncSetAttribute");
}

}  // namespace

void project(const Projection& p, const float* x, const Norm& norm, cudaStream_t stream) {
  bool whole = false;
  for (int m = 0; m < p.n; ++m) whole = whole || p.w[m].whole_numbers();
  const size_t bytes = row_input_bytes(p.w[0].n_in, whole);
  allow_shared(project_kernel<false>, bytes);
  launch_after({p.add ? "project_add" : "project", bytes_of(p)}, project_kernel<false>, blocks_for(pairs_of(p)), kThreads, bytes, stream, p, Routing{}, x, norm, whole);
}

void project_and_route(const Projection& p, const Routing& routing, const float* x, const Norm& norm, cudaStream_t stream) {
  bool whole = false;
  for (int m = 0; m < p.n; ++m) whole = whole || p.w[m].whole_numbers();
  const size_t bytes = row_input_bytes(p.w[0].n_in, whole) + static_cast<size_t>(routing.settings.n_experts) * 3 * sizeof(float);
  allow_shared(project_kernel<true>, bytes);
  launch_after({"project_and_route", bytes_of(p)}, project_kernel<true>, blocks_for(pairs_of(p)), kThreads, bytes, stream, p, routing, x, norm, whole);
}

void gate_up(const GateUp& g, const float* x, const Norm& norm, cudaStream_t stream) {
  const bool whole = g.gate.whole_numbers();
  const size_t bytes = row_input_bytes(g.gate.n_in, whole);
  allow_shared(gate_up_kernel, bytes);
  launch_after({"gate_up", 2 * g.gate.bytes(g.k * g.gate.n_out)}, gate_up_kernel, blocks_for(g.k * g.gate.n_out), kThreads, bytes, stream, g, x, norm, whole);
}

void down(const Down& d, float* hidden, cudaStream_t stream) {
  const bool whole = d.down.whole_numbers() || (d.shared_down && d.shared_down.whole_numbers());
  const size_t bytes = row_input_bytes(d.k * d.down.n_in + (d.shared_down ? d.shared_down.n_in : 0), whole);
  const double moved = d.down.bytes(d.k * d.down.n_out) + (d.shared_down ? d.shared_down.bytes(d.shared_down.n_out) : 0);
  // Two rows a warp keep more reads in flight, where there are rows enough for every processor.
  if (d.down.n_out >= int64_t{processors()} * kWarps * 2) {
    allow_shared(down_kernel<2>, bytes);
    launch_after({"down", moved}, down_kernel<2>, blocks_for(ceil_div(d.down.n_out, 2)), kThreads, bytes, stream, d, hidden, whole);
  } else {
    allow_shared(down_kernel<1>, bytes);
    launch_after({"down", moved}, down_kernel<1>, blocks_for(d.down.n_out), kThreads, bytes, stream, d, hidden, whole);
  }
}

void begin_token(const Matrix& table, const Turns& turns, const StepState* state, float* x, Turn* out, cudaStream_t stream) {
  const int64_t n = std::max<int64_t>(table.n_in, turns.n_pairs);
  // The chain's first: nothing comes before it but a copy.
  begin_kernel<<<static_cast<unsigned>(ceil_div(n, 256)), 256, 0, stream>>>(table, turns, state, x, out);
  check_launch("begin_token");
  if (Recorder* recorder = Recorder::active()) recorder->add("begin_token", stream);
}

}  // namespace engine::cuda
