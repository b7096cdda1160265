// SPDX-License-Identifier: Apache-2.0
// engine/model_file.h: a model opened to be looked at, not run: no weight is read or copied before verify().
//
// Threads  Constant after opening.
// Errors   As for Engine::load.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"

namespace engine {

class ModelFile {
 public:
  virtual ~ModelFile() = default;

  virtual const ModelInfo& info() const = 0;
  virtual const SpecialTokens& special_tokens() const = 0;
  virtual std::vector<Token> tokenize(std::string_view text, bool parse_special = false) const = 0;
  virtual const ChatFormat* chat_format() const = 0;  // as Engine::chat_format()
  virtual std::string detokenize(std::span<const Token> tokens) const = 0;

  // Reads every weight: kCorrupt naming the first tensor, row and byte that holds a value that is not finite. `progress`
  // (may be empty) gets the bytes read so far, at most info().weight_bytes.
  virtual base::Status verify(const std::function<void(uint64_t bytes)>& progress, std::stop_token stop) const = 0;
};

base::Result<std::unique_ptr<ModelFile>> open_model_file(const std::filesystem::path& path);

}  // namespace engine
