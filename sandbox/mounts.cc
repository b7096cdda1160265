// SPDX-License-Identifier: Apache-2.0
#include "sandbox/mounts.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstring>

#include "base/file.h"
#include "base/strings.h"

namespace sandbox {
namespace {

namespace fs = std::filesystem;
using base::cat;
using base::UniqueFd;

// From linux/mount.h and linux/openat2.h, by number: older C libraries have no functions for these calls, and the two
// headers cannot be included beside <sys/mount.h>.
struct MountAttributes {
  uint64_t set, clear, propagation, userns_fd;
};
struct OpenHow {
  uint64_t flags, mode, resolve;
};
constexpr uint64_t kReadOnlyAttribute = 1, kNosuidAttribute = 2, kNodevAttribute = 4;
constexpr uint64_t kResolveNoMagicLinks = 2, kResolveInRoot = 16;
constexpr unsigned kRecursive = 0x8000, kOpenTreeClone = 1, kMoveFromEmptyPath = 4, kMoveToEmptyPath = 64;
constexpr long kOpenTree = 428, kMoveMount = 429, kOpenat2 = 437, kMountSetattr = 442;  // equal on all architectures

// The folder that mounts are put together in. Paths are resolved as if it were "/" already: a link that a command left
// in its home folder or workspace must not lead a later run's mount to a place of this machine.
class Root {
 public:
  explicit Root(const char* path) : fd_(::open(path, O_PATH | O_DIRECTORY | O_CLOEXEC)) {}
  bool good() const { return bool(fd_); }

  UniqueFd open(const char* path) const {
    const OpenHow how{O_PATH | O_CLOEXEC, 0, kResolveInRoot | kResolveNoMagicLinks};
    return UniqueFd(static_cast<int>(::syscall(kOpenat2, fd_.get(), path, &how, sizeof how)));
  }

  // The folder that holds the last name of `path`, made with all folders on the way; `name` points into `path`.
  UniqueFd open_parent(const char* path, const char*& name) const {
    char part[PATH_MAX];
    const size_t length = std::strlen(path);
    if (length >= sizeof part) {
      errno = ENAMETOOLONG;
      return UniqueFd();
    }
    std::memcpy(part, path, length + 1);
    UniqueFd folder = open("/");
    size_t begin = 1;  // of the name after the folder
    for (size_t i = 1; i < length && folder; ++i) {
      if (part[i] != '/') continue;
      part[i] = '\0';
      UniqueFd next = open(part);
      if (!next && errno == ENOENT && ::mkdirat(folder.get(), part + begin, 0755) == 0) next = open(part);
      folder = std::move(next);
      part[i] = '/';
      begin = i + 1;
    }
    name = path + begin;
    return folder;
  }

  // `path` itself, made as a folder or an empty file where there is nothing.
  UniqueFd open_mount_point(const char* path, bool is_folder) const {
    if (UniqueFd there = open(path); there || errno != ENOENT) return there;
    const char* name = nullptr;
    const UniqueFd parent = open_parent(path, name);
    if (!parent) return UniqueFd();
    if (is_folder) {
      if (::mkdirat(parent.get(), name, 0755) != 0) return UniqueFd();
    } else {
      const UniqueFd made(::openat(parent.get(), name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444));
      if (!made) return UniqueFd();
    }
    return open(path);
  }

