// SPDX-License-Identifier: Apache-2.0
#include "sandbox/scratch.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <mutex>
#include <set>

#include "base/c_handle.h"
#include "base/file.h"
#include "base/strings.h"

namespace sandbox {
namespace {

namespace fs = std::filesystem;
using base::cat;
using base::system_error;
using base::UniqueFd;
using Directory = base::CHandle<DIR, closedir>;

constexpr int kMaxOpenLevels = 32;  // deeper folders are first moved up, so that a tree of any depth can go

UniqueFd open_folder(int parent_fd, const char* name) {
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  UniqueFd fd(::openat(parent_fd, name, kFlags));
  if (!fd && errno == EACCES && ::fchmodat(parent_fd, name, 0700, 0) == 0) fd = UniqueFd(::openat(parent_fd, name, kFlags));
  if (fd) ::fchmod(fd.get(), 0700);  // entries of a folder without w and x cannot be unlinked; a failure shows there
  return fd;
}

// Empties a folder. Subfolders beyond kMaxOpenLevels land in `top_fd` under a fresh name, for the caller's next pass.
// What cannot be removed stays, and makes the removal of the top fail with the system's reason.
void empty_folder(int fd, int level, int top_fd, unsigned& n_moved) {
  Directory directory(::fdopendir(::fcntl(fd, F_DUPFD_CLOEXEC, 3)));
  if (!directory) return;
  ::rewinddir(directory.get());
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (::unlinkat(fd, name.c_str(), 0) == 0 || errno == ENOENT) continue;
    if (level >= kMaxOpenLevels) {
      ::fchmodat(fd, name.c_str(), 0700, 0);  // moving a folder writes its ".."
      if (::renameat(fd, name.c_str(), top_fd, cat(".graft-deep-", n_moved).c_str()) == 0) ++n_moved;
      continue;
    }
    if (UniqueFd sub = open_folder(fd, name.c_str())) empty_folder(sub.get(), level + 1, top_fd, n_moved);
    ::unlinkat(fd, name.c_str(), AT_REMOVEDIR);
  }
}

// The base folder must be ours alone: below a shared /tmp another user may have made it first.
base::Result<UniqueFd> open_base(const fs::path& base) {
  std::error_code code;
  fs::create_directories(base.parent_path(), code);
  ::mkdir(base.c_str(), 0700);
  UniqueFd fd(::open(base.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return system_error(errno, cat("open scratch folder ", base.string()));
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return system_error(errno, cat("stat ", base.string()));
  if (info.st_uid != ::geteuid())
    return base::Error{base::ErrorCode::kDenied, cat("scratch folder ", base.string(), " belongs to another user")};
  if ((info.st_mode & 077) != 0 && ::fchmod(fd.get(), 0700) != 0) return system_error(errno, cat("chmod ", base.string()));
  return fd;
}

bool starts_with(const std::string& text, std::string_view prefix) { return text.rfind(prefix, 0) == 0; }

// Under the base's lock, so that no folder is seen between its making and its locking.
void move_dead_aside(int base_fd, std::vector<std::string>& dead) {
  Directory directory(::fdopendir(::fcntl(base_fd, F_DUPFD_CLOEXEC, 3)));
  if (!directory) return;
  ::rewinddir(directory.get());
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(directory.get())) names.emplace_back(entry->d_name);
  for (const std::string& name : names) {
    if (starts_with(name, "dead-")) dead.push_back(name);
    if (!starts_with(name, "ws-")) continue;
    UniqueFd lock(::openat(base_fd, cat(name, "/lock").c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC));
    if (lock && ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) continue;  // alive
    const std::string aside = cat("dead-", name);
    if (::renameat(base_fd, name.c_str(), base_fd, aside.c_str()) == 0) dead.push_back(aside);
  }
}

bool first_use_in_process(const fs::path& base) {
  static std::mutex mutex;
  static std::set<fs::path> seen;
  std::lock_guard lock(mutex);
  return seen.insert(base).second;
}

}  // namespace

std::vector<fs::path> scratch_bases() {
  std::vector<fs::path> bases;
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  if (cache != nullptr && cache[0] == '/') bases.push_back(fs::path(cache) / "graft");
  else if (home != nullptr && home[0] == '/') bases.push_back(fs::path(home) / ".cache/graft");
  std::error_code code;
  const fs::path temp = fs::temp_directory_path(code);
  bases.push_back((code ? fs::path("/tmp") : temp) / cat("graft-", ::geteuid()));
  if (bases.back().parent_path() != "/tmp") bases.push_back(cat("/tmp/graft-", ::geteuid()));
  return bases;
}

base::Status remove_tree(int parent_fd, const std::string& name) {
  if (::unlinkat(parent_fd, name.c_str(), 0) == 0 || errno == ENOENT) return base::ok();
  UniqueFd top = open_folder(parent_fd, name.c_str());
  if (!top) return system_error(errno, cat("open ", name, " to remove it"));
  for (unsigned n_moved = 0, before = ~0u; n_moved != before;) {  // until a pass moves nothing
    before = n_moved;
    empty_folder(top.get(), 0, top.get(), n_moved);
  }
  if (::unlinkat(parent_fd, name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT)
    return system_error(errno, cat("remove ", name));
  return base::ok();
}

base::Result<Scratch> Scratch::create(const fs::path& base) {
  static std::atomic<unsigned> n_made{0};
  auto base_fd = open_base(base);
  if (!base_fd) return std::move(base_fd).error();
  UniqueFd base_lock(::openat(base_fd->get(), "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!base_lock || ::flock(base_lock.get(), LOCK_EX) != 0) return system_error(errno, cat("lock ", base.string()));

  std::vector<std::string> dead;
  if (first_use_in_process(base)) move_dead_aside(base_fd->get(), dead);

  const std::string name = cat("ws-", ::getpid(), "-", n_made++);
  if (::mkdirat(base_fd->get(), name.c_str(), 0700) != 0) return system_error(errno, cat("make ", (base / name).string()));
  UniqueFd fd(::openat(base_fd->get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return system_error(errno, cat("open ", (base / name).string()));
  UniqueFd lock(::openat(fd.get(), "lock", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!lock || ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) return system_error(errno, cat("lock ", (base / name).string()));
  base_lock.reset();

  for (const std::string& left : dead) (void)remove_tree(base_fd->get(), left);  // tried again at the next start
  return Scratch(base / name, std::move(fd), std::move(lock));
}

Scratch::~Scratch() {
  if (!fd_) return;
  UniqueFd parent(::open(path_.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (parent) (void)remove_tree(parent.get(), path_.filename().string());
}

base::Status Scratch::renew(const std::string& name) const {
  if (base::Status removed = remove_tree(fd(), name); !removed) return removed;
  if (::mkdirat(fd(), name.c_str(), 0700) != 0) return system_error(errno, cat("make ", (path_ / name).string()));
  return base::ok();
}

base::Status Scratch::renew_empty() const {
  if (base::Status made = renew("empty"); !made) return made;
  const UniqueFd file(::openat(fd(), "empty/file", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400));
  if (!file || ::mkdirat(fd(), "empty/folder", 0500) != 0) return system_error(errno, cat("make files in ", path_.string()));
  return base::ok();
}

}  // namespace sandbox
