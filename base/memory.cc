// SPDX-License-Identifier: Apache-2.0
#include "base/memory.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <optional>
#include <string_view>

namespace base {
namespace {

namespace fs = std::filesystem;

// The number behind `key` in a file of lines "KEY NUMBER...".
std::optional<uint64_t> number_behind(const fs::path& file, std::string_view key) {
  std::ifstream in(file);
  for (std::string word; in >> word; in.ignore(1 << 12, '\n')) {
    uint64_t number = 0;
    if (word == key && in >> number) return number;
  }
  return std::nullopt;
}

// The number that is all of a file; nothing for "max", and where there is no such file.
std::optional<uint64_t> number_in(const fs::path& file) {
  std::ifstream in(file);
  uint64_t number = 0;
  if (in >> number) return number;
  return std::nullopt;
}

// What the group in `folder` may still take; pages of files count as free, as the kernel drops them first.
std::optional<uint64_t> room_in_group(const fs::path& folder) {
  const auto most = number_in(folder / "memory.max"), now = number_in(folder / "memory.current");
  if (!most || !now) return std::nullopt;
  const uint64_t files = number_behind(folder / "memory.stat", "file").value_or(0);
  const uint64_t shared =
      number_behind(folder / "memory.stat", "shmem").value_or(0);  // counted as files, but nowhere on a disk
  const uint64_t droppable = std::min(*now, files - std::min(files, shared));
  return *most - std::min(*most, *now - droppable);
}

// The line "0::/a/b" of version 2.
std::string group_of_process(const fs::path& root) {
  std::ifstream in(root / "proc/self/cgroup");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("0::/")) return line.substr(4);
  return "";
}

}  // namespace

uint64_t available_memory(const fs::path& root) {
  const auto kibibytes = number_behind(root / "proc/meminfo", "MemAvailable:");
  if (!kibibytes || *kibibytes > UINT64_MAX / 1024) return 0;
  uint64_t available = *kibibytes * 1024;
  const fs::path top = root / "sys/fs/cgroup";
  // A limit of any group above holds too. In a container the process's own is the top.
  for (fs::path group = group_of_process(root);; group = group.parent_path()) {
    if (const auto room = room_in_group(top / group)) available = std::min(available, *room);
    if (group.empty()) return available;
  }
}

std::string in_units(uint64_t bytes) {
  constexpr const char* kUnits[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  for (; value >= 1000 && unit + 1 < std::size(kUnits); ++unit) value /= 1000;
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.2f %s", value, kUnits[unit]);
  return text;
}

}  // namespace base
