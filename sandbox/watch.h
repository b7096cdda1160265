// SPDX-License-Identifier: Apache-2.0
// sandbox/watch.h: looks at a running tree from outside, for limits that the kernel does not keep for us: disk space of the
// workspace always; processes and memory of the tree where no control group bounds them.
//
// Bounds   A look every few tens of milliseconds: a limit can be passed for that long.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "sandbox/sandbox.h"

namespace sandbox {

// Blocks on disk of everything in `folder`, links counted once each, without following any. Stops counting above `enough`.
uint64_t bytes_on_disk(const std::filesystem::path& folder, uint64_t enough);

struct TreeUse {
  int n_processes = 0;
  uint64_t memory_bytes = 0;  // private and resident
};
// The process and all its descendants. A process that ends meanwhile counts or not.
TreeUse tree_use(pid_t root);

class Watch {
 public:
  Watch(std::vector<std::filesystem::path> folders, const Limits& limits, bool count_processes);

  // Why the tree below and with `root` must end now, if it must.
  std::optional<Ending> look(pid_t root);

 private:
  std::optional<Ending> look_at_disk();

  const std::vector<std::filesystem::path> folders_;
  const Limits limits_;
  const bool count_processes_;
  uint64_t free_at_last_count_;
  unsigned looks_ = 0;
};

// Free bytes on the file system of `folder`; a file system that cannot say has none used.
uint64_t free_disk_bytes(const std::filesystem::path& folder);

inline constexpr uint64_t kFreeDiskFloor = 256ull << 20;  // a run that brings the disk below this ends

}  // namespace sandbox
