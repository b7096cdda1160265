// SPDX-License-Identifier: Apache-2.0
#include "lsp/workspace.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "lsp/uri.h"

namespace lsp {

using base::Json;

void Workspace::initialize(const Json& params) {
  folders_.clear();
  if (const auto folders = params.find("workspaceFolders"); folders != params.end() && folders->is_array())
    for (const Json& folder : *folders) add(base::json_string(folder, "uri"));
  if (!folders_.empty()) return;
  const std::string root_uri = base::json_string(params, "rootUri"), root_path = base::json_string(params, "rootPath");
  if (!root_uri.empty())
    add(root_uri);
  else if (root_path.starts_with('/'))
    add(uri_of_path(root_path));
}

void Workspace::change(const Json& params) {
  const auto event = params.find("event");
  if (event == params.end() || !event->is_object()) return;
  if (const auto removed = event->find("removed"); removed != event->end() && removed->is_array())
    for (const Json& folder : *removed)
      std::erase_if(folders_, [&](const Folder& had) { return had.uri == base::json_string(folder, "uri"); });
  if (const auto added = event->find("added"); added != event->end() && added->is_array())
    for (const Json& folder : *added) add(base::json_string(folder, "uri"));
}

void Workspace::add(const std::string& uri) {
  auto path = path_of_uri(uri);
  if (!path) return;
  if (!path->has_filename()) path = path->parent_path();  // "/a/b/" is "/a/b"
  folders_.push_back({uri, std::move(*path)});
}

const Folder* Workspace::folder_of(const std::string& uri) const {
  const Folder* best = nullptr;
  if (const auto path = path_of_uri(uri))
    for (const Folder& folder : folders_)
      if (relative_to(folder.path, *path) &&
          (best == nullptr || folder.path.native().size() > best->path.native().size()))
        best = &folder;
  if (best == nullptr && folders_.size() == 1) best = &folders_.front();
  return best;
}

std::optional<std::string> relative_to(const std::filesystem::path& root, const std::filesystem::path& path) {
  const auto [at_root, at_path] = std::mismatch(root.begin(), root.end(), path.begin(), path.end());
  if (at_root != root.end()) return std::nullopt;
  std::filesystem::path relative;
  for (auto part = at_path; part != path.end(); ++part) relative /= *part;
  return relative.generic_string();
}

}  // namespace lsp
