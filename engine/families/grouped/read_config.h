// SPDX-License-Identifier: Apache-2.0
// engine/families/grouped/read_config.h: the family's configuration out of config.json or GGUF metadata.
//
// Errors   As engine/family.h.
#pragma once
#include <nlohmann/json_fwd.hpp>

#include "base/result.h"
#include "engine/families/grouped/grouped.h"
#include "engine/formats/gguf.h"

namespace engine {

struct GroupedDescription {
  GroupedConfig config;
  bool tied_head = false;  // config.json says so; in GGUF the missing tensor says it
};

base::Result<GroupedDescription> grouped_from_json(const nlohmann::json& config_json);
base::Result<GroupedDescription> grouped_from_gguf(const GgufFile& gguf);

// Every size in range, so that no later product overflows. kCorrupt naming what is wrong.
base::Status check_config(const GroupedConfig& config);

}  // namespace engine
