// SPDX-License-Identifier: Apache-2.0
#include "engine/formats/safetensors.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <tuple>

#include "base/json.h"
#include "base/strings.h"

namespace engine {
namespace {

constexpr uint64_t kMaxIndexBytes = uint64_t{64} << 20;

std::optional<DType> dtype_named(std::string_view name) {
  if (name == "F32") return DType::kF32;
  if (name == "F16") return DType::kF16;
  if (name == "BF16") return DType::kBF16;
  if (name == "F8_E4M3") return DType::kF8_E4M3;
  if (name == "F8_E8M0") return DType::kF8_E8M0;
  if (name == "U8" || name == "I8") return DType::kU8;  // packed values, whatever the sign
  if (name == "I64") return DType::kI64;
  return std::nullopt;
}

struct Extent {
  uint64_t begin, end;  // relative to the data
  std::string_view name;
};

// Reads "shape" or "data_offsets": an array of at most `max_size` unsigned integers.
std::optional<std::vector<uint64_t>> unsigned_array(const base::Json& entry, const char* key, size_t max_size) {
  const auto found = entry.find(key);
  if (found == entry.end() || !found->is_array() || found->size() > max_size) return std::nullopt;
  std::vector<uint64_t> values;
  for (const base::Json& item : *found) {
    if (!item.is_number_unsigned()) return std::nullopt;
    values.push_back(item.get<uint64_t>());
  }
  return values;
}

base::Status check_fully_indexed(std::vector<Extent>& extents, std::string_view file, uint64_t data_start,
                                 uint64_t data_bytes) {
  std::sort(extents.begin(), extents.end(),
            [](const Extent& a, const Extent& b) { return std::tie(a.begin, a.end) < std::tie(b.begin, b.end); });
  uint64_t expected = 0;
  for (const Extent& extent : extents) {
    if (extent.begin != expected)
      return base::corrupt(base::cat(file, ": tensor ", shown_name(extent.name), " starts at byte ",
                                     data_start + extent.begin,
                                     extent.begin < expected ? ", inside another tensor that ends at byte "
                                                             : ", after a hole that starts at byte ",
                                     data_start + expected));
    expected = extent.end;
  }
  if (expected != data_bytes)
    return base::corrupt(base::cat(file, ": the last tensor ends at byte ", data_start + expected,
                                   ", the file at byte ", data_start + data_bytes));
  return base::ok();
}

}  // namespace

base::Status read_safetensors(std::span<const std::byte> bytes, std::string_view file, TensorTable& tensors) {
  uint64_t header_bytes = 0;
  if (bytes.size() < sizeof header_bytes)
    return base::corrupt(base::cat(file, ": not a safetensors file: it ends at byte ", bytes.size(),
                                   ", inside the 8-byte header length"));
  std::memcpy(&header_bytes, bytes.data(), sizeof header_bytes);
  if (header_bytes > kMaxSafetensorsHeader || header_bytes > bytes.size() - 8)
    return base::corrupt(base::cat(file, ": header length ", header_bytes, " at byte 0 passes ",
                                   header_bytes > kMaxSafetensorsHeader
                                       ? "the limit of 100000000 bytes"
                                       : base::cat("the file's end at byte ", bytes.size())));
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + 8, static_cast<size_t>(header_bytes));
  auto header = base::parse_json_unique(text);
  if (!header) return std::move(header).error().in(base::cat(file, ": safetensors header (from byte 8)"));
  if (!header->is_object())
    return base::corrupt(base::cat(file, ": the safetensors header at byte 8 is no JSON object"));

