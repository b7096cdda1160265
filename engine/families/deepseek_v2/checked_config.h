// SPDX-License-Identifier: Apache-2.0
// engine/families/deepseek_v2/checked_config.h: bounds that every configuration of the family must keep.
#pragma once
#include "base/result.h"
#include "engine/families/deepseek_v2/deepseek_v2.h"
#include "engine/load/limits.h"

namespace engine {

// kCorrupt for values that contradict each other or lie out of range.
base::Status check_config(const DeepseekV2Config& config);

}  // namespace engine
