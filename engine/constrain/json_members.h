// SPDX-License-Identifier: Apache-2.0
// engine/constrain/json_members.h: the members of a JSON object, in any order, each named one at most once.
//
// What     An unfolding whose states are what may still come: the named members not written yet, and how many there
//          were.
// Owns     Its description; expressions are of the store it was made for.
#pragma once
#include <map>
#include <set>
#include <string>
#include <vector>

#include "engine/constrain/expression.h"

namespace engine {

struct JsonMembers {
  struct Named {
    std::string name;  // in the spelling kJson, with its quotes
    ExprId value;      // what follows the colon; not kNothing
    bool required = false;
    std::vector<size_t> needs = {};  // members that must be there where this one is
    unsigned fills = 0;              // bits of `wanted`
  };
  struct Other {
    ExprId key;  // quoted names apart from all named ones
    ExprId value;
    unsigned fills = 0;
  };
  std::vector<Named> named = {};
  std::vector<Other> others = {};
  uint32_t min = 0, max = kNoLimit;  // members; another name counts once, for it could be the same again
  unsigned wanted = 0;               // of each bit some member must fill it; not beside a `max`
  ExprId gap = kEmptyText;
};

// What follows "{" and its gap, up to and including "}"; kNothing where no object is possible.
ExprId json_members(ExprStore& store, JsonMembers members);

}  // namespace engine