  const uint64_t data_start = 8 + header_bytes;
  const uint64_t data_bytes = bytes.size() - data_start;
  std::vector<Extent> extents;
  for (const auto& [name, entry] : header->items()) {
    if (name == "__metadata__") continue;
    const auto bad = [&file, &name = name](std::string_view problem) {
      return base::corrupt(base::cat(file, ": tensor ", shown_name(name), " in the header at byte 8: ", problem));
    };
    if (!entry.is_object()) return bad("its entry is no JSON object");
    const std::string type_name = base::json_string(entry, "dtype");
    const auto type = dtype_named(type_name);
    if (!type)
      return base::invalid(base::cat(file, ": tensor ", shown_name(name), " has type \"", type_name,
                                     "\"; Graft reads F32, F16, BF16, F8_E4M3, F8_E8M0, U8, I8 and I64 from safetensors"));
    const auto shape = unsigned_array(entry, "shape", 8);
    if (!shape) return bad("\"shape\" must be an array of at most 8 whole numbers");
    const auto offsets = unsigned_array(entry, "data_offsets", 2);
    if (!offsets || offsets->size() != 2) return bad("\"data_offsets\" must be two whole numbers");
    const uint64_t begin = (*offsets)[0], end = (*offsets)[1];
    if (begin > end || end > data_bytes)
      return bad(base::cat("data_offsets [", begin, ", ", end, "] leave the ", data_bytes, " bytes of data"));
    auto stored = check_claim({file, name, *type, *shape, data_start + begin}, bytes);
    if (!stored) return std::move(stored).error();
    if (static_cast<uint64_t>(stored->view.size_bytes()) != end - begin)
      return base::corrupt(base::cat(file, ": tensor ", shown_name(name), " at byte ", data_start + begin, ": ",
                                     type_name, " ", shape_text(*shape), " takes ", stored->view.size_bytes(),
                                     " bytes, data_offsets give ", end - begin));
    const auto [place, fresh] = tensors.emplace(name, std::move(*stored));
    if (!fresh)
      return base::corrupt(base::cat(file, ": tensor ", shown_name(name), " at byte ", data_start + begin,
                                     " is also in ", place->second.file));
    extents.push_back({begin, end, place->first});
  }
  return check_fully_indexed(extents, file, data_start, data_bytes);
}

namespace {

// A shard's name comes from a file that we do not trust: it must name a file of the folder itself.
bool is_plain_shard_name(const std::string& name) {
  return name.ends_with(".safetensors") && name.find_first_of("/\\") == std::string::npos &&
         name.find('\0') == std::string::npos && name.front() != '.';
}

base::Status add_file(const std::filesystem::path& path, SafetensorsModel& model) {
  auto mapped = base::MappedFile::open(path);
  if (!mapped) return std::move(mapped).error();
  model.files.push_back(std::move(*mapped));
  return read_safetensors(model.files.back().bytes(), path.filename().string(), model.tensors);
}

base::Result<SafetensorsModel> open_shards(const std::filesystem::path& folder, const std::string& index_text) {
  const std::string index_name = "model.safetensors.index.json";
  auto index = base::parse_json_unique(index_text);
  if (!index) return std::move(index).error().in(index_name);
  if (!index->is_object() || !index->contains("weight_map") || !(*index)["weight_map"].is_object())
    return base::corrupt(base::cat(index_name, ": it has no object \"weight_map\""));
  const base::Json& weight_map = (*index)["weight_map"];
  std::set<std::string> shards;
  for (const auto& [name, shard] : weight_map.items()) {
    if (!shard.is_string() || !is_plain_shard_name(shard.get_ref<const std::string&>()))
      return base::corrupt(base::cat(index_name, ": tensor ", shown_name(name), " is put in ", base::dump_json(shard),
                                     "; a shard must be a .safetensors file of the model's own folder"));
    shards.insert(shard.get<std::string>());
  }
  if (shards.empty()) return base::corrupt(base::cat(index_name, ": \"weight_map\" is empty"));
  SafetensorsModel model;
  for (const std::string& shard : shards)
    if (base::Status added = add_file(folder / shard, model); !added) return std::move(added).error();
  for (const auto& [name, shard] : weight_map.items()) {
    const auto found = model.tensors.find(name);
    if (found == model.tensors.end() || found->second.file != shard.get_ref<const std::string&>())
      return base::corrupt(base::cat(
          index_name, ": tensor ", shown_name(name), " should be in ", shard.get<std::string>(),
          found == model.tensors.end() ? ", which does not hold it" : base::cat(", but is in ", found->second.file)));
  }
  for (const auto& [name, tensor] : model.tensors)
    if (!weight_map.contains(name))
      return base::corrupt(base::cat(tensor.file, ": tensor ", shown_name(name), " at byte ", tensor.file_offset,
                                     " is not named by ", index_name));
  return model;
}

}  // namespace

base::Result<SafetensorsModel> open_safetensors(const std::filesystem::path& folder) {
  std::error_code ignored;
  if (std::filesystem::exists(folder / "model.safetensors", ignored)) {
    SafetensorsModel model;
    if (base::Status added = add_file(folder / "model.safetensors", model); !added) return std::move(added).error();
    return model;
  }
  auto index = base::read_file(folder / "model.safetensors.index.json", kMaxIndexBytes);
  if (!index && index.error().code == base::ErrorCode::kNotFound)
    return base::Error{base::ErrorCode::kNotFound,
                       base::cat(folder.string(), " holds neither model.safetensors nor model.safetensors.index.json")};
  if (!index) return std::move(index).error();
  return open_shards(folder, *index);
}

}  // namespace engine
