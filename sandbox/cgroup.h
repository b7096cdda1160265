// SPDX-License-Identifier: Apache-2.0
// sandbox/cgroup.h: bounds the memory and the number of processes of a whole tree, where control groups let us.
//
// Version 2 (kernel documentation, "Control Group v2"): a group beside ours, in a parent that we may write and that hands
// out the memory and pids controllers. Version 1 ("cgroup-v1/memory", "pids"): a group below ours for each of the two.
// Neither is promised on a machine; sandbox/watch.h then counts from outside.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"

namespace sandbox {

// Where groups can be made.
struct CgroupSite {
  int version = 0;                       // 0: nowhere
  std::filesystem::path memory, pids;    // parent folders; equal in version 2
};

// The site by the texts of /proc/self/mounts and /proc/self/cgroup; `can_use(folder)` says whether groups can be made there.
CgroupSite choose_cgroup_site(std::string_view mounts, std::string_view own_groups,
                              bool (*can_use)(const std::filesystem::path& folder, int version));
const CgroupSite& cgroup_site();  // of this machine, looked at once; groups of dead processes are removed then

class Cgroup {
 public:
  // Nothing where groups cannot be made after all.
  static std::optional<Cgroup> create(const CgroupSite& site);
  Cgroup(Cgroup&&) noexcept = default;
  Cgroup& operator=(Cgroup&&) = delete;
  ~Cgroup();

  bool set_limits(uint64_t memory_bytes, int n_processes) const;
  // Files in which a process joins by writing "0"; in version 1 the one thread that writes does.
  std::vector<int> join_fds() const;
  bool joined_by_thread() const { return version_ == 1; }
  uint64_t oom_kills() const;          // so far

 private:
  Cgroup() = default;
  int version_ = 0;
  std::vector<std::filesystem::path> folders_;  // memory first
  std::vector<base::UniqueFd> join_;
};

}  // namespace sandbox
