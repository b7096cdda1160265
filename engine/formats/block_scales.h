// SPDX-License-Identifier: Apache-2.0
// engine/formats/block_scales.h: scales that a checkpoint stores beside a matrix, one for each block of it.
//
// FP8 and FP4 checkpoints are read where they lie: the view of the values carries the grid of scales with it, so that a
// model of 671 GB stays a mapped file. Laying them out anew would need that much memory before the first token.
#pragma once
#include <cstdint>

#include "engine/tensor.h"

namespace engine {

// The scale of value (`row`, `column`) of the view; 1 where it has no grid.
float block_scale(const TensorView& view, int64_t row, int64_t column);

// Bytes of the scales that the view's rows use.
int64_t scale_bytes(const TensorView& view);

}  // namespace engine
