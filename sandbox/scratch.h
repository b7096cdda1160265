// SPDX-License-Identifier: Apache-2.0
// sandbox/scratch.h: private folders (0700) that hold a workspace's own layer, removed at the end, also after a crash.
//
// Layout   <base>/ws-<pid>-<n>/ with a `lock` file that its owner keeps locked (flock) for life. A folder whose lock can be
//          taken belongs to a dead process; sweep() moves it aside as dead-* and removes it.
// Errors   kDenied where no base folder is ours alone; kIo with path and system text.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace sandbox {

// Where scratch folders may live, best first: $XDG_CACHE_HOME/graft, ~/.cache/graft, <temp>/graft-<uid>.
std::vector<std::filesystem::path> scratch_bases();

class Scratch {
 public:
  // Makes `base` if needed (0700, owned by us, no symlink), sweeps what dead processes left there, makes one folder.
  static base::Result<Scratch> create(const std::filesystem::path& base);
  Scratch(Scratch&&) noexcept = default;
  Scratch& operator=(Scratch&&) = delete;
  ~Scratch();

  const std::filesystem::path& path() const { return path_; }
  int fd() const { return fd_.get(); }

  // Makes `name` an empty folder, whatever it was.
  base::Status renew(const std::string& name) const;
  // Makes empty/file and empty/folder, read-only: what stands for masked files and folders.
  base::Status renew_empty() const;

 private:
  Scratch(std::filesystem::path path, base::UniqueFd fd, base::UniqueFd lock)
      : path_(std::move(path)), fd_(std::move(fd)), lock_(std::move(lock)) {}
  std::filesystem::path path_;
  base::UniqueFd fd_, lock_;
};

// Removes `name` below `parent_fd` with everything in it: follows no symlink, opens what has no permission bits, and needs
// few descriptors and little stack however deep the tree is. Nothing there is success.
base::Status remove_tree(int parent_fd, const std::string& name);

}  // namespace sandbox
