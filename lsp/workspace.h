// SPDX-License-Identifier: Apache-2.0
// lsp/workspace.h: the folders that the editor works in.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"

namespace lsp {

struct Folder {
  std::string uri;
  std::filesystem::path path;  // absolute, normal
};

class Workspace {
 public:
  // Of `initialize`: workspaceFolders, else rootUri, else rootPath.
  void initialize(const base::Json& params);
  void change(const base::Json& did_change_params);

  const std::vector<Folder>& folders() const { return folders_; }
  // The innermost folder around a file; without a uri, or for one outside, the only folder there is.
  const Folder* folder_of(const std::string& uri) const;

 private:
  void add(const std::string& uri);
  std::vector<Folder> folders_;
};

// `path` relative to `root` with '/', or nothing where it lies outside.
std::optional<std::string> relative_to(const std::filesystem::path& root, const std::filesystem::path& path);

}  // namespace lsp
