// SPDX-License-Identifier: Apache-2.0
// base/file.h: whole files in and out, and read-only mappings.
//
// Errors   kNotFound, kDenied, kIo with path and system text; kExhausted where a file passes the caller's limit.
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace base {

// The whole file, which must be a regular file of at most `max_bytes`.
Result<std::string> read_file(const std::filesystem::path& path, uint64_t max_bytes);

// Replaces `path` as a whole: a temporary file beside it, fsync, rename. All old or all new after a crash.
// For the user's source files use tools/writer.h, which also refuses links and keeps a journal.
Status write_file_atomic(const std::filesystem::path& path, std::string_view bytes, unsigned mode = 0644);

// An Error with the system's text for `errno_value`: "open /x/y: Permission denied".
Error system_error(int errno_value, std::string_view doing);

// Of one content of one file: another file, and the same one written to, differ.
struct FileIdentity {
  uint64_t device = 0, inode = 0, n_bytes = 0;
  int64_t modified_ns = 0, changed_ns = 0;  // since 1970
};
Result<FileIdentity> file_identity(const std::filesystem::path& path);

// A read-only, shared mapping of a regular file. Moves; unmapped at the end of its life.
class MappedFile {
 public:
  static Result<MappedFile> open(const std::filesystem::path& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return {data_, size_bytes_}; }
  const FileIdentity& identity() const { return identity_; }  // when it was opened

  // `part` was read and is not needed soon: its whole pages no longer count as this process's memory. Read again they come
  // back, from the system's cache or the file. Does nothing for memory that no MappedFile holds. Any thread.
  static void forget(std::span<const std::byte> part);

 private:
  MappedFile(const std::byte* data, size_t size_bytes, const FileIdentity& identity)
      : data_(data), size_bytes_(size_bytes), identity_(identity) {}
  const std::byte* data_ = nullptr;
  size_t size_bytes_ = 0;
  FileIdentity identity_;
};

}  // namespace base
