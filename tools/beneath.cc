// SPDX-License-Identifier: Apache-2.0
#include "tools/beneath.h"

#include <fcntl.h>

#include <cerrno>

#include "base/file.h"
#include "base/strings.h"

namespace tools {
namespace {

base::Error failure(int errno_value, int folder, const std::string& name, std::string_view path) {
  struct stat info {};
  const bool link = ::fstatat(folder, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(info.st_mode);
  if (link)
    return {base::ErrorCode::kDenied, base::cat(path, ": `", name, "` is a symbolic link, and links are not followed")};
  return base::system_error(errno_value, path);
}

}  // namespace

base::Result<base::UniqueFd> open_folder(const std::filesystem::path& root) {
  base::UniqueFd fd(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return base::system_error(errno, base::cat("open the folder ", root.string()));
  return fd;
}

base::Result<Place> open_parent(int root, std::string_view path) {
  base::UniqueFd folder(::openat(root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return base::system_error(errno, "open the work tree");
  std::string_view rest = path;
  for (size_t slash; (slash = rest.find('/')) != std::string_view::npos; rest.remove_prefix(slash + 1)) {
    const std::string part(rest.substr(0, slash));
    base::UniqueFd next(::openat(folder.get(), part.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!next) return failure(errno, folder.get(), part, path);
    folder = std::move(next);
  }
  return Place{std::move(folder), std::string(rest)};
}

base::Result<OpenFile> open_regular_beneath(int root, std::string_view path) {
  auto place = open_parent(root, path);
  if (!place) return std::move(place).error();
  // O_NONBLOCK: opening a FIFO must not wait for its writer.
  OpenFile file{base::UniqueFd(::openat(place->folder.get(), place->name.c_str(),
                                        O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)),
                {}};
  if (!file.fd) return failure(errno, place->folder.get(), place->name, path);
  if (::fstat(file.fd.get(), &file.info) != 0) return base::system_error(errno, path);
  if (!S_ISREG(file.info.st_mode)) return base::invalid(base::cat(path, " is not a regular file"));
  return file;
}

base::Result<FileBytes> read_beneath(int root, std::string_view path, uint64_t max_bytes) {
  auto file = open_regular_beneath(root, path);
  if (!file) return std::move(file).error();
  const auto too_large = [&] {
    return base::Error{base::ErrorCode::kExhausted,
                       base::cat(path, " is larger than the limit of ", max_bytes, " bytes")};
  };
  const auto size = static_cast<uint64_t>(file->info.st_size);
  if (size > max_bytes) return too_large();
  FileBytes out{std::string(size + 1, '\0'), file->info};  // one byte more, to see the end without another turn
  size_t n_read = 0;
  for (;;) {
    const ssize_t n = ::read(file->fd.get(), out.bytes.data() + n_read, out.bytes.size() - n_read);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return base::system_error(errno, base::cat("read ", path));
    if (n == 0) break;
    n_read += static_cast<size_t>(n);
    if (n_read > max_bytes) return too_large();
    if (n_read == out.bytes.size()) out.bytes.resize(n_read + (1u << 16));  // it grew
  }
  out.bytes.resize(n_read);
  return out;
}

}  // namespace tools
