// SPDX-License-Identifier: Apache-2.0
#include "base/shared_block.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/huge_pages.h"
#include "base/strings.h"

namespace base {
namespace {

namespace fs = std::filesystem;

constexpr int kSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
constexpr size_t kMostKey = 64, kMostListed = 1u << 16;
constexpr auto kPause = std::chrono::milliseconds(10);

// Behind the content.
struct Trailer {
  char magic[16] = "graft shared 1";
  char key[kMostKey] = {};
  uint64_t n_bytes = 0;
};

Trailer trailer_of(const std::string& key, size_t n_bytes) {
  Trailer trailer;
  std::copy(key.begin(), key.end(), trailer.key);
  trailer.n_bytes = n_bytes;
  return trailer;
}

struct Holder {
  pid_t process = 0;
  int fd = -1;
  bool operator==(const Holder&) const = default;
};

bool is_key(const std::string& key) {
  return !key.empty() && key.size() <= kMostKey && std::all_of(key.begin(), key.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
  });
}

// The list of a block, locked: everybody who reads or writes it, or makes the block, has the lock.
class List {
 public:
  static Result<List> lock(const SharedBlockPlace& place) {
    if (!is_key(place.key)) return invalid(cat("'", place.key, "' is no key of a shared block."));
    std::error_code code;
    fs::create_directories(place.folder.parent_path(), code);
    if (::mkdir(place.folder.c_str(), 0700) != 0 && errno != EEXIST) return system_error(errno, cat("create ", place.folder.string()));
    UniqueFd folder(::open(place.folder.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!folder) return system_error(errno, cat("open ", place.folder.string()));
    struct stat info {};
    if (::fstat(folder.get(), &info) != 0) return system_error(errno, cat("look at ", place.folder.string()));
    if (info.st_uid != ::geteuid() || (info.st_mode & 077) != 0)
      return Error{ErrorCode::kDenied, cat(place.folder.string(), " can be entered by others: chmod 700 it to share memory there")};
    const auto give_up = std::chrono::steady_clock::now() + place.patience;
    for (;;) {
      List list;
      list.name_ = cat(place.key, ".holders");
      list.fd_ = UniqueFd(::openat(folder.get(), list.name_.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
      if (!list.fd_) return system_error(errno, cat("open ", (place.folder / list.name_).string()));
      if (::flock(list.fd_.get(), LOCK_EX | LOCK_NB) == 0) {
        // The last holder removes the list: whoever waited for that one begins again.
        struct stat mine {}, there {};
        if (::fstat(list.fd_.get(), &mine) == 0 && ::fstatat(folder.get(), list.name_.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0 &&
            mine.st_ino == there.st_ino && mine.st_dev == there.st_dev) {
          list.folder_ = std::move(folder);
          return list;
        }
        continue;
      }
      if (errno != EWOULDBLOCK && errno != EINTR) return system_error(errno, cat("lock ", (place.folder / list.name_).string()));
      if (std::chrono::steady_clock::now() >= give_up)
        return Error{ErrorCode::kExhausted, cat("another process has been making the shared block ", place.key, " for too long")};
      std::this_thread::sleep_for(kPause);
    }
  }

  std::vector<Holder> read() const {
    std::string text(kMostListed, '\0');
    const ssize_t n = ::pread(fd_.get(), text.data(), text.size(), 0);
    text.resize(static_cast<size_t>(std::max<ssize_t>(0, n)));
    std::vector<Holder> holders;
    for (const std::string_view line : split_lines(text)) {
      Holder holder;
      const char* end = line.data() + line.size();
      const auto process = std::from_chars(line.data(), end, holder.process);
      if (process.ec != std::errc() || process.ptr == end || *process.ptr != ' ') continue;
      const auto fd = std::from_chars(process.ptr + 1, end, holder.fd);
      if (fd.ec == std::errc() && fd.ptr == end && holder.process > 0 && holder.fd >= 0) holders.push_back(holder);
    }
    return holders;
  }

  // Without holders there is no list.
  void write(const std::vector<Holder>& holders) {
    if (holders.empty()) {
      ::unlinkat(folder_.get(), name_.c_str(), 0);
      return;
    }
    std::string text;
    for (const Holder& holder : holders) text += cat(holder.process, " ", holder.fd, "\n");
    if (::ftruncate(fd_.get(), 0) != 0) return;  // nobody finds the block: it is made again
    if (::pwrite(fd_.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) static_cast<void>(::ftruncate(fd_.get(), 0));
  }

 private:
  static std::vector<std::string_view> split_lines(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
      const size_t end = text.find('\n');
      if (end == std::string_view::npos) break;
      lines.push_back(text.substr(0, end));
      text.remove_prefix(end + 1);
    }
    return lines;
  }

  UniqueFd folder_, fd_;
  std::string name_;
};

struct Found {
  UniqueFd memory;
  size_t n_bytes;
};

// What `holder` says it holds, if it is the block `key`.
std::optional<Found> open_block(const Holder& holder, const std::string& key) {
  UniqueFd memory(::open(cat("/proc/", holder.process, "/fd/", holder.fd).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!memory) return std::nullopt;
  struct stat info {};
  if (::fstat(memory.get(), &info) != 0 || !S_ISREG(info.st_mode) || info.st_uid != ::geteuid()) return std::nullopt;
  if ((::fcntl(memory.get(), F_GET_SEALS) & kSeals) != kSeals) return std::nullopt;
  if (info.st_size <= static_cast<off_t>(sizeof(Trailer))) return std::nullopt;
  const size_t n_bytes = static_cast<size_t>(info.st_size) - sizeof(Trailer);
  const Trailer want = trailer_of(key, n_bytes);
  Trailer there;
  if (::pread(memory.get(), &there, sizeof there, static_cast<off_t>(n_bytes)) != static_cast<ssize_t>(sizeof there)) return std::nullopt;
  if (std::memcmp(&there, &want, sizeof want) != 0) return std::nullopt;
  return Found{std::move(memory), n_bytes};
}

Result<UniqueFd> new_block(const std::string& key, size_t n_bytes, const std::function<void(std::span<std::byte>)>& fill) {
  UniqueFd memory(::memfd_create("graft-shared", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!memory) return system_error(errno, "make shared memory");
  if (::ftruncate(memory.get(), static_cast<off_t>(n_bytes + sizeof(Trailer))) != 0) return system_error(errno, "make shared memory");
  std::byte* data = map_shared(memory.get(), n_bytes, PROT_READ | PROT_WRITE);
  if (data == nullptr) return system_error(errno, "map shared memory");
  ::madvise(data, n_bytes, MADV_DONTFORK);  // a child of another thread would hold this mapping, and forbid the seal
  make_huge({data, n_bytes});
  fill({data, n_bytes});
  ::munmap(data, n_bytes);  // no seal while it can be written through a mapping
  const Trailer trailer = trailer_of(key, n_bytes);
  if (::pwrite(memory.get(), &trailer, sizeof trailer, static_cast<off_t>(n_bytes)) != static_cast<ssize_t>(sizeof trailer))
    return system_error(errno, "write shared memory");
  if (::fcntl(memory.get(), F_ADD_SEALS, kSeals) != 0) return system_error(errno, "seal shared memory");
  return memory;
}

// The block, and of the holders those that hold it; others have ended, or never did.
std::optional<Found> find(const List& list, const std::string& key, std::vector<Holder>& living) {
  std::optional<Found> found;
  for (const Holder& holder : list.read()) {
    auto block = open_block(holder, key);
    if (!block) continue;
    living.push_back(holder);
    if (!found) found = std::move(block);
  }
  return found;
}

}  // namespace

fs::path shared_block_folder() {
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  if (runtime != nullptr && runtime[0] == '/') return fs::path(runtime) / "graft";
  std::error_code code;
  const fs::path temp = fs::temp_directory_path(code);
  return (code ? fs::path("/tmp") : temp) / cat("graft-", ::geteuid(), "-shared");
}

Result<SharedBlock> SharedBlock::find_or_make(const SharedBlockPlace& place, size_t n_bytes,
                                              const std::function<void(std::span<std::byte>)>& fill) {
  if (n_bytes == 0 || n_bytes > static_cast<size_t>(PTRDIFF_MAX) - sizeof(Trailer)) return invalid("A shared block of no possible size.");
  auto list = List::lock(place);
  if (!list) return std::move(list).error();
  std::vector<Holder> holders;
  std::optional<Found> found = find(*list, place.key, holders);
  if (found && found->n_bytes != n_bytes)
    return Error{ErrorCode::kIo, cat("the shared block ", place.key, " has ", found->n_bytes, " bytes, not ", n_bytes)};
  UniqueFd memory;
  if (found) {
    memory = std::move(found->memory);
  } else {
    auto made = new_block(place.key, n_bytes, fill);
    if (!made) return std::move(made).error();
    memory = std::move(*made);
  }
  const std::byte* data = map_shared(memory.get(), n_bytes, PROT_READ);
  if (data == nullptr) return system_error(errno, "map shared memory");
  holders.push_back({::getpid(), memory.get()});
  list->write(holders);
  return SharedBlock(place, std::move(memory), data, n_bytes, found.has_value());
}

bool SharedBlock::exists(const SharedBlockPlace& place) {
  auto list = List::lock(place);
  if (!list) return false;
  std::vector<Holder> holders;
  const bool found = find(*list, place.key, holders).has_value();
  list->write(holders);
  return found;
}

SharedBlock::SharedBlock(const SharedBlockPlace& place, UniqueFd memory, const std::byte* data, size_t n_bytes, bool found)
    : place_(place), memory_(std::move(memory)), data_(data), n_bytes_(n_bytes), found_(found) {}

SharedBlock::SharedBlock(SharedBlock&& other) noexcept { *this = std::move(other); }

SharedBlock& SharedBlock::operator=(SharedBlock&& other) noexcept {
  if (this == &other) return *this;
  release();
  place_ = std::move(other.place_);
  memory_ = std::move(other.memory_);
  data_ = std::exchange(other.data_, nullptr);
  n_bytes_ = std::exchange(other.n_bytes_, 0);
  found_ = other.found_;
  return *this;
}

SharedBlock::~SharedBlock() { release(); }

void SharedBlock::release() {
  if (data_ == nullptr) return;
  ::munmap(const_cast<std::byte*>(data_), n_bytes_);
  data_ = nullptr;
  // A list that cannot be had keeps a line that nobody believes.
  place_.patience = std::chrono::milliseconds(0);
  if (auto list = List::lock(place_)) {
    std::vector<Holder> holders = list->read();
    std::erase(holders, Holder{::getpid(), memory_.get()});
    list->write(holders);
  }
  memory_.reset();
}

}  // namespace base