 private:
  UniqueFd fd_;
};

bool is_folder(const char* path) {
  struct stat info {};
  return ::stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

bool set_attributes(int fd, uint64_t attributes, unsigned flags) {
  const MountAttributes wanted{attributes, 0, 0, 0};
  return ::syscall(kMountSetattr, fd, "", flags | AT_EMPTY_PATH, &wanted, sizeof wanted) == 0;
}

// A copy of the mounts at and below `source` gets its attributes first and is then put in place: at no moment is it
// there with more rights.
bool bind(const Root& root, const char* source, const char* target, uint64_t attributes) {
  const UniqueFd point = root.open_mount_point(target, is_folder(source));
  if (!point) return false;
  const UniqueFd tree(
      static_cast<int>(::syscall(kOpenTree, AT_FDCWD, source, kOpenTreeClone | kRecursive | unsigned{O_CLOEXEC})));
  return tree && set_attributes(tree.get(), attributes, kRecursive) &&
         ::syscall(kMoveMount, tree.get(), "", point.get(), "", kMoveFromEmptyPath | kMoveToEmptyPath) == 0;
}

bool mount_new(const Root& root, const char* type, const char* target, unsigned long flags, const char* options) {
  const UniqueFd point = root.open_mount_point(target, true);
  if (!point) return false;
  char path[32];
  std::snprintf(path, sizeof path, "/proc/self/fd/%d", point.get());
  return ::mount(type, path, type, flags, options) == 0;
}

bool make_link(const Root& root, const char* text, const char* target) {
  const char* name = nullptr;
  const UniqueFd parent = root.open_parent(target, name);
  return parent && ::symlinkat(text, parent.get(), name) == 0;
}

bool mount_overlay(const Root& root, const PreparedMounts& all, const PreparedMount& mount) {
  // The source is opened again, because a mount seen from another mount namespace can be no layer; by descriptor then, so
  // that the options need no quoting and what was checked is what is mounted.
  const UniqueFd source(::open(all.source.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  struct stat info {};
  if (!source || ::fstat(source.get(), &info) != 0) return false;
  if (info.st_dev != all.source_device || info.st_ino != all.source_inode) {  // another folder stands there now
    errno = ESTALE;
    return false;
  }
  const UniqueFd scratch(::open(all.scratch.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  return scratch && ::dup3(source.get(), all.source_slot.get(), O_CLOEXEC) >= 0 &&
         ::dup3(scratch.get(), all.scratch_slot.get(), O_CLOEXEC) >= 0 &&
         mount_new(root, "overlay", mount.target.c_str(), MS_NOSUID | MS_NODEV, mount.options.c_str());
}

bool carry_out_one(const Root& root, const PreparedMounts& all, const PreparedMount& mount) {
  const char* const source = mount.source.c_str();
  const char* const target = mount.target.c_str();
  const char* const options = mount.options.c_str();
  constexpr uint64_t kQuiet = kNosuidAttribute | kNodevAttribute;
  switch (mount.kind) {
    case Mount::Kind::kReadOnly: return bind(root, source, target, kQuiet | kReadOnlyAttribute);
    case Mount::Kind::kWritable: return bind(root, source, target, kQuiet);
    case Mount::Kind::kDevice: return bind(root, source, target, kNosuidAttribute);
    case Mount::Kind::kOverlay: return mount_overlay(root, all, mount);
    case Mount::Kind::kLink: return make_link(root, source, target);
    case Mount::Kind::kTmpfs: return mount_new(root, "tmpfs", target, MS_NOSUID | MS_NODEV, options);
    case Mount::Kind::kProc: return mount_new(root, "proc", target, MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr);
    case Mount::Kind::kPts: return mount_new(root, "devpts", target, MS_NOSUID | MS_NOEXEC, options);
    case Mount::Kind::kSealed: {
      const UniqueFd mounted = root.open(target);
      return mounted && set_attributes(mounted.get(), kReadOnlyAttribute | kNosuidAttribute, 0);
    }
  }
  return false;
}

const char* name_of(Mount::Kind kind) {
  switch (kind) {
    case Mount::Kind::kReadOnly: return "show read-only";
    case Mount::Kind::kWritable: return "show for writing";
    case Mount::Kind::kDevice: return "show the device";
    case Mount::Kind::kOverlay: return "mount the overlay";
    case Mount::Kind::kLink: return "make the link";
    case Mount::Kind::kTmpfs: return "mount a tmpfs";
    case Mount::Kind::kProc: return "mount /proc";
    case Mount::Kind::kPts: return "mount terminals";
    case Mount::Kind::kSealed: return "seal";
  }
  return "mount";
}

std::string options_of(const Mount& mount) {
  if (mount.kind == Mount::Kind::kPts) return "newinstance,ptmxmode=0666,mode=620";
  if (mount.kind == Mount::Kind::kTmpfs) return cat("size=", mount.size_bytes, ",mode=", mount.target == "/dev" ? "0755" : "1777");
  return "";
}

}  // namespace

base::Result<PreparedMounts> prepare_mounts(const std::vector<Mount>& mounts, const fs::path& root,
                                            const std::optional<Overlay>& overlay) {
  PreparedMounts out;
  out.root = root.string();
  for (const Mount& mount : mounts) {
    // What is sealed in the new /proc is shown from there, not from this machine's.
    const bool in_proc = mount.source == mount.target && mount.source.rfind("/proc/", 0) == 0;
    out.mounts.push_back({mount.kind, in_proc ? out.root + mount.source : mount.source, mount.target.string(), options_of(mount)});
  }
  if (!overlay) return out;

  out.source = overlay->source.string();
  out.scratch = overlay->scratch.string();
  out.source_slot = UniqueFd(::open(out.source.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  struct stat info {};
  if (!out.source_slot || ::fstat(out.source_slot.get(), &info) != 0)
    return base::system_error(errno, cat("open ", out.source));
  out.source_device = info.st_dev;
  out.source_inode = info.st_ino;
  out.scratch_slot = UniqueFd(::open(out.scratch.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!out.scratch_slot) return base::system_error(errno, cat("open ", out.scratch));
  // volatile: nothing here must survive a crash, and without it the kernel writes back the whole disk at each unmount.
  const std::string options = cat("lowerdir=/proc/self/fd/", out.source_slot.get(), ",upperdir=/proc/self/fd/",
                                  out.scratch_slot.get(), "/upper,workdir=/proc/self/fd/", out.scratch_slot.get(),
                                  "/work,userxattr,volatile");
  for (PreparedMount& mount : out.mounts)
    if (mount.kind == Mount::Kind::kOverlay) mount.options = options;
  return out;
}

bool carry_out(const PreparedMounts& all, MountFailure& failure) {
  const auto fail = [&](const char* step, const char* path) {
    failure = {step, path, errno};
    return false;
  };
  // An empty root of ours; its mode counts, as it becomes "/".
  if (!all.root.empty() &&
      ::mount("tmpfs", all.root.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=0755") != 0)
    return fail("mount a root", all.root.c_str());
  const Root root(all.root.empty() ? "/" : all.root.c_str());
  if (!root.good()) return fail("open the root", all.root.c_str());
  for (const PreparedMount& mount : all.mounts)
    if (!carry_out_one(root, all, mount)) return fail(name_of(mount.kind), mount.target.c_str());
  return true;
}

}  // namespace sandbox
