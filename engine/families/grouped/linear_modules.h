// SPDX-License-Identifier: Apache-2.0
// engine/families/grouped/linear_modules.h: the family's linear layers by their names in Hugging Face transformers.
#pragma once
#include <vector>

#include "engine/families/grouped/grouped.h"
#include "engine/lora/linear_modules.h"

namespace engine {

std::vector<LinearModule> grouped_linear_modules(const GroupedConfig& config, const GroupedWeights& weights);

}  // namespace engine
