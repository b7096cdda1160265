// SPDX-License-Identifier: Apache-2.0
// The one list of families (family.h).
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/strings.h"
#include "engine/families/deepseek_v2/family.h"
#include "engine/families/deepseek_v4/family.h"
#include "engine/families/grouped/family.h"
#include "engine/family.h"

namespace engine {
namespace {

struct HfFamily {
  std::string_view model_type;  // of config.json
  base::Result<std::unique_ptr<const Family>> (*read)(const nlohmann::json& config, const TensorTable& tensors,
                                                      const Tokenizer* tokenizer);
};
// Most families take no tokenizer.
template <auto Read>
base::Result<std::unique_ptr<const Family>> without_tokenizer(const nlohmann::json& config, const TensorTable& tensors,
                                                              const Tokenizer*) {
  return Read(config, tensors);
}
constexpr HfFamily kHf[] = {
    {"deepseek_v2", without_tokenizer<deepseek_v2_family_from_hf>},
    {"deepseek_v3", without_tokenizer<deepseek_v2_family_from_hf>},
    {"deepseek_v32", without_tokenizer<deepseek_v2_family_from_hf>},
    {"deepseek_v4", without_tokenizer<deepseek_v4_family_from_hf>},
    {"deepseek_v41", deepseek_v41_family_from_hf},
    {"llama", without_tokenizer<grouped_family_from_hf>},
    {"mistral", without_tokenizer<grouped_family_from_hf>},
    {"qwen2", without_tokenizer<grouped_family_from_hf>},
    {"qwen3", without_tokenizer<grouped_family_from_hf>},
    {"qwen3_moe", without_tokenizer<grouped_family_from_hf>},
    {"gpt_oss", without_tokenizer<grouped_family_from_hf>},
};

struct GgufFamily {
  std::string_view architecture;  // general.architecture
  base::Result<std::unique_ptr<const Family>> (*read)(const GgufFile& gguf);
};
constexpr GgufFamily kGguf[] = {
    {"deepseek2", deepseek_v2_family_from_gguf},
    {"deepseek32", deepseek_v2_family_from_gguf},
    {"deepseek4", deepseek_v4_family_from_gguf},
    {"deepseek41", deepseek_v4_family_from_gguf},
    {"llama", grouped_family_from_gguf},
    {"qwen2", grouped_family_from_gguf},
    {"qwen3", grouped_family_from_gguf},
    {"qwen3moe", grouped_family_from_gguf},
    {"gpt-oss", grouped_family_from_gguf},
};

std::string known(const auto& entries, auto name_of) {
  std::string names;
  for (const auto& entry : entries) names += base::cat(names.empty() ? "" : ", ", "\"", name_of(entry), "\"");
  return names;
}

}  // namespace

base::Result<std::unique_ptr<const Family>> family_from_hf(const nlohmann::json& config, const TensorTable& tensors,
                                                           const Tokenizer* tokenizer) {
  if (!config.is_object()) return base::corrupt("config.json: it is no JSON object");
  const std::string type = base::json_string(config, "model_type");
  for (const HfFamily& entry : kHf)
    if (entry.model_type == type) return entry.read(config, tensors, tokenizer);
  return base::invalid(base::cat("config.json: \"model_type\" is \"", shown_name(type), "\"; Graft reads ",
                                 known(kHf, [](const HfFamily& e) { return e.model_type; })));
}

base::Result<std::unique_ptr<const Family>> family_from_gguf(const GgufFile& gguf) {
  const auto found = gguf.metadata.find("general.architecture");
  const auto* name = found == gguf.metadata.end() ? nullptr : std::get_if<std::string_view>(&found->second.value);
  if (name == nullptr) return base::corrupt("metadata general.architecture is missing or no string");
  for (const GgufFamily& entry : kGguf)
    if (entry.architecture == *name) return entry.read(gguf);
  return base::invalid(base::cat("metadata general.architecture at byte ", found->second.file_offset, " is \"", shown_name(*name),
                                 "\"; Graft reads ", known(kGguf, [](const GgufFamily& e) { return e.architecture; })));
}

}  // namespace engine
