// SPDX-License-Identifier: Apache-2.0
#include "tools/tree_changer.h"

#include <fcntl.h>
#include <sys/xattr.h>

#include <cerrno>
#include <set>

#include "base/file.h"
#include "base/strings.h"

namespace tools {
namespace {

bool same(const std::optional<FileState>& now, const std::optional<FileState>& wanted) {
  if (!now || !wanted) return !now && !wanted;
  return now->hash == wanted->hash && ((now->mode ^ wanted->mode) & 0111) == 0;
}

std::string parent_of(std::string_view path) {
  const size_t slash = path.rfind('/');
  return std::string(path.substr(0, slash == std::string_view::npos ? 0 : slash));
}

// The folder of a path, opened so that it can be synced.
base::Result<base::UniqueFd> open_parent_to_sync(int root, std::string_view path) {
  auto place = open_parent(root, path);
  if (!place) return std::move(place).error();
  base::UniqueFd fd(::openat(place->folder.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return base::system_error(errno, base::cat("open the folder of ", path));
  return fd;
}

// Owner and extended attributes (access lists among them), as far as the system lets us.
void copy_attributes(int from, int to, const struct stat& info) {
  if (::fchown(to, info.st_uid, info.st_gid) != 0) errno = 0;  // git does not keep the owner either
  char names[4096];
  const ssize_t n = ::flistxattr(from, names, sizeof names);
  for (ssize_t at = 0; at < n;) {
    const std::string name(names + at);
    at += static_cast<ssize_t>(name.size()) + 1;
    char value[4096];
    const ssize_t size = ::fgetxattr(from, name.c_str(), value, sizeof value);
    if (size >= 0 && ::fsetxattr(to, name.c_str(), value, static_cast<size_t>(size), 0) != 0) errno = 0;
  }
}

}  // namespace

base::Result<std::optional<FileState>> state_of(int root, const std::string& path) {
  auto file = read_beneath(root, path, WorkTree::kMaxFileBytes);
  if (file) return std::optional(FileState{content_hash(file->bytes), file->info.st_mode & 07777u});
  if (file.error().code == base::ErrorCode::kNotFound) return std::optional<FileState>();
  return std::move(file).error();
}

base::Status TreeChanger::make_temp(const Journal& journal, size_t i) {
  const FileChange& change = journal.changes[i];
  auto bytes = content_(change.after->hash);
  if (!bytes) return std::move(bytes).error();
  auto place = open_parent(root_, change.path);
  if (!place) return std::move(place).error();
  const std::string temp = journal.temp_name(i);
  if (base::Status bad = write_new_file(*system_, place->folder.get(), temp, *bytes, change.after->mode); !bad)
    return std::move(bad).error().in(base::cat("prepare ", change.path));
  if (!change.before) return base::ok();
  const auto old = open_regular_beneath(root_, change.path);
  if (!old) return old.error();
  const base::UniqueFd fd(::openat(place->folder.get(), temp.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return base::system_error(errno, base::cat("open ", temp));
  copy_attributes(old->fd.get(), fd.get(), old->info);
  // A new owner clears set-user-ID bits: set the mode last.
  if (system_->change_mode(fd.get(), change.after->mode) != 0)
    return base::system_error(errno, base::cat("set the mode of ", temp));
  if (system_->sync(fd.get()) != 0) return base::system_error(errno, base::cat("fsync ", temp));
  return base::ok();
}

base::Status TreeChanger::prepare(const Journal& journal) {
  for (const std::string& folder : journal.folders) {
    auto place = open_parent(root_, folder);
    if (!place) return std::move(place).error();
    if (system_->make_folder(place->folder.get(), place->name) != 0)
      return base::system_error(errno, base::cat("make the folder ", folder));
  }
  for (size_t i = 0; i < journal.changes.size(); ++i)
    if (journal.changes[i].after)
      if (base::Status bad = make_temp(journal, i); !bad) return bad;
  return base::ok();
}

base::Status TreeChanger::discard(const Journal& journal) {
  if (base::Status bad = remove_temps(journal); !bad) return bad;
  for (auto folder = journal.folders.rbegin(); folder != journal.folders.rend(); ++folder) {
    const auto place = open_parent(root_, *folder);
    if (!place || system_->remove_folder(place->folder.get(), place->name) == 0 || errno == ENOENT) continue;
    if (errno != ENOTEMPTY && errno != EEXIST)
      return base::system_error(errno, base::cat("remove the folder ", *folder));
  }
  return base::ok();
}

base::Status TreeChanger::remove_temps(const Journal& journal) {
  for (size_t i = 0; i < journal.changes.size(); ++i) {
    const auto place = open_parent(root_, journal.changes[i].path);
    if (!place || system_->remove(place->folder.get(), journal.temp_name(i)) == 0 || errno == ENOENT) continue;
    return base::system_error(
        errno, base::cat("remove the temporary file ", journal.temp_name(i), " beside ", journal.changes[i].path));
  }
  return base::ok();
}

// Before: the temporary file holds the new text, the path the old one. After: the other way round.
base::Status TreeChanger::swap_in(const Journal& journal, size_t i) {
  const FileChange& change = journal.changes[i];
  auto place = open_parent(root_, change.path);
  if (!place) return std::move(place).error();
  const int folder = place->folder.get();
  const std::string temp = journal.temp_name(i);
  const auto failed = [&] { return base::system_error(errno, base::cat("put the new ", change.path, " in place")); };
  if (!change.before) return system_->rename_new(folder, temp, place->name) == 0 ? base::ok() : base::Status(failed());
  if (!change.after) {
    if (system_->rename_new(folder, place->name, temp) != 0) return failed();
  } else if (system_->exchange(folder, temp, place->name) != 0) {
    if (errno != EINVAL && errno != ENOSYS) return failed();
    // A file system that can't swap: the old text is in the state folder.
    if (system_->rename_over(folder, temp, place->name) != 0) return failed();
    return base::ok();
  }
  // What came out must be what the edit was made for: someone may have saved the file since it was checked.
  const auto out = read_beneath(folder, temp, WorkTree::kMaxFileBytes);
  if (out && content_hash(out->bytes) == change.before->hash) return base::ok();
  const int back =
      change.after ? system_->exchange(folder, temp, place->name) : system_->rename_new(folder, temp, place->name);
  if (back != 0) return failed();
  return base::invalid(base::cat(change.path, " was changed by someone else just now; nothing was changed"));
}

base::Status TreeChanger::swap_out(const Journal& journal, size_t i) {
  const FileChange& change = journal.changes[i];
  auto place = open_parent(root_, change.path);
  if (!place) return std::move(place).error();
  const int folder = place->folder.get();
  const std::string temp = journal.temp_name(i);
  const auto failed = [&] { return base::system_error(errno, base::cat("put the old ", change.path, " back")); };
  if (!change.before) return system_->rename_new(folder, place->name, temp) == 0 ? base::ok() : base::Status(failed());
  struct stat info {};
  if (::fstatat(folder, temp.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {  // it was not swapped but replaced
    auto bytes = content_(change.before->hash);
    if (!bytes) return std::move(bytes).error();
    if (base::Status bad = write_new_file(*system_, folder, temp, *bytes, change.before->mode); !bad) return bad;
    return system_->rename_over(folder, temp, place->name) == 0 ? base::ok() : base::Status(failed());
  }
  const int back =
      change.after ? system_->exchange(folder, temp, place->name) : system_->rename_new(folder, temp, place->name);
  return back == 0 ? base::ok() : base::Status(failed());
}

base::Status TreeChanger::commit(const Journal& journal) {
  for (size_t i = 0; i < journal.changes.size(); ++i) {
    base::Status done = swap_in(journal, i);
    if (done) continue;
    while (i-- > 0) {
      if (base::Status bad = swap_out(journal, i); !bad)
        return base::Error{base::ErrorCode::kInternal,
                           base::cat(done.error().message, "; and then: ", bad.error().message,
                                     ". Some files are new and some old: run `graft log` when the cause is gone, and "
                                     "they are brought to one side")};
    }
    return done;
  }
  return base::ok();
}

base::Status TreeChanger::clean_up(const Journal& journal) {
  std::set<std::string> synced;
  for (const FileChange& change : journal.changes) {
    if (!synced.insert(parent_of(change.path)).second) continue;
    auto folder = open_parent_to_sync(root_, change.path);
    if (!folder && folder.error().code == base::ErrorCode::kNotFound)
      continue;  // removed by an earlier run of this step
    if (!folder) return std::move(folder).error();
    if (system_->sync(folder->get()) != 0 && errno != EINVAL && errno != ENOTSUP)
      return base::system_error(errno, base::cat("fsync the folder of ", change.path));
  }
  if (base::Status bad = remove_temps(journal); !bad) return bad;
  for (const FileChange& change : journal.changes) {
    if (change.after) continue;
    for (std::string folder = parent_of(change.path); !folder.empty(); folder = parent_of(folder)) {
      const auto place = open_parent(root_, folder);
      if (!place || system_->remove_folder(place->folder.get(), place->name) != 0) break;  // not empty: it stays
    }
  }
  return base::ok();
}

base::Result<TreeChanger::Progress> TreeChanger::progress(const Journal& journal, size_t i) const {
  const FileChange& change = journal.changes[i];
  auto now = state_of(root_, change.path);
  if (!now) return std::move(now).error();
  if (same(*now, change.after)) return Progress::kAfter;
  if (same(*now, change.before)) return Progress::kBefore;
  // Someone worked on the file after the crash: on the old text or on the new one? The temporary file holds the other.
  const std::string folder = parent_of(change.path);
  const auto temp = state_of(root_, (folder.empty() ? "" : folder + "/") + journal.temp_name(i));
  return temp && same(*temp, change.after) && change.after ? Progress::kTouchedBefore : Progress::kTouchedAfter;
}

base::Result<TreeChanger::Recovery> TreeChanger::recover(const Journal& journal) {
  if (journal.phase == Journal::Phase::kPrepare) {
    if (base::Status bad = discard(journal); !bad) return std::move(bad).error();
    return Recovery::kTakenBack;
  }
  std::vector<Progress> all;
  bool back = false;
  for (size_t i = 0; i < journal.changes.size(); ++i) {
    auto at = progress(journal, i);
    if (!at) return std::move(at).error().in("recover an interrupted change");
    back |= *at == Progress::kTouchedBefore;
    all.push_back(*at);
  }
  for (size_t i = 0; i < all.size(); ++i) {
    base::Status moved = base::ok();
    if (back && all[i] == Progress::kAfter) moved = swap_out(journal, i);
    if (!back && all[i] == Progress::kBefore) {
      const auto place = open_parent(root_, journal.changes[i].path);
      struct stat info {};
      const bool have_temp =
          place && ::fstatat(place->folder.get(), journal.temp_name(i).c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0;
      if (journal.changes[i].after && !have_temp) moved = make_temp(journal, i);
      if (moved) moved = swap_in(journal, i);
    }
    if (!moved) return std::move(moved).error().in("recover an interrupted change");
  }
  if (!back) {
    if (base::Status bad = clean_up(journal); !bad) return std::move(bad).error();
    return Recovery::kCompleted;
  }
  if (base::Status bad = discard(journal); !bad) return std::move(bad).error();
  return Recovery::kTakenBack;
}

}  // namespace tools
