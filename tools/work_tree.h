// SPDX-License-Identifier: Apache-2.0
// tools/work_tree.h: a user's folder as it stands, candidate trees made from it in memory, and patches between them.
//
// Promise  The user's .git is never written, locked or needed; folders without git work the same. Nothing here writes
//          to disk: tools/writer.h does.
// Threads  A WorkTree may be read by many threads; a CandidateTrees belongs to one thread at a time (libgit2's rule).
#pragma once
#include <filesystem>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tools/edit.h"

namespace tools {

struct FileEntry {
  std::string path;  // relative, '/'
  uint64_t size_bytes = 0;
  unsigned mode = 0;  // st_mode & 0777
};

class WorkTree final : public FileSource {
 public:
  static base::Result<WorkTree> open(const std::filesystem::path& root);

  const std::filesystem::path& root() const { return root_; }
  base::Result<std::string> read(std::string_view path) const override;  // at most kMaxFileBytes; no symlink followed
  struct FileWithMode {
    std::string bytes;
    unsigned mode;  // st_mode & 0777
  };
  base::Result<FileWithMode> read_with_mode(std::string_view path) const;
  // Regular files, sorted; what .gitignore and .git/info/exclude ignore is left out, as are .git and nested
  // repositories.
  base::Result<std::vector<FileEntry>> list(std::stop_token stop) const;
  // Paths that differ from HEAD or are untracked and not ignored, newest first; empty without a repository.
  std::vector<std::string> changed_files() const;

  static constexpr uint64_t kMaxFileBytes = 64u << 20;

 private:
  explicit WorkTree(std::filesystem::path root) : root_(std::move(root)) {}
  std::filesystem::path root_;
};

// Trees in an in-memory object store of libgit2. Base: the files of the work tree that some edit names, read when first
// named; two edits that lead to the same bytes have the same tree id, whatever path led there.
class CandidateTrees {
 public:
  static base::Result<std::unique_ptr<CandidateTrees>> create(const WorkTree& base);
  virtual ~CandidateTrees() = default;

  // A tree id (hex) for the state after `edit`; kInvalidArgument where a base hash does not match the file any more.
  virtual base::Result<std::string> add(const Edit& edit) = 0;
  // A file of a tree; falls through to the work tree for files that no edit named.
  virtual base::Result<std::string> read(std::string_view tree_id, std::string_view path) = 0;
  // git-format patch ("diff --git ...", index lines, 3 lines of context) from the base to a tree; applies with `git
  // apply`.
  virtual base::Result<std::string> patch(std::string_view tree_id) = 0;
  // Paths in which a tree differs from the base.
  virtual std::vector<std::string> changed_paths(std::string_view tree_id) = 0;
};

}  // namespace tools
