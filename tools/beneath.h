// SPDX-License-Identifier: Apache-2.0
// tools/beneath.h: opens what lies below a folder, part by part, without ever following a symlink.
//
// A path is checked by the kernel at each step (O_NOFOLLOW on a descriptor of the step before), so a link that is
// swapped in between a check and a use leads to an error and not out of the tree. Paths must come from safe_path().
// Errors   kDenied where a part is a symlink; kNotFound; else what the system says.
#pragma once
#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"

namespace tools {

base::Result<base::UniqueFd> open_folder(const std::filesystem::path& root);

// The folder that holds `path`, and the last part of it.
struct Place {
  base::UniqueFd folder;
  std::string name;
};
base::Result<Place> open_parent(int root, std::string_view path);

struct OpenFile {
  base::UniqueFd fd;
  struct stat info;
};
// A regular file, for reading. kInvalidArgument for folders, FIFOs, devices and sockets; never waits.
base::Result<OpenFile> open_regular_beneath(int root, std::string_view path);

struct FileBytes {
  std::string bytes;
  struct stat info;
};
base::Result<FileBytes> read_beneath(int root, std::string_view path, uint64_t max_bytes);

}  // namespace tools
