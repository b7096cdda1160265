// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>
#include <random>

#include "base/strings.h"
#include "base/unique_fd.h"

namespace base {
namespace {

Result<UniqueFd> open_regular(const std::filesystem::path& path, struct stat& info) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));  // O_NONBLOCK: opening a FIFO must not wait
  if (!fd) return system_error(errno, cat("open ", path.string()));
  if (::fstat(fd.get(), &info) != 0) return system_error(errno, cat("stat ", path.string()));
  if (!S_ISREG(info.st_mode)) return invalid(cat(path.string(), " is not a regular file"));
  return fd;
}

Status write_all(int fd, std::string_view bytes, const std::string& name) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error(errno, cat("write ", name));
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return ok();
}

}  // namespace

Error system_error(int errno_value, std::string_view doing) {
  ErrorCode code = ErrorCode::kIo;
  if (errno_value == ENOENT || errno_value == ENOTDIR) code = ErrorCode::kNotFound;
  if (errno_value == EACCES || errno_value == EPERM || errno_value == EROFS) code = ErrorCode::kDenied;
  if (errno_value == ENOSPC || errno_value == EDQUOT || errno_value == ENOMEM) code = ErrorCode::kExhausted;
  return {code, cat(doing, ": ", std::strerror(errno_value))};
}

Result<std::string> read_file(const std::filesystem::path& path, uint64_t max_bytes) {
  struct stat info {};
  auto fd = open_regular(path, info);
  if (!fd) return std::move(fd).error();
  std::string bytes;
  bytes.reserve(static_cast<size_t>(std::min<uint64_t>(static_cast<uint64_t>(info.st_size), max_bytes)));
  char chunk[1 << 16];
  for (;;) {  // to the end, not to st_size: files in /proc say 0, and a file may grow
    const ssize_t n = ::read(fd->get(), chunk, sizeof chunk);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error(errno, cat("read ", path.string()));
    if (n == 0) return bytes;
    if (bytes.size() + static_cast<size_t>(n) > max_bytes)
      return Error{ErrorCode::kExhausted, cat(path.string(), " is larger than the limit of ", max_bytes, " bytes")};
    bytes.append(chunk, static_cast<size_t>(n));
  }
}

Status write_file_atomic(const std::filesystem::path& path, std::string_view bytes, unsigned mode) {
  std::random_device random;
  const std::filesystem::path temp = path.string() + cat(".tmp-", ::getpid(), "-", random());
  UniqueFd fd(::open(temp.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode));
  if (!fd) return system_error(errno, cat("create ", temp.string()));
  Status written = write_all(fd.get(), bytes, temp.string());
  if (written && ::fsync(fd.get()) != 0) written = system_error(errno, cat("fsync ", temp.string()));
  if (written && ::rename(temp.c_str(), path.c_str()) != 0) written = system_error(errno, cat("rename to ", path.string()));
  if (!written) {
    ::unlink(temp.c_str());
    return written;
  }
  const auto folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  UniqueFd folder_fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder_fd) ::fsync(folder_fd.get());  // best effort: some file systems refuse it on folders
  return ok();
}

namespace {

FileIdentity identity_of(const struct stat& info) {
  const auto ns = [](const timespec& t) { return static_cast<int64_t>(t.tv_sec) * 1'000'000'000 + t.tv_nsec; };
  return {static_cast<uint64_t>(info.st_dev), static_cast<uint64_t>(info.st_ino), static_cast<uint64_t>(info.st_size), ns(info.st_mtim),
          ns(info.st_ctim)};
}

// All mappings of this process: forgetting pages of any other memory would destroy them.
struct Mappings {
  std::mutex mutex;
  std::map<const std::byte*, size_t> sizes;
};
Mappings& mappings() {
  static Mappings* const all = new Mappings;  // never destroyed: mappings may be closed while the process ends
  return *all;
}

}  // namespace

Result<FileIdentity> file_identity(const std::filesystem::path& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return system_error(errno, cat("look at ", path.string()));
  return identity_of(info);
}

Result<MappedFile> MappedFile::open(const std::filesystem::path& path) {
  struct stat info {};
  auto fd = open_regular(path, info);
  if (!fd) return std::move(fd).error();
  const auto size_bytes = static_cast<size_t>(info.st_size);
  if (size_bytes == 0) return MappedFile(nullptr, 0, identity_of(info));
  void* data = ::mmap(nullptr, size_bytes, PROT_READ, MAP_SHARED, fd->get(), 0);
  if (data == MAP_FAILED) return system_error(errno, cat("map ", path.string()));
  const std::lock_guard lock(mappings().mutex);
  mappings().sizes[static_cast<const std::byte*>(data)] = size_bytes;
  return MappedFile(static_cast<const std::byte*>(data), size_bytes, identity_of(info));
}

void MappedFile::forget(std::span<const std::byte> part) {
  const std::lock_guard lock(mappings().mutex);
  auto at = mappings().sizes.upper_bound(part.data());
  if (part.empty() || at == mappings().sizes.begin()) return;
  --at;
  const auto offset = static_cast<size_t>(part.data() - at->first);
  if (offset >= at->second || part.size() > at->second - offset) return;
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  const size_t first = (offset + page - 1) / page * page, last = (offset + part.size()) / page * page;
  if (first < last) ::madvise(const_cast<std::byte*>(at->first) + first, last - first, MADV_DONTNEED);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_bytes_(std::exchange(other.size_bytes_, 0)), identity_(other.identity_) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_bytes_, other.size_bytes_);
  std::swap(identity_, other.identity_);
  return *this;
}

MappedFile::~MappedFile() {
  if (data_ == nullptr) return;
  const std::lock_guard lock(mappings().mutex);  // held over munmap: the address may be another mapping's next
  mappings().sizes.erase(data_);
  ::munmap(const_cast<std::byte*>(data_), size_bytes_);
}

}  // namespace base
