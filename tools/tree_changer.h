// SPDX-License-Identifier: Apache-2.0
// tools/tree_changer.h: the steps by which a set of files goes from one state to another; see docs/writer.md.
//
// Each step can be stopped by a crash after any system call; recover() then brings all files to one side. Nothing here
// decides whether a change may be made: tools/writer.cc checks the states first.
#pragma once
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "tools/beneath.h"
#include "tools/task_store.h"

namespace tools {

// What lies at a path now; nothing: no file. An error where a symlink, a folder or another odd thing is there.
base::Result<std::optional<FileState>> state_of(int root, const std::string& path);

class TreeChanger {
 public:
  using Content = std::function<base::Result<std::string>(const ContentHash&)>;
  TreeChanger(int root, FileSystem& system, Content content)
      : root_(root), system_(&system), content_(std::move(content)) {}

  // Folders and temporary files, each durable. After a failure: discard().
  base::Status prepare(const Journal& journal);
  // Swaps every file in; on failure all are back as they were, or the error says that the next start will do it.
  base::Status commit(const Journal& journal);
  // Syncs the folders, removes the swapped-out files and folders that became empty.
  base::Status clean_up(const Journal& journal);
  // Removes what prepare() made, as far as it is there.
  base::Status discard(const Journal& journal);

  enum class Recovery { kCompleted, kTakenBack };
  base::Result<Recovery> recover(const Journal& journal);

 private:
  base::Status remove_temps(const Journal& journal);
  base::Status make_temp(const Journal& journal, size_t i);
  base::Status swap_in(const Journal& journal, size_t i);
  base::Status swap_out(const Journal& journal, size_t i);
  enum class Progress { kBefore, kAfter, kTouchedBefore, kTouchedAfter };
  base::Result<Progress> progress(const Journal& journal, size_t i) const;

  const int root_;
  FileSystem* system_;
  Content content_;
};

}  // namespace tools
