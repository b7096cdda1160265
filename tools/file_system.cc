// SPDX-License-Identifier: Apache-2.0
#include "tools/file_system.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace tools {

int FileSystem::create(int folder, const std::string& name) {
  return ::openat(folder, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

ssize_t FileSystem::write(int fd, const void* bytes, size_t n) {
  return ::write(fd, bytes, n);
}
int FileSystem::change_mode(int fd, unsigned mode) {
  return ::fchmod(fd, mode);
}
int FileSystem::sync(int fd) {
  return ::fsync(fd);
}

int FileSystem::exchange(int folder, const std::string& a, const std::string& b) {
  return static_cast<int>(::syscall(SYS_renameat2, folder, a.c_str(), folder, b.c_str(), RENAME_EXCHANGE));
}

int FileSystem::rename_new(int folder, const std::string& from, const std::string& to) {
  if (::syscall(SYS_renameat2, folder, from.c_str(), folder, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return -1;
  // File systems without that flag: a link refuses to replace, too.
  if (::linkat(folder, from.c_str(), folder, to.c_str(), 0) != 0) return -1;
  return ::unlinkat(folder, from.c_str(), 0);
}

int FileSystem::rename_over(int folder, const std::string& from, const std::string& to) {
  return ::renameat(folder, from.c_str(), folder, to.c_str());
}

int FileSystem::remove(int folder, const std::string& name) {
  return ::unlinkat(folder, name.c_str(), 0);
}
int FileSystem::make_folder(int folder, const std::string& name) {
  return ::mkdirat(folder, name.c_str(), 0777);
}
int FileSystem::remove_folder(int folder, const std::string& name) {
  return ::unlinkat(folder, name.c_str(), AT_REMOVEDIR);
}

}  // namespace tools
