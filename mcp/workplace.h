// SPDX-License-Identifier: Apache-2.0
// mcp/workplace.h: what the tools share: the work tree and who may read or write in it, and the model.
//
// Rules    Paths are relative to the root, leave it by no `..` and no link, and lead into no .git folder
//          (tools::safe_path, tools::WorkTree). Files that the sandbox hides as secrets are neither read nor written:
//          what a tool answers goes to another program, which may send it on.
// Threads  All members from any thread.
#pragma once
#include <filesystem>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "agent/complete.h"
#include "base/result.h"
#include "engine/engine.h"
#include "mcp/mcp.h"
#include "tools/edit.h"
#include "tools/work_tree.h"

namespace mcp {

// A work tree without its secrets.
class OpenFiles final : public tools::FileSource {
 public:
  explicit OpenFiles(const tools::WorkTree& tree) : tree_(tree) {}  // borrowed
  base::Result<std::string> read(std::string_view path) const override;

 private:
  const tools::WorkTree& tree_;
};

class Workplace {
 public:
  // Borrows both for its life.
  Workplace(const Services& serving, const ServeOptions& serving_as) : services(serving), options(serving_as) {}

  const Services& services;
  const ServeOptions& options;

  base::Result<tools::WorkTree> tree() const { return tools::WorkTree::open(options.root); }
  // Whoever writes to the work tree holds it: two writers at once are an error of the second (tools/writer.h).
  std::unique_lock<std::mutex> writing() { return std::unique_lock(writing_); }

  // The path of a file as the caller gave it, in normal form; a path of a folder may end with '/'.
  static base::Result<std::string> path_of(const std::string& given);
  // Refuses the names of secrets; for paths that are written or that another part of Graft will read.
  static base::Status may_touch(std::string_view path);

  // Null where there is none. Loaded at the first call, which waits; later ones get the same.
  base::Result<std::shared_ptr<const engine::Engine>> model();
  // One at a time: the completer keeps its session warm for the next.
  base::Result<std::vector<agent::CompletionItem>> complete(const agent::CompleteRequest& request,
                                                            std::stop_token stop);

 private:
  std::mutex writing_;
  std::mutex loading_;
  bool loaded_ = false;                          // guarded by loading_
  std::shared_ptr<const engine::Engine> model_;  // guarded by loading_
  std::mutex completing_;
  std::unique_ptr<agent::Completer> completer_;  // guarded by completing_
};

}  // namespace mcp
