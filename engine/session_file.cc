// SPDX-License-Identifier: Apache-2.0
#include "engine/session_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/file.h"
#include "base/strings.h"
#include "base/unique_fd.h"
#include "engine/word_hash.h"

namespace engine {
namespace {

static_assert(std::endian::native == std::endian::little, "session files are little-endian and read as they lie");

constexpr char kMagic[8] = {'g', 'r', 'a', 'f', 't', 's', 'e', 's'};
constexpr uint32_t kVersion = 1, kAdaptedVersion = 2;  // with an adapter's fingerprint behind the header
constexpr uint32_t kMaxLayoutBytes = 256;
constexpr uint32_t kMaxVocabulary = 1 << 24;
constexpr size_t kWriteBytes = size_t{1} << 20;  // at once

struct Header {  // as it lies in the file
  char magic[8];
  uint32_t version, layout_bytes;
  uint64_t fingerprint, n_tokens, cache_bytes;
  uint32_t n_ctx, n_vocab, n_logits, zero;
};
static_assert(sizeof(Header) == 56);

constexpr uint64_t padded(uint64_t n_bytes) {
  return (n_bytes + 7) / 8 * 8;
}

// Takes sections off the front; sizes were checked against the whole before.
class Sections {
 public:
  explicit Sections(std::span<const std::byte> bytes) : rest_(bytes) {}
  std::span<const std::byte> take(uint64_t n_bytes) {
    const auto section = rest_.first(static_cast<size_t>(n_bytes));
    rest_ = rest_.subspan(static_cast<size_t>(padded(n_bytes)));
    return section;
  }

 private:
  std::span<const std::byte> rest_;
};

base::Error damaged(const std::string& what) {
  return base::corrupt("The session file " + what + ". It cannot be used: delete it.");
}

// What holds without looking past the header.
base::Status check(const Header& h) {
  if (std::memcmp(h.magic, kMagic, sizeof kMagic) != 0)
    return base::corrupt("This is not a session file: it does not begin with \"graftses\".");
  if (h.version != kVersion && h.version != kAdaptedVersion)
    return base::invalid("The session file has version " + std::to_string(h.version) + "; this program reads versions " +
                         std::to_string(kVersion) + " and " + std::to_string(kAdaptedVersion) + ".");
  if (h.layout_bytes > kMaxLayoutBytes || h.zero != 0 || h.n_ctx < 1 ||
      h.n_ctx > static_cast<uint32_t>(kMaxSessionTokens) || h.n_tokens > h.n_ctx || h.n_vocab < 1 ||
      h.n_vocab > kMaxVocabulary || (h.n_logits != 0 && h.n_logits != h.n_vocab))
    return damaged("has impossible sizes in its header (bytes 8 to 55)");
  return base::ok();
}

// A file beside its target that replaces it at commit().
class NewFile {
 public:
  static base::Result<NewFile> create(const std::filesystem::path& path) {
    std::string name = path.string() + ".XXXXXX";
    base::UniqueFd fd(::mkostemp(name.data(), O_CLOEXEC));  // mode 0600: the tokens are the user's text
    if (!fd) return base::system_error(errno, base::cat("create ", name));
    return NewFile(std::move(fd), std::move(name), path);
  }
  NewFile(NewFile&& other) noexcept = default;
  ~NewFile() {
    if (fd_) ::unlink(name_.c_str());
  }

  base::Status add(std::span<const std::byte> bytes) {
    n_bytes_ += bytes.size();
    while (!bytes.empty()) {
      const auto part = bytes.first(std::min(bytes.size(), kWriteBytes - held_.size()));
      held_.insert(held_.end(), part.begin(), part.end());
      bytes = bytes.subspan(part.size());
      if (held_.size() == kWriteBytes)
        if (base::Status flushed = flush(); !flushed) return flushed;
    }
    return base::ok();
  }
  base::Status pad() {
    constexpr std::byte kZeros[8] = {};
    return add({kZeros, static_cast<size_t>(padded(n_bytes_) - n_bytes_)});
  }
  // The checksum of all before, then the file's name.
  base::Status commit() {
    if (base::Status flushed = flush(); !flushed) return flushed;
    const uint64_t checksum = hash_.value();
    if (base::Status added = add(std::as_bytes(std::span(&checksum, 1))); !added) return added;
    if (base::Status flushed = flush(); !flushed) return flushed;
    if (::fsync(fd_.get()) != 0) return base::system_error(errno, base::cat("fsync ", name_));
    if (::rename(name_.c_str(), target_.c_str()) != 0)
      return base::system_error(errno, base::cat("rename ", name_, " to ", target_.string()));
    fd_.reset();
    return base::ok();
  }

 private:
  NewFile(base::UniqueFd fd, std::string name, std::filesystem::path target)
      : fd_(std::move(fd)), name_(std::move(name)), target_(std::move(target)) {
    held_.reserve(kWriteBytes);
  }
  base::Status flush() {
    hash_.add(held_);
    for (size_t done = 0; done < held_.size();) {
      const ssize_t n = ::write(fd_.get(), held_.data() + done, held_.size() - done);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return base::system_error(errno, base::cat("write ", name_));
      done += static_cast<size_t>(n);
    }
    held_.clear();
    return base::ok();
  }

