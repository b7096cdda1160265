// SPDX-License-Identifier: Apache-2.0
#include "engine/lora/peft_config.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/strings.h"
#include "engine/formats/tensor_table.h"
#include "engine/load/config_members.h"
#include "engine/lora/peft.h"

namespace engine {
namespace {

using base::Json;

constexpr const char* kFile = "adapter_config.json";
constexpr double kMaxScale = 1e6;
constexpr size_t kMaxPatterns = 4096;

bool is_set(const Json& config, const char* key) {
  const auto found = config.find(key);
  if (found == config.end() || found->is_null()) return false;
  if (found->is_boolean()) return found->get<bool>();
  return !(found->is_array() || found->is_object()) || !found->empty();
}

// What would change results and is not computed.
void refuse_unsupported(ConfigMembers& m, const Json& config) {
  if (const std::string type = m.text("peft_type", "LORA"); type != "LORA")
    m.refuse("peft_type", base::cat("is \"", shown_name(type), "\"; only \"LORA\" is read"));
  if (const std::string bias = m.text("bias", "none"); bias != "none")
    m.refuse("bias", base::cat("is \"", shown_name(bias), "\"; adapters that change biases are not supported"));
  constexpr std::pair<const char*, const char*> kRefused[] = {
      {"use_dora", "is set; DoRA is not supported: merge the adapter into the model instead"},
      {"modules_to_save",
       "names modules that the adapter replaces whole, which is not supported: merge the adapter into the model "
       "instead"},
      {"trainable_token_indices", "names tokens with embeddings of their own, which is not supported"},
      {"target_parameters", "names parameters that are no linear layers, which is not supported"},
      {"layer_replication", "repeats layers, which is not supported"},
      {"alora_invocation_tokens", "asks for activated LoRA, which is not supported"},
      {"fan_in_fan_out", "is set; the model's layers are not stored that way"},
      {"lora_bias", "is set; adapters with biases are not supported"},
      {"use_qalora", "is set; QA-LoRA is not supported"},
      {"use_bdlora", "is set; block-diagonal LoRA is not supported"},
      {"arrow_config", "is set; a choice among adapters is not supported"},
      {"kasa_config", "is set, which is not supported"},
      {"velora_config", "is set, which is not supported"},
      {"monteclora_config", "is set, which is not supported"},
  };
  for (const auto& [key, problem] : kRefused)
    if (is_set(config, key)) m.refuse(key, problem);
  // These begin by taking something off the model's own weights, which the model here still has.
  if (const auto init = config.find("init_lora_weights"); init != config.end() && init->is_string()) {
    const std::string name = init->get<std::string>();
    if (name != "gaussian" && name != "eva" && name != "orthogonal")
      m.refuse("init_lora_weights",
               base::cat("is \"", shown_name(name),
                         "\", which changes the model's own weights; save the adapter as a plain LoRA"));
  }
}

// PEFT matches these as regular expressions against the end of a module's name, after a dot or from its beginning.
// Names alone are read; a "^" says that the name is whole.
std::vector<std::pair<std::string, double>> patterns(ConfigMembers& m, const Json& config, const char* key) {
  std::vector<std::pair<std::string, double>> found;
  if (!is_set(config, key)) return found;
  const Json& object = config[key];
  if (!object.is_object() || object.size() > kMaxPatterns)
    return m.fail(key, base::cat("must be an object of up to ", kMaxPatterns, " names with a number each")), found;
  for (const auto& [name, value] : object.items()) {
    for (size_t i = 0; i < name.size(); ++i) {
      const char c = name[i];
      const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
                         c == '.' || c == '-';
      if (!plain && !(c == '^' && i == 0 && name.size() > 1))
        return m.refuse(key, base::cat("has \"", shown_name(name),
                                       "\", a regular expression; only names of modules are read")),
               found;
    }
    if (name.empty() || !value.is_number())
      return m.fail(key, base::cat("gives \"", shown_name(name), "\" ", base::dump_json(value),
                                   "; a name and a number are needed")),
             found;
    found.emplace_back(name, value.get<double>());
  }
  return found;
}

bool matches(std::string_view pattern, std::string_view module) {
  if (pattern.front() == '^') return module == pattern.substr(1);
  return module.ends_with(pattern) &&
         (module.size() == pattern.size() || module[module.size() - pattern.size() - 1] == '.');
}

}  // namespace

base::Result<PeftConfig> PeftConfig::from_json(const Json& config) {
  if (!config.is_object()) return base::corrupt(base::cat(kFile, ": it is no JSON object"));
  ConfigMembers m(config, kFile);
  refuse_unsupported(m, config);
  PeftConfig made;
  made.rank_ = m.integer("r");
  made.alpha_ = m.real("lora_alpha");
  made.by_root_ = m.truth("use_rslora", false);
  made.rank_patterns_ = patterns(m, config, "rank_pattern");
  made.alpha_patterns_ = patterns(m, config, "alpha_pattern");
  if (m.error()) return *m.error();
  return made;
}

base::Result<double> PeftConfig::chosen(const Patterns& patterns, const char* key, std::string_view module,
                                        double fallback) {
  const std::pair<std::string, double>* first = nullptr;
  for (const auto& entry : patterns) {
    if (!matches(entry.first, module)) continue;
    // PEFT takes the one that stands first in the file; JSON objects have no order.
    if (first && first->second != entry.second)
      return base::invalid(base::cat(kFile, ": \"", key, "\" gives two numbers for ", shown_name(module), ", by \"",
                                     shown_name(first->first), "\" and \"", shown_name(entry.first), "\""));
    first = &entry;
  }
  return first ? first->second : fallback;
}

base::Result<PeftConfig::Setting> PeftConfig::of(std::string_view module) const {
  auto rank = chosen(rank_patterns_, "rank_pattern", module, rank_);
  if (!rank) return std::move(rank).error();
  auto alpha = chosen(alpha_patterns_, "alpha_pattern", module, alpha_);
  if (!alpha) return std::move(alpha).error();
  if (!(*rank >= 1.0 && *rank <= kMaxAdapterRank) || *rank != std::floor(*rank))
    return base::corrupt(base::cat(kFile, ": the rank of ", shown_name(module), " is ", *rank,
                                   "; it must be a whole number in 1..", kMaxAdapterRank));
  const double scale = *alpha / (by_root_ ? std::sqrt(*rank) : *rank);
  if (!(std::fabs(scale) <= kMaxScale))
    return base::corrupt(
        base::cat(kFile, ": the scale of ", shown_name(module), " is ", scale, "; it must lie in -1e6..1e6"));
  return Setting{static_cast<int>(*rank), static_cast<float>(scale)};
}

}  // namespace engine
