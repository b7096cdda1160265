// SPDX-License-Identifier: Apache-2.0
// sandbox/run_plan.h: what one run may see, as a value: facts about the host + policy -> mounts and environment -> the
// argument list of bubblewrap. Nothing here touches the machine except look_at_host(); sandbox/launch.h carries plans out.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "sandbox/sandbox.h"

namespace sandbox {

// What this machine and user look like; read once per process.
struct HostFacts {
  uid_t uid = 0;
  std::filesystem::path home;                                     // where commands find their HOME; never "/"
  std::map<std::string, std::string> environment;                 // the caller's, whole
  std::vector<std::filesystem::path> system_folders;              // shown read-only: /usr, /etc, /opt ...
  std::map<std::filesystem::path, std::string> system_links;      // /bin -> usr/bin
  std::vector<std::filesystem::path> toolchains;                  // under the home or named by PATH, shown read-only
  std::vector<std::filesystem::path> sealed_in_proc;              // shown read-only in the new /proc
  std::vector<std::filesystem::path> masked_files, masked_folders;  // system secrets: shown empty
};
HostFacts look_at_host();

struct Mount {
  // kOverlay: the workspace's own; kSealed: what is mounted there becomes read-only
  enum class Kind { kReadOnly, kWritable, kDevice, kTmpfs, kLink, kProc, kPts, kOverlay, kSealed };
  Kind kind;
  std::string source;  // a folder or file of the host; the link's text; empty
  std::filesystem::path target;
  uint64_t size_bytes = 0;  // of a tmpfs
};

// The folders of one workspace.
struct WorkspacePlaces {
  std::filesystem::path source;  // canonical; where commands see the view
  std::filesystem::path view;    // host folder with the copied files; empty: an overlay is mounted at `source`
  std::filesystem::path home;    // private, kept between the runs of a workspace
  std::filesystem::path empty_file, empty_folder;
};

struct RunPlan {
  std::vector<Mount> mounts;  // parents before what lies in them
  std::map<std::string, std::string> environment;
  std::vector<std::string> argv;
  std::filesystem::path cwd;
  bool network = false;
};

// kInvalidArgument: an empty command, a cwd outside the workspace, a policy folder that may not be shown or written.
base::Result<RunPlan> make_run_plan(const HostFacts& host, const WorkspacePlaces& places, const Command& command,
                                    const Policy& policy);

// Whether `folder` can be a workspace: not the root, a system folder, the home folder or a folder above it.
base::Status check_source(const HostFacts& host, const std::filesystem::path& folder);

// Options for `bwrap --args FD`: the plan's mounts stand ready at `root`; the descriptors are bubblewrap's.
std::vector<std::string> bubblewrap_options(const RunPlan& plan, const std::filesystem::path& root, int status_fd,
                                            int seccomp_fd);

}  // namespace sandbox
