// SPDX-License-Identifier: Apache-2.0
// engine/constrain/schema.h: JSON Schema, read and merged.
//
// What     What must hold of a value is a set of places: subschemas of the document, and opposites of such, for what
//          must not hold. flatten() turns a set into alternatives without applicators (flat_schema.h), one per choice
//          of branches of anyOf, oneOf, if and of ways to fail; what holds of members and items is again a set of
//          places.
// Scope    $dynamicRef asks which resources led to it. Where a document has one, a place is a subschema as reached
//          through them; else every subschema is one place.
// Errors   SchemaProblem, thrown inside engine/constrain alone: what is not supported or no schema, with the JSON
//          pointer.
// Source   JSON Schema 2020-12, core and validation; keywords of draft 4 to 2019-09 where they say the same in another
//          way.
#pragma once
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/json.h"
#include "engine/constrain/flat_schema.h"
#include "engine/constrain/json_text.h"

namespace engine {

struct SchemaProblem {
  std::string message;
};

class SchemaDocument {
 public:
  // `root` and `store` must outlive it; patterns are compiled to see which names they match.
  SchemaDocument(const base::Json& root, ExprStore& store);

  Conjunction root();
  // Alternatives, of which one must hold.
  std::vector<FlatSchema> flatten(const Conjunction& all);
  // What holds of the member `name`; of a member whose name `flat` does not give and that of all patterns matches
  // `matched` alone.
  Conjunction member(const FlatSchema& flat, const std::string& name);
  Conjunction other_member(const FlatSchema& flat, const std::set<std::string>& matched) const;
  // What holds of item `i` where, of flat.contains, those in the bits of `chosen` hold of it. Those with a `max` that
  // are not chosen do not hold; of the others nothing is said.
  Conjunction item(const FlatSchema& flat, size_t i, unsigned chosen);
  // Whether it is certain that nothing is valid under `all`.
  bool provably_empty(const Conjunction& all);
  // Whether `value` is valid.
  bool valid(const base::Json& value, const FlatSchema& flat);
  bool valid(const base::Json& value, const Conjunction& all);
  // All values under `all`, equal ones once; nothing where they are not finitely many, or more than `most`.
  std::optional<std::vector<base::Json>> all_values(const Conjunction& all, size_t most);
  bool matches(const std::string& pattern, const std::string& text);
  // Where `place` is, and under which key, what is wrong.
  [[noreturn]] void fail(Place place, const std::string& key, const std::string& problem) const;

 private:
  using Json = base::Json;
  using DynamicScope = int;
  // A subschema that a name or a URI stands for.
  struct Target {
    const Json* json;
    std::string pointer;
    const Json* resource;  // what "#" means inside it
    std::string resource_pointer;
  };
  struct Subschema {
    Target target;
    DynamicScope scope;
    bool negated;  // the opposite is meant
  };
  struct Pending {
    Place place;
    Scopes scopes;
  };
  // One way to meet a choice: more places, and what they are not enough for.
  struct Branch {
    std::vector<Pending> also = {};
    std::function<void(FlatSchema&)> adds = {};
  };
  enum class Ways { kAnyOf, kOneOf, kIf, kDependent, kFail };
  struct Choice {
    Ways ways;
    Pending at;
    std::string key;   // the keyword
    std::string name;  // kDependent: of the member
  };
  // A row of flatten(): what is read, and what is still to be.
  struct Row {
    FlatSchema flat = {};
    std::vector<Pending> pending = {};
    std::set<std::pair<Place, Scopes>> seen = {};
    std::vector<Choice> choices = {};
    int n_chosen = 0;
  };

  // schema_places.cc
  void index(const Json& json, const std::string& pointer, const Target& resource, const std::string& base, int depth);
  Place place(const Target& target, DynamicScope scope, bool negated);
  Place child(Place parent, const Json& json, const std::string& key);
  Place anything();
  Place opposite(Place p);
  const Subschema& at(Place p) const { return places_[static_cast<size_t>(p)]; }
  const Json& json_at(Place p) const { return *at(p).target.json; }
  DynamicScope entered(DynamicScope scope, const Json* resource);
  Target find(Place from, const std::string& key, const std::string& ref) const;
  Place resolve(Place from, const std::string& key, const std::string& ref);
  Place resolve_dynamic(Place from, const std::string& key, const std::string& ref);

  // schema_read.cc
  void read(const Pending& pending, Row& row);
  unsigned read_types(Place p) const;
  void read_values(Place p, FlatSchema& flat) const;
  void read_numbers(Place p, FlatSchema& flat) const;
  void read_strings(Place p, FlatSchema& flat);
  void read_arrays(Place p, const Scopes& scopes, FlatSchema& flat);
  void read_objects(Place p, const Scopes& scopes, FlatSchema& flat);
  std::optional<uint32_t> count(Place p, const char* key) const;

  // schema_branches.cc
  std::vector<Branch> branches(const Choice& choice, const Row& row);
  std::vector<Branch> ways_to_fail(Place p, unsigned types);
  void fail_arrays(Place p, const FlatSchema& read, const std::function<void(std::function<void(FlatSchema&)>)>& add);
  void fail_objects(Place p, const FlatSchema& read, const std::function<void(std::function<void(FlatSchema&)>)>& add);
  Place different(Place p, const std::string& key, const Json& value);

  // schema_merge.cc
  void expand(Row row, bool skip_choices, std::vector<FlatSchema>& out);
  bool provably_empty(const Conjunction& all, bool skip_choices, int depth);
  bool provably_empty(const FlatSchema& flat, int depth);

  // schema_valid.cc
  bool scalar_fits(const Json& value, const FlatSchema& flat);
  bool array_fits(const Json& value, const FlatSchema& flat);
  bool object_fits(const Json& value, const FlatSchema& flat);

  const Json& root_;
  ExprStore& store_;
  std::deque<Subschema> places_;
  std::map<const Json*, Json> made_;  // subschemas that the document does not write, by the value that they exclude
  const Json true_ = true;
  std::map<std::tuple<const Json*, bool, DynamicScope>, Place> by_json_;
  std::map<std::string, Target> ids_, anchors_;  // anchors: by their resource's pointer, "#" and name
  std::map<const Json*, std::string> bases_;     // URIs of resources
  bool dynamic_ = false;                         // whether a reference asks for the scope
  std::map<const Json*, std::map<std::string, Target>> dynamic_anchors_;  // by resource
  std::vector<std::map<std::string, Target>> scopes_;                     // of names, the outermost
  std::map<std::vector<std::pair<std::string, const Json*>>, DynamicScope> scope_ids_;
  std::map<std::string, ExprId> patterns_;
  std::map<std::tuple<Conjunction, bool, int>, bool> empty_;  // what provably_empty answered
};

// A bound of two that hold: the narrower.
void narrow_low(std::optional<NumberBound>& bound, const NumberBound& other);
void narrow_high(std::optional<NumberBound>& bound, const NumberBound& other);

unsigned type_of(const base::Json& value);
void add_place(Conjunction& all, Place p);

// The texts that are valid under the schema `json_text`.
base::Result<ExprId> compile_schema(ExprStore& store, Automaton& automaton, std::string_view json_text);

}  // namespace engine
