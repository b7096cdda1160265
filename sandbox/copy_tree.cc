// SPDX-License-Identifier: Apache-2.0
#include "sandbox/copy_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "base/c_handle.h"
#include "base/file.h"
#include "base/strings.h"
#include "base/unique_fd.h"

namespace sandbox {
namespace {

using base::cat;
using base::system_error;
using base::UniqueFd;
using Directory = base::CHandle<DIR, closedir>;

constexpr int kMaxDepth = 128;

class Copier {
 public:
  explicit Copier(uint64_t limit_bytes) : limit_bytes_(limit_bytes) {}

  base::Status copy_folder(int from, int to, const std::string& prefix, int depth) {
    if (depth > kMaxDepth) return base::invalid(cat(prefix, " nests too deep to be copied"));
    Directory directory(::fdopendir(::fcntl(from, F_DUPFD_CLOEXEC, 3)));
    if (!directory) return system_error(errno, cat("read ", prefix));
    while (const dirent* entry = ::readdir(directory.get())) {
      const std::string name = entry->d_name;
      if (name == "." || name == "..") continue;
      if (base::Status copied = copy_entry(from, to, name, prefix, depth); !copied) return copied;
    }
    return base::ok();
  }

 private:
  base::Status copy_entry(int from, int to, const std::string& name, const std::string& prefix, int depth) {
    const std::string path = prefix + name;
    struct stat info {};
    if (::fstatat(from, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return system_error(errno, cat("stat ", path));
    if (S_ISLNK(info.st_mode)) return copy_link(from, to, name, path);
    if (S_ISREG(info.st_mode)) return copy_file(from, to, name, path, info);
    if (!S_ISDIR(info.st_mode)) return base::ok();
    UniqueFd from_sub(::openat(from, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!from_sub) return errno == EACCES ? base::ok() : system_error(errno, cat("open ", path));  // not ours to read
    if (::mkdirat(to, name.c_str(), 0700) != 0) return system_error(errno, cat("make ", path));
    UniqueFd to_sub(::openat(to, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!to_sub) return system_error(errno, cat("open the copy of ", path));
    base::Status copied = copy_folder(from_sub.get(), to_sub.get(), path + "/", depth + 1);
    if (copied) finish(to_sub.get(), info);
    return copied;
  }

  static base::Status copy_link(int from, int to, const std::string& name, const std::string& path) {
    char text[4097];
    const ssize_t n = ::readlinkat(from, name.c_str(), text, sizeof text - 1);
    if (n < 0) return system_error(errno, cat("read link ", path));
    text[n] = '\0';
    if (::symlinkat(text, to, name.c_str()) != 0) return system_error(errno, cat("make link ", path));
    return base::ok();
  }

  base::Status copy_file(int from, int to, const std::string& name, const std::string& path, const struct stat& info) {
    copied_bytes_ += static_cast<uint64_t>(info.st_blocks) * 512;
    if (copied_bytes_ > limit_bytes_)
      return base::Error{base::ErrorCode::kExhausted, cat("the workspace holds more than ", limit_bytes_ >> 20,
                                                          " MiB, too much to copy, and overlayfs is not available here")};
    UniqueFd in(::openat(from, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!in) return errno == EACCES ? base::ok() : system_error(errno, cat("open ", path));
    UniqueFd out(::openat(to, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!out) return system_error(errno, cat("make ", path));
    if (::ioctl(out.get(), FICLONE, in.get()) != 0) {
      for (;;) {
        const ssize_t n = ::copy_file_range(in.get(), nullptr, out.get(), nullptr, 1u << 30, 0);
        if (n == 0) break;
        if (n < 0 && (errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP)) {
          if (base::Status copied = copy_bytes(in.get(), out.get(), path); !copied) return copied;
          break;
        }
        if (n < 0) return system_error(errno, cat("copy ", path));
      }
    }
    finish(out.get(), info);
    return base::ok();
  }

  static base::Status copy_bytes(int in, int out, const std::string& path) {
    char chunk[1 << 16];
    for (;;) {
      const ssize_t n = ::read(in, chunk, sizeof chunk);
      if (n == 0) return base::ok();
      if (n < 0) return system_error(errno, cat("read ", path));
      for (ssize_t done = 0; done < n;) {
        const ssize_t written = ::write(out, chunk + done, static_cast<size_t>(n - done));
        if (written < 0) return system_error(errno, cat("write the copy of ", path));
        done += written;
      }
    }
  }

  // Times matter: build tools compare them.
  static void finish(int fd, const struct stat& info) {
    const timespec times[2] = {info.st_atim, info.st_mtim};
    ::fchmod(fd, info.st_mode & 0777);
    ::futimens(fd, times);
  }

  const uint64_t limit_bytes_;
  uint64_t copied_bytes_ = 0;
};

}  // namespace

base::Status copy_tree(const std::filesystem::path& from, const std::filesystem::path& to, uint64_t limit_bytes) {
  UniqueFd from_fd(::open(from.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!from_fd) return system_error(errno, cat("open ", from.string()));
  UniqueFd to_fd(::open(to.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!to_fd) return system_error(errno, cat("open ", to.string()));
  return Copier(limit_bytes).copy_folder(from_fd.get(), to_fd.get(), "", 0);
}

}  // namespace sandbox
