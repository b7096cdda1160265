// SPDX-License-Identifier: Apache-2.0
// engine/lora/peft.h: a LoRA adapter out of the files that the PEFT library writes.
//
// Format   A folder with adapter_config.json and adapter_model.safetensors. For each changed module NAME the tensors
//          base_model.model.NAME.lora_A.weight [rank, n_in] and lora_B.weight [n_out, rank], in F32, F16 or BF16.
//          docs/lora.md says which settings are read.
// Errors   kCorrupt naming key or tensor and its byte. kInvalidArgument for what Graft does not compute (DoRA, biases,
//          modules saved whole, embeddings, patterns that are regular expressions) and for modules that the model has
//          not. Nothing is left out silently: a tensor that nobody takes is an error.
// Source   PEFT 0.21, `LoraConfig`, `save_pretrained`, `get_pattern_key`
#pragma once
#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/formats/tensor_table.h"
#include "engine/lora/linear_modules.h"
#include "engine/lora/low_rank.h"

namespace engine {

inline constexpr int kMaxAdapterRank = 4096;

struct PeftAdapter {
  AdapterWeights weights;
  uint64_t fingerprint = 0;  // of names, shapes and all values, the scale in them; never 0
  uint64_t size_bytes = 0;   // of the values
  int n_modules = 0, max_rank = 0;
};

base::Result<PeftAdapter> read_peft_adapter(const std::filesystem::path& folder,
                                            const std::vector<LinearModule>& modules);

// The same from its two parts; `config` and `tensors` are used during the call only.
base::Result<PeftAdapter> peft_adapter(const nlohmann::json& config, const TensorTable& tensors,
                                       const std::vector<LinearModule>& modules);

}  // namespace engine
