// SPDX-License-Identifier: Apache-2.0
// engine/lora/peft_config.h: adapter_config.json: the rank and the scale of each module.
//
// Errors   As engine/lora/peft.h.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace engine {

class PeftConfig {
 public:
  static base::Result<PeftConfig> from_json(const nlohmann::json& config);

  struct Setting {
    int rank = 0;        // 1 .. kMaxAdapterRank
    float scale = 0.0f;  // finite
  };
  // kInvalidArgument where patterns disagree about the module.
  base::Result<Setting> of(std::string_view module) const;

 private:
  using Patterns = std::vector<std::pair<std::string, double>>;
  static base::Result<double> chosen(const Patterns& patterns, const char* key, std::string_view module,
                                     double fallback);

  double rank_ = 0.0, alpha_ = 0.0;
  bool by_root_ = false;  // rsLoRA: alpha / sqrt(rank)
  Patterns rank_patterns_, alpha_patterns_;
};

}  // namespace engine
