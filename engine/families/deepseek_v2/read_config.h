// SPDX-License-Identifier: Apache-2.0
// engine/families/deepseek_v2/read_config.h: the family's configuration out of config.json or GGUF metadata.
//
// Errors   kCorrupt naming the key where a value is missing, of the wrong type or out of range; kInvalidArgument naming the
//          key where the model asks for something that Graft does not compute. Nothing is guessed for a key that changes
//          results.
// Source   Hugging Face transformers `deepseek_v2` (both the older rope_scaling and the newer rope_parameters spelling);
//          GGUF architecture "deepseek2" in both of its forms, and "deepseek32" (llama.cpp at 014e63c).
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "base/result.h"
#include "engine/families/deepseek_v2/deepseek_v2.h"
#include "engine/formats/gguf.h"

namespace engine {

// Graft's own key behind "ARCHITECTURE": other programs have one epsilon for all norms and read past it.
inline constexpr const char* kLatentEpsKey = ".attention.latent_layer_norm_rms_epsilon";

struct DeepseekV2Description {
  DeepseekV2Config config;
  bool tied_head = false;  // config.json says so; in GGUF the missing tensor says it
};

base::Result<DeepseekV2Description> deepseek_v2_from_json(const nlohmann::json& config_json);
base::Result<DeepseekV2Description> deepseek_v2_from_gguf(const GgufFile& gguf);

}  // namespace engine
