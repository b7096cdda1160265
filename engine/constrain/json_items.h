// SPDX-License-Identifier: Apache-2.0
// engine/constrain/json_items.h: the items of a JSON array where what may come depends on what came.
//
// What     Two unfoldings: a written-out graph of states, for counting, and the values of a list, each at most once.
//          Owns: its description; expressions are of the store it was made for.
#pragma once
#include <vector>

#include "engine/constrain/expression.h"

namespace engine {

struct JsonItems {
  struct Step {
    ExprId value;  // not kNothing
    uint32_t to;
  };
  struct State {
    std::vector<Step> steps = {};
    bool may_end = false;
  };
  std::vector<State> states = {};  // the first is before all items; from each an end can be reached
  ExprId gap = kEmptyText;
};
// What follows "[" and its gap, up to and including "]".
ExprId json_items(ExprStore& store, JsonItems items);

struct JsonDistinctItems {
  std::vector<ExprId> values = {};
  std::vector<std::vector<uint32_t>> first = {};  // by item: which of the values it may be
  std::vector<uint32_t> rest = {};                // the same for all items after those
  uint32_t min = 0, max = kNoLimit;
  ExprId gap = kEmptyText;
};
// Whether there is such an array: values for the first `min` items can be found.
bool can_be_distinct(const JsonDistinctItems& items);
// The same of arrays whose items are different values. kNothing where there is none.
ExprId json_distinct_items(ExprStore& store, JsonDistinctItems items);

}  // namespace engine
