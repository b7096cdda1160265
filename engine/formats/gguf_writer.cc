// SPDX-License-Identifier: Apache-2.0
#include "engine/formats/gguf_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "base/file.h"
#include "base/strings.h"
#include "base/unique_fd.h"
#include "engine/formats/dequantize.h"
#include "engine/formats/quantize_rows.h"
#include "engine/kernels/matmul.h"

namespace engine {
namespace {

constexpr uint64_t kAlignment = 32;
constexpr int64_t kChunkBytes = int64_t{4} << 20;  // of rows in f32 that are made at once
constexpr uint32_t kF32Value = 6, kU32Value = 4, kI32Value = 5, kBoolValue = 7, kStringValue = 8, kArrayValue = 9,
                   kU64Value = 10;

uint32_t ggml_type(DType type) {
  switch (type) {
    case DType::kF16:
      return 1;
    case DType::kQ4_0:
      return 2;
    case DType::kQ4_1:
      return 3;
    case DType::kQ5_0:
      return 6;
    case DType::kQ5_1:
      return 7;
    case DType::kQ8_0:
      return 8;
    case DType::kQ2_K:
      return 10;
    case DType::kQ3_K:
      return 11;
    case DType::kQ4_K:
      return 12;
    case DType::kQ5_K:
      return 13;
    case DType::kQ6_K:
      return 14;
    case DType::kIQ2_XXS:
      return 16;
    case DType::kIQ3_XXS:
      return 18;
    case DType::kIQ4_NL:
      return 20;
    case DType::kIQ4_XS:
      return 23;
    case DType::kI32:
      return 26;
    case DType::kBF16:
      return 30;
    case DType::kMXFP4:
      return 39;
    default:
      return 0;
  }
}

uint64_t aligned(uint64_t n) {
  return (n + kAlignment - 1) / kAlignment * kAlignment;
}

template <typename T>
void append(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}
void append_text(std::string& out, std::string_view text) {
  append(out, static_cast<uint64_t>(text.size()));
  out += text;
}

struct AppendValue {
  std::string& out;
  void operator()(uint32_t v) const { append(out, kU32Value), append(out, v); }
  void operator()(float v) const { append(out, kF32Value), append(out, v); }
  void operator()(bool v) const { append(out, kBoolValue), append(out, static_cast<uint8_t>(v)); }
  void operator()(const std::string& v) const { append(out, kStringValue), append_text(out, v); }
  void operator()(const std::vector<std::string>& v) const {
    append(out, kArrayValue), append(out, kStringValue), append(out, static_cast<uint64_t>(v.size()));
    for (const std::string& item : v) append_text(out, item);
  }
  void operator()(const std::vector<int32_t>& v) const {
    append(out, kArrayValue), append(out, kI32Value), append(out, static_cast<uint64_t>(v.size()));
    for (const int32_t item : v) append(out, item);
  }
  void operator()(const std::vector<uint64_t>& v) const {
    append(out, kArrayValue), append(out, kU64Value), append(out, static_cast<uint64_t>(v.size()));
    for (const uint64_t item : v) append(out, item);
  }
  void operator()(const std::vector<float>& v) const {
    append(out, kArrayValue), append(out, kF32Value), append(out, static_cast<uint64_t>(v.size()));
    for (const float item : v) append(out, item);
  }
};

std::string header_of(const GgufContent& content) {
  std::string out = "GGUF";
  append(out, uint32_t{3});
  append(out, static_cast<uint64_t>(content.tensors.size()));
  append(out, static_cast<uint64_t>(content.metadata.size() + 1));
  append_text(out, "general.architecture");
  AppendValue{out}(content.architecture);
  for (const auto& [key, value] : content.metadata) {
    append_text(out, key[0] == '.' ? content.architecture + key : key);
    std::visit(AppendValue{out}, value);
  }
  uint64_t offset = 0;
  for (const GgufTensor& tensor : content.tensors) {
    append_text(out, tensor.name);
    append(out, static_cast<uint32_t>(tensor.shape.size()));
    for (auto size = tensor.shape.rbegin(); size != tensor.shape.rend(); ++size)
      append(out, static_cast<uint64_t>(*size));
    append(out, ggml_type(tensor.type));
    append(out, offset);
    offset += aligned(tensor.size_bytes());
  }
  out.resize(aligned(out.size()));
  return out;
}

// A file that is there under its name when finish() succeeds, and not at all else.
class NewFile {
 public:
  static base::Result<NewFile> create(const std::filesystem::path& path) {
    NewFile file;
    file.path_ = path;
    file.temporary_ = path.string() + base::cat(".tmp-", ::getpid());
    file.fd_ =
        base::UniqueFd(::open(file.temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644));
    if (!file.fd_) return base::system_error(errno, base::cat("create ", file.temporary_));
    file.there_ = true;
    return file;
  }
  NewFile(NewFile&& other) noexcept
      : path_(std::move(other.path_)),
        temporary_(std::move(other.temporary_)),
        fd_(std::move(other.fd_)),
        there_(std::exchange(other.there_, false)) {}
  NewFile& operator=(NewFile&&) = delete;
  ~NewFile() {
    if (there_) ::unlink(temporary_.c_str());
  }

