// SPDX-License-Identifier: Apache-2.0
// engine/families/deepseek_v4/read_config.h: the family's configuration out of config.json, as DeepSeek publishes it
// (compress_ratios, num_hash_layers, qk_rope_head_dim, rope_scaling) or as transformers writes it (layer_types,
// mlp_layer_types, partial_rotary_factor, rope_parameters), or out of GGUF metadata.
//
// Errors   kCorrupt naming the key where a value is missing, of the wrong type or out of range; kInvalidArgument naming
//          the key where the model asks for something that Graft does not compute. Nothing is guessed for a key that
//          changes results.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/families/deepseek_v4/deepseek_v4.h"
#include "engine/formats/gguf.h"

namespace engine {

base::Result<DeepseekV4Config> deepseek_v4_from_json(const nlohmann::json& config_json);
// DeepSeek-V4.1: the members of "text_config" where there is one.
base::Result<DeepseekV4Config> deepseek_v41_from_json(const nlohmann::json& config_json);

struct DeepseekV4Gguf {
  DeepseekV4Config config;
  int n_blocks = 0;  // layers, and behind them what makes drafts
  EngramHashes hashes;             // V4.1
  std::vector<std::string> notes;  // for people: what the file does not say
};
// By llama.cpp's keys; tensors tell which blocks are layers. Architectures "deepseek4" and, for V4.1, "deepseek41".
base::Result<DeepseekV4Gguf> deepseek_v4_from_gguf(const GgufFile& gguf);

// The kinds of all layers from their tokens to an entry: 0 is a sliding layer, 4 a sparse one, any other number, of
// which there may be one, a heavy one. What is wrong with them; empty for nothing.
std::string set_kinds(const std::vector<int>& ratios, DeepseekV4Config& config);

// V4.1: what layers share, from their tokens to an entry, the layers that make entries and those that choose among them,
// both rising.
void set_sharing(const std::vector<int>& ratios, const std::vector<int>& sources, const std::vector<int>& choosers,
                 DeepseekV4Config& config);

inline constexpr int kMaxDraftBlock = 64;  // tokens that DSpark guesses at once; released models have 5

// kCorrupt for values that contradict each other or lie out of range.
base::Status check_config(const DeepseekV4Config& config);

}  // namespace engine
