// SPDX-License-Identifier: Apache-2.0
// engine/constrain/flat_schema.h: what a JSON Schema asks of one value, without applicators.
//
// What     A FlatSchema is a conjunction: all that it says must hold of the value itself; what holds of members and
//          items is said by places of subschemas (schema.h).
// Scopes   `unevaluatedProperties` and `unevaluatedItems` ask what the subschemas beside and inside them (applied to
//          the same value) have described. Each such place is a scope; whatever describes members or items names the
//          scopes that see it.
#pragma once
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "engine/constrain/json_text.h"

namespace engine {

using Place = int;                       // of a subschema, or of its opposite
using Conjunction = std::vector<Place>;  // all must hold; sorted, each once
using Scopes = std::vector<Place>;       // sorted, each once

enum JsonType : unsigned {
  kNullType = 1,
  kBooleanType = 2,
  kIntegerType = 4,
  kFractionType = 8,
  kNumberTypes = 12,
  kStringType = 16,
  kArrayType = 32,
  kObjectType = 64,
  kAllTypes = 127
};

struct FlatSchema {
  unsigned types = kAllTypes;
  std::optional<std::vector<base::Json>> values = {};  // enum, const
  std::vector<base::Json> excluded = {};               // scalars that the value is not
  NumberRange numbers = {};
  std::vector<Decimal> multiples = {}, not_multiples = {};
  uint32_t min_length = 0, max_length = kNoLimit;
  std::vector<std::string> patterns = {}, not_patterns = {}, formats = {};

  struct Items {
    std::vector<Place> prefix = {};
    std::optional<Place> rest = {};
    Scopes scopes = {};
  };
  // From item number `from` on, `min` to `max` items are as `which` says.
  struct Contains {
    Place which;
    uint32_t min = 1, max = kNoLimit;
    size_t from = 0;
    Scopes scopes = {};
  };
  // `schema` holds of what nothing else that names `scope` has described; it describes all for `scopes`.
  struct Unevaluated {
    Place schema, scope;
    Scopes scopes = {};
  };
  std::vector<Items> items = {};
  std::vector<Contains> contains = {};
  std::vector<Unevaluated> unevaluated_items = {};
  std::optional<Place> distinct = {};  // where uniqueItems stands
  uint32_t min_items = 0, max_items = kNoLimit;

  struct Members {
    std::map<std::string, Place> named = {};
    std::vector<std::pair<std::string, Place>> by_pattern = {};
    std::optional<Place> additional = {};
    Scopes scopes = {};
  };
  // At least one member has a name that `pattern` matches, if there is one, and that is none of `names` and under none
  // of `patterns`.
  struct Wanted {
    std::optional<std::string> pattern = {};
    std::set<std::string> names = {};
    std::vector<std::string> patterns = {};
  };
  std::vector<Members> members = {};
  std::vector<Unevaluated> unevaluated_members = {};
  std::vector<Wanted> wanted = {};
  std::set<std::string> required = {}, forbidden = {};
  std::map<std::string, std::set<std::string>> dependent = {};  // with the key, these are required too
  std::vector<Place> names = {};                                // propertyNames
  uint32_t min_members = 0, max_members = kNoLimit;
};

}  // namespace engine
