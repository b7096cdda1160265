// SPDX-License-Identifier: Apache-2.0
// engine/cuda/step_kernel.cuh: the kernel that runs a step's program. `kSparse`: with the operators of step_sparse.h.
#pragma once
#include "engine/cuda/step_linear.cuh"
#include "engine/cuda/step_merge.cuh"
#include "engine/cuda/step_place.cuh"
#include "engine/cuda/step_streams.cuh"

namespace engine::cuda {

// Every block of the device, `generation` times over.
__device__ __forceinline__ void device_barrier(unsigned* arrived, unsigned generation) {
  __syncthreads();
  if (threadIdx.x == 0) {
    release_count(arrived);
    await_count(arrived, gridDim.x * generation);
  }
  __syncthreads();
}

// A thread's piece of an operator, and where it belongs.
constexpr int kOpPieces = sizeof(Op) / 16;
static_assert(kOpPieces <= kStepThreads);
__device__ __forceinline__ int4 piece_of(const Op* op) {
  return threadIdx.x < kOpPieces ? __ldg(reinterpret_cast<const int4*>(op) + threadIdx.x) : int4{};
}
__device__ __forceinline__ void put_piece(Op& op, const int4& piece) {
  if (threadIdx.x < kOpPieces) reinterpret_cast<int4*>(&op)[threadIdx.x] = piece;
}

template <typename What>
__device__ __forceinline__ const What& what(const Op& op) {
  return *reinterpret_cast<const What*>(op.what);
}

template <unsigned kFormats>
__device__ inline void sparse_op(const Op& op, const StepState& state, char* memory) {
  switch (op.kind) {
    case OpKind::kIndexKeys:
      return index_keys_op(what<IndexKeysOp>(op), state, memory);
    case OpKind::kIndexScores:
      return index_scores_op(what<IndexScoresOp>(op), state, memory);
    case OpKind::kChoose:
      return choose_op(what<ChooseOp>(op), state);
    case OpKind::kGather:
      return gather_op(what<GatherOp>(op));
    case OpKind::kSpread:
      return spread_op(what<SpreadOp>(op));
    case OpKind::kPlace:
      return place_op(what<PlaceOp>(op), state, memory);
    case OpKind::kGroupedOut:
      return grouped_out_op<kFormats>(what<GroupedOutOp>(op), memory);
    default:
      return;
  }
}

template <unsigned kFormats, bool kSparse>
__global__ void __launch_bounds__(kStepThreads, 1)
    step_kernel(const Op* ops, int n_ops, const StepState* step, unsigned* arrived, long long* clocks) {
  GRAFT_LAUNCHED_SHARED(char, memory, 1024);
  __shared__ __align__(16) Op held[2];
  __shared__ StepState state;
  __shared__ volatile int chosen;
  if (threadIdx.x == 0) state = *step, chosen = 0;  // the last step may have left a stamp of this one's
  put_piece(held[0], piece_of(ops));
  __syncthreads();
  if (clocks && blockIdx.x == 0 && threadIdx.x == 0) clocks[0] = clock64();
  for (int i = 0; i < n_ops; ++i) {
    const Op& op = held[i & 1];
    const int4 next = piece_of(ops + min(i + 1, n_ops - 1));  // there by the end of this one
    switch (op.kind) {
      case OpKind::kBegin:
        begin_op(what<BeginOp>(op), state);
        break;
      case OpKind::kProject:
        project_op<kFormats>(what<ProjectOp>(op), memory);
        break;
      case OpKind::kLatentQuery:
        latent_query_op<kFormats>(what<LatentQueryOp>(op), state, memory);
        break;
      case OpKind::kGroupedQuery:
        grouped_query_op(what<GroupedQueryOp>(op), state, memory);
        break;
      case OpKind::kAttention:
        attention_op<kFormats, kSparse>(what<AttentionOp>(op), state, memory);
        break;
      case OpKind::kMerge:
        merge_op<kFormats, kSparse>(what<MergeOp>(op), state, memory);
        break;
      case OpKind::kGateUp:
        gate_up_op<kFormats>(what<GateUpOp>(op), state, memory, chosen, i + 1);
        break;
      case OpKind::kDown:
        down_op<kFormats>(what<DownOp>(op), memory);
        break;
      default:
        if constexpr (kSparse) sparse_op<kFormats>(op, state, memory);
        break;
    }
    if (i + 1 == n_ops) break;
    put_piece(held[(i + 1) & 1], next);
    device_barrier(arrived, static_cast<unsigned>(i) + 1);
    if (clocks && blockIdx.x == 0 && threadIdx.x == 0) clocks[i + 1] = clock64();
  }
  __syncthreads();
  if (clocks && blockIdx.x == 0 && threadIdx.x == 0) clocks[n_ops] = clock64();
}

}  // namespace engine::cuda