  base::UniqueFd fd_;
  std::string name_;
  std::filesystem::path target_;
  std::vector<std::byte> held_;
  WordHash hash_;
  uint64_t n_bytes_ = 0;
};

}  // namespace

base::Result<SessionImage> read_session_image(std::span<const std::byte> bytes) {
  Header h;
  if (bytes.size() < sizeof h) return damaged("ends at byte " + std::to_string(bytes.size()) + ", within its header");
  std::memcpy(&h, bytes.data(), sizeof h);
  if (base::Status bad = check(h); !bad) return std::move(bad).error();
  // Below 2^27 together but for the cache, which is held against the file first: no sum wraps.
  if (h.cache_bytes > bytes.size())
    return damaged("ends at byte " + std::to_string(bytes.size()) + "; its cache alone has " +
                   std::to_string(h.cache_bytes));
  const uint64_t adapter_bytes = h.version == kAdaptedVersion ? sizeof(uint64_t) : 0;
  const uint64_t end = sizeof h + adapter_bytes + padded(h.layout_bytes) + padded(h.n_tokens * sizeof(Token)) +
                       padded(h.n_logits * sizeof(float)) + padded(h.cache_bytes);
  if (bytes.size() != end + sizeof(uint64_t))
    return damaged("has " + std::to_string(bytes.size()) + " bytes where its header asks for " +
                   std::to_string(end + sizeof(uint64_t)));
  WordHash hash;
  hash.add(bytes.first(static_cast<size_t>(end)));
  uint64_t checksum;
  std::memcpy(&checksum, bytes.data() + end, sizeof checksum);
  if (checksum != hash.value())
    return damaged("is damaged: its checksum at byte " + std::to_string(end) + " does not hold");

  SessionImage image;
  image.fingerprint = h.fingerprint;
  image.n_ctx = static_cast<int>(h.n_ctx);
  image.n_vocab = static_cast<int>(h.n_vocab);
  Sections sections(bytes.subspan(sizeof h));
  if (adapter_bytes > 0) {
    std::memcpy(&image.adapter, sections.take(adapter_bytes).data(), sizeof image.adapter);
    if (image.adapter == 0) return damaged("names no adapter where its version asks for one (byte 56)");
  }
  const auto layout = sections.take(h.layout_bytes);
  image.layout.assign(reinterpret_cast<const char*>(layout.data()), layout.size());
  const auto tokens = sections.take(h.n_tokens * sizeof(Token));
  image.tokens.resize(static_cast<size_t>(h.n_tokens));
  if (!tokens.empty()) std::memcpy(image.tokens.data(), tokens.data(), tokens.size());
  const auto logits = sections.take(h.n_logits * sizeof(float));
  image.logits.resize(h.n_logits);
  if (!logits.empty()) std::memcpy(image.logits.data(), logits.data(), logits.size());
  image.cache = sections.take(h.cache_bytes);
  for (const Token token : image.tokens)
    if (token < 0 || token >= image.n_vocab)
      return damaged("holds token id " + std::to_string(token) + ", which is not in a vocabulary of " +
                     std::to_string(image.n_vocab));
  return image;
}

base::Status write_session_image(const std::filesystem::path& path, const SessionImage& image, uint64_t cache_bytes,
                                 const std::function<base::Status(const Cache::Sink&)>& write_cache) {
  if (image.layout.size() > kMaxLayoutBytes)
    return base::invalid("The name of the cache's layout is too long to be stored.");
  auto file = NewFile::create(path);
  if (!file) return std::move(file).error();
  Header h{};
  std::memcpy(h.magic, kMagic, sizeof kMagic);
  h.version = image.adapter != 0 ? kAdaptedVersion : kVersion;
  h.layout_bytes = static_cast<uint32_t>(image.layout.size());
  h.fingerprint = image.fingerprint;
  h.n_tokens = image.tokens.size();
  h.cache_bytes = cache_bytes;
  h.n_ctx = static_cast<uint32_t>(image.n_ctx);
  h.n_vocab = static_cast<uint32_t>(image.n_vocab);
  h.n_logits = static_cast<uint32_t>(image.logits.size());
  for (const std::span<const std::byte> section :
       {std::as_bytes(std::span(&h, 1)), std::as_bytes(std::span(&image.adapter, image.adapter != 0 ? size_t{1} : size_t{0})),
        std::as_bytes(std::span(image.layout)), std::as_bytes(std::span(image.tokens)),
        std::as_bytes(std::span(image.logits))}) {
    if (base::Status added = file->add(section); !added) return added;
    if (base::Status added = file->pad(); !added) return added;
  }
  if (base::Status written = write_cache([&](std::span<const std::byte> piece) { return file->add(piece); }); !written)
    return written;
  if (base::Status added = file->pad(); !added) return added;
  return file->commit();
}

}  // namespace engine
