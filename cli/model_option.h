// SPDX-License-Identifier: Apache-2.0
// cli/model_option.h: the MODEL that `graft model ...` commands work with, and its adapter; --model of the other commands.
#pragma once
#include <CLI/CLI.hpp>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "cli/default_model.h"
#include "engine/engine.h"

namespace cli {

inline CLI::Option* add_model_option(CLI::App& command, std::filesystem::path& model) {
  return command.add_option("MODEL", model, "A GGUF file, or a folder with config.json, *.safetensors and, for text, tokenizer.json");
}

inline CLI::Option* add_lora_option(CLI::App& command, std::filesystem::path& lora) {
  return command.add_option("--lora", lora, "A LoRA adapter: a folder as PEFT saves it (docs/lora.md); computed on the CPU");
}

inline CLI::Option* add_memory_option(CLI::App& command, uint64_t& limit) {
  return command.add_flag_callback(
      "--beyond-memory", [&limit] { limit = engine::kBeyondMemory; },
      "Take a model that does not fit into memory: what is missing comes from the disk again for each token");
}

// --model and --beyond-memory.
inline void add_model_choice(CLI::App& command, ModelChoice& choice) {
  command.add_option("--model", choice.path, "Model to work with: a GGUF file or a Hugging Face style folder")
      ->type_name("PATH")
      ->check(CLI::ExistingPath);
  add_memory_option(command, choice.memory_limit);
}

inline CLI::Option* add_cache_option(CLI::App& command, engine::CacheType& cache) {
  static const std::map<std::string, engine::CacheType> kTypes = {
      {"auto", engine::CacheType::kAuto}, {"f32", engine::CacheType::kF32}, {"bf16", engine::CacheType::kBf16}};
  return command
      .add_option("--cache", cache, "What is kept of each token, on the CPU: auto (bf16 under quantised weights and 8-bit activations, else f32), f32, bf16 (docs/kv-cache.md)")
      ->transform(CLI::CheckedTransformer(kTypes).description(""))
      ->type_name("auto|f32|bf16");
}

inline CLI::Option* add_activations_option(CLI::App& command, engine::ActivationType& activations) {
  static const std::map<std::string, engine::ActivationType> kTypes = {
      {"auto", engine::ActivationType::kAuto}, {"8", engine::ActivationType::k8Bit}, {"16", engine::ActivationType::k16Bit}};
  return command
      .add_option("--activations", activations, "Bits of activations where they meet quantised weights, on the CPU: auto (16 for models of up to 16 MiB, else 8), 8, 16 (docs/activations.md)")
      ->transform(CLI::CheckedTransformer(kTypes).description(""))
      ->type_name("auto|8|16");
}

// A session of `n_ctx` tokens under the adapter in `lora`, or under none where it is empty.
inline base::Result<std::unique_ptr<engine::Session>> open_session(const engine::Engine& model, int n_ctx, const std::filesystem::path& lora,
                                                                   engine::SessionOptions options = {}) {
  if (lora.empty()) return model.open_session_with(n_ctx, options);
  auto adapter = model.load_adapter(lora);
  if (!adapter) return std::move(adapter).error();
  options.adapter = std::move(*adapter);
  return model.open_session_with(n_ctx, options);
}

}  // namespace cli
