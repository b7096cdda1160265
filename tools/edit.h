// SPDX-License-Identifier: Apache-2.0
// tools/edit.h: the one type in which every edit format meets (design: "An edit's way").
//
// Units    Paths are relative to the work tree's root, with '/', normalised: no "..", no empty part, not absolute, not
// in .git.
//          Ranges are byte offsets into the file whose content hash is named.
// Note     An Edit is a value: making one reads files but changes nothing.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tools {

// SHA-1 of git's blob format, in hex: what `git hash-object` prints. Decides staleness, never file times.
using ContentHash = std::string;
ContentHash content_hash(std::string_view bytes);

struct Replacement {
  size_t begin = 0, end = 0;  // bytes [begin, end) of the old text
  std::string text;
  friend bool operator==(const Replacement&, const Replacement&) = default;
};

enum class FileAction { kModify, kCreate, kDelete, kMove };

struct FileEdit {
  FileAction action = FileAction::kModify;
  std::string path;
  std::string new_path;                   // kMove only
  ContentHash base;                       // of the file the ranges refer to; empty for kCreate
  std::vector<Replacement> replacements;  // sorted, not overlapping; kMove may have some; kCreate: one at [0, 0)
  std::optional<bool> executable;         // kCreate: else not; kModify and kMove: else as it was
};

struct Edit {
  std::vector<FileEdit> files;  // at most one per path
};

// Sorted, in range, not overlapping, paths safe: what every other function here may rely on.
base::Status check_edit(const Edit& edit);

// The text after the replacements. kInvalidArgument if `old_text` is not the text with hash `file.base`.
base::Result<std::string> new_text(const FileEdit& file, std::string_view old_text);

// The path in normal form, or why it may not be used (absolute, "..", .git in any letter case, control characters).
base::Result<std::string> safe_path(std::string_view path);

// Where edits read the files they refer to: the disk, a candidate tree, an editor's open buffers, a test's map.
class FileSource {
 public:
  virtual ~FileSource() = default;
  // kNotFound where there is no such file. Never follows a symlink out of the tree.
  virtual base::Result<std::string> read(std::string_view path) const = 0;
};

}  // namespace tools
