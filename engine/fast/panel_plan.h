// SPDX-License-Identifier: Apache-2.0
// engine/fast/panel_plan.h: where a model's packed weights lie.
#pragma once
#include <optional>

#include "base/shared_block.h"

namespace engine {

struct PanelPlan {
  // `pack`: lay the weights out anew in memory; else panels are made while they are read, which costs time but no memory.
  PanelPlan(bool pack_all) : pack(pack_all) {}  // in this process's own memory

  bool pack;
  // Where it is set and can be had: in one copy for all processes. Its key tells model, file, layout and program.
  std::optional<base::SharedBlockPlace> shared = std::nullopt;
};

}  // namespace engine
