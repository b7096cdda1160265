// SPDX-License-Identifier: Apache-2.0
// tools/file_system.h: the system calls by which the writer changes a disk, so that tests can let any of them fail.
//
// Errors   As the system call: -1 and errno.
#pragma once
#include <sys/types.h>

#include <cstddef>
#include <string>

namespace tools {

class FileSystem {
 public:
  virtual ~FileSystem() = default;
  virtual int create(int folder, const std::string& name);  // a new file, for writing; 0600 until change_mode
  virtual ssize_t write(int fd, const void* bytes, size_t n);
  virtual int change_mode(int fd, unsigned mode);
  virtual int sync(int fd);
  virtual int exchange(int folder, const std::string& a, const std::string& b);         // both exist, atomic
  virtual int rename_new(int folder, const std::string& from, const std::string& to);   // EEXIST if `to` exists
  virtual int rename_over(int folder, const std::string& from, const std::string& to);  // replaces `to`
  virtual int remove(int folder, const std::string& name);
  virtual int make_folder(int folder, const std::string& name);
  virtual int remove_folder(int folder, const std::string& name);  // ENOTEMPTY if something is in it
};

}  // namespace tools
