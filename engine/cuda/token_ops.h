// SPDX-License-Identifier: Apache-2.0
// engine/cuda/token_ops.h: operators of a step over several tokens, each with a state of its own: tokens of one timeline
// where an index chooses for each of them, or of several timelines.
//
// Shapes   What the operator names as a token's has a row for each of n tokens, one after the other.
// Order    Tokens run side by side: what one of them reads of the cache, another must not write in the same launch.
#pragma once
#include "engine/cuda/step_sparse.h"

namespace engine::cuda {

// `states`: on the device, of the first of the tokens on; `exact`: caches of f32.
template <typename What>
void over_tokens(const What& op, const StepState* states, int n, bool exact, cudaStream_t stream);

}  // namespace engine::cuda
