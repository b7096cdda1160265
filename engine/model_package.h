// SPDX-License-Identifier: Apache-2.0
// engine/model_package.h: a model as loaded: mapped files, configuration, weights, tokenizer, and what it says it can do.
//
// Owns     The mapped files; the views in `family` and `tensors` point into them and live as long as the package. Moves.
// Threads  Constant after load.
// Errors   As engine/engine.h says for Engine::load; every message begins with the path.
#pragma once
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "engine/engine.h"
#include "engine/family.h"
#include "engine/fim.h"
#include "engine/formats/tensor_table.h"
#include "engine/prompts.h"
#include "engine/tokenizer/tokenizer.h"

namespace engine {

struct ModelPackage {
  std::vector<base::MappedFile> files;
  TensorTable tensors;  // as stored, for verification and messages
  std::unique_ptr<const Family> family;
  Tokenizer tokenizer;
  SpecialTokens special;
  bool add_bos = false;  // a prompt begins with `special.bos`
  std::vector<Token>
      end_tokens;  // generation ends before any of these: end of text, end of turn, fill-in-the-middle marks
  std::optional<ChatFormat> chat;  // how conversations are written
  std::string chat_template;       // the model's own, as text
  std::optional<FimFormat> fim;  // set exactly when the model has the "fim" capability
  ModelInfo info;
  uint64_t config_hash = 0;  // of config.json, or of all that a GGUF file says before its weights
};

// `path`: a GGUF file, or any part of a model in several beside each other (formats/gguf_split.h), or a folder with config.json, *.safetensors and, for text, tokenizer.json.
base::Result<ModelPackage> load_model_package(const std::filesystem::path& path);

// Reads every weight once: kCorrupt naming the first tensor, row and byte with a value that is not finite. `progress`
// (may be empty) gets the bytes read so far.
base::Status verify_weights(const ModelPackage& package, const std::function<void(uint64_t bytes)>& progress,
                            std::stop_token stop);

}  // namespace engine
