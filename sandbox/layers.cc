// SPDX-License-Identifier: Apache-2.0
#include "sandbox/layers.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "base/c_handle.h"
#include "base/file.h"
#include "base/strings.h"
#include "sandbox/scratch.h"

namespace sandbox {
namespace {

namespace fs = std::filesystem;
using base::cat;
using base::ErrorCode;
using base::system_error;
using base::UniqueFd;
using Directory = base::CHandle<DIR, closedir>;

constexpr const char* kOpaque = "user.overlay.opaque";
constexpr std::ptrdiff_t kMaxListedDepth = 256;  // of changed_paths(): a command may nest folders without end

enum class Kind { kAbsent, kWhiteout, kFolder, kFile, kLink, kOther };

Kind kind_at(int folder_fd, const std::string& name, struct stat& info) {
  if (folder_fd < 0 || ::fstatat(folder_fd, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return Kind::kAbsent;
  if (S_ISDIR(info.st_mode)) return Kind::kFolder;
  if (S_ISREG(info.st_mode)) return Kind::kFile;
  if (S_ISLNK(info.st_mode)) return Kind::kLink;
  if (S_ISCHR(info.st_mode) && info.st_rdev == makedev(0, 0)) return Kind::kWhiteout;
  return Kind::kOther;
}

UniqueFd open_folder(int parent_fd, const std::string& name) {
  return UniqueFd(::openat(parent_fd, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

bool is_opaque(int folder_fd) {
  char value = 0;
  return ::fgetxattr(folder_fd, kOpaque, &value, 1) == 1 && value == 'y';
}

// The names of a path that stays below the root.
base::Result<std::vector<std::string>> steps_of(const fs::path& relative) {
  std::vector<std::string> steps;
  for (const fs::path& step : relative) {
    if (step == "." || step.empty()) continue;
    if (step == ".." || step.is_absolute() || step.native().find('\0') != std::string::npos)
      return base::invalid(cat("'", relative.string(), "' is not a path inside the workspace"));
    steps.push_back(step.string());
  }
  if (steps.empty()) return base::invalid("the path names the workspace's root and not a file in it");
  return steps;
}

base::Error link_on_the_way(const fs::path& relative) {
  return {ErrorCode::kDenied, cat("'", relative.string(), "' passes a symbolic link; name the file that it leads to")};
}

base::Result<std::string> read_open_file(int fd, const fs::path& relative, uint64_t max_bytes) {
  std::string bytes;
  char chunk[1 << 16];
  for (;;) {
    const ssize_t n = ::read(fd, chunk, sizeof chunk);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error(errno, cat("read ", relative.string()));
    if (n == 0) return bytes;
    if (bytes.size() + static_cast<size_t>(n) > max_bytes)
      return base::Error{ErrorCode::kExhausted, cat(relative.string(), " is larger than the limit of ", max_bytes, " bytes")};
    bytes.append(chunk, static_cast<size_t>(n));
  }
}

bool same_bytes(int a_folder, int b_folder, const std::string& name) {
  UniqueFd a(::openat(a_folder, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  UniqueFd b(::openat(b_folder, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  if (!a || !b) return false;
  char a_chunk[1 << 14], b_chunk[1 << 14];
  for (;;) {  // both are regular files of one size that nobody writes now: equal requests give equal counts
    const ssize_t n = ::read(a.get(), a_chunk, sizeof a_chunk);
    if (n < 0 || ::read(b.get(), b_chunk, sizeof b_chunk) != n) return false;
    if (n == 0) return true;
    if (!std::equal(a_chunk, a_chunk + n, b_chunk)) return false;
  }
}

bool same_link(int a_folder, int b_folder, const std::string& name) {
  char a[4096], b[4096];
  const ssize_t n = ::readlinkat(a_folder, name.c_str(), a, sizeof a);
  return n >= 0 && ::readlinkat(b_folder, name.c_str(), b, sizeof b) == n && std::equal(a, a + n, b);
}

bool too_deep(const std::string& prefix) { return std::count(prefix.begin(), prefix.end(), '/') > kMaxListedDepth; }

std::vector<std::string> names_in(int folder_fd) {
  std::vector<std::string> names;
  Directory directory(::fdopendir(::fcntl(folder_fd, F_DUPFD_CLOEXEC, 3)));
  if (!directory) return names;
  ::rewinddir(directory.get());
  while (const dirent* entry = ::readdir(directory.get()))
    if (std::string_view name = entry->d_name; name != "." && name != "..") names.emplace_back(name);
  return names;
}

}  // namespace

// Where a name would be in each layer; a parent that a layer lacks, or hides, is an empty descriptor.
struct Layers::Place {
  UniqueFd upper_parent, lower_parent;
  std::string name;
  int upper() const { return upper_parent.get(); }
  int lower() const { return lower_parent.get(); }
};

base::Result<Layers> Layers::open(const fs::path& upper, const fs::path& lower, const fs::path& incoming) {
  Layers layers;
  const auto open_root = [](const fs::path& path) {
    return UniqueFd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  };
  layers.upper_ = open_root(upper);
  if (!layers.upper_) return system_error(errno, cat("open ", upper.string()));
  layers.incoming_ = open_root(incoming);
  if (!layers.incoming_) return system_error(errno, cat("open ", incoming.string()));
  if (!lower.empty()) {
    layers.lower_ = open_root(lower);
    if (!layers.lower_) return system_error(errno, cat("open ", lower.string()));
  }
  return layers;
}

base::Result<Layers::Place> Layers::find(const fs::path& relative, bool make_parents) const {
  auto steps = steps_of(relative);
  if (!steps) return std::move(steps).error();
  Place place;
  place.upper_parent = UniqueFd(::fcntl(upper_.get(), F_DUPFD_CLOEXEC, 3));
  if (lower_) place.lower_parent = UniqueFd(::fcntl(lower_.get(), F_DUPFD_CLOEXEC, 3));
  place.name = std::move(steps->back());
  steps->pop_back();

  for (const std::string& step : *steps) {
    struct stat upper_info {}, lower_info {};
    const Kind in_upper = kind_at(place.upper(), step, upper_info);
    Kind in_lower = kind_at(place.lower(), step, lower_info);
    if (in_upper != Kind::kAbsent && in_upper != Kind::kFolder) in_lower = Kind::kAbsent;  // hidden by it
    const Kind seen = in_upper == Kind::kAbsent ? in_lower : in_upper;
    if (seen == Kind::kLink) return link_on_the_way(relative);
    if (seen == Kind::kFile || seen == Kind::kOther)
      return base::invalid(cat("'", relative.string(), "': '", step, "' is not a folder"));
    if (seen != Kind::kFolder && !make_parents)
      return base::Error{ErrorCode::kNotFound, cat("'", relative.string(), "' does not exist in the workspace")};

    if (in_upper != Kind::kFolder && make_parents) {
      if (in_upper == Kind::kWhiteout) ::unlinkat(place.upper(), step.c_str(), 0);
      if (::mkdirat(place.upper(), step.c_str(), 0755) != 0) return system_error(errno, cat("make folder ", step));
    }
    UniqueFd upper_next = in_upper == Kind::kFolder || make_parents ? open_folder(place.upper(), step) : UniqueFd();
    if (make_parents && !upper_next) return system_error(errno, cat("open folder ", step));
    if (make_parents && in_upper == Kind::kWhiteout && ::fsetxattr(upper_next.get(), kOpaque, "y", 1, 0) != 0)
      return system_error(errno, cat("make folder ", step, " opaque"));  // else what was removed would come back
    UniqueFd lower_next;
    if (in_lower == Kind::kFolder && !(upper_next && is_opaque(upper_next.get())))
      lower_next = open_folder(place.lower(), step);
    if (make_parents && in_upper == Kind::kAbsent && lower_next) ::fchmod(upper_next.get(), lower_info.st_mode & 07777);
    place.upper_parent = std::move(upper_next);
    place.lower_parent = std::move(lower_next);
  }
  return place;
}

base::Status Layers::write_file(const fs::path& relative, std::string_view bytes, std::optional<unsigned> mode) {
  auto place = find(relative, true);
  if (!place) return std::move(place).error();
  struct stat info {};
  Kind kind = kind_at(place->upper(), place->name, info);
  if (kind == Kind::kAbsent) kind = kind_at(place->lower(), place->name, info);
  if (kind == Kind::kLink) return link_on_the_way(relative);
  if (kind == Kind::kFolder || kind == Kind::kOther)
    return base::invalid(cat("'", relative.string(), "' is not a regular file"));
  const bool exists = kind == Kind::kFile;

  // Put together aside and moved into place, so that a failure leaves the old file.
  ::unlinkat(incoming_.get(), "file", 0);
  UniqueFd fd(::openat(incoming_.get(), "file", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return system_error(errno, cat("write ", relative.string()));
  for (std::string_view rest = bytes; !rest.empty();) {
    const ssize_t n = ::write(fd.get(), rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error(errno, cat("write ", relative.string()));
    rest.remove_prefix(static_cast<size_t>(n));
  }
  if (::fchmod(fd.get(), mode.value_or(exists ? info.st_mode & 0777 : 0644)) != 0)
    return system_error(errno, cat("chmod ", relative.string()));

  // A whole second newer than any time this path had: .pyc files and some make programs compare whole seconds.
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  const std::string key = relative.lexically_normal().string();
  int64_t& last_second = last_second_.try_emplace(key, INT64_MIN).first->second;
  if (exists) last_second = std::max<int64_t>(last_second, info.st_mtim.tv_sec);
  if (now.tv_sec <= last_second) now = {static_cast<time_t>(last_second + 1), 0};
  last_second = now.tv_sec;
  const timespec times[2] = {now, now};
  if (::futimens(fd.get(), times) != 0) return system_error(errno, cat("set the time of ", relative.string()));

  if (::renameat(incoming_.get(), "file", place->upper(), place->name.c_str()) != 0)
    return system_error(errno, cat("write ", relative.string()));
  if (::fstat(fd.get(), &info) == 0) own_[key] = mark_of(info);
  return base::ok();
}

base::Status Layers::remove_file(const fs::path& relative) {
  auto place = find(relative, false);
  if (!place) return std::move(place).error();
  struct stat upper_info {}, lower_info {};
  const Kind in_upper = kind_at(place->upper(), place->name, upper_info);
  const Kind in_lower = kind_at(place->lower(), place->name, lower_info);
  const Kind seen = in_upper == Kind::kAbsent ? in_lower : in_upper;
  if (seen == Kind::kAbsent || seen == Kind::kWhiteout)
    return base::Error{ErrorCode::kNotFound, cat("'", relative.string(), "' does not exist in the workspace")};
  if (seen == Kind::kFolder) return base::invalid(cat("'", relative.string(), "' is a folder"));

  const std::string key = relative.lexically_normal().string();
  int64_t& last_second = last_second_.try_emplace(key, INT64_MIN).first->second;
  last_second = std::max<int64_t>(last_second, (in_upper == Kind::kAbsent ? lower_info : upper_info).st_mtim.tv_sec);
  if (in_upper != Kind::kAbsent && ::unlinkat(place->upper(), place->name.c_str(), 0) != 0)
    return system_error(errno, cat("remove ", relative.string()));
  if (in_lower != Kind::kAbsent) {
    place = find(relative, true);
    if (!place) return std::move(place).error();
    if (::mknodat(place->upper(), place->name.c_str(), S_IFCHR, makedev(0, 0)) != 0)
      return system_error(errno, cat("hide ", relative.string()));
  }
  own_[key] = std::nullopt;
  return base::ok();
}

base::Result<std::string> Layers::read_file(const fs::path& relative, uint64_t max_bytes) const {
  auto place = find(relative, false);
  if (!place) return std::move(place).error();
  struct stat info {};
  int folder = place->upper();
  Kind kind = kind_at(folder, place->name, info);
  if (kind == Kind::kAbsent) kind = kind_at(folder = place->lower(), place->name, info);
  if (kind == Kind::kAbsent || kind == Kind::kWhiteout)
    return base::Error{ErrorCode::kNotFound, cat("'", relative.string(), "' does not exist in the workspace")};
  if (kind == Kind::kLink) return link_on_the_way(relative);
  if (kind != Kind::kFile) return base::invalid(cat("'", relative.string(), "' is not a regular file"));
  UniqueFd fd(::openat(folder, place->name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd) return system_error(errno, cat("open ", relative.string()));
  return read_open_file(fd.get(), relative, max_bytes);
}

base::Status Layers::hide(const fs::path& relative, bool is_folder) {
  auto place = find(relative, true);
  if (!place) return std::move(place).error();
  if (base::Status removed = remove_tree(place->upper(), place->name); !removed) return removed;  // of a copy
  const std::string key = relative.lexically_normal().string();
  if (is_folder) {
    if (::mkdirat(place->upper(), place->name.c_str(), 0700) != 0) return system_error(errno, cat("hide ", key));
    UniqueFd fd = open_folder(place->upper(), place->name);
    if (!fd || (lower_ && ::fsetxattr(fd.get(), kOpaque, "y", 1, 0) != 0)) return system_error(errno, cat("hide ", key));
  } else {
    UniqueFd fd(::openat(place->upper(), place->name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    struct stat info {};
    if (!fd || ::fstat(fd.get(), &info) != 0) return system_error(errno, cat("hide ", key));
    own_[key] = mark_of(info);
  }
  hidden_.insert(key);
  return base::ok();
}

void Layers::list_lower(int lower_fd, const std::string& prefix, std::set<std::string>& out) const {
  if (too_deep(prefix)) return;
  for (const std::string& name : names_in(lower_fd)) {
    struct stat info {};
    if (kind_at(lower_fd, name, info) != Kind::kFolder) {
      out.insert(prefix + name);
    } else if (UniqueFd sub = open_folder(lower_fd, name)) {
      list_lower(sub.get(), cat(prefix, name, "/"), out);
    }
  }
}

void Layers::walk_upper(int upper_fd, int lower_fd, const std::string& prefix, std::set<std::string>& changed) const {
  if (too_deep(prefix)) return;
  const std::vector<std::string> names = names_in(upper_fd);
  for (const std::string& name : names) {
    const std::string path = prefix + name;
    struct stat upper_info {}, lower_info {};
    const Kind in_upper = kind_at(upper_fd, name, upper_info);
    const Kind in_lower = kind_at(lower_fd, name, lower_info);
    if (in_upper == Kind::kFolder) {
      UniqueFd upper_next = open_folder(upper_fd, name);
      if (!upper_next || hidden_.count(path) > 0) continue;
      UniqueFd lower_next = in_lower == Kind::kFolder ? open_folder(lower_fd, name) : UniqueFd();
      if (in_lower != Kind::kAbsent && in_lower != Kind::kFolder) changed.insert(path);
      if (lower_next && is_opaque(upper_next.get())) {  // replaced: what the lower folder holds is gone
        list_lower(lower_next.get(), path + "/", changed);
        lower_next.reset();
      }
      walk_upper(upper_next.get(), lower_next.get(), path + "/", changed);
    } else if (in_upper == Kind::kWhiteout) {
      UniqueFd lower_next = in_lower == Kind::kFolder ? open_folder(lower_fd, name) : UniqueFd();
      if (lower_next) list_lower(lower_next.get(), path + "/", changed);
      else if (in_lower != Kind::kAbsent) changed.insert(path);
    } else {
      const bool same = in_upper == in_lower && (upper_info.st_mode & 07777) == (lower_info.st_mode & 07777) &&
                        upper_info.st_size == lower_info.st_size &&
                        ((in_upper == Kind::kFile && same_bytes(upper_fd, lower_fd, name)) ||
                         (in_upper == Kind::kLink && same_link(upper_fd, lower_fd, name)));
      if (!same) changed.insert(path);
    }
  }
}

base::Result<std::vector<fs::path>> Layers::changed_paths() const {
  std::set<std::string> changed;
  if (lower_) {
    walk_upper(upper_.get(), lower_.get(), "", changed);
  } else {
    list_lower(upper_.get(), "", changed);  // all there is, less what is as remembered, plus what is gone
    for (const auto& [path, mark] : remembered_) {
      struct stat info {};
      const Kind kind = kind_at(upper_.get(), path, info);
      if (kind == Kind::kAbsent) changed.insert(path);
      else if (mark_of(info) == mark) changed.erase(path);
    }
  }
  for (const auto& [path, mark] : own_) {
    struct stat info {};
    const Kind kind = kind_at(upper_.get(), path, info);
    const bool as_we_left_it = mark ? kind == Kind::kFile && mark_of(info) == *mark
                                    : kind == Kind::kWhiteout || kind == Kind::kAbsent;
    if (as_we_left_it) changed.erase(path);
  }
  return std::vector<fs::path>(changed.begin(), changed.end());
}

base::Status Layers::remember_state() {
  std::set<std::string> all;
  list_lower(upper_.get(), "", all);
  remembered_.clear();
  for (const std::string& path : all) {
    struct stat info {};
    if (kind_at(upper_.get(), path, info) != Kind::kAbsent) remembered_[path] = mark_of(info);
  }
  return base::ok();
}

}  // namespace sandbox
