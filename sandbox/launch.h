// SPDX-License-Identifier: Apache-2.0
// sandbox/launch.h: starts bubblewrap for a plan, in a child that first takes away what bubblewrap itself does not.
//
// Phases   vfork; in the child: default signals, no foreign descriptors, cgroup, rlimits, then (with an overlay) an own user
//          and mount namespace in which the overlay is mounted where only this run sees it, Landlock scopes, exec.
// Threads  The caller's thread waits until the exec. The child dies with that thread (PR_SET_PDEATHSIG of bubblewrap), so the
//          thread must wait for the run's end.
// Errors   The step that failed, with the system's text. Nothing is left running then.
#pragma once
#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "sandbox/run_plan.h"

namespace sandbox {

// Where the overlay is put together: <scratch>/upper and <scratch>/work over `source`, mounted on <scratch>/view.
struct Overlay {
  std::filesystem::path source, scratch;
};

struct LaunchOptions {
  std::string bubblewrap;               // path of the program
  std::optional<Overlay> overlay;
  std::vector<int> cgroup_procs_fds;    // the child writes itself into each
  Limits limits;
  bool limit_memory_per_process = false;  // where no cgroup bounds the tree
};

struct Launched {
  pid_t pid = -1;              // bubblewrap's outer process, our child
  base::UniqueFd pidfd;
  base::UniqueFd output;       // read end, non-blocking: stdout and stderr
  base::UniqueFd status;       // read end, non-blocking: bubblewrap's JSON lines
};

base::Result<Launched> launch(const RunPlan& plan, const LaunchOptions& options);

// Tries in a child whether the overlay can be mounted; the Error says why not.
base::Status try_overlay(const Overlay& overlay);

}  // namespace sandbox
