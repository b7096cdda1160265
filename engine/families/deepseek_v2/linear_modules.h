// SPDX-License-Identifier: Apache-2.0
// engine/families/deepseek_v2/linear_modules.h: the family's linear layers by their names in Hugging Face transformers.
#pragma once
#include <vector>

#include "engine/families/deepseek_v2/deepseek_v2.h"
#include "engine/lora/linear_modules.h"

namespace engine {

std::vector<LinearModule> deepseek_v2_linear_modules(const DeepseekV2Config& config, const DeepseekV2Weights& weights);

// Keys (lora/low_rank.h) of the two halves of head `h` of kv_b. The changes of `k` are those of its rows turned round,
// as an absorbed query reads them: [C, nope].
struct HeadKeys {
  const void *k, *v;
};
HeadKeys head_keys(const DeepseekV2Config& config, const DeepseekV2Layer& layer, int64_t h);

}  // namespace engine
