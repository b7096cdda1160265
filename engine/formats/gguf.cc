// SPDX-License-Identifier: Apache-2.0
#include "engine/formats/gguf.h"

#include <array>
#include <cstring>

#include "base/strings.h"

namespace engine {
namespace {

constexpr uint32_t kMagic = 0x46554747;                  // "GGUF"
constexpr uint64_t kMaxNameBytes = 65535;                // gguf.md: keys; we hold tensor names to it as well
constexpr uint64_t kMinEntryBytes = 8 + 4 + 1;           // key length, type, the shortest value
constexpr uint64_t kMinTensorInfoBytes = 8 + 4 + 4 + 8;  // name length, dimensions, type, offset

// Walks the bytes from front to end. After the first read past the end every read gives zero and `failed()` holds; the
// message names what was being read.
class Reader {
 public:
  Reader(std::span<const std::byte> bytes, std::string_view file) : bytes_(bytes), file_(file) {}

  void reading(std::string what) { what_ = std::move(what); }

  template <typename T>
  T number() {
    T value{};
    if (const std::byte* from = take(sizeof value)) std::memcpy(&value, from, sizeof value);
    return value;
  }

  std::string_view string(uint64_t max_bytes = UINT64_MAX) {
    const auto length = number<uint64_t>();
    if (length > max_bytes) fail(base::cat("a string of ", length, " bytes; at most ", max_bytes, " are allowed"));
    const std::byte* from = take(length);
    return from == nullptr ? std::string_view() : std::string_view(reinterpret_cast<const char*>(from), length);
  }

  const std::byte* take(uint64_t n) {
    if (error_) return nullptr;
    if (n > bytes_.size() - at_) {
      fail(base::cat("needs ", n, " more bytes, but the file ends at byte ", bytes_.size()));
      return nullptr;
    }
    const std::byte* from = bytes_.data() + at_;
    at_ += n;
    return from;
  }

  void fail(std::string_view problem) {
    if (!error_) error_ = base::corrupt(base::cat(file_, ": ", what_, " at byte ", at_, ": ", problem));
  }
  bool failed() const { return error_.has_value(); }
  base::Error error() const { return *error_; }

  uint64_t position() const { return at_; }
  uint64_t remaining() const { return bytes_.size() - at_; }

