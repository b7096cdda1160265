// SPDX-License-Identifier: Apache-2.0
// engine/cuda/step_linear.cuh: the linear layers of a step. A warp takes a row, or two, at a time, and always has the next batch
// of weights under way, the first one while the block prepares the input. Each block prepares it for itself, which costs less
// than another barrier.
#pragma once
#include "engine/cuda/step_block.cuh"

namespace engine::cuda {

__device__ __noinline__ void begin_op(const BeginOp& op, const StepState& state) {
  const int at = static_cast<int>(blockIdx.x) * kStepThreads + static_cast<int>(threadIdx.x), all = static_cast<int>(gridDim.x) * kStepThreads;
  for (int64_t i = at; i < op.table.n_in; i += all) op.x[i] = matrix_value(op.table, state.token, i);
  for (int i = at; i < op.turns.n_pairs; i += all) op.out[i] = turn_of(op.turns, state.position, i);
}

// Where a warp is in its share of the work: R rows of a matrix, from piece `k` on. A row of the result may be the sum of several
// segments.
template <int R>
struct Cursor {
  const Matrix* w = nullptr;
  int64_t row[R] = {};
  int item = 0, segment = 0, k = 0;  // k: of lane 0
};

// Runs a warp's share. `work` says what there is: start(cursor) and next_segment(cursor) move to a segment and say whether there is
// one; input(cursor) is its input; add(cursor, sum) takes a segment's sums, each lane's own; store(cursor) ends an item.
// `prepare` makes the input ready, with barriers of the block: every warp calls it, once.
template <int R, typename Work, typename Prepare>
__device__ __forceinline__ void run_rows(Work& work, int lane, const Prepare& prepare) {
  Cursor<R> at;
  RawBatch<R> raw;
  bool there = work.start(at);
  if (there) load_batch(*at.w, at.row, lane, 32, raw);
  prepare();
  float sum[R] = {};
  while (there) {
    Cursor<R> then = at;
    then.k += 32 * pieces_of_batch<R>(*at.w);
    const bool ends = then.k >= pieces_of_row(*at.w);
    const bool more = !ends || work.next_segment(then);
    RawBatch<R> coming;
    if (more) load_batch(*then.w, then.row, then.k + lane, 32, coming);
    use_batch(*at.w, work.input(at), raw, at.k + lane, 32, sum);
    if (ends) {
      work.add(at, sum);
#pragma unroll
      for (int r = 0; r < R; ++r) sum[r] = 0.0f;
      if (!more || then.item != at.item) work.store(at);
    }
    at = then;
    raw = coming;
    there = more;
  }
}

// Whether a warp should take two rows at a time: more reads under way, where it leaves no warps without work.
__device__ __forceinline__ bool takes_pairs(int rows) {
  const int warps = step_warps(), singles = (rows + warps - 1) / warps, pairs = 2 * (((rows + 1) / 2 + warps - 1) / warps);
  return 8 * pairs <= 9 * singles;
}

template <int R>
struct ProjectWork {
  const ProjectOp& op;
  RowInput in;
  int rows, lane;
  float total[R] = {};

