// SPDX-License-Identifier: Apache-2.0
// engine/families/deepseek_v4/read_gguf_v41.h: what GGUF metadata of architecture "deepseek41" says beside V4's keys.
//
// Names    Two public writers spell some keys and tensors in two ways; both are read. `engram.layer_ids`, `.max_ngram_size`,
//          `.multipliers`, `.primes`, `.offsets`, `.token_map` are common to them. llama.cpp (src/models/deepseek41.cpp at 16ffdb3):
//          `engram.head_count`, `.key_length`, `.pad_id` (a folded id); which layers make entries and choose is told by tensors.
//          mxxm-t/llama.cpp (src/models/deepseek41.cpp at 32bf0eb): `engram.n_heads`, `.head_dim`, `.pad_token_id` (a token),
//          `attention.kv_source_layer_ids`, `.index_source_layer_ids`, `.candidate_source_layer_id`, `.candidate_topk_blocks`,
//          `.candidate_block_size`.
// Errors   In `k`, naming the key.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "engine/families/deepseek_v4/deepseek_v4.h"
#include "engine/load/gguf_keys.h"

namespace engine {

// Kinds of layers, what they share, and candidates. The result: what the file leaves open; else empty.
std::string read_gguf_sharing(GgufKeys& k, const GgufFile& gguf, DeepseekV4Config& c);

// As stored; nothing where no layer asks Engram.
struct GgufEngram {
  std::vector<int32_t> folded;
  int32_t padding = 0;
  std::vector<int64_t> multipliers, primes, offsets;
};
GgufEngram read_gguf_engram(GgufKeys& k, DeepseekV4Config& c);

}  // namespace engine
