// SPDX-License-Identifier: Apache-2.0
// engine/families/deepseek_v4/family.h: DeepSeek-V4-Flash, V4-Pro and V4.1-Flash. Front door of this folder.
#pragma once
#include "engine/families/deepseek_v4/deepseek_v4.h"
#include "engine/family.h"

namespace engine {

base::Result<std::unique_ptr<const Family>> deepseek_v4_family_from_hf(const nlohmann::json& config,
                                                                       const TensorTable& tensors);
// `tokenizer`: for what Engram hashes; kInvalidArgument where it is needed and null.
base::Result<std::unique_ptr<const Family>> deepseek_v41_family_from_hf(const nlohmann::json& config,
                                                                        const TensorTable& tensors,
                                                                        const Tokenizer* tokenizer);
base::Result<std::unique_ptr<const Family>> deepseek_v4_family_from_gguf(const GgufFile& gguf);

// From what was made otherwise than by a reader.
std::unique_ptr<const Family> deepseek_v4_family(const DeepseekV4Config& config, DeepseekV4Weights weights);

}  // namespace engine
