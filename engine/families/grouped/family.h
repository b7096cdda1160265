// SPDX-License-Identifier: Apache-2.0
// engine/families/grouped/family.h: Llama 3, Mistral, Qwen2(.5), Qwen3, Qwen3-MoE and gpt-oss. Front door of this folder.
#pragma once
#include "engine/families/grouped/grouped.h"
#include "engine/family.h"

namespace engine {

base::Result<std::unique_ptr<const Family>> grouped_family_from_hf(const nlohmann::json& config, const TensorTable& tensors);
base::Result<std::unique_ptr<const Family>> grouped_family_from_gguf(const GgufFile& gguf);

// From what was made otherwise than by a reader.
std::unique_ptr<const Family> grouped_family(const GroupedConfig& config, GroupedWeights weights);

}  // namespace engine
