// SPDX-License-Identifier: Apache-2.0
// sandbox/mounts.h: carries out the mounts of a plan, in the child that becomes the sandbox.
//
// Why here Bubblewrap can do all of these too, but reads the whole mount table anew for each: with forty mounts that took
//          three times as long as all the rest. It gets one finished tree as its root instead.
// Phases   prepare_mounts() runs in the parent and may allocate; carry_out() runs in the child, between clone and exec, in a
//          user and mount namespace of its own, and makes async-signal-safe calls only.
// Kernel   5.12, for mount_setattr, which makes a tree of mounts read-only as a whole. Without it the set-up fails.
#pragma once
#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "sandbox/run_plan.h"

namespace sandbox {

// Where an overlay is put together: <scratch>/upper and <scratch>/work over `source`.
struct Overlay {
  std::filesystem::path source, scratch;
};

// A mount with its strings as system calls take them.
struct PreparedMount {
  Mount::Kind kind;
  std::string source, target, options;
};

struct PreparedMounts {
  std::string root;  // where the tree is put together; empty: this machine's root
  std::vector<PreparedMount> mounts;
  // of the overlay, if there is one
  std::string source, scratch;
  dev_t source_device = 0;
  ino_t source_inode = 0;
  base::UniqueFd source_slot, scratch_slot;  // their numbers stand in the overlay's options
};

base::Result<PreparedMounts> prepare_mounts(const std::vector<Mount>& mounts, const std::filesystem::path& root,
                                            const std::optional<Overlay>& overlay);

// What failed; strings that live as long as the PreparedMounts.
struct MountFailure {
  const char* step = nullptr;
  const char* path = "";
  int errno_value = 0;
};
bool carry_out(const PreparedMounts& mounts, MountFailure& failure);

}  // namespace sandbox
