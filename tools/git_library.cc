// SPDX-License-Identifier: Apache-2.0
#include "tools/git_library.h"

#include "base/strings.h"

namespace tools {

void use_git_library() {
  static const bool started = [] {
    git_libgit2_init();
    // We read repositories and never run what their configuration names, so it does not matter who owns the folder.
    git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
    // Candidate trees name blobs that are hashed but kept elsewhere: don't look for them when a tree is written.
    git_libgit2_opts(GIT_OPT_ENABLE_STRICT_OBJECT_CREATION, 0);
    return true;
  }();
  static_cast<void>(started);
}

base::Error git_failure(std::string_view doing) {
  const git_error* detail = git_error_last();  // may be null
  return {base::ErrorCode::kIo, base::cat(doing, ": ", detail == nullptr ? "no detail" : detail->message)};
}

std::string hex(const git_oid& id) {
  char text[GIT_OID_HEXSZ];
  git_oid_fmt(text, &id);
  return {text, sizeof text};
}

GitRepository open_repository(const std::string& folder) {
  use_git_library();
  git_repository* found = nullptr;
  if (git_repository_open_ext(&found, folder.c_str(), 0, nullptr) != 0) return nullptr;
  GitRepository repository(found);
  if (git_repository_is_bare(found) != 0) return nullptr;
  return repository;
}

}  // namespace tools
