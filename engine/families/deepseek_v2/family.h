// SPDX-License-Identifier: Apache-2.0
// engine/families/deepseek_v2/family.h: DeepSeek-V2, Coder-V2, V3, R1, V3.1 and V3.2. Front door of this folder.
#pragma once
#include "engine/families/deepseek_v2/deepseek_v2.h"
#include "engine/family.h"

namespace engine {

base::Result<std::unique_ptr<const Family>> deepseek_v2_family_from_hf(const nlohmann::json& config, const TensorTable& tensors);
base::Result<std::unique_ptr<const Family>> deepseek_v2_family_from_gguf(const GgufFile& gguf);

// From what was made otherwise than by a reader.
std::unique_ptr<const Family> deepseek_v2_family(const DeepseekV2Config& config, DeepseekV2Weights weights);

}  // namespace engine
