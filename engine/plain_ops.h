// SPDX-License-Identifier: Apache-2.0
// engine/plain_ops.h: the operators of engine/kernels over whole chunks of tokens, for the reference passes.
//
// Shapes   A Values is row-major [n_tokens, width]; the width follows from the weight beside it.
// Note     One loop after the other, nothing shared or reused: these passes define results and are not meant to be fast.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "engine/feed_forward_views.h"
#include "engine/kernels/moe_router.h"
#include "engine/kernels/silu_gate.h"
#include "engine/lora/low_rank.h"
#include "engine/tensor.h"

namespace engine::plain {

using Values = std::vector<float>;

constexpr size_t at(int64_t i) { return static_cast<size_t>(i); }

Values embed(const TensorView& table, std::span<const int32_t> tokens);

// x . W^T for every token, with what the adapter (may be null) adds to it.
Values matmul(const TensorView& w, const Values& x, const AdapterWeights* adapter = nullptr);

void add(Values& to, const Values& values);

// Each row of `width` values from column 0 of rows of `stride` (0: width); the gain's length is the width.
Values rms_norm(const Values& x, const TensorView& gain, float eps, int64_t stride = 0);

// (x - mean) / sqrt(variance + eps) * gain + bias of each row.
Values layer_norm(const Values& x, const TensorView& gain, const TensorView& bias, float eps);

// Adds a row to every token's; an empty view adds nothing.
void add_bias(Values& to, const TensorView& bias);

// The feed-forward half of a layer of normed tokens, dense or mixture: what is added to the hidden state. `tokens`: their ids,
// where the layer chooses experts by them.
Values feed_forward(const FeedForwardViews& weights, const RouterSettings& router, const GateForm& form, const Values& x,
                    std::span<const int32_t> tokens = {}, const AdapterWeights* adapter = nullptr);

}  // namespace engine::plain
