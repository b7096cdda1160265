// SPDX-License-Identifier: Apache-2.0
// engine/cuda/step_linear.cuh: the linear layers of a step. A warp takes a few rows at a time; each block prepares the
// input for itself, which costs less than another barrier.
#pragma once
#include "engine/cuda/step_block.cuh"

namespace engine::cuda {

__device__ inline void begin_op(const BeginOp& op, const StepState& state) {
  const int at = static_cast<int>(blockIdx.x) * kStepThreads + static_cast<int>(threadIdx.x),
            all = static_cast<int>(gridDim.x) * kStepThreads;
  for (int64_t i = at; i < op.table.n_in; i += all) {
    const float value = matrix_value(op.table, state.token, i);
    for (int copy = 0; copy < op.copies; ++copy) op.x[copy * op.table.n_in + i] = value;
  }
  for (int i = at; i < op.turns.n_pairs; i += all) op.out[i] = turn_of(op.turns, state.position, i);
  for (int i = at; i < op.more_turns.n_pairs; i += all) op.more_out[i] = turn_of(op.more_turns, state.position, i);
}

// Where row `row` of the layers one after the other is.
__device__ __forceinline__ int layer_of(const ProjectOp& op, int& row) {
  int m = 0;
  while (m + 1 < op.n && row >= op.w[m].n_out) row -= static_cast<int>(op.w[m].n_out), ++m;
  return m;
}

// R divides the height of each layer but the last.
template <unsigned kFormats, int R>
__device__ __forceinline__ void project_rows(const ProjectOp& op, int rows, char* memory, float scale, int lane) {
#pragma unroll 1
  for (int first = step_warp() * R; first < rows; first += step_warps() * R) {
    int row = first;
    const int m = layer_of(op, row);
    const Matrix& w = op.w[m];
    const int there = min(R, static_cast<int>(w.n_out) - row);
    // Of a last row without its neighbours, the same one R times.
    float4 sum;
    if constexpr (R == 1)
      sum = few_rows_times_input<kFormats, 1>(&w, row, 0, memory, 32);
    else
      sum = rows_times_input<kFormats, R>(&w, row, there == R ? R / 2 : 0, memory, 32);
    float value = lane == 0 || there < R ? sum.x : lane == R / 2 ? sum.y : lane == 1 ? sum.z : sum.w;
    if (lane >= (there == R ? R : 1)) continue;
    value *= scale;
    if (op.bias[m]) value += op.bias[m][row + lane];
    if (op.add) value += __ldcg(op.y[m] + row + lane);
    op.y[m][row + lane] = value;
  }
}

template <unsigned kFormats>
__device__ inline void project_op(const ProjectOp& op, char* memory) {
  const int n_in = static_cast<int>(op.w[0].n_in), lane = threadIdx.x % 32;
  const float scale = prepare_for<kFormats>(op.x, n_in, op.norm, op.whole, memory);
  constexpr unsigned kWideFormats = kFormats == kHasF32 ? kFormats : kFormats & ~kHasF32;
  if constexpr (kFormats & kHasWhole) {
    if (op.at_once == 4) return project_rows<kWideFormats, 4>(op, op.rows, memory, scale, lane);
  }
  if constexpr (!(kFormats & kHasWhole) || kFormats == kHasAll) {
    if (op.at_once == 2) return project_rows<kWideFormats, 2>(op, op.rows, memory, scale, lane);
  }
  project_rows<kFormats, 1>(op, op.rows, memory, scale, lane);
}

// The formats of layers that are f32 only where all is.
template <unsigned kFormats>
inline constexpr unsigned kLayerFormats = kFormats == kHasF32 || kFormats == kHasAll ? kFormats : kFormats & ~kHasF32;

// `chosen`: shared, none of the step's stamps to begin with; `stamp` once the ids are there.
template <unsigned kFormats>
__device__ inline void gate_up_op(const GateUpOp& op, const StepState& state, char* memory, volatile int& chosen,
                                  int stamp) {
  constexpr int kTeam = kStepThreads - 32;
  const bool routed = op.gate.quants != nullptr, shared = op.shared_gate.quants != nullptr;
  const int n_in = static_cast<int>(routed ? op.gate.n_in : op.shared_gate.n_in);
  const bool whole = is_whole(op.gate) || is_whole(op.shared_gate);
  float* logits = reinterpret_cast<float*>(memory + row_input_bytes(n_in, whole));
  const int n_experts = routed ? op.router.n_experts : 0, k = routed ? op.router.n_experts_used : 0;
  float* weights = logits + 3 * n_experts;
  int32_t* ids = reinterpret_cast<int32_t*>(weights + k);
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int shared_width = shared ? static_cast<int>(op.shared_gate.n_out) : 0,
            width = routed ? static_cast<int>(op.gate.n_out) : 1;
  constexpr int P = kFormats & kHasWhole ? 2 : 1;
  __shared__ float scale_of_input;
  // The last warp chooses the experts while the others prepare the input and begin with the shared expert.
  float scale = 1.0f;
  if (warp < kTeam / 32) {
    scale = prepare_for<kFormats>(op.x, n_in, op.norm, whole, memory, kTeam);
    if (threadIdx.x == 0) scale_of_input = scale;
    arrive_at_barrier_of<kInputBarrier>(kStepThreads);
  } else {
    if (routed) {
      for (int e = lane; e < n_experts; e += 32) logits[e] = __ldcg(op.logits + e);
      __syncwarp();
      route_token(op.router, logits, op.selection_bias,
                  op.experts_of ? op.experts_of + int64_t{state.token} * k : nullptr, lane, logits + n_experts, ids,
                  weights);
      __syncwarp();
      if (blockIdx.x == 0)
        for (int i = lane; i < k; i += 32) op.ids[i] = ids[i], op.weights[i] = weights[i];
      __threadfence_block();
      if (lane == 0) chosen = stamp;
    }
    barrier_of<kInputBarrier>(kStepThreads);  // the input is there
    scale = scale_of_input;
  }
  // Items: a gate's row with up's (of whole numbers two of each), of the shared expert, then of the chosen ones, whose
  // ids are waited for only then. P divides the widths, which are multiples of 8.
  const int items = shared_width + (routed ? k * width : 0);
  bool waited = false;
#pragma unroll 1
  for (int i = step_warp() * P; i < items; i += step_warps() * P) {
    const bool own = i < shared_width;
    if (!own && !waited) {
      await_value(chosen, stamp);
      __threadfence_block();
      waited = true;
    }
    const int at = i - shared_width, slot = own ? 0 : at / width, f = own ? i : at - slot * width;
    const int64_t row = own ? f : static_cast<int64_t>(ids[slot]) * width + f;
    const Matrix& gate = own ? op.shared_gate : op.gate;
    const float4 sum =
        rows_times_input<kLayerFormats<kFormats>, 2 * P>(&gate, row, gate.n_experts * gate.n_out, memory, 32);
    if (lane >= P) continue;
    float g = (lane == 0 ? sum.x : sum.z) * scale, u = (lane == 0 ? sum.y : sum.w) * scale;
    if (!own && op.gate_bias) g += op.gate_bias[row + lane], u += op.up_bias[row + lane];
    op.h[(own ? (routed ? k * width : 0) + i : at) + lane] = gated(op.form, g, u);
  }
}

inline constexpr int kMaxRuns = 16;  // that the shared expert is cut into

// A part of a result row's products: rows of one expert, or a run of columns of the shared one.
struct Segment {
  const void *quants, *scales, *offsets;
  int64_t first_piece;  // of row 0
  int row_pieces;
  float weight;
  bool wide_scales;
};
__device__ __forceinline__ Segment segment_of(const Matrix& w, int64_t first_piece, float weight) {
  return {w.quants, w.scales, w.offsets, first_piece, pieces_of_row(w), weight, w.wide_scales};
}

// Segments [from, to) of `per_segment` pieces each, all of the format of `w`, as one run of pieces that the lanes
// share.
template <unsigned kBit>
__device__ __forceinline__ float down_row(const Matrix& w, const Segment* segments, int from, int to, int per_segment,
                                          int row, const RowInput& in, int lane) {
  constexpr int U = 8;
  float sum = 0.0f;
  int segment = from, within = lane;
  const int pieces = (to - from) * per_segment;
#pragma unroll 1
  for (int k0 = lane; k0 < pieces; k0 += 32 * U) {
    Piece p[U];
    float weight[U];
#pragma unroll
    for (int u = 0; u < U; ++u) {
      while (within >= per_segment) within -= per_segment, ++segment;
      const bool there = k0 + u * 32 < pieces;
      const Segment& s = segments[there ? segment : to - 1];
      weight[u] = there ? s.weight : 0.0f;
      p[u] = load_piece<kBit>(s, s.first_piece + static_cast<int64_t>(row) * s.row_pieces + (there ? within : 0));
      within += 32;
    }
#pragma unroll
    for (int u = 0; u < U; ++u) sum = fmaf(weight[u], dot_piece<kBit>(w, p[u], in, min(k0 + u * 32, pieces - 1)), sum);
  }
  return sum;
}

template <unsigned kFormats>
__device__ inline void down_op(const DownOp& op, char* memory) {
  const bool shared = op.shared_down.quants != nullptr;
  const int width = op.k > 0 ? static_cast<int>(op.down.n_in) : 0,
            shared_width = shared ? static_cast<int>(op.shared_down.n_in) : 0;
  const int n_out = static_cast<int>(op.k > 0 ? op.down.n_out : op.shared_down.n_out), lane = threadIdx.x % 32;
  const int all = op.k * width + shared_width;
  const bool whole = is_whole(op.down) || is_whole(op.shared_down);
  const RowInput in = row_input_at(memory, all);
  Segment* segments = reinterpret_cast<Segment*>(memory + row_input_bytes(all, whole));
  // The shared expert is often as wide as a few others: then it is so many runs, and all of the row is one run of
  // pieces.
  const bool alike = shared && op.k > 0 && shared_width % width == 0 && shared_width / width <= kMaxRuns &&
                     op.down.format == op.shared_down.format && op.down.nibbles == op.shared_down.nibbles &&
                     op.down.bf16_scales == op.shared_down.bf16_scales &&
                     (op.down.offsets != nullptr) == (op.shared_down.offsets != nullptr);
  const int runs = !shared ? 0 : alike ? shared_width / width : 1, thread = threadIdx.x;
  if (thread < op.k) {
    segments[thread] =
        segment_of(op.down, static_cast<int64_t>(__ldcg(op.ids + thread)) * n_out * pieces_of_row(op.down),
                   __ldcg(op.weights + thread));
  } else if (thread < op.k + runs) {
    segments[thread] =
        segment_of(op.shared_down, static_cast<int64_t>(thread - op.k) * (pieces_of_row(op.shared_down) / runs), 1.0f);
  }
  prepare_for<kFormats>(op.h, all, Norm{}, whole, memory);
  const int passes = op.k > 0 && shared && !alike ? 2 : 1;
#pragma unroll 1
  for (int row = step_warp(); row < n_out; row += step_warps()) {
    float sum[1] = {0.0f};
#pragma unroll 1
    for (int pass = 0; pass < passes; ++pass) {
      const bool own = op.k == 0 || pass == 1;  // the shared expert's alone
      const Matrix& w = own ? op.shared_down : op.down;
      const int from = own ? op.k : 0, to = passes == 2 && !own ? op.k : op.k + runs;
      with_format<kLayerFormats<kFormats>>(w, [&]<unsigned kBit>() {
        sum[0] +=
            down_row<kBit>(w, segments, from, to, pieces_of_row(w), row, input_from(in, own ? op.k * width : 0), lane);
      });
    }
    if (op.bias && lane < op.k)
      sum[0] = fmaf(segments[lane].weight, op.bias[static_cast<int64_t>(__ldcg(op.ids + lane)) * n_out + row], sum[0]);
    add_lanes(sum);
    if (lane == 0) op.hidden[row] = op.alone ? sum[0] : __ldcg(op.hidden + row) + sum[0];
  }
}

}  // namespace engine::cuda
