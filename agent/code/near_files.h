// SPDX-License-Identifier: Apache-2.0
// agent/code/near_files.h: the files of a project that are likeliest to say already what one of them will say next.
//
// What     Source files of the same language (C with C++, JavaScript with TypeScript), by steps through the folders: those beside the
//          file first, of equals those named alike (foo.cc, foo.h, foo_test.cc), then the longer ones. What git ignores, other
//          projects' and generated code, and files that are not UTF-8 are left out; no symlink is followed.
// Bounds   kMostNearFiles files, the first kBytesOfNearFile of each, kBytesOfNearFiles together.
// Threads  Any. Cost: a walk through the tree, ended within a folder by `stop` (kCancelled) or after `patience` (nothing is near).
#pragma once
#include <chrono>
#include <filesystem>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace agent {

inline constexpr size_t kMostNearFiles = 24, kBytesOfNearFile = 64u << 10, kBytesOfNearFiles = 256u << 10;

// The texts, the nearest first. `path`: of the file, relative to `root` with '/'; it need not exist. Empty where its language is not known.
base::Result<std::vector<std::string>> near_files(const std::filesystem::path& root, std::string_view path, std::chrono::milliseconds patience,
                                                  std::stop_token stop);

}  // namespace agent
