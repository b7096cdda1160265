// SPDX-License-Identifier: Apache-2.0
#include "engine/lora/peft.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"
#include "engine/formats/dequantize.h"
#include "engine/formats/safetensors.h"
#include "engine/lora/peft_config.h"
#include "engine/word_hash.h"

namespace engine {
namespace {

constexpr uint64_t kMaxConfigBytes = uint64_t{1} << 20;
constexpr std::string_view kPrefix = "base_model.model.", kA = ".lora_A.weight", kB = ".lora_B.weight";

struct Pair {
  const StoredTensor *a = nullptr, *b = nullptr;
};
using Pairs = std::map<std::string, Pair, std::less<>>;  // by module

base::Error bad_tensor(base::ErrorCode code, const StoredTensor& stored, std::string_view name,
                       std::string_view problem) {
  return {code, base::cat(stored.file, ": tensor ", shown_name(name), " at byte ", stored.file_offset, ": ", problem)};
}

std::string tensor_name(std::string_view module, std::string_view side) {
  return base::cat(kPrefix, module, side);
}

// Why a tensor that is no lora_A or lora_B is not taken.
std::string_view reason_against(std::string_view name) {
  if (name.find("lora_embedding_") != std::string_view::npos) return "adapters of the embedding are not supported";
  if (name.find("lora_magnitude_vector") != std::string_view::npos) return "belongs to DoRA, which is not supported";
  if (name.find("modules_to_save") != std::string_view::npos) return "is a module saved whole, which is not supported";
  if (name.ends_with(".bias")) return "is a bias, which adapters may not change here";
  return "is no part of a LoRA adapter: names end in \".lora_A.weight\" or \".lora_B.weight\" and begin with "
         "\"base_model.model.\"";
}

base::Result<Pairs> pairs_of(const TensorTable& tensors) {
  Pairs pairs;
  for (const auto& [name, stored] : tensors) {
    const std::string_view text = name;
    const bool a = text.ends_with(kA), b = text.ends_with(kB);
    if (!text.starts_with(kPrefix) || !(a || b) || text.size() <= kPrefix.size() + kA.size())
      return bad_tensor(base::ErrorCode::kInvalidArgument, stored, name, reason_against(text));
    const auto type = stored.view.type;
    if (stored.view.n_dims != 2 || (type != DType::kF32 && type != DType::kF16 && type != DType::kBF16))
      return bad_tensor(base::ErrorCode::kInvalidArgument, stored, name, "must be a matrix of F32, F16 or BF16");
    Pair& pair = pairs[std::string(text.substr(kPrefix.size(), text.size() - kPrefix.size() - kA.size()))];
    (a ? pair.a : pair.b) = &stored;
  }
  for (const auto& [module, pair] : pairs)
    if (!pair.a || !pair.b) {
      const StoredTensor& there = pair.a ? *pair.a : *pair.b;
      return base::corrupt(base::cat(there.file, ": ", shown_name(module), " has lora_", pair.a ? 'A' : 'B',
                                     " at byte ", there.file_offset, ", but no lora_", pair.a ? 'B' : 'A'));
    }
  if (pairs.empty()) return base::corrupt("adapter_model.safetensors: it holds no tensors");
  return pairs;
}

// A stored matrix of the expected shape, times `scale`, row by row to `take`; every value is finite.
template <typename Take>
base::Status read_rows(const StoredTensor& stored, std::string_view what, int64_t n_rows, int64_t n_in, float scale,
                       const Take& take) {
  const TensorView& view = stored.view;
  if (view.n_rows() != n_rows || view.n_in() != n_in)
    return bad_tensor(base::ErrorCode::kCorrupt, stored, what,
                      base::cat("has shape ", shape_text(view), ", [", n_rows, ", ", n_in, "] is needed"));
  std::vector<float> row(static_cast<size_t>(n_in));
  for (int64_t r = 0; r < n_rows; ++r) {
    dequantize_row(view, r, row);
    for (float& value : row) {
      value *= scale;
      if (!std::isfinite(value))
        return bad_tensor(base::ErrorCode::kCorrupt, stored, what,
                          base::cat("row ", r, " holds a value that is not finite, or not after its scale"));
    }
    take(r, row);
  }
  return base::ok();
}

// Row of the module that lies in row `i` of a part.
int64_t module_row(const ModulePart& part, int64_t i) {
  const int64_t width = part.paired_heads;
  if (width == 0) return part.first_row + i;
  const int64_t in_head = i % width;
  return part.first_row + i - in_head + in_head / 2 + in_head % 2 * (width / 2);
}

void add_parts(const LinearModule& module, std::shared_ptr<const F32Panels> a, const F32Panels& b,
               AdapterWeights& weights) {
  const int64_t rank = a->n_out();
  std::shared_ptr<F32Panels> turned_a;  // [n_in, rank]
  for (const ModulePart& part : module.parts) {
    if (!part.turned) {
      const auto rows = std::make_shared<F32Panels>(part.n_rows, rank);
      for (int64_t i = 0; i < part.n_rows; ++i)
        for (int64_t r = 0; r < rank; ++r) rows->at(i, r) = b.at(module_row(part, i), r);
      weights.add(part.key, {a, rows});
      continue;
    }
    if (!turned_a) {
      turned_a = std::make_shared<F32Panels>(module.n_in, rank);
      for (int64_t i = 0; i < module.n_in; ++i)
        for (int64_t r = 0; r < rank; ++r) turned_a->at(i, r) = a->at(r, i);
    }
    const auto turned_b = std::make_shared<F32Panels>(rank, part.n_rows);
    for (int64_t i = 0; i < part.n_rows; ++i)
      for (int64_t r = 0; r < rank; ++r) turned_b->at(r, i) = b.at(module_row(part, i), r);
    weights.add(part.key, {turned_b, turned_a});
  }
}

}  // namespace

base::Result<PeftAdapter> peft_adapter(const nlohmann::json& config, const TensorTable& tensors,
                                       const std::vector<LinearModule>& modules) {
  auto settings = PeftConfig::from_json(config);
  if (!settings) return std::move(settings).error();
  auto pairs = pairs_of(tensors);
  if (!pairs) return std::move(pairs).error();
  std::map<std::string_view, const LinearModule*> by_name;
  for (const LinearModule& module : modules) by_name.emplace(module.name, &module);

  PeftAdapter made;
  WordHash hash;
  for (const auto& [name, pair] : *pairs) {
    const auto found = by_name.find(name);
    if (found == by_name.end())
      return bad_tensor(base::ErrorCode::kInvalidArgument, *pair.a, name,
                        "the model has no linear layer of this name that an adapter can change");
    const LinearModule& module = *found->second;
    const auto setting = settings->of(name);
    if (!setting) return setting.error();
    const int64_t rank = setting->rank;
    const auto a = std::make_shared<F32Panels>(rank, module.n_in);
    const auto put = [](F32Panels& to) {
      return [&to](int64_t o, const std::vector<float>& row) {
        for (size_t i = 0; i < row.size(); ++i) to.at(o, static_cast<int64_t>(i)) = row[i];
      };
    };
    // Shapes are held against the file, which is there, before room for them is taken.
    if (pair.a->view.n_rows() != rank || pair.a->view.n_in() != module.n_in)
      return bad_tensor(
          base::ErrorCode::kCorrupt, *pair.a, tensor_name(name, kA),
          base::cat("has shape ", shape_text(pair.a->view), ", [", rank, ", ", module.n_in, "] is needed"));
    F32Panels b(module.n_out, rank);
    if (base::Status read = read_rows(*pair.a, tensor_name(name, kA), rank, module.n_in, 1.0f, put(*a)); !read)
      return std::move(read).error();
    if (base::Status read = read_rows(*pair.b, tensor_name(name, kB), module.n_out, rank, setting->scale, put(b));
        !read)
      return std::move(read).error();
    hash.add(std::as_bytes(std::span(name)));
    for (const F32Panels* side : {static_cast<const F32Panels*>(a.get()), static_cast<const F32Panels*>(&b)}) {
      hash.add(static_cast<uint64_t>(side->n_out()));
      hash.add(static_cast<uint64_t>(side->n_in()));
      hash.add(std::as_bytes(std::span(side->values())));
      made.size_bytes += side->values().size() * sizeof(float);
    }
    add_parts(module, a, b, made.weights);
    ++made.n_modules;
    made.max_rank = std::max(made.max_rank, setting->rank);
  }
  made.fingerprint = std::max<uint64_t>(1, hash.value());
  return made;
}

base::Result<PeftAdapter> read_peft_adapter(const std::filesystem::path& folder,
                                            const std::vector<LinearModule>& modules) {
  auto made = [&]() -> base::Result<PeftAdapter> {
    const auto text = base::read_file(folder / "adapter_config.json", kMaxConfigBytes);
    if (!text) return text.error();
    auto config = base::parse_json_unique(*text);
    if (!config) return std::move(config).error().in("adapter_config.json");
    std::error_code ignored;
    if (!std::filesystem::exists(folder / "adapter_model.safetensors", ignored) &&
        std::filesystem::exists(folder / "adapter_model.bin", ignored))
      return base::invalid(
          "adapter_model.bin is a Python pickle, which is not read; save the adapter as adapter_model.safetensors");
    const auto file = base::MappedFile::open(folder / "adapter_model.safetensors");
    if (!file) return file.error();
    TensorTable tensors;
    if (base::Status read = read_safetensors(file->bytes(), "adapter_model.safetensors", tensors); !read)
      return std::move(read).error();
    return peft_adapter(*config, tensors, modules);
  }();
  if (!made) return std::move(made).error().in("load adapter " + folder.string());
  return made;
}

}  // namespace engine
