// SPDX-License-Identifier: Apache-2.0
// engine/families/grouped/bind_weights.h: the family's tensors by their names in either container, with their shapes checked.
#pragma once
#include "base/result.h"
#include "engine/families/grouped/read_config.h"
#include "engine/formats/tensor_table.h"

namespace engine {

// Names of Hugging Face transformers; experts one by one or fused. gpt-oss keeps its experts turned round and gate and up in
// turn: those are laid out anew in memory.
base::Result<GroupedWeights> grouped_weights_from_hf(const GroupedDescription& model, const TensorTable& tensors);
base::Result<GroupedWeights> grouped_weights_from_gguf(const GroupedDescription& model, const TensorTable& tensors);

}  // namespace engine
