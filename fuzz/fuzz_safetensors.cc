// SPDX-License-Identifier: Apache-2.0
// safetensors bytes, and the scales beside FP8 and FP4 weights.
#include <cstdint>

#include <nlohmann/json.hpp>

#include "engine/formats/dequantize.h"
#include "engine/formats/safetensors.h"
#include "engine/load/stored_scales.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  engine::TensorTable tensors;
  if (!engine::read_safetensors(std::as_bytes(std::span(data, size)), "input", tensors)) return 0;
  const nlohmann::json config = {{"quantization_config", {{"quant_method", "fp8"}, {"weight_block_size", {24U, 32U}}}}};
  if (!engine::join_stored_scales(config, tensors)) return 0;
  for (const auto& [name, stored] : tensors) {
    if (stored.view.n_rows() == 0 || stored.view.n_in() == 0) continue;
    std::vector<float> row(static_cast<size_t>(stored.view.n_in()));
    engine::dequantize_row(stored.view, 0, row);
    engine::dequantize_row(stored.view, stored.view.n_rows() - 1, row);
  }
  return 0;
}
