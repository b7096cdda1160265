// SPDX-License-Identifier: Apache-2.0
// base/memory.h: how much memory there is, and bytes in words.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>

namespace base {

// Bytes that this process can take without pushing others out, its control groups' limits counted (version 2); 0 where the system does
// not say. `root`: under which /proc and /sys are.
uint64_t available_memory(const std::filesystem::path& root = "/");

// "7.94 MB": decimal, three digits or so.
std::string in_units(uint64_t bytes);

}  // namespace base
