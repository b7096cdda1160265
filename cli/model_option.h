// SPDX-License-Identifier: Apache-2.0
// cli/model_option.h: the MODEL that `graft model ...` commands work with.
#pragma once
#include <CLI/CLI.hpp>
#include <filesystem>

namespace cli {

inline CLI::Option* add_model_option(CLI::App& command, std::filesystem::path& model) {
  return command.add_option("MODEL", model, "A GGUF file, or a folder with config.json, *.safetensors and, for text, tokenizer.json");
}

}  // namespace cli
