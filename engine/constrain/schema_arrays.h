// SPDX-License-Identifier: Apache-2.0
// engine/constrain/schema_arrays.h: arrays of a FlatSchema, from what they ask of each item to an expression.
//
// What     Items are nodes: what holds of one value, by number. An array is plain (prefix and rest), counted (contains:
//          what an item is chosen to be decides what may follow), or of distinct values out of a list.
// Bounds   Up to 4 `contains` in one place, 20,000 states; up to 512 values that must differ.
#pragma once
#include <functional>
#include <optional>
#include <vector>

#include "engine/constrain/json_items.h"
#include "engine/constrain/json_text.h"
#include "engine/constrain/schema.h"

namespace engine {

using NodeId = int;

struct ArrayShape {
  std::vector<NodeId> prefix = {};
  NodeId rest = -1;
  uint32_t min = 0, max = kNoLimit;
  std::vector<FlatSchema::Contains> contains = {};
  std::vector<std::vector<NodeId>> chosen = {};  // with `contains`: by item, the last for all after it; by set of these
  std::optional<JsonDistinctItems> distinct = {};
};

ArrayShape array_shape(SchemaDocument& document, ExprStore& store, JsonText& text, FlatSchema flat,
                       const std::function<NodeId(const Conjunction&)>& node);
// Whether an array of `shape` exists, where items of nodes that are `productive` do.
bool exists(ExprStore& store, const ArrayShape& shape, const std::function<bool(NodeId)>& productive);
// All of them; `value` is kNothing for a node that has none.
ExprId array_text(ExprStore& store, const JsonText& text, const ArrayShape& shape,
                  const std::function<ExprId(NodeId)>& value);

}  // namespace engine
