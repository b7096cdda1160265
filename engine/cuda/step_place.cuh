// SPDX-License-Identifier: Apache-2.0
// engine/cuda/step_place.cuh: DeepSeek-V4 between the projections of an attention and its scores: queries are made
// ready, the token's key and its parts go to the cache, and the entries that it completes are made; and the grouped
// output behind it.
#pragma once
#include "engine/cuda/step_choice.cuh"

namespace engine::cuda {

// The pairs at the end of `row` [width], by a warp.
__device__ __forceinline__ void turn_end(float* row, int width, const Turn* turns, int n_turns, int lane) {
  float* end = row + width - 2 * n_turns;
  for (int i = lane; i < n_turns; i += 32) {
    const float x = end[2 * i], y = end[2 * i + 1];
    const Turn t = __ldcg(turns + i);
    end[2 * i] = x * t.x - y * t.y;
    end[2 * i + 1] = x * t.y + y * t.x;
  }
  __syncwarp();
}

// A warp a row: queries, index queries, the key.
__device__ inline void place_row(const PlaceOp& op, const StepState& state, const LayerPlace& place, int job,
                                 float* row) {
  const int lane = threadIdx.x % 32, index_heads = op.index_q ? op.index_heads : 0;
  const bool is_query = job < op.n_heads, is_key = job == op.n_heads + index_heads;
  const int width = is_query || is_key ? op.d : op.index_width;
  float* from = is_query ? op.q + static_cast<int64_t>(job) * op.d
                         : op.index_q + static_cast<int64_t>(job - op.n_heads) * op.index_width;
  const float* source = is_key ? op.k : from;
  float squares = 0.0f;
  __syncwarp();
  for (int i = lane; i < width; i += 32) {
    const float v = __ldcg(source + i);
    row[i] = v;
    squares += v * v;
  }
  __syncwarp();
  if (is_key || (is_query && op.norm_queries)) {
    const float scale = rsqrtf(sum_of_warp(squares) / static_cast<float>(width) + op.eps);
    for (int i = lane; i < width; i += 32) row[i] *= is_key ? scale * op.k_gain[i] : scale;
    __syncwarp();
  }
  turn_end(row, width, op.turns, op.n_turns, lane);
  if (is_key) {
    char* to = static_cast<char*>(state.cache) + place.keys +
               state.position % place.key_rows * op.d * (op.float_cache ? 4 : 2);
    for (int i = lane; i < op.d; i += 32) put_cached(to, i, op.float_cache, row[i]);
  } else {
    for (int i = lane; i < width; i += 32) from[i] = is_query ? row[i] * op.scale : row[i];
  }
}

// One block: keeps the token's parts, and makes the entry that it completes. `entry` [width], shared.
__device__ inline void compress(const PlaceOp& op, const StepState& state, const LayerPlace& place,
                                const CompressorOp& c, bool index, float* entry) {
  __shared__ float partial[kStepWarps];
  const int m = op.ratio, all = c.series * c.width, at = state.position % m, thread = threadIdx.x;
  char* base = static_cast<char*>(state.cache);
  float* parts = reinterpret_cast<float*>(base + (index ? place.index_parts : place.parts));
  const auto part_of = [&](int64_t position) { return parts + position % place.part_rows * (2 * all); };
  float* own = part_of(state.position);
  for (int i = thread; i < all && op.half != PlaceOp::Half::kEntries; i += kStepThreads) {
    own[i] = __ldcg(c.values + i);
    own[all + i] = __ldcg(c.gates + i) + (c.place ? c.place[static_cast<int64_t>(at) * all + i] : 0.0f);
  }
  if (at != m - 1 || op.half == PlaceOp::Half::kParts) return;
  __syncthreads();
  const int64_t first = int64_t{state.position} + 1 - m;
  const int64_t begin = c.series == 2 ? max(int64_t{0}, first - m) : first;
  // A token's first series is for the entry after its own.
  const auto series_at = [&](int64_t s) { return c.series == 2 && s >= first ? c.width : 0; };
  float squares = 0.0f;
  for (int i = thread; i < c.width; i += kStepThreads) {
    float top = -INFINITY, total = 0.0f, sum = 0.0f;
    for (int64_t s = begin; s <= state.position; ++s) top = fmaxf(top, __ldcg(part_of(s) + all + series_at(s) + i));
    for (int64_t s = begin; s <= state.position; ++s) {
      const float weight = expf(__ldcg(part_of(s) + all + series_at(s) + i) - top);
      total += weight;
      sum = fmaf(weight, __ldcg(part_of(s) + series_at(s) + i), sum);
    }
    const float value = sum / total;
    entry[i] = value;
    squares += value * value;
  }
  squares = sum_of_warp(squares);
  if (thread % 32 == 0) partial[thread / 32] = squares;
  __syncthreads();
  float sum = 0.0f;
  for (int w = 0; w < kStepWarps; ++w) sum += partial[w];
  const float scale = rsqrtf(sum / static_cast<float>(c.width) + op.eps);
  const int start = c.width - 2 * op.entry_turns.n_pairs;
  char* to = base + (index ? place.index_entries : place.entries) + first / m * c.width * (op.float_cache ? 4 : 2);
  for (int i = thread * 2; i < c.width; i += kStepThreads * 2) {
    float x = entry[i] * scale * c.gain[i], y = entry[i + 1] * scale * c.gain[i + 1];
    if (i >= start) {
      const Turn t = turn_of(op.entry_turns, first, (i - start) / 2);
      const float a = x;
      x = a * t.x - y * t.y;
      y = a * t.y + y * t.x;
    }
    put_cached(to, i, op.float_cache, x);
    put_cached(to, i + 1, op.float_cache, y);
  }
  __syncthreads();
}

// The last blocks make entries, so that they begin with them; all take rows.
__device__ inline void place_op(const PlaceOp& op, const StepState& state, char* memory) {
  const LayerPlace place = static_cast<const LayerPlace*>(state.cache)[op.layer];
  float* rows = reinterpret_cast<float*>(memory);
  const int last = static_cast<int>(gridDim.x) - 1, block = static_cast<int>(blockIdx.x);
  if (op.entries.width > 0 && block == last) compress(op, state, place, op.entries, false, rows);
  if (op.index_entries.width > 0 && block == max(0, last - 1)) compress(op, state, place, op.index_entries, true, rows);
  if (op.half == PlaceOp::Half::kEntries) return;
  __syncthreads();
  const int jobs = op.n_heads + (op.index_q ? op.index_heads : 0) + 1;
  const int widest = max(op.d, op.index_width);
  for (int job = step_warp(); job < jobs; job += step_warps())
    place_row(op, state, place, job, rows + static_cast<int>(threadIdx.x) / 32 * widest);
}

// Pieces of work: (group, part of its rows).
template <unsigned kFormats>
__device__ inline void grouped_out_op(const GroupedOutOp& op, char* memory) {
  const int n_in = static_cast<int>(op.w.n_in), rank = static_cast<int>(op.w.n_out) / op.n_groups,
            parts = max(1, static_cast<int>(gridDim.x) / op.n_groups), warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  for (int item = blockIdx.x; item < op.n_groups * parts; item += gridDim.x) {
    const int group = item / parts, part = item % parts;
    __syncthreads();
    prepare_for<kFormats>(op.x + static_cast<int64_t>(group) * n_in, n_in, Norm{}, is_whole(op.w), memory);
    for (int r = part * kStepWarps + warp; r < rank; r += parts * kStepWarps) {
      const int row = group * rank + r;
      const float4 sum = few_rows_times_input<kFormats, 1>(&op.w, row, 0, memory, 32);
      if (lane == 0) op.y[row] = sum.x;
    }
  }
}

}  // namespace engine::cuda
