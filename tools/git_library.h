// SPDX-License-Identifier: Apache-2.0
// tools/git_library.h: libgit2 for this folder: handles, start-up, and its error texts. No other header includes
// <git2.h>.
//
// Threads  An object of libgit2 belongs to one thread at a time; its error text is kept per thread.
#pragma once
#include <git2.h>
#include <git2/sys/index.h>
#include <git2/sys/mempack.h>
#include <git2/sys/odb_backend.h>
#include <git2/sys/repository.h>

#include <string>
#include <string_view>

#include "base/c_handle.h"
#include "base/result.h"

namespace tools {

using GitRepository = base::CHandle<git_repository, git_repository_free>;
using GitOdb = base::CHandle<git_odb, git_odb_free>;
using GitIndex = base::CHandle<git_index, git_index_free>;
using GitPatch = base::CHandle<git_patch, git_patch_free>;
using GitStatusList = base::CHandle<git_status_list, git_status_list_free>;
using GitConfig = base::CHandle<git_config, git_config_free>;

// Call before any function of libgit2; starts it once per process.
void use_git_library();

// libgit2 keeps its message per thread: call this before any other libgit2 call.
base::Error git_failure(std::string_view doing);

std::string hex(const git_oid& id);

// The repository whose work tree holds `folder`, opened for reading only; null where there is none or it can't be read.
GitRepository open_repository(const std::string& folder);

}  // namespace tools
