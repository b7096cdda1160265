// SPDX-License-Identifier: Apache-2.0
// sandbox/copy_tree.h: a private copy of a work tree, for machines and folders where overlayfs cannot be used.
//
// Copies regular files (sharing blocks where the file system can), folders and links as links, with modes and times.
// Sockets, devices and FIFOs are left out. Errors: kExhausted above `limit_bytes`, kIo with the path.
#pragma once
#include <cstdint>
#include <filesystem>

#include "base/result.h"

namespace sandbox {

inline constexpr uint64_t kMaxCopiedBytes = 4ull << 30;

// `to` exists and is empty.
base::Status copy_tree(const std::filesystem::path& from, const std::filesystem::path& to, uint64_t limit_bytes);

}  // namespace sandbox
