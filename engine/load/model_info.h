// SPDX-License-Identifier: Apache-2.0
// engine/load/model_info.h: the sizes that ModelInfo reports, out of configuration and weights.
#pragma once
#include "engine/deepseek_v2.h"
#include "engine/engine.h"
#include "engine/formats/tensor_table.h"

namespace engine {

// Fills the shapes, parameter counts, byte counts and stored types; leaves name, family, container, capabilities.
// Active parameters leave out the experts that a token does not use and, unless tied to the head, the embedding table.
void fill_sizes(const DeepseekV2Config& config, const DeepseekV2Weights& weights, ModelInfo& info);

}  // namespace engine