  __device__ bool seek(Cursor<R>& c) {
    if (c.item * R >= rows) return false;
    int m = 0, row = c.item * R;
    while (m + 1 < op.n && row >= op.w[m].n_out) row -= static_cast<int>(op.w[m].n_out), ++m;
    c.w = &op.w[m];
    c.segment = m;
    c.k = 0;
#pragma unroll
    for (int r = 0; r < R; ++r) c.row[r] = min(row + r, static_cast<int>(op.w[m].n_out) - 1);
    return true;
  }
  __device__ bool start(Cursor<R>& c) {
    c.item = step_warp();
    return seek(c);
  }
  __device__ bool next_segment(Cursor<R>& c) {
    c.item += step_warps();
    return seek(c);
  }
  __device__ const RowInput& input(const Cursor<R>&) const { return in; }
  __device__ void add(const Cursor<R>&, float (&sum)[R]) {
#pragma unroll
    for (int r = 0; r < R; ++r) total[r] = sum[r];
  }
  __device__ void store(const Cursor<R>& c) {
    add_lanes(total);
    const int m = c.segment;
#pragma unroll
    for (int r = 0; r < R; ++r)
      if (lane == r && (r == 0 || c.row[r] != c.row[0])) {
        const int64_t row = c.row[r];
        float value = total[r];
        if (op.bias[m]) value += op.bias[m][row];
        if (op.add) value += __ldcg(op.y[m] + row);
        op.y[m][row] = value;
      }
  }
};

__device__ __noinline__ void project_op(const ProjectOp& op, char* memory) {
  const int n_in = static_cast<int>(op.w[0].n_in), lane = threadIdx.x % 32;
  bool whole = false, even = true;  // pairs may not reach over the end of a layer
  int rows = 0;
  for (int m = 0; m < op.n; ++m) {
    whole = whole || is_whole(op.w[m]);
    rows += static_cast<int>(op.w[m].n_out);
    even = even && (op.w[m].n_out % 2 == 0 || m + 1 == op.n);
  }
  const RowInput in = row_input_at(memory, n_in);
  const auto prepare = [&] { prepare_input<kStepThreads>(op.x, n_in, op.norm, whole, in); };
  if (even && takes_pairs(rows)) {
    ProjectWork<2> work{op, in, rows, lane};
    run_rows<2>(work, lane, prepare);
  } else {
    ProjectWork<1> work{op, in, rows, lane};
    run_rows<1>(work, lane, prepare);
  }
}

// Items: pairs of a gate's row and up's, those of the shared expert or those of the chosen ones.
struct GateUpWork {
  const GateUpOp& op;
  RowInput in;
  const int32_t* ids;  // null: the shared expert
  int width, items, lane;
  float* h;
  float total[2] = {};

  __device__ bool seek(Cursor<2>& c) const {
    if (c.item >= items) return false;
    c.k = 0;
    if (!ids) {
      c.w = &op.shared_gate;
      c.row[0] = c.item, c.row[1] = width + c.item;
      return true;
    }
    const int slot = c.item / width, f = c.item - slot * width;
    c.w = &op.gate;
    c.row[0] = static_cast<int64_t>(ids[slot]) * width + f;
    c.row[1] = op.gate.n_experts * width + c.row[0];
    return true;
  }
  __device__ bool start(Cursor<2>& c) const {
    c.item = step_warp();
    return seek(c);
  }
  __device__ bool next_segment(Cursor<2>& c) const {
    c.item += step_warps();
    return seek(c);
  }
  __device__ const RowInput& input(const Cursor<2>&) const { return in; }
  __device__ void add(const Cursor<2>&, const float (&sum)[2]) { total[0] = sum[0], total[1] = sum[1]; }
  __device__ void store(const Cursor<2>& c) {
    add_lanes(total);
    if (lane != 0) return;
    if (ids && op.gate_bias) total[0] += op.gate_bias[c.row[0]], total[1] += op.up_bias[c.row[0]];
    h[c.item] = gated(op.form, total[0], total[1]);
  }
};

__device__ __noinline__ void gate_up_op(const GateUpOp& op, char* memory) {
  constexpr int kTeam = kStepThreads - 32;
  const bool routed = op.gate.quants != nullptr, shared = op.shared_gate.quants != nullptr;
  const int n_in = static_cast<int>(routed ? op.gate.n_in : op.shared_gate.n_in);
  const bool whole = is_whole(op.gate) || is_whole(op.shared_gate);
  const RowInput in = row_input_at(memory, n_in);
  float* logits = reinterpret_cast<float*>(memory + row_input_bytes(n_in, whole));
  const int n_experts = routed ? op.router.n_experts : 0, k = routed ? op.router.n_experts_used : 0;
  float* weights = logits + 3 * n_experts;
  int32_t* ids = reinterpret_cast<int32_t*>(weights + k);
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int width = routed ? static_cast<int>(op.gate.n_out) : 0, shared_width = shared ? static_cast<int>(op.shared_gate.n_out) : 0;
  // The last warp chooses the experts while the others prepare the input.
  const auto prepare = [&] {
    if (warp < kTeam / 32) {
      prepare_input<kTeam>(op.x, n_in, op.norm, whole, in);
    } else if (routed) {
      for (int e = lane; e < n_experts; e += 32) logits[e] = __ldcg(op.logits + e);
      __syncwarp();
      route_token(op.router, logits, op.selection_bias, lane, logits + n_experts, ids, weights);
      __syncwarp();
      if (blockIdx.x == 0)
        for (int i = lane; i < k; i += 32) op.ids[i] = ids[i], op.weights[i] = weights[i];
    }
    __syncthreads();
  };
  if (shared) {
    GateUpWork work{op, in, nullptr, shared_width, shared_width, lane, op.h + k * width};
    run_rows<2>(work, lane, prepare);
  } else {
    prepare();
  }
  if (routed) {
    GateUpWork work{op, in, ids, width, k * width, lane, op.h};
    run_rows<2>(work, lane, [] {});
  }
}

// A row of the result: the shared expert's segment, then those of the chosen experts.
template <int R>
struct DownWork {
  const DownOp& op;
  RowInput in;
  int n_out, width, lane;
  int32_t id;     // of the expert number `lane`
  float weight;
  float total[R] = {};

