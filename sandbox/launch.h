// SPDX-License-Identifier: Apache-2.0
// sandbox/launch.h: starts bubblewrap for a plan, in a child that first takes away what bubblewrap itself does not.
//
// Phases   A child in new user, mount and PID namespaces, which shares our memory until its exec. In it: default signals, no
//          foreign descriptors, cgroup, rlimits, no new privileges, the plan's mounts where only this run sees them, Landlock
//          scopes, exec. Bubblewrap makes a second set of namespaces inside, with those mounts as its root.
// Threads  The caller's thread waits until the exec. The child dies with that thread (PR_SET_PDEATHSIG), so the thread must
//          wait for the run's end.
// Errors   The step that failed, with the system's text. Nothing is left running then.
#pragma once
#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "sandbox/mounts.h"
#include "sandbox/run_plan.h"

namespace sandbox {

inline constexpr int kOwnProcesses = 2;  // of bubblewrap, on top of the command's

struct LaunchOptions {
  std::string bubblewrap;               // path of the program
  std::filesystem::path root;           // a folder on which the plan's mounts are put together
  std::optional<Overlay> overlay;       // where the plan mounts one
  std::vector<int> join_fds;  // the child writes itself into each
  Limits limits;
  bool limit_memory_per_process = false;  // where no cgroup bounds the tree
};

struct Launched {
  pid_t pid = -1;              // bubblewrap's outer process, our child; with its end all that it started has ended
  base::UniqueFd pidfd;
  base::UniqueFd output;       // read end, non-blocking: stdout and stderr
  base::UniqueFd status;       // read end, non-blocking: bubblewrap's JSON lines
};

base::Result<Launched> launch(const RunPlan& plan, const LaunchOptions& options);

// Tries in a child whether the overlay can be mounted; the Error says why not.
base::Status try_overlay(const Overlay& overlay);

}  // namespace sandbox
