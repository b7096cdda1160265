// SPDX-License-Identifier: Apache-2.0
// engine/families/deepseek_v4/linear_modules.h: the family's linear layers by their public names.
#pragma once
#include <vector>

#include "engine/families/deepseek_v4/deepseek_v4.h"
#include "engine/lora/linear_modules.h"

namespace engine {

// V4's by their names in transformers; V4.1's, which transformers does not have, by those of the checkpoint on Hugging
// Face. The first half of the output projection, a product for each group of heads, is no linear layer that an adapter
// could change.
std::vector<LinearModule> deepseek_v4_linear_modules(const DeepseekV4Config& config, const DeepseekV4Weights& weights);

}  // namespace engine
