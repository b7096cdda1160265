// SPDX-License-Identifier: Apache-2.0
// cli/default_model.h: which model a command works with.
#pragma once
#include <filesystem>
#include <memory>
#include <optional>

#include "base/result.h"
#include "engine/engine.h"

namespace cli {

// --model PATH, --no-model, --beyond-memory.
struct ModelChoice {
  std::filesystem::path path;  // empty: the shipped model
  bool none = false;
  uint64_t memory_limit = 0;  // as engine::LoadOptions
};

// The shipped model's file: beside the program, in share/graft of its installation, or in the source tree that it was
// built from. Nothing where there is none.
std::optional<std::filesystem::path> find_default_model();

// Null where the user wants none, and where no model is shipped: then one line on stderr says so. An error only for a
// model that was named, or that is there and cannot be loaded.
base::Result<std::shared_ptr<const engine::Engine>> load_model(const ModelChoice& choice);

}  // namespace cli