  base::Status write(const void* data, size_t n) {
    const auto* from = static_cast<const char*>(data);
    while (n > 0) {
      const ssize_t done = ::write(fd_.get(), from, std::min<size_t>(n, 1 << 30));
      if (done < 0 && errno == EINTR) continue;
      if (done < 0) return failed("write");
      from += done, n -= static_cast<size_t>(done);
    }
    return base::ok();
  }
  base::Status finish(bool replace) {
    if (::fsync(fd_.get()) != 0) return failed("fsync");
    // A link fails where the name is taken, also by a file that came while we wrote.
    if (replace ? ::rename(temporary_.c_str(), path_.c_str()) != 0 : ::link(temporary_.c_str(), path_.c_str()) != 0) {
      if (errno == EEXIST) return base::Error{base::ErrorCode::kDenied, base::cat(path_.string(), " is there already")};
      return failed("rename");
    }
    if (!replace) ::unlink(temporary_.c_str());
    there_ = false;
    return base::ok();
  }

 private:
  NewFile() = default;
  base::Error failed(std::string_view doing) const {
    const int number = errno;
    base::Error error = base::system_error(number, base::cat(doing, " ", temporary_));
    if (number == ENOSPC || number == EDQUOT)
      error = {base::ErrorCode::kExhausted,
               base::cat("the disk of ", path_.string(), " is full; nothing was kept of the new file")};
    return error;
  }

