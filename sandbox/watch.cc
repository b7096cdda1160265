// SPDX-License-Identifier: Apache-2.0
#include "sandbox/watch.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "base/c_handle.h"
#include "base/strings.h"
#include "base/unique_fd.h"

namespace sandbox {
namespace {

namespace fs = std::filesystem;
using base::cat;
using base::UniqueFd;
using Directory = base::CHandle<DIR, closedir>;

// Files are counted when the disk lost this much free space, or a quarter of the limit, and at every 64th look: others on
// the disk free and take space too.
constexpr uint64_t kCountAgainBytes = 128ull << 20;
constexpr unsigned kCountEveryLooks = 64;
constexpr int kMaxDepth = 128;
constexpr uint64_t kBlameBytes = 32ull << 20;  // on a full disk a workspace smaller than this is not the cause

uint64_t count(int folder_fd, int depth, uint64_t enough) {
  Directory directory(::fdopendir(folder_fd));
  if (!directory) {
    ::close(folder_fd);
    return 0;
  }
  uint64_t total = 0;
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string_view name = entry->d_name;
    struct stat info {};
    if (name == "." || name == ".." || ::fstatat(::dirfd(directory.get()), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0)
      continue;
    total += static_cast<uint64_t>(info.st_blocks) * 512 / (S_ISREG(info.st_mode) && info.st_nlink > 1 ? info.st_nlink : 1);
    if (S_ISDIR(info.st_mode) && depth < kMaxDepth) {
      const int sub = ::openat(::dirfd(directory.get()), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      if (sub >= 0) total += count(sub, depth + 1, enough - std::min(enough, total));
    }
    if (total > enough) break;
  }
  return total;
}

std::string small_file(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text(1 << 15, '\0');
  const ssize_t n = fd ? ::read(fd.get(), text.data(), text.size()) : -1;
  text.resize(n > 0 ? static_cast<size_t>(n) : 0);
  return text;
}

}  // namespace

uint64_t bytes_on_disk(const fs::path& folder, uint64_t enough) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  return fd < 0 ? 0 : count(fd, 0, enough);
}

TreeUse tree_use(pid_t root) {
  TreeUse use;
  const auto page_bytes = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  std::vector<pid_t> open = {root};
  while (!open.empty() && use.n_processes < 100'000) {
    const std::string process = cat("/proc/", open.back());
    open.pop_back();
    unsigned long long size = 0, resident = 0, shared = 0;
    if (std::sscanf(small_file(process + "/statm").c_str(), "%llu %llu %llu", &size, &resident, &shared) != 3) continue;
    ++use.n_processes;
    use.memory_bytes += (resident - std::min(resident, shared)) * page_bytes;
    Directory tasks(::opendir((process + "/task").c_str()));
    while (const dirent* entry = tasks ? ::readdir(tasks.get()) : nullptr) {
      if (entry->d_name[0] == '.') continue;
      const std::string children = small_file(cat(process, "/task/", entry->d_name, "/children"));
      for (const char* at = children.c_str(); *at != '\0';) {
        char* end = nullptr;
        const long pid = std::strtol(at, &end, 10);
        if (end == at) break;
        open.push_back(static_cast<pid_t>(pid));
        at = end;
        while (*at == ' ') ++at;
      }
    }
  }
  return use;
}

uint64_t free_disk_bytes(const fs::path& folder) {
  struct statvfs info {};
  if (::statvfs(folder.c_str(), &info) != 0) return UINT64_MAX;
  return static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
}

Watch::Watch(std::vector<fs::path> folders, const Limits& limits, bool count_processes)
    : folders_(std::move(folders)), limits_(limits), count_processes_(count_processes),
      free_at_last_count_(folders_.empty() ? 0 : free_disk_bytes(folders_.front())) {}

std::optional<Ending> Watch::look_at_disk() {
  if (folders_.empty()) return std::nullopt;
  const uint64_t free = free_disk_bytes(folders_.front());
  const bool shrank = free + std::min(kCountAgainBytes, limits_.disk_bytes / 4) < free_at_last_count_;
  if (!shrank && free >= kFreeDiskFloor && ++looks_ % kCountEveryLooks != 0) return std::nullopt;
  free_at_last_count_ = free;
  uint64_t ours = 0;
  for (const fs::path& folder : folders_) ours += bytes_on_disk(folder, limits_.disk_bytes);
  if (ours > limits_.disk_bytes || (free < kFreeDiskFloor && ours > kBlameBytes)) return Ending::kOutOfDisk;
  return std::nullopt;
}

std::optional<Ending> Watch::look(pid_t root) {
  if (auto ending = look_at_disk()) return ending;
  if (!count_processes_) return std::nullopt;
  const TreeUse use = tree_use(root);
  if (use.n_processes > limits_.n_processes) return Ending::kTooManyProcesses;
  if (use.memory_bytes > limits_.memory_bytes) return Ending::kOutOfMemory;
  return std::nullopt;
}

}  // namespace sandbox
