// SPDX-License-Identifier: Apache-2.0
// engine/families/deepseek_v4/bind_weights.h: gives every tensor of a checkpoint its place in DeepseekV4Weights.
//
// Names    As DeepSeek publishes them (embed.weight, layers.N.attn.wq_a.weight); those of transformers' modules
//          (model.layers.N.self_attn.q_a_proj.weight) and the mixture that its save_pretrained writes are turned into
//          them first. Errors name the published ones. GGUF files have llama.cpp's (blk.N.attn_q_a.weight), and errors
//          those; drafts there: docs/drafts.md.
// Errors   kCorrupt naming the tensor and its byte: missing, of another shape or type than the configuration asks,
//          there under two names, or not used by the family at all.
#pragma once
#include <string>
#include <string_view>

#include "base/result.h"
#include "engine/families/deepseek_v4/read_config.h"
#include "engine/formats/tensor_table.h"

namespace engine {

base::Result<DeepseekV4Weights> deepseek_v4_weights_from_hf(const DeepseekV4Config& config, const TensorTable& tensors);

base::Result<DeepseekV4Weights> deepseek_v4_weights_from_gguf(const DeepseekV4Gguf& model, const TensorTable& tensors);

// DeepSeek-V4.1, under the published names alone. `hashes`: of the configuration's Engram.
base::Result<DeepseekV4Weights> deepseek_v41_weights_from_hf(const DeepseekV4Config& config, const TensorTable& tensors,
                                                             EngramHashes hashes);

// A tensor's published name.
std::string deepseek_v4_name(std::string_view name);

}  // namespace engine