  __device__ bool seek(Cursor<R>& c) const {
    const int row = c.item * R;
    if (row >= n_out) return false;
    c.k = 0;
    const bool shared = c.segment == op.k;
    const int64_t base = shared ? 0 : static_cast<int64_t>(__shfl_sync(~0U, id, c.segment)) * n_out;
    c.w = shared ? &op.shared_down : &op.down;
#pragma unroll
    for (int r = 0; r < R; ++r) c.row[r] = base + min(row + r, n_out - 1);
    return true;
  }
  __device__ int first_segment() const { return op.shared_down.quants ? op.k : 0; }
  __device__ bool start(Cursor<R>& c) const {
    c.item = step_warp();
    c.segment = first_segment();
    return seek(c);
  }
  __device__ bool next_segment(Cursor<R>& c) const {
    // op.k (the shared one), 0, 1, ..., op.k - 1
    const int next = c.segment == op.k ? 0 : c.segment + 1;
    if (next < op.k) c.segment = next;
    else c.item += step_warps(), c.segment = first_segment();
    return seek(c);
  }
  __device__ RowInput input(const Cursor<R>& c) const { return input_from(in, c.segment * width); }
  __device__ void add(const Cursor<R>& c, float (&sum)[R]) {
    const float scale = c.segment == op.k ? 1.0f : __shfl_sync(~0U, weight, c.segment);
#pragma unroll
    for (int r = 0; r < R; ++r) {
      if (op.bias && c.segment < op.k && lane == 0) sum[r] += op.bias[c.row[r]];
      total[r] = fmaf(scale, sum[r], total[r]);
    }
  }
  __device__ void store(const Cursor<R>& c) {
    add_lanes(total);
#pragma unroll
    for (int r = 0; r < R; ++r) {
      const int row = c.item * R + r;
      if (lane == r && row < n_out) op.hidden[row] = __ldcg(op.hidden + row) + total[r];
      total[r] = 0.0f;
    }
  }
};

__device__ __noinline__ void down_op(const DownOp& op, char* memory) {
  const int width = op.k > 0 ? static_cast<int>(op.down.n_in) : 0, shared = op.shared_down.quants ? static_cast<int>(op.shared_down.n_in) : 0;
  const int n_out = static_cast<int>(op.k > 0 ? op.down.n_out : op.shared_down.n_out), lane = threadIdx.x % 32;
  const int32_t id = lane < op.k ? __ldcg(op.ids + lane) : 0;
  const float weight = lane < op.k ? __ldcg(op.weights + lane) : 0.0f;
  const RowInput in = row_input_at(memory, op.k * width + shared);
  const auto prepare = [&] {
    prepare_input<kStepThreads>(op.h, op.k * width + shared, Norm{}, is_whole(op.down) || is_whole(op.shared_down), in);
  };
  if (takes_pairs(n_out)) {
    DownWork<2> work{op, in, n_out, width, lane, id, weight};
    run_rows<2>(work, lane, prepare);
  } else {
    DownWork<1> work{op, in, n_out, width, lane, id, weight};
    run_rows<1>(work, lane, prepare);
  }
}

}  // namespace engine::cuda
