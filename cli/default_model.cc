// SPDX-License-Identifier: Apache-2.0
#include "cli/default_model.h"

#include <cstdio>

namespace cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFileName = "graft-tiny.gguf";

}  // namespace

std::optional<fs::path> find_default_model() {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  std::vector<fs::path> folders;
  if (!error) {
    folders.push_back(program.parent_path());
    folders.push_back(program.parent_path() / "models");
    folders.push_back(program.parent_path().parent_path() / "share" / "graft");
  }
#ifdef GRAFT_SOURCE_MODELS
  folders.emplace_back(GRAFT_SOURCE_MODELS);
#endif
  for (const fs::path& folder : folders)
    if (fs::is_regular_file(folder / kFileName, error)) return folder / kFileName;
  return std::nullopt;
}

base::Result<std::shared_ptr<const engine::Engine>> load_model(const ModelChoice& choice) {
  if (choice.none) return std::shared_ptr<const engine::Engine>();
  fs::path path = choice.path;
  if (path.empty()) {
    const auto shipped = find_default_model();
    if (!shipped) {
      std::fprintf(stderr, "graft: no model is installed (%s): going on without one\n", kFileName);
      return std::shared_ptr<const engine::Engine>();
    }
    path = *shipped;
  }
  engine::LoadOptions load;
  load.memory_limit = choice.memory_limit;
  auto model = engine::Engine::load(path, load);
  if (!model) return std::move(model).error().in("load the model " + path.string());
  return std::move(*model);
}

}  // namespace cli
