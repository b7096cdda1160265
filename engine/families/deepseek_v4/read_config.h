// SPDX-License-Identifier: Apache-2.0
// engine/families/deepseek_v4/read_config.h: the family's configuration out of config.json, as DeepSeek publishes it
// (compress_ratios, num_hash_layers, qk_rope_head_dim, rope_scaling) or as transformers writes it (layer_types,
// mlp_layer_types, partial_rotary_factor, rope_parameters).
//
// Errors   kCorrupt naming the key where a value is missing, of the wrong type or out of range; kInvalidArgument naming
// the
//          key where the model asks for something that Graft does not compute. Nothing is guessed for a key that
//          changes results.
#pragma once
#include <nlohmann/json_fwd.hpp>

#include "base/result.h"
#include "engine/families/deepseek_v4/deepseek_v4.h"

namespace engine {

base::Result<DeepseekV4Config> deepseek_v4_from_json(const nlohmann::json& config_json);

// kCorrupt for values that contradict each other or lie out of range.
base::Status check_config(const DeepseekV4Config& config);

}  // namespace engine
