// SPDX-License-Identifier: Apache-2.0
// LoRA adapters: adapter_config.json in one line, then the bytes of adapter_model.safetensors.
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>

#include "base/json.h"
#include "engine/formats/safetensors.h"
#include "engine/lora/peft.h"

namespace {

// Those of tests/data/engine/families/mistral that its adapter changes, and one that lies in two turned parts.
std::vector<engine::LinearModule> modules() {
  static const char weights[16] = {};
  std::vector<engine::LinearModule> all;
  for (int l = 0; l < 3; ++l) {
    const std::string p = "model.layers." + std::to_string(l) + ".";
    all.push_back({p + "self_attn.k_proj", 24, 36, {{weights + 4 * l, 0, 24, false, 12}}});
    all.push_back({p + "self_attn.o_proj", 36, 72, {{weights + 4 * l + 1, 0, 36}}});
    all.push_back({p + "mlp.up_proj", 48, 36, {{weights + 4 * l + 2, 0, 16, true}, {weights + 4 * l + 3, 16, 32}}});
  }
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::vector<engine::LinearModule> kModules = modules();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t end = text.find('\n');
  if (end == std::string_view::npos) return 0;
  const auto config = base::parse_json_unique(text.substr(0, end));
  engine::TensorTable tensors;
  if (!config || !engine::read_safetensors(std::as_bytes(std::span(data, size)).subspan(end + 1), "input", tensors))
    return 0;
  const auto adapter = engine::peft_adapter(*config, tensors, kModules);
  if (!adapter) return 0;
  if (adapter->n_modules < 1 || adapter->max_rank < 1 || adapter->max_rank > engine::kMaxAdapterRank ||
      adapter->fingerprint == 0)
    std::abort();
  for (const engine::LinearModule& module : kModules)
    for (const engine::ModulePart& part : module.parts)
      if (const engine::LowRank* product = adapter->weights.find(part.key)) {
        if (product->b->n_in() != product->rank()) std::abort();
        for (const float value : product->b->values())
          if (!std::isfinite(value)) std::abort();
      }
  return 0;
}
