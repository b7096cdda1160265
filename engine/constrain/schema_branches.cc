// SPDX-License-Identifier: Apache-2.0
// SchemaDocument of engine/constrain/schema.h: the ways in which a choice can be met, and those in which a subschema
// fails.
#include <algorithm>

#include "base/strings.h"
#include "engine/constrain/schema.h"

namespace engine {
namespace {

using base::Json;

constexpr size_t kMaxBranchesSeen = 8;  // of anyOf under unevaluated*: every set of them is looked at

constexpr size_t kMaxParts = 64;  // of an array or object that must not be

// Said of what must not hold: under `not`, in an `if` that fails, as another branch of oneOf.
constexpr const char* kMayNotSay = "what must not hold, under `not`, `if` or a branch of oneOf, may not say this";
constexpr const char* kOnlyFalse =
    "what must not hold, under `not`, `if` or a branch of oneOf, may say this only with `false`";
constexpr const char* kOnlyOne =
    "what must not hold, under `not`, `if` or a branch of oneOf, may say this only with one `pattern`, `enum` or "
    "`const`";

std::string escaped(const std::string& key) {
  std::string out;
  for (const char c : key) out += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  return out;
}

void only(FlatSchema& flat, unsigned types) {
  flat.types &= types;
}

}  // namespace

std::vector<SchemaDocument::Branch> SchemaDocument::branches(const Choice& choice, const Row& row) {
  const auto& [p, scopes] = choice.at;
  const Json& json = json_at(p);
  std::vector<Branch> all;
  const auto child_at = [&](const std::string& key) { return child(p, json[key], key); };
  std::vector<Place> parts;
  if (choice.ways == Ways::kAnyOf || choice.ways == Ways::kOneOf)
    for (size_t i = 0; i < json[choice.key].size(); ++i)
      parts.push_back(child(p, json[choice.key][i], choice.key + "/" + std::to_string(i)));
  switch (choice.ways) {
    case Ways::kAnyOf:
      if (scopes.empty()) {
        for (const Place part : parts) all.push_back({{{part, {}}}});
        return all;
      }
      // What is described depends on which of them hold, so each set that holds is a branch.
      if (parts.size() > kMaxBranchesSeen)
        fail(p, choice.key,
             base::cat("more than ", kMaxBranchesSeen, " branches under unevaluated... are not supported"));
      for (unsigned set = 1; set < 1u << parts.size(); ++set) {
        Branch branch;
        for (size_t i = 0; i < parts.size(); ++i)
          if (set >> i & 1) branch.also.push_back({parts[i], scopes});
        all.push_back(std::move(branch));
      }
      return all;
    case Ways::kOneOf:
      // The other branches must fail: by themselves, or because that is asked for.
      for (size_t i = 0; i < parts.size(); ++i) {
        Branch branch{{{parts[i], scopes}}};
        for (size_t k = 0; k < parts.size(); ++k) {
          if (k == i) continue;
          Conjunction together;
          for (const auto& [seen, unused] : row.seen) add_place(together, seen);
          add_place(together, parts[i]);
          add_place(together, parts[k]);
          if (!provably_empty(together, true, 3)) branch.also.push_back({opposite(parts[k]), {}});
        }
        all.push_back(std::move(branch));
      }
      return all;
    case Ways::kIf: {
      const Place condition = child_at("if");
      Branch holds{{{condition, scopes}}}, fails{{{opposite(condition), {}}}};
      if (json.contains("then")) holds.also.push_back({child_at("then"), scopes});
      if (json.contains("else")) fails.also.push_back({child_at("else"), scopes});
      return {std::move(holds), std::move(fails)};
    }
    case Ways::kDependent: {
      const std::string name = choice.name;
      const Place schema = child(p, json[choice.key][name], choice.key + "/" + escaped(name));
      const auto present = [name](FlatSchema& flat) {
        only(flat, kObjectType);
        flat.required.insert(name);
      };
      return {{{}, [name](FlatSchema& flat) { flat.forbidden.insert(name); }}, {{{schema, scopes}}, present}};
    }
    case Ways::kFail:
      return ways_to_fail(p, row.flat.types);
  }
  return all;
}

// Branches of which one holds where what is written at `p` does not, for values of `types`.
std::vector<SchemaDocument::Branch> SchemaDocument::ways_to_fail(Place p, unsigned types) {
  const Json& json = json_at(p);
  std::vector<Branch> all;
  const unsigned typed = read_types(p);
  if ((types & ~typed) != 0) all.push_back({{}, [typed](FlatSchema& flat) { only(flat, ~typed); }});
  types &= typed;
  if (types == 0) return all;
  // A value of `of` for which something more is so.
  const auto add = [&](unsigned of, std::function<void(FlatSchema&)> adds, std::vector<Pending> also = {}) {
    if ((types & of) == 0) return;
    all.push_back({std::move(also), [of = of & typed, adds = std::move(adds)](FlatSchema& flat) {
                     only(flat, of);
                     if (adds) adds(flat);
                   }});
  };
  const auto holds = [&](Place place) { return Pending{place, {}}; };
  const auto fails = [&](Place place) { return Pending{opposite(place), {}}; };
  const auto parts = [&](const std::string& key) {
    if (!json[key].is_array() || json[key].empty()) fail(p, key, "an array of schemas, at least one, is needed");
    std::vector<Place> list;
    for (size_t i = 0; i < json[key].size(); ++i) list.push_back(child(p, json[key][i], key + "/" + std::to_string(i)));
    return list;
  };
  for (const auto& [key, value] : json.items()) {
    unsigned of = key == "unevaluatedItems" ? kArrayType + 0u : 0u;
    if (key == "unevaluatedProperties") of = kObjectType;
    if ((types & of) != 0 && value != true) fail(p, key, kMayNotSay);
    if (key == "allOf") {
      for (const Place part : parts(key)) add(kAllTypes, {}, {fails(part)});
    } else if (key == "anyOf") {
      std::vector<Pending> none;
      for (const Place part : parts(key)) none.push_back(fails(part));
      add(kAllTypes, {}, std::move(none));
    } else if (key == "oneOf") {  // none of them, or two
      const std::vector<Place> list = parts(key);
      std::vector<Pending> none;
      for (const Place part : list) none.push_back(fails(part));
      add(kAllTypes, {}, std::move(none));
      for (size_t i = 0; i < list.size(); ++i)
        for (size_t k = i + 1; k < list.size(); ++k) add(kAllTypes, {}, {holds(list[i]), holds(list[k])});
    } else if (key == "not") {
      add(kAllTypes, {}, {holds(child(p, value, key))});
    } else if (key == "$ref" || key == "$dynamicRef" || key == "$recursiveRef") {
      if (!value.is_string()) fail(p, key, "a string is needed");
      const std::string ref = value.get<std::string>();
      add(kAllTypes, {}, {fails(key == "$ref" ? resolve(p, key, ref) : resolve_dynamic(p, key, ref))});
    } else if (key == "if") {
      const Place condition = child(p, value, key);
      if (json.contains("then")) add(kAllTypes, {}, {holds(condition), fails(child(p, json["then"], "then"))});
      if (json.contains("else")) add(kAllTypes, {}, {fails(condition), fails(child(p, json["else"], "else"))});
    } else if (key == "dependentSchemas" || key == "dependencies") {
      if (!value.is_object()) fail(p, key, "an object is needed");
      for (const auto& [name, schema] : value.items())
        if (key == "dependentSchemas" || !schema.is_array())
          add(kObjectType, [name = name](FlatSchema& flat) { flat.required.insert(name); },
              {fails(child(p, schema, key + "/" + escaped(name)))});
    } else if (key == "extends" || key == "disallow" || key == "divisibleBy") {
      fail(p, key, "this keyword is not supported");
    } else if (key == "enum" || key == "const") {
      if (key == "enum" && !value.is_array()) fail(p, key, "an array is needed");
      std::vector<Json> scalars;
      std::vector<Pending> others;
      const auto exclude = [&](const Json& v) {
        if (v.is_structured())
          others.push_back(holds(different(p, key, v)));
        else
          scalars.push_back(v);
      };
      if (key == "const")
        exclude(value);
      else
        for (const Json& v : value) exclude(v);
      add(
          kAllTypes,
          [scalars](FlatSchema& flat) { flat.excluded.insert(flat.excluded.end(), scalars.begin(), scalars.end()); },
          std::move(others));
    }
  }
  FlatSchema read;
  read_numbers(p, read);
  if (const auto low = read.numbers.low)
    add(kNumberTypes, [low](FlatSchema& flat) { narrow_high(flat.numbers.high, {low->value, !low->exclusive}); });
  if (const auto high = read.numbers.high)
    add(kNumberTypes, [high](FlatSchema& flat) { narrow_low(flat.numbers.low, {high->value, !high->exclusive}); });
  for (const Decimal& multiple : read.multiples)
    add(kNumberTypes, [multiple](FlatSchema& flat) { flat.not_multiples.push_back(multiple); });
  if (types & kStringType) read_strings(p, read);
  if (!read.formats.empty()) fail(p, "format", kMayNotSay);
  if (const uint32_t n = read.min_length; n > 0)
    add(kStringType, [n](FlatSchema& flat) { flat.max_length = std::min(flat.max_length, n - 1); });
  if (const uint32_t n = read.max_length; n != kNoLimit)
    add(kStringType, [n](FlatSchema& flat) { flat.min_length = std::max(flat.min_length, n + 1); });
  for (const std::string& pattern : read.patterns)
    add(kStringType, [pattern](FlatSchema& flat) { flat.not_patterns.push_back(pattern); });
  if (types & kArrayType) {
    read_arrays(p, {}, read);
    fail_arrays(p, read, [&](auto adds) { add(kArrayType, std::move(adds)); });
  }
  if (types & kObjectType) {
    read_objects(p, {}, read);
    fail_objects(p, read, [&](auto adds) { add(kObjectType, std::move(adds)); });
  }
  return all;
}

void SchemaDocument::fail_arrays(Place p, const FlatSchema& read,
                                 const std::function<void(std::function<void(FlatSchema&)>)>& add) {
  const auto at_least = [&](uint32_t n) {
    add([n](FlatSchema& flat) { flat.min_items = std::max(flat.min_items, n); });
  };
  const auto at_most = [&](uint32_t n) {
    add([n](FlatSchema& flat) { flat.max_items = std::min(flat.max_items, n); });
  };
  if (read.distinct) fail(p, "uniqueItems", kMayNotSay);
  if (read.min_items > 0) at_most(read.min_items - 1);
  if (read.max_items != kNoLimit) at_least(read.max_items + 1);
  for (const FlatSchema::Items& items : read.items) {
    for (size_t i = 0; i < items.prefix.size(); ++i) {
      FlatSchema::Items other;
      other.prefix.assign(i, anything());
      other.prefix.push_back(opposite(items.prefix[i]));
      add([other, i](FlatSchema& flat) {
        flat.min_items = std::max(flat.min_items, static_cast<uint32_t>(i + 1));
        flat.items.push_back(other);
      });
    }
    if (items.rest && json_at(*items.rest) == false)
      at_least(static_cast<uint32_t>(items.prefix.size()) + 1);
    else if (items.rest && json_at(*items.rest) != true)
      add([other = FlatSchema::Contains{opposite(*items.rest), 1, kNoLimit, items.prefix.size(), {}}](
              FlatSchema& flat) { flat.contains.push_back(other); });
  }
  for (const FlatSchema::Contains& contains : read.contains) {
    FlatSchema::Contains fewer = contains, more = contains;
    fewer.min = 0;
    fewer.max = contains.min - 1;
    more.min = contains.max == kNoLimit ? 0 : contains.max + 1;
    more.max = kNoLimit;
    if (contains.min > 0) add([fewer](FlatSchema& flat) { flat.contains.push_back(fewer); });
    if (contains.max != kNoLimit) add([more](FlatSchema& flat) { flat.contains.push_back(more); });
  }
}

void SchemaDocument::fail_objects(Place p, const FlatSchema& read,
                                  const std::function<void(std::function<void(FlatSchema&)>)>& add) {
  if (const uint32_t n = read.min_members; n > 0)
    add([n](FlatSchema& flat) { flat.max_members = std::min(flat.max_members, n - 1); });
  if (const uint32_t n = read.max_members; n != kNoLimit)
    add([n](FlatSchema& flat) { flat.min_members = std::max(flat.min_members, n + 1); });
  for (const std::string& name : read.required) add([name](FlatSchema& flat) { flat.forbidden.insert(name); });
  for (const auto& [name, needs] : read.dependent)
    for (const std::string& other : needs)
      add([name = name, other](FlatSchema& flat) {
        flat.required.insert(name);
        flat.forbidden.insert(other);
      });
  for (const Place names : read.names) {
    const Json& json = json_at(names);
    FlatSchema::Wanted wanted;
    if (json == true) continue;
    if (json.is_object() && json.size() == 1 && json.contains("pattern")) {
      wanted.patterns.push_back(json["pattern"].get<std::string>());
    } else if (json.is_object() && json.size() == 1 && (json.contains("enum") || json.contains("const"))) {
      for (const Json& name : json.contains("enum") ? json["enum"] : Json::array({json["const"]}))
        if (name.is_string()) wanted.names.insert(name.get<std::string>());
    } else if (json != false) {
      fail(p, "propertyNames", kOnlyOne);
    }
    add([wanted](FlatSchema& flat) { flat.wanted.push_back(wanted); });
  }
  for (const FlatSchema::Members& members : read.members) {
    for (const auto& [name, place] : members.named) {
      if (json_at(place) == true) continue;
      FlatSchema::Members other;
      other.named[name] = opposite(place);
      add([name = name, other](FlatSchema& flat) {
        flat.required.insert(name);
        flat.members.push_back(other);
      });
    }
    for (const auto& [pattern, place] : members.by_pattern) {
      if (json_at(place) == true) continue;
      if (json_at(place) != false) fail(p, "patternProperties", kOnlyFalse);
      add([wanted = FlatSchema::Wanted{pattern, {}, {}}](FlatSchema& flat) { flat.wanted.push_back(wanted); });
    }
    if (!members.additional || json_at(*members.additional) == true) continue;
    if (json_at(*members.additional) != false) fail(p, "additionalProperties", kOnlyFalse);
    FlatSchema::Wanted wanted;
    for (const auto& [name, unused] : members.named) wanted.names.insert(name);
    for (const auto& [pattern, unused] : members.by_pattern) wanted.patterns.push_back(pattern);
    add([wanted](FlatSchema& flat) { flat.wanted.push_back(wanted); });
  }
}

// A schema of all values but `value`, an array or an object that the document has at `key`.
Place SchemaDocument::different(Place p, const std::string& key, const Json& value) {
  const auto [known, fresh] = made_.try_emplace(&value);
  if (!fresh) return child(p, known->second, key);
  if (value.size() > kMaxParts)
    fail(p, key, base::cat("a value with more than ", kMaxParts, " parts must not hold; this is not supported"));
  const bool array = value.is_array();
  const size_t n = value.size();
  const Json others = {"null", "boolean", "number", "string", array ? "object" : "array"};
  const auto differs = [](const Json& part) { return Json{{"not", {{"const", part}}}}; };
  Json ways = Json::array();
  ways.push_back({{"type", others}});
  if (array) {
    ways.push_back({{"type", "array"}, {"minItems", n + 1}});
    if (n > 0) ways.push_back({{"type", "array"}, {"maxItems", n - 1}});
    Json prefix = Json::array();
    for (const Json& part : value) {
      Json first = prefix;
      first.push_back(differs(part));
      ways.push_back({{"type", "array"}, {"minItems", first.size()}, {"prefixItems", std::move(first)}});
      prefix.push_back(true);
    }
  } else {
    Json named = Json::object();
    for (const auto& [name, part] : value.items()) {
      const Json has = Json::array({name});
      named[name] = true;
      ways.push_back({{"type", "object"}, {"not", {{"required", has}}}});
      ways.push_back({{"type", "object"}, {"required", has}, {"properties", {{name, differs(part)}}}});
    }
    ways.push_back({{"type", "object"}, {"not", {{"properties", named}, {"additionalProperties", false}}}});
  }
  known->second = {{"anyOf", std::move(ways)}};
  return child(p, known->second, key);
}

}  // namespace engine
