// SPDX-License-Identifier: Apache-2.0
#include "engine/load/stored_scales.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "base/json.h"
#include "base/strings.h"
#include "engine/kernels/matmul.h"

namespace engine {
namespace {

using base::Json;

constexpr uint64_t kMaxBlock = 1 << 20;
constexpr int64_t kFp4Block = 32;  // values to a scale

struct BlockSize {
  int32_t rows, columns;
};

// quantization_config.weight_block_size, or what is wrong with it.
base::Result<BlockSize> block_size(const Json& config) {
  const auto bad = [](std::string_view problem) {
    return base::invalid(base::cat("config.json: \"quantization_config\" ", problem));
  };
  // Of a model that also sees it may stand in "text_config".
  const auto member = [](const Json& object, const char* key) {
    const auto at = object.find(key);
    return at == object.end() || !at->is_object() ? nullptr : &*at;
  };
  const Json* found = member(config, "quantization_config");
  if (const Json* text = member(config, "text_config"); found == nullptr && text != nullptr)
    found = member(*text, "quantization_config");
  if (found == nullptr) return bad("is missing, but weights are stored as F8_E4M3");
  const auto size = found->find("weight_block_size");
  const auto is_size = [](const Json& value) {
    return value.is_number_unsigned() && value.get<uint64_t>() >= 1 && value.get<uint64_t>() <= kMaxBlock;
  };
  if (size == found->end() || !size->is_array() || size->size() != 2 || !is_size((*size)[0]) || !is_size((*size)[1]))
    return bad("needs \"weight_block_size\": [rows, columns] for the scales of F8_E4M3 weights");
  const BlockSize blocks{(*size)[0].get<int32_t>(), (*size)[1].get<int32_t>()};
  if (blocks.columns % kBlockValues != 0)
    return bad(base::cat("has blocks ", blocks.columns, " columns wide; Graft reads multiples of ", kBlockValues));
  return blocks;
}

std::string stem_of(const std::string& name) {
  constexpr std::string_view kEnd = ".weight";
  return name.ends_with(kEnd) ? name.substr(0, name.size() - kEnd.size()) : name;
}

base::Error bad_tensor(const std::string& name, const StoredTensor& stored, std::string_view problem) {
  return base::corrupt(
      base::cat(stored.file, ": tensor ", shown_name(name), " at byte ", stored.file_offset, " ", problem));
}

bool holds_scales(DType type) {
  return type == DType::kF32 || type == DType::kF16 || type == DType::kBF16 || type == DType::kF8_E8M0;
}

int64_t blocks_of(int64_t n, int64_t block) {
  return (n + block - 1) / block;
}

base::Result<std::string> join_fp8(const std::string& name, StoredTensor& weight, const TensorTable& tensors,
                                   BlockSize blocks) {
  TensorView& view = weight.view;
  if (view.n_dims != 2)
    return bad_tensor(
        name, weight,
        base::cat("is stored as F8_E4M3 with shape ", shape_text(view), "; Graft reads matrices of that type"));
  const std::string stem = stem_of(name), inverse = stem + ".weight_scale_inv", plain = stem + ".scale";
  auto found = tensors.find(inverse);
  if (found == tensors.end()) found = tensors.find(plain);
  if (found == tensors.end())
    return bad_tensor(name, weight,
                      base::cat("is stored as F8_E4M3, but its scales are missing: there is neither ",
                                shown_name(inverse), " nor ", shown_name(plain)));
  const TensorView& grid = found->second.view;
  if (!holds_scales(grid.type))
    return bad_tensor(found->first, found->second,
                      base::cat("is stored as ", traits(grid.type).name, ", which holds no scales"));
  if (stem.ends_with("engram.embed")) blocks.rows = 1;  // a table of rows that are read one by one
  const int64_t rows = blocks_of(view.shape[0], blocks.rows), columns = blocks_of(view.shape[1], blocks.columns);
  if (grid.n_dims != 2 || grid.shape[0] != rows || grid.shape[1] != columns)
    return bad_tensor(
        found->first, found->second,
        base::cat("has shape ", shape_text(grid), "; a weight of shape ", shape_text(view), " with blocks of ",
                  blocks.rows, " x ", blocks.columns, " has [", rows, ", ", columns, "] scales"));
  view.scales = {grid.data, grid.type, blocks.rows, blocks.columns, columns, 0};
  return found->first;
}

// Empty where the tensor is no such matrix.
base::Result<std::string> join_fp4(const std::string& name, StoredTensor& weight, const TensorTable& tensors) {
  TensorView& view = weight.view;
  const auto found = tensors.find(stem_of(name) + ".scale");
  if (view.n_dims != 2 || !name.ends_with(".weight") || found == tensors.end()) return std::string();
  const TensorView& grid = found->second.view;
  const int64_t n_in = 2 * view.shape[1];
  if (grid.type != DType::kF8_E8M0 || grid.n_dims != 2 || n_in % kFp4Block != 0 || grid.shape[0] != view.shape[0] ||
      grid.shape[1] != n_in / kFp4Block)
    return bad_tensor(found->first, found->second,
                      base::cat("is ", traits(grid.type).name, " ", shape_text(grid), "; packed values of shape ",
                                shape_text(view), " have F8_E8M0 scales, one for each 16 bytes of a row"));
  view.type = DType::kFP4;
  view.shape[1] = n_in;
  view.scales = {grid.data, grid.type, 1, kFp4Block, n_in / kFp4Block, 0};
  return found->first;
}

}  // namespace

void check_quantization(ConfigMembers& m, const Json& config) {
  if (!m.has("quantization_config")) return;
  const Json& q = config["quantization_config"];
  const std::string method = q.is_object() ? base::json_string(q, "quant_method") : "";
  if (method != "fp8" && method != "mxfp4")
    return m.refuse("quantization_config", base::cat("names the method \"", shown_name(method),
                                                     "\"; Graft reads \"fp8\" and \"mxfp4\", and GGUF files"));
  if (method != "fp8") return;
  if (const std::string scheme = base::json_string(q, "activation_scheme", "dynamic"); scheme != "dynamic")
    return m.refuse("quantization_config",
                    base::cat("has \"activation_scheme\" \"", shown_name(scheme), "\"; Graft reads \"dynamic\""));
  if (const std::string format = base::json_string(q, "fmt", "e4m3"); format != "e4m3" && format != "float8_e4m3fn")
    m.refuse("quantization_config", base::cat("has \"fmt\" \"", shown_name(format), "\"; Graft reads \"e4m3\""));
}

base::Status join_stored_scales(const Json& config, TensorTable& tensors) {
  if (!config.is_object()) return base::ok();  // family_from_hf says so
  std::optional<BlockSize> blocks;
  std::vector<std::string> used;
  for (auto& [name, stored] : tensors) {
    if (stored.view.type != DType::kF8_E4M3 && stored.view.type != DType::kU8) continue;
    if (stored.view.type == DType::kF8_E4M3 && !blocks) {
      auto read = block_size(config);
      if (!read) return std::move(read).error();
      blocks = *read;
    }
    auto joined =
        stored.view.type == DType::kU8 ? join_fp4(name, stored, tensors) : join_fp8(name, stored, tensors, *blocks);
    if (!joined) return std::move(joined).error();
    if (!joined->empty()) used.push_back(std::move(*joined));
  }
  for (const std::string& name : used) tensors.erase(name);
  return base::ok();
}

}  // namespace engine