  std::filesystem::path path_;
  std::string temporary_;
  base::UniqueFd fd_;
  bool there_ = false;
};

base::Status check_room(const std::filesystem::path& path, uint64_t bytes) {
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  struct statvfs disk {};
  if (::statvfs(folder.c_str(), &disk) != 0) return base::system_error(errno, base::cat("look at ", folder.string()));
  const uint64_t room = static_cast<uint64_t>(disk.f_bavail) * disk.f_frsize;
  if (room < bytes)
    return base::Error{base::ErrorCode::kExhausted, base::cat("the file takes ", bytes, " bytes, but the disk of ",
                                                              folder.string(), " has room for ", room)};
  return base::ok();
}

base::Status write_tensor(const GgufTensor& tensor, NewFile& file, ThreadPool& pool, const GgufWriteOptions& options,
                          uint64_t& done) {
  const int64_t n_in = tensor.n_in(), n_rows = tensor.n_rows();
  const DTypeTraits type = traits(tensor.type);
  const int64_t row_bytes = n_in / type.block_values * type.block_bytes;
  const int64_t step = std::clamp<int64_t>(kChunkBytes / std::max<int64_t>(1, n_in * 4), 1, 4096);
  const bool copied = tensor.stored_row && tensor.stored == tensor.type;
  std::vector<float> values(copied ? 0 : static_cast<size_t>(std::min(step, n_rows) * n_in));
  std::vector<std::byte> bytes(static_cast<size_t>(std::min(step, n_rows) * row_bytes));
  for (int64_t first = 0; first < n_rows; first += step) {
    if (options.stop.stop_requested()) return base::cancelled();
    const int64_t n = std::min(step, n_rows - first);
    const auto make = [&](int64_t i) { tensor.row(first + i, {values.data() + i * n_in, static_cast<size_t>(n_in)}); };
    if (!copied && !tensor.independent)
      for (int64_t i = 0; i < n; ++i) make(i);
    pool.run([&](const Worker& worker) {
      const auto [low, high] = worker.split(n);
      for (int64_t i = low; i < high; ++i) {
        std::byte* out = bytes.data() + i * row_bytes;
        if (copied) {
          std::memcpy(out, tensor.stored_row(first + i), static_cast<size_t>(row_bytes));
          continue;
        }
        if (tensor.independent) make(i);
        quantize_row(tensor.type, {values.data() + i * n_in, static_cast<size_t>(n_in)}, out);
      }
    });
    const auto chunk = static_cast<size_t>(n * row_bytes);
    if (base::Status written = file.write(bytes.data(), chunk); !written) return written;
    done += chunk;
    if (options.progress) options.progress(done, tensor.name);
  }
  const std::string padding(aligned(tensor.size_bytes()) - tensor.size_bytes(), '\0');
  return file.write(padding.data(), padding.size());
}

GgufTensor tensor_of(std::string name, std::vector<TensorView> views, bool stacked,
                     std::function<int64_t(int64_t)> order) {
  GgufTensor tensor;
  tensor.name = std::move(name);
  tensor.stored = views.front().type;
  if (stacked) tensor.shape.push_back(static_cast<int64_t>(views.size()));
  for (int d = 0; d < views.front().n_dims; ++d) tensor.shape.push_back(views.front().shape[static_cast<size_t>(d)]);
  const int64_t each = views.front().n_rows();
  const bool plain = views.front().scales.data == nullptr;
  const auto shared = std::make_shared<const std::vector<TensorView>>(std::move(views));
  const auto place = [each, order = std::move(order)](int64_t row) { return order ? order(row) : row; };
  tensor.row = [shared, each, place](int64_t row, std::span<float> out) {
    const int64_t from = place(row);
    dequantize_row((*shared)[static_cast<size_t>(from / each)], from % each, out);
  };
  if (plain)
    tensor.stored_row = [shared, each, place](int64_t row) {
      const int64_t from = place(row);
      const TensorView& view = (*shared)[static_cast<size_t>(from / each)];
      return view.data + from % each * view.row_bytes();
    };
  return tensor;
}

}  // namespace

int64_t GgufTensor::n_rows() const {
  int64_t n = 1;
  for (size_t d = 0; d + 1 < shape.size(); ++d) n *= shape[d];
  return n;
}

uint64_t GgufTensor::size_bytes() const {
  const DTypeTraits t = traits(type);
  return static_cast<uint64_t>(n_rows() * (n_in() / t.block_values * t.block_bytes));
}

void GgufContent::add(std::string name, std::vector<TensorView> views, bool stacked,
                      std::function<int64_t(int64_t)> order) {
  if (views.empty() || !views.front()) return;
  tensors.push_back(tensor_of(std::move(name), std::move(views), stacked, std::move(order)));
  tensors.back().expert = stacked;
}

void GgufContent::add_exact(std::string name, std::vector<TensorView> views, bool stacked,
                            std::function<int64_t(int64_t)> order) {
  if (views.empty() || !views.front()) return;
  tensors.push_back(tensor_of(std::move(name), std::move(views), stacked, std::move(order)));
  tensors.back().exact = true;
}

void GgufContent::add_fine(std::string name, const TensorView& view) {
  if (!view) return;
  tensors.push_back(tensor_of(std::move(name), {view}, false, {}));
  tensors.back().fine = true;
}

void GgufContent::add_numbers(std::string name, int64_t rows, const std::vector<int32_t>& numbers) {
  if (numbers.empty()) return;
  TensorView table;
  table.type = DType::kI32;
  table.n_dims = 2;
  table.shape = {rows, static_cast<int64_t>(numbers.size()) / rows, 0, 0};
  table.data = std::as_bytes(std::span(numbers)).data();
  add_exact(std::move(name), {table}, false);
}

base::Status write_gguf(const GgufContent& content, const std::filesystem::path& path, ThreadPool& pool,
                        const GgufWriteOptions& options) {
  std::error_code ignored;
  if (!options.replace && std::filesystem::exists(path, ignored))
    return base::Error{base::ErrorCode::kDenied, base::cat(path.string(), " is there already")};
  const std::string header = header_of(content);
  uint64_t total = header.size();
  for (const GgufTensor& tensor : content.tensors) total += aligned(tensor.size_bytes());
  if (base::Status room = check_room(path, total); !room) return room;
  auto file = NewFile::create(path);
  if (!file) return std::move(file).error();
  if (base::Status written = file->write(header.data(), header.size()); !written) return written;
  uint64_t done = 0;
  for (const GgufTensor& tensor : content.tensors)
    if (base::Status written = write_tensor(tensor, *file, pool, options, done); !written)
      return std::move(written).error().in(base::cat("tensor ", tensor.name));
  return file->finish(options.replace);
}

}  // namespace engine
