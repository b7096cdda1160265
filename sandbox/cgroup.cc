// SPDX-License-Identifier: Apache-2.0
#include "sandbox/cgroup.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <ctime>

#include "base/file.h"
#include "base/strings.h"

namespace sandbox {
namespace {

namespace fs = std::filesystem;
using base::cat;
using base::UniqueFd;

constexpr uint64_t kMaxControlFileBytes = 1 << 16;
constexpr std::string_view kPrefix = "graft-";

std::vector<std::string> split(std::string_view text, char mark) {
  std::vector<std::string> out;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(mark, begin), text.size());
    out.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return out;
}

bool has_word(std::string_view text, char mark, std::string_view word) {
  for (const std::string& part : split(text, mark))
    if (base::trim(part) == word) return true;
  return false;
}

// Our group's path by /proc/self/cgroup: "4:memory:/a/b", or "0::/a/b" of version 2 (empty controller).
std::optional<std::string> own_group(std::string_view own_groups, std::string_view controller) {
  for (const std::string_view line : base::split_lines(own_groups)) {
    const size_t first = line.find(':');
    const size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    const bool match = controller.empty() ? controllers.empty() : has_word(controllers, ',', controller);
    if (match) return std::string(line.substr(second + 1));
  }
  return std::nullopt;
}

// Where a controller of version 1, or the tree of version 2 (empty controller), is mounted.
std::optional<fs::path> mount_point(std::string_view mounts, std::string_view controller) {
  for (const std::string_view line : base::split_lines(mounts)) {
    const std::vector<std::string> fields = split(line, ' ');
    if (fields.size() < 4) continue;
    if (controller.empty() ? fields[2] == "cgroup2" : fields[2] == "cgroup" && has_word(fields[3], ',', controller))
      return fs::path(fields[1]);
  }
  return std::nullopt;
}

fs::path below(const fs::path& mount, const std::string& group) { return (mount / group.substr(1)).lexically_normal(); }

std::string control_text(const fs::path& file) {
  auto text = base::read_file(file, kMaxControlFileBytes);
  return text ? *text : std::string();
}

bool write_control(const fs::path& file, const std::string& text) {
  UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  return fd && ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

bool can_use(const fs::path& folder, int version) {
  if (::access(folder.c_str(), W_OK | X_OK) != 0 || ::access((folder / "cgroup.procs").c_str(), W_OK) != 0) return false;
  if (version == 1) return true;
  const std::string handed_out = control_text(folder / "cgroup.subtree_control");
  return has_word(handed_out, ' ', "memory") && has_word(handed_out, ' ', "pids");
}

void remove_dead_groups(const fs::path& parent) {
  std::error_code code;
  for (fs::directory_iterator it(parent, code), end; !code && it != end; it.increment(code)) {
    const std::string name = it->path().filename().string();
    if (name.rfind(kPrefix, 0) != 0) continue;
    const long pid = std::strtol(name.c_str() + kPrefix.size(), nullptr, 10);
    if (pid > 0 && ::kill(static_cast<pid_t>(pid), 0) != 0 && errno == ESRCH) ::rmdir(it->path().c_str());
  }
}

// The kernel lets a group go a moment after its last process: retried for a bounded time.
void remove_group(const fs::path& folder) {
  for (int i = 0; i < 50 && ::rmdir(folder.c_str()) != 0 && errno == EBUSY; ++i) {
    const timespec pause{0, 2'000'000};
    ::nanosleep(&pause, nullptr);
  }
}

}  // namespace

CgroupSite choose_cgroup_site(std::string_view mounts, std::string_view own_groups,
                              bool (*usable)(const fs::path& folder, int version)) {
  // Version 2. A group with processes in it, such as ours, hands out no controllers; its parent may.
  const auto unified = mount_point(mounts, "");
  if (const auto group = own_group(own_groups, ""); unified && group && !group->empty()) {
    const fs::path own = below(*unified, *group);
    for (const fs::path& folder : {own, own.parent_path()})
      if (folder.string().rfind(unified->string(), 0) == 0 && usable(folder, 2)) return {2, folder, folder};
  }
  // Version 1. In a container the path may be the host's: then the mount's root is our group.
  const auto site_of = [&](const char* controller) -> std::optional<fs::path> {
    const auto mount = mount_point(mounts, controller);
    const auto group = own_group(own_groups, controller);
    if (!mount || !group || group->empty()) return std::nullopt;
    for (const fs::path& folder : {below(*mount, *group), *mount})
      if (usable(folder, 1)) return folder;
    return std::nullopt;
  };
  const auto memory = site_of("memory"), pids = site_of("pids");
  if (memory && pids) return {1, *memory, *pids};
  return {};
}

const CgroupSite& cgroup_site() {
  static const CgroupSite kSite = [] {
    const CgroupSite site =
        choose_cgroup_site(control_text("/proc/self/mounts"), control_text("/proc/self/cgroup"), can_use);
    if (site.version != 0) remove_dead_groups(site.memory);
    if (site.version == 1) remove_dead_groups(site.pids);
    return site;
  }();
  return kSite;
}

std::optional<Cgroup> Cgroup::create(const CgroupSite& site) {
  static std::atomic<unsigned> n_made{0};
  if (site.version == 0) return std::nullopt;
  Cgroup group;
  group.version_ = site.version;
  const std::string name = cat(kPrefix, ::getpid(), "-", n_made++);
  std::vector<fs::path> parents = {site.memory};
  if (site.version == 1) parents.push_back(site.pids);
  for (const fs::path& parent : parents) {
    const fs::path folder = parent / name;
    if (::mkdir(folder.c_str(), 0755) != 0) return std::nullopt;
    group.folders_.push_back(folder);
    group.join_.emplace_back(::open((folder / (site.version == 1 ? "tasks" : "cgroup.procs")).c_str(), O_WRONLY | O_CLOEXEC));
    if (!group.join_.back()) return std::nullopt;
  }
  return group;
}

Cgroup::~Cgroup() {
  for (const fs::path& folder : folders_) remove_group(folder);
}

bool Cgroup::set_limits(uint64_t memory_bytes, int n_processes) const {
  const std::string memory = std::to_string(memory_bytes), pids = std::to_string(n_processes);
  if (version_ == 2) {
    write_control(folders_[0] / "memory.swap.max", "0");  // absent without swap
    return write_control(folders_[0] / "memory.max", memory) && write_control(folders_[0] / "pids.max", pids);
  }
  // Memory with swap may never be below memory alone: it is raised before, and lowered after.
  const fs::path with_swap = folders_[0] / "memory.memsw.limit_in_bytes";
  write_control(with_swap, "-1");
  const bool set = write_control(folders_[0] / "memory.limit_in_bytes", memory);
  write_control(with_swap, memory);
  return set && write_control(folders_[1] / "pids.max", pids);
}

std::vector<int> Cgroup::join_fds() const {
  std::vector<int> fds;
  for (const UniqueFd& fd : join_) fds.push_back(fd.get());
  return fds;
}

uint64_t Cgroup::oom_kills() const {
  const std::string text = control_text(folders_[0] / (version_ == 2 ? "memory.events" : "memory.oom_control"));
  for (const std::string_view line : base::split_lines(text))
    if (line.rfind("oom_kill ", 0) == 0) return std::strtoull(std::string(line.substr(9)).c_str(), nullptr, 10);
  return 0;
}

}  // namespace sandbox
