// SPDX-License-Identifier: Apache-2.0
// engine/families/deepseek_v2/bind_weights.h: gives every tensor of a container its place in DeepseekV2Weights.
//
// Errors   kCorrupt naming the tensor and its byte: missing, of another shape or type than the configuration asks, or not
//          used by the family at all (a bias that were left out would change every result silently).
#pragma once
#include "base/result.h"
#include "engine/formats/tensor_table.h"
#include "engine/families/deepseek_v2/read_config.h"

namespace engine {

// Names of Hugging Face transformers; routed experts one by one or fused (gate_up_proj, down_proj).
base::Result<DeepseekV2Weights> deepseek_v2_weights_from_hf(const DeepseekV2Description& model,
                                                            const TensorTable& tensors);

// Names of GGUF (V3.2: indexer.attn_q_b, .attn_k, .k_norm, .proj); attn_kv_b, or attn_k_b with attn_v_b. Where a file holds all three, the first.
base::Result<DeepseekV2Weights> deepseek_v2_weights_from_gguf(const DeepseekV2Description& model,
                                                              const TensorTable& tensors);

}  // namespace engine
