// SPDX-License-Identifier: Apache-2.0
// engine/constrain/schema.h: JSON Schema, read and merged.
//
// What     What must hold of a value is a set of subschemas (by their places in the document): a schema with what it
// refers
//          to and what allOf adds. flatten() turns such a set into alternatives without applicators, one per choice of
//          branches of anyOf and oneOf; what holds of members and items is again a set of subschemas.
// Errors   SchemaProblem, thrown inside engine/constrain alone: what is not supported or no schema, with the JSON
// pointer. Source   JSON Schema 2020-12, core and validation; keywords of draft 4 to 7 where they say the same in
// another way.
#pragma once
#include <cstdint>
#include <deque>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/json.h"
#include "engine/constrain/json_text.h"

namespace engine {

struct SchemaProblem {
  std::string message;
};

using Place = int;                       // of a subschema
using Conjunction = std::vector<Place>;  // all must hold; sorted, each once

enum JsonType : unsigned {
  kNullType = 1,
  kBooleanType = 2,
  kIntegerType = 4,
  kFractionType = 8,
  kStringType = 16,
  kArrayType = 32,
  kObjectType = 64,
  kAllTypes = 127
};

// A conjunction without applicators. Places inside belong to the same document.
struct FlatSchema {
  unsigned types = kAllTypes;
  std::optional<std::vector<base::Json>> values = {};  // enum, const
  std::vector<base::Json> excluded = {};               // not enum, not const
  NumberRange numbers = {};
  std::vector<Decimal> multiples = {};
  uint32_t min_length = 0, max_length = kNoLimit;
  std::vector<std::string> patterns = {}, formats = {};
  struct Items {
    std::vector<Place> prefix;
    std::optional<Place> rest;
  };
  std::vector<Items> items = {};
  uint32_t min_items = 0, max_items = kNoLimit;
  struct Members {
    std::map<std::string, Place> named;
    std::vector<std::pair<std::string, Place>> by_pattern;
    std::optional<Place> additional;
  };
  std::vector<Members> members = {};
  std::set<std::string> required = {}, forbidden = {};
  std::map<std::string, std::set<std::string>> dependent = {};  // with the key, these are required too
  std::vector<Place> names = {};                                // propertyNames
  uint32_t min_members = 0, max_members = kNoLimit;
};

class SchemaDocument {
 public:
  // `root` and `store` must outlive it; patterns are compiled to see which names they match.
  SchemaDocument(const base::Json& root, ExprStore& store);

  Conjunction root();
  // Alternatives, of which one must hold.
  std::vector<FlatSchema> flatten(const Conjunction& all);
  // Conjunctions for the member `name`, and for item number `i`.
  Conjunction member(const FlatSchema& flat, const std::string& name);
  Conjunction item(const FlatSchema& flat, size_t i) const;
  // Whether it is certain that nothing is valid under `all`.
  bool provably_empty(const Conjunction& all) { return provably_empty(all, false, 3); }
  // Whether `value` is valid, as far as FlatSchema says.
  bool valid(const base::Json& value, const FlatSchema& flat);
  bool valid(const base::Json& value, const Conjunction& all);
  bool matches(const std::string& pattern, const std::string& text);

 private:
  struct Subschema {
    const base::Json* json;
    std::string pointer;
    const base::Json* resource;  // what "#" means inside it
    std::string resource_pointer;
  };
  // A row of flatten(): what is still to be read.
  struct Row {
    FlatSchema flat;
    std::vector<Place> pending;
    std::set<Place> seen;
    std::vector<std::pair<Place, const char*>> choices;  // anyOf, oneOf
    std::vector<Place> negated;
  };

  Place place(const base::Json& json, std::string pointer, const base::Json* resource, std::string resource_pointer);
  Place child(Place parent, const base::Json& json, const std::string& key);
  const Subschema& at(Place p) const { return places_[static_cast<size_t>(p)]; }
  [[noreturn]] void fail(Place p, const std::string& key, const std::string& problem) const;
  Place resolve(Place from, const std::string& ref);
  void index(const base::Json& json, const std::string& pointer, const std::string& resource, int depth);
  void read(Place p, Row& row);
  void read_types(Place p, FlatSchema& flat);
  void read_numbers(Place p, FlatSchema& flat);
  void read_strings(Place p, FlatSchema& flat);
  void read_arrays(Place p, FlatSchema& flat);
  void read_objects(Place p, FlatSchema& flat);
  std::optional<uint32_t> count(Place p, const char* key) const;
  void expand(Row row, bool skip_choices, std::vector<FlatSchema>& out);
  std::vector<FlatSchema> negated(Place p, const FlatSchema& flat);
  bool provably_empty(const Conjunction& all, bool skip_choices, int depth);
  bool provably_empty(const FlatSchema& flat, int depth);

  const base::Json& root_;
  ExprStore& store_;
  std::deque<Subschema> places_;
  std::unordered_map<const base::Json*, Place> by_json_;
  std::map<std::string, std::pair<const base::Json*, std::string>> ids_,
      anchors_;  // anchors: by their resource's pointer, "#" and name
  std::map<std::string, ExprId> patterns_;
};

// A bound of two that hold: the narrower.
void narrow_low(std::optional<NumberBound>& bound, const NumberBound& other);
void narrow_high(std::optional<NumberBound>& bound, const NumberBound& other);

// The texts that are valid under the schema `json_text`.
base::Result<ExprId> compile_schema(ExprStore& store, Automaton& automaton, std::string_view json_text);

}  // namespace engine