 private:
  std::span<const std::byte> bytes_;
  std::string_view file_;
  uint64_t at_ = 0;
  std::string what_ = "header";
  std::optional<base::Error> error_;
};

// Bytes of one value of a type of fixed size; 0 for the others and for unknown types.
uint64_t fixed_bytes(GgufType type) {
  switch (type) {
    case GgufType::kU8:
    case GgufType::kI8:
    case GgufType::kBool: return 1;
    case GgufType::kU16:
    case GgufType::kI16: return 2;
    case GgufType::kU32:
    case GgufType::kI32:
    case GgufType::kF32: return 4;
    case GgufType::kU64:
    case GgufType::kI64:
    case GgufType::kF64: return 8;
    default: return 0;
  }
}

GgufArray read_array(Reader& reader) {
  GgufArray array{static_cast<GgufType>(reader.number<uint32_t>()), reader.number<uint64_t>(), {}};
  const uint64_t element_bytes = fixed_bytes(array.element);
  if (element_bytes == 0 && array.element != GgufType::kString)
    reader.fail(base::cat("an array of type ", static_cast<uint32_t>(array.element), " is not supported"));
  const uint64_t least_bytes = element_bytes != 0 ? element_bytes : sizeof(uint64_t);
  if (array.size > reader.remaining() / least_bytes)
    reader.fail(base::cat("an array of ", array.size, " elements passes the file's end"));
  if (reader.failed()) return array;
  if (element_bytes != 0) {
    array.bytes = {reader.take(array.size * element_bytes), array.size * element_bytes};
    return array;
  }
  const uint64_t start = reader.position();
  const std::byte* from = reader.take(0);
  for (uint64_t i = 0; i < array.size && !reader.failed(); ++i) reader.string();
  array.bytes = {from, reader.position() - start};
  return array;
}

GgufValue read_value(Reader& reader, GgufType type) {
  switch (type) {
    case GgufType::kU8: return uint64_t{reader.number<uint8_t>()};
    case GgufType::kI8: return int64_t{reader.number<int8_t>()};
    case GgufType::kU16: return uint64_t{reader.number<uint16_t>()};
    case GgufType::kI16: return int64_t{reader.number<int16_t>()};
    case GgufType::kU32: return uint64_t{reader.number<uint32_t>()};
    case GgufType::kI32: return int64_t{reader.number<int32_t>()};
    case GgufType::kU64: return reader.number<uint64_t>();
    case GgufType::kI64: return reader.number<int64_t>();
    case GgufType::kF32: return double{reader.number<float>()};
    case GgufType::kF64: return reader.number<double>();
    case GgufType::kString: return reader.string();
    case GgufType::kArray: return read_array(reader);
    case GgufType::kBool: {
      const auto value = reader.number<uint8_t>();
      if (value > 1) reader.fail(base::cat("a truth value must be 0 or 1, not ", int{value}));
      return value == 1;
    }
  }
  reader.fail(base::cat("unknown value type ", static_cast<uint32_t>(type)));
  return uint64_t{0};
}

void read_metadata(Reader& reader, uint64_t n_entries, GgufFile& gguf) {
  for (uint64_t i = 0; i < n_entries && !reader.failed(); ++i) {
    reader.reading(base::cat("metadata entry ", i));
    const std::string key(reader.string(kMaxNameBytes));
    reader.reading(base::cat("metadata ", shown_name(key)));
    const auto type = static_cast<GgufType>(reader.number<uint32_t>());
    const uint64_t file_offset = reader.position();
    GgufEntry entry{read_value(reader, type), file_offset};
    if (!reader.failed() && !gguf.metadata.emplace(key, entry).second) reader.fail("the key appears twice");
  }
}

std::optional<DType> dtype_of(uint32_t ggml_type) {
  switch (ggml_type) {
    case 0: return DType::kF32;
    case 1: return DType::kF16;
    case 2: return DType::kQ4_0;
    case 3: return DType::kQ4_1;
    case 6: return DType::kQ5_0;
    case 7: return DType::kQ5_1;
    case 8: return DType::kQ8_0;
    case 10: return DType::kQ2_K;
    case 11: return DType::kQ3_K;
    case 12: return DType::kQ4_K;
    case 13: return DType::kQ5_K;
    case 14: return DType::kQ6_K;
    case 16: return DType::kIQ2_XXS;
    case 18: return DType::kIQ3_XXS;
    case 20: return DType::kIQ4_NL;
    case 23: return DType::kIQ4_XS;
    case 26: return DType::kI32;
    case 30: return DType::kBF16;
    case 39: return DType::kMXFP4;
    default: return std::nullopt;
  }
}

std::string ggml_type_name(uint32_t type) {
  constexpr std::array<std::string_view, 40> kNames = {
      "F32",    "F16",   "Q4_0",  "Q4_1",   "",      "",      "Q5_0",    "Q5_1",   "Q8_0",    "Q8_1",
      "Q2_K",   "Q3_K",  "Q4_K",  "Q5_K",   "Q6_K",  "Q8_K",  "IQ2_XXS", "IQ2_XS", "IQ3_XXS", "IQ1_S",
      "IQ4_NL", "IQ3_S", "IQ2_S", "IQ4_XS", "I8",    "I16",   "I32",     "I64",    "F64",     "IQ1_M",
      "BF16",   "",      "",      "",       "TQ1_0", "TQ2_0", "",        "",       "",        "MXFP4"};
  if (type < kNames.size() && !kNames[type].empty()) return std::string(kNames[type]);
  return base::cat("number ", type);
}

std::string readable_types() {
  std::string names;
  for (uint32_t type = 0; type < 64; ++type)
    if (const auto dtype = dtype_of(type); dtype && !is_part(*dtype)) names += base::cat(names.empty() ? "" : ", ", traits(*dtype).name);
  return names;
}

struct TensorInfo {
  std::string_view name;
  std::vector<uint64_t> shape;  // slowest first
  uint32_t ggml_type;
  uint64_t offset;     // relative to the data
  uint64_t described;  // byte of this description
};

TensorInfo read_tensor_info(Reader& reader, uint64_t i) {
  reader.reading(base::cat("description of tensor ", i));
  TensorInfo info{};
  info.described = reader.position();
  info.name = reader.string(kMaxNameBytes);
  reader.reading(base::cat("description of tensor ", shown_name(info.name)));
  const auto n_dims = reader.number<uint32_t>();
  if (n_dims > 4) reader.fail(base::cat("has ", n_dims, " dimensions; at most 4 are possible"));
  for (uint32_t d = 0; d < n_dims && !reader.failed(); ++d)
    info.shape.insert(info.shape.begin(), reader.number<uint64_t>());
  info.ggml_type = reader.number<uint32_t>();
  info.offset = reader.number<uint64_t>();
  return info;
}

base::Result<uint64_t> alignment_of(const GgufFile& gguf, std::string_view file) {
  const auto found = gguf.metadata.find("general.alignment");
  if (found == gguf.metadata.end()) return uint64_t{32};
  const auto* value = std::get_if<uint64_t>(&found->second.value);
  if (value == nullptr || *value < 1 || *value > (1u << 20) || (*value & (*value - 1)) != 0)
    return base::corrupt(base::cat(file, ": metadata general.alignment at byte ", found->second.file_offset,
                                   ": must be a power of two of at most 1048576"));
  return *value;
}

base::Status place_tensors(const std::vector<TensorInfo>& infos, uint64_t data_start, uint64_t alignment,
                           std::span<const std::byte> bytes, std::string_view file, TensorTable& tensors) {
  for (const TensorInfo& info : infos) {
    const auto at = [&] {
      return base::cat(file, ": tensor ", shown_name(info.name), ", described at byte ", info.described, ": ");
    };
    const auto type = dtype_of(info.ggml_type);
    if (!type)
      return base::invalid(base::cat(at(), "stored type ", ggml_type_name(info.ggml_type),
                                     " is not supported; Graft reads ", readable_types()));
    uint64_t file_offset = 0;
    if (info.offset % alignment != 0)
      return base::corrupt(base::cat(at(), "offset ", info.offset, " is no multiple of the alignment ", alignment));
    if (__builtin_add_overflow(data_start, info.offset, &file_offset))
      return base::corrupt(base::cat(at(), "offset ", info.offset, " passes the file's end at byte ", bytes.size()));
    auto stored = check_claim({file, info.name, *type, info.shape, file_offset}, bytes);
    if (!stored) return std::move(stored).error();
    if (!tensors.emplace(info.name, std::move(*stored)).second)
      return base::corrupt(base::cat(at(), "the name appears twice"));
  }
  return check_no_overlap(tensors);
}

}  // namespace

base::Result<GgufFile> read_gguf_part(std::span<const std::byte> bytes, std::string_view file) {
  Reader reader(bytes, file);
  GgufFile gguf;
  const auto magic = reader.number<uint32_t>();
  if (!reader.failed() && magic != kMagic)
    return base::corrupt(base::cat(file, ": not a GGUF file: no \"GGUF\" at byte 0"));
  gguf.version = reader.number<uint32_t>();
  if (!reader.failed() && (gguf.version < 2 || gguf.version > 3))
    return base::invalid(
        (gguf.version & 0xFFFFu) == 0
            ? base::cat(file, ": a big-endian GGUF file; Graft reads little-endian ones")
            : base::cat(file, ": GGUF version ", gguf.version, " at byte 4; Graft reads versions 2 and 3"));
  const auto n_tensors = reader.number<uint64_t>();
  const auto n_entries = reader.number<uint64_t>();
  if (n_tensors > reader.remaining() / kMinTensorInfoBytes)
    reader.fail(base::cat(n_tensors, " tensors pass the file's end at byte ", bytes.size()));
  if (n_entries > reader.remaining() / kMinEntryBytes)
    reader.fail(base::cat(n_entries, " metadata entries pass the file's end at byte ", bytes.size()));
  if (reader.failed()) return reader.error();

  read_metadata(reader, n_entries, gguf);
  if (reader.failed()) return reader.error();
  std::vector<TensorInfo> infos;
  for (uint64_t i = 0; i < n_tensors && !reader.failed(); ++i) infos.push_back(read_tensor_info(reader, i));
  if (reader.failed()) return reader.error();

  auto alignment = alignment_of(gguf, file);
  if (!alignment) return std::move(alignment).error();
  const uint64_t data_start = (reader.position() + *alignment - 1) / *alignment * *alignment;
  if (base::Status placed = place_tensors(infos, data_start, *alignment, bytes, file, gguf.tensors); !placed)
    return std::move(placed).error();
  return gguf;
}

base::Result<GgufFile> read_gguf(std::span<const std::byte> bytes, std::string_view file) {
  auto gguf = read_gguf_part(bytes, file);
  if (!gguf) return gguf;
  if (const auto split = gguf->metadata.find("split.count"); split != gguf->metadata.end()) {
    const auto* parts = std::get_if<uint64_t>(&split->second.value);
    if (parts == nullptr || *parts > 1)
      return base::invalid(base::cat(file, ": one part of a split GGUF model (split.count at byte ", split->second.file_offset, ")"));
  }
  return gguf;
}

std::optional<std::vector<std::string_view>> string_elements(const GgufArray& array) {
  if (array.element != GgufType::kString) return std::nullopt;
  std::vector<std::string_view> strings;
  strings.reserve(array.size);
  Reader reader(array.bytes, "");
  for (uint64_t i = 0; i < array.size; ++i) strings.push_back(reader.string());
  return strings;
}

std::optional<std::vector<double>> real_elements(const GgufArray& array) {
  std::vector<double> numbers;
  Reader reader(array.bytes, "");
  if (array.element != GgufType::kF32 && array.element != GgufType::kF64) return std::nullopt;
  numbers.reserve(array.size);
  for (uint64_t i = 0; i < array.size; ++i) numbers.push_back(std::get<double>(read_value(reader, array.element)));
  return numbers;
}

std::optional<std::vector<int64_t>> integer_elements(const GgufArray& array) {
  std::vector<int64_t> numbers;
  Reader reader(array.bytes, "");
  if (fixed_bytes(array.element) == 0) return std::nullopt;
  numbers.reserve(array.size);
  for (uint64_t i = 0; i < array.size; ++i) {
    const GgufValue value = read_value(reader, array.element);
    if (const auto* u = std::get_if<uint64_t>(&value); u != nullptr && *u <= INT64_MAX)
      numbers.push_back(static_cast<int64_t>(*u));
    else if (const auto* s = std::get_if<int64_t>(&value))
      numbers.push_back(*s);
    else
      return std::nullopt;
  }
  return numbers;
}

}  // namespace engine
