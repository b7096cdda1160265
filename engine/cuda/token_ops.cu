// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "engine/cuda/launch.h"
#include "engine/cuda/step_linear.cuh"
#include "engine/cuda/step_merge.cuh"
#include "engine/cuda/step_place.cuh"
#include "engine/cuda/step_streams.cuh"
#include "engine/cuda/token_ops.h"

namespace engine::cuda {
namespace {

// An operator for token t: its rows are further on.
__device__ inline BeginOp of_token(BeginOp op, int64_t t) {
  op.x += t * op.copies * op.table.n_in;
  op.out += t * op.turns.n_pairs;
  if (op.more_out) op.more_out += t * op.more_turns.n_pairs;
  return op;
}
__device__ inline LatentQueryOp of_token(LatentQueryOp op, int64_t t) {
  op.q += t * op.n_heads * (op.nope + op.rope);
  op.kv += t * (op.latent + op.rope);
  op.turns += t * (op.rope / 2);
  op.queries += t * op.n_heads * (op.latent + op.rope);
  return op;
}
__device__ inline GroupedQueryOp of_token(GroupedQueryOp op, int64_t t) {
  op.q += t * op.n_heads * op.d;
  op.k += t * op.n_kv_heads * op.d;
  op.v += t * op.n_kv_heads * op.d;
  op.turns += t * (op.rotated / 2);
  return op;
}
__device__ inline AttentionOp of_token(AttentionOp op, int64_t t) {
  op.q += t * op.n_heads * op.dk;
  op.partial += t * kMaxPieces * op.n_heads * (op.dv + 2);
  if (op.chosen) op.chosen += t * op.seen.most;
  return op;
}
__device__ inline MergeOp of_token(MergeOp op, int64_t t) {
  op.partial += t * kMaxPieces * op.n_heads * (op.dv + 2);
  if (op.turned) op.turned += t * op.n_turns;
  op.out += t * (op.w.quants ? op.w.n_out : static_cast<int64_t>(op.n_heads) * op.dv);
  return op;
}
__device__ inline IndexKeysOp of_token(IndexKeysOp op, int64_t t) {
  op.q += t * op.n_heads * op.width;
  op.k += t * op.width;
  op.turns += t * op.n_turns;
  return op;
}
__device__ inline IndexScoresOp of_token(IndexScoresOp op, int64_t t) {
  op.q += t * op.n_heads * op.width;
  op.weights += t * op.n_heads;
  return op;
}
__device__ inline ChooseOp of_token(ChooseOp op, int64_t t) {
  op.chosen += t * op.seen.most;
  return op;
}
__device__ inline GatherOp of_token(GatherOp op, int64_t t) {
  op.mixed += t * (op.head ? op.n_streams : (2 + op.n_streams) * op.n_streams);
  op.streams += t * op.n_streams * op.width;
  op.input += t * op.width;
  if (op.mix) op.mix += t;
  return op;
}
__device__ inline SpreadOp of_token(SpreadOp op, int64_t t) {
  op.mix += t;
  op.result += t * op.width;
  op.streams += t * op.n_streams * op.width;
  return op;
}
__device__ inline PlaceOp of_token(PlaceOp op, int64_t t) {
  op.q += t * op.n_heads * op.d;
  op.k += t * op.d;
  if (op.index_q) op.index_q += t * op.index_heads * op.index_width;
  op.turns += t * op.n_turns;
  const auto move = [t](CompressorOp& c) {
    c.values += t * c.series * c.width;
    c.gates += t * c.series * c.width;
  };
  if (op.entries.width > 0) move(op.entries);
  if (op.index_entries.width > 0) move(op.index_entries);
  return op;
}

template <unsigned kFormats>
__device__ inline void run_op(const BeginOp& op, const StepState& state, char*) {
  begin_op(op, state);
}
template <unsigned kFormats>
__device__ inline void run_op(const LatentQueryOp& op, const StepState& state, char* memory) {
  latent_query_op<kFormats>(op, state, memory);
}
template <unsigned kFormats>
__device__ inline void run_op(const GroupedQueryOp& op, const StepState& state, char* memory) {
  grouped_query_op(op, state, memory);
}
template <unsigned kFormats>
__device__ inline void run_op(const AttentionOp& op, const StepState& state, char* memory) {
  attention_op<kFormats, true>(op, state, memory);
}
template <unsigned kFormats>
__device__ inline void run_op(const MergeOp& op, const StepState& state, char* memory) {
  merge_op<kFormats, true>(op, state, memory);
}
template <unsigned kFormats>
__device__ inline void run_op(const IndexKeysOp& op, const StepState& state, char* memory) {
  index_keys_op(op, state, memory);
}
template <unsigned kFormats>
__device__ inline void run_op(const IndexScoresOp& op, const StepState& state, char* memory) {
  index_scores_op(op, state, memory);
}
template <unsigned kFormats>
__device__ inline void run_op(const ChooseOp& op, const StepState& state, char*) {
  choose_op(op, state);
}
template <unsigned kFormats>
__device__ inline void run_op(const GatherOp& op, const StepState&, char*) {
  gather_op(op);
}
template <unsigned kFormats>
__device__ inline void run_op(const SpreadOp& op, const StepState&, char*) {
  spread_op(op);
}
template <unsigned kFormats>
__device__ inline void run_op(const PlaceOp& op, const StepState& state, char* memory) {
  place_op(op, state, memory);
}

// Blocks beside each other share a token's work, tokens lie along y.
template <unsigned kFormats, typename What>
__global__ void __launch_bounds__(kStepThreads, 1)
    token_kernel(const __grid_constant__ What all, const StepState* states) {
  GRAFT_LAUNCHED_SHARED(char, memory, 1024);
  __shared__ StepState state;
  if (threadIdx.x == 0) state = states[blockIdx.y];
  __syncthreads();
  const What op = of_token(all, blockIdx.y);
  run_op<kFormats>(op, state, memory);
}

template <unsigned kFormats, typename What>
void start(const What& op, const StepState* states, int n, cudaStream_t stream) {
  constexpr auto kernel = token_kernel<kFormats, What>;
  static const cudaError_t allowed = allow_all_shared(kernel);
  check(allowed, "the shared memory of an operator over tokens");
  const auto blocks = static_cast<unsigned>(std::max<int64_t>(1, ceil_div(multiprocessors(), n)));
  launch("an operator over tokens", {{blocks, static_cast<unsigned>(n)}, kStepThreads, shared_bytes_of(op), stream},
         kernel, op, states);
}

}  // namespace

template <typename What>
void over_tokens(const What& op, const StepState* states, int n, bool exact, cudaStream_t stream) {
  if (n == 0) return;
  if (exact)
    start<kHasF32, What>(op, states, n, stream);
  else
    start<kHasF32 | kHasBF16, What>(op, states, n, stream);
}

template void over_tokens(const BeginOp&, const StepState*, int, bool, cudaStream_t);
template void over_tokens(const LatentQueryOp&, const StepState*, int, bool, cudaStream_t);
template void over_tokens(const GroupedQueryOp&, const StepState*, int, bool, cudaStream_t);
template void over_tokens(const AttentionOp&, const StepState*, int, bool, cudaStream_t);
template void over_tokens(const MergeOp&, const StepState*, int, bool, cudaStream_t);
template void over_tokens(const IndexKeysOp&, const StepState*, int, bool, cudaStream_t);
template void over_tokens(const IndexScoresOp&, const StepState*, int, bool, cudaStream_t);
template void over_tokens(const ChooseOp&, const StepState*, int, bool, cudaStream_t);
template void over_tokens(const GatherOp&, const StepState*, int, bool, cudaStream_t);
template void over_tokens(const SpreadOp&, const StepState*, int, bool, cudaStream_t);
template void over_tokens(const PlaceOp&, const StepState*, int, bool, cudaStream_t);

}  // namespace engine::cuda
