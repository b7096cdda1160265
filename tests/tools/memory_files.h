// SPDX-License-Identifier: Apache-2.0
// tests/tools/memory_files.h: files in a map, for edits that should not need a disk.
#pragma once
#include <map>
#include <string>

#include "tools/edit.h"

namespace test {

using FileMap = std::map<std::string, std::string, std::less<>>;

class MemoryFiles final : public tools::FileSource {
 public:
  explicit MemoryFiles(FileMap files) : files_(std::move(files)) {}
  base::Result<std::string> read(std::string_view path) const override {
    const auto found = files_.find(path);
    if (found == files_.end()) return base::Error{base::ErrorCode::kNotFound, std::string(path) + " does not exist"};
    return found->second;
  }
  // All files after the edit.
  FileMap after(const tools::Edit& edit) const {
    auto files = files_;
    for (const tools::FileEdit& file : edit.files) {
      if (file.action == tools::FileAction::kDelete) {
        files.erase(file.path);
        continue;
      }
      std::string text =
          *tools::new_text(file, file.action == tools::FileAction::kCreate ? std::string() : files_.at(file.path));
      if (file.action == tools::FileAction::kMove) files.erase(file.path);
      files[file.action == tools::FileAction::kMove ? file.new_path : file.path] = std::move(text);
    }
    return files;
  }

 private:
  FileMap files_;
};

}  // namespace test
