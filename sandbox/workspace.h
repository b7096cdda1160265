// SPDX-License-Identifier: Apache-2.0
// sandbox/workspace.h: how Workspace::create() may be steered from inside this folder.
#pragma once
#include <filesystem>
#include <memory>
#include <vector>

#include "sandbox/sandbox.h"

namespace sandbox {

struct WorkspaceOptions {
  std::vector<std::filesystem::path> reveal;
  bool use_overlay = true;  // else the work tree is copied
  bool use_cgroup = true;   // else limits are kept per process and by watching
};
base::Result<std::unique_ptr<Workspace>> create_workspace(const std::filesystem::path& source, const WorkspaceOptions& options);

}  // namespace sandbox
