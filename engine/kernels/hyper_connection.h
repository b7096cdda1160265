// SPDX-License-Identifier: Apache-2.0
// engine/kernels/hyper_connection.h: manifold-constrained hyper-connections (mHC): how S residual streams of one token
// are gathered for half a layer, and how its result is spread over them.
//
// Shapes   streams [S, D]; mix [(2 + S) S]: the streams' shared projection, normed; base as mix; scale [3]
// Steps    read_j = sigmoid(mix_j scale_0 + base_j) + eps         input = sum_j read_j streams_j
//          write_k = 2 sigmoid(mix_(S + k) scale_1 + base_(S + k))
//          carry = softmax of each row of (mix scale_2 + base) as [S, S], + eps, then brought near a doubly stochastic
//          matrix by `rounds` divisions by the columns' sums, each but the first behind one by the rows' sums
//          streams'_k = write_k result + sum_j carry_jk streams_j
// Bounds   1 <= S <= kMaxStreams; rounds >= 1
// Source   DeepSeek-V4, arXiv:2606.19348, section 2.2; transformers `deepseek_v4`. One path only: S is 4.
#pragma once
#include <cstdint>

namespace engine {

inline constexpr int kMaxStreams = 16;

struct StreamMix {
  float read[kMaxStreams], write[kMaxStreams], carry[kMaxStreams * kMaxStreams];
};

// `scale` and `base` may have the head's form, [1] and [S]: then only `read` is filled in.
void stream_mix(int n_streams, int rounds, float eps, bool head, const float* mix, const float* scale,
                const float* base, StreamMix& out);

// input [D]
void gather_streams(const StreamMix& mix, int n_streams, int64_t width, const float* streams, float* input);
// In place; result [D].
void spread_streams(const StreamMix& mix, int n_streams, int64_t width, const float* result, float* streams);

}  // namespace engine
