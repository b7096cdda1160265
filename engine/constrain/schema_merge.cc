// SPDX-License-Identifier: Apache-2.0
// SchemaDocument of engine/constrain/schema.h: what sets of subschemas mean together.
#include <algorithm>
#include <cmath>

#include "base/strings.h"
#include "base/utf8.h"
#include "engine/constrain/schema.h"

namespace engine {
namespace {

using base::Json;

constexpr size_t kMaxAlternatives = 1000;

unsigned type_of(const Json& value) {
  if (value.is_null()) return kNullType;
  if (value.is_boolean()) return kBooleanType;
  if (value.is_string()) return kStringType;
  if (value.is_array()) return kArrayType;
  if (value.is_object()) return kObjectType;
  if (value.is_number_float() && value.get<double>() != std::floor(value.get<double>())) return kFractionType;
  return kIntegerType;
}

size_t n_characters(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

bool is_multiple(const Json& value, const Decimal& of) {
  const double divisor = std::stod(of.integer + "." + of.fraction + "0");
  const double quotient = value.get<double>() / divisor;
  return std::fabs(quotient - std::round(quotient)) < 1e-9 * std::max(1.0, std::fabs(quotient));
}

void add_place(Conjunction& all, Place p) {
  const auto at = std::lower_bound(all.begin(), all.end(), p);
  if (at == all.end() || *at != p) all.insert(at, p);
}

}  // namespace

std::vector<FlatSchema> SchemaDocument::flatten(const Conjunction& all) {
  std::vector<FlatSchema> out;
  expand({{}, all, {}, {}, {}}, false, out);
  return out;
}

void SchemaDocument::expand(Row row, bool skip_choices, std::vector<FlatSchema>& out) {
  while (!row.pending.empty()) {
    const Place p = row.pending.back();
    row.pending.pop_back();
    if (!row.seen.insert(p).second) continue;
    store_.burn(20);
    const Json& json = *at(p).json;
    if (json.is_object()) read(p, row);
    if (json.is_boolean() && !json.get<bool>()) return;
  }
  if (skip_choices) {  // what is left out only limits further
    out.push_back(std::move(row.flat));
    return;
  }
  if (!row.choices.empty()) {
    const auto [p, key] = row.choices.back();
    row.choices.pop_back();
    const Json& branches = (*at(p).json)[key];
    std::vector<Place> places;
    for (size_t i = 0; i < branches.size(); ++i)
      places.push_back(child(p, branches[i], std::string(key) + "/" + std::to_string(i)));
    for (size_t i = 0; i < places.size(); ++i) {
      Row next = row;
      next.pending.push_back(places[i]);
      if (std::string_view(key) == "oneOf") {
        // The other branches must fail: by themselves, or because that is asked for.
        for (size_t k = 0; k < places.size(); ++k) {
          if (k == i) continue;
          Conjunction together(row.seen.begin(), row.seen.end());
          add_place(together, places[i]);
          add_place(together, places[k]);
          if (!provably_empty(together, true, 3)) next.negated.push_back(places[k]);
        }
      }
      expand(std::move(next), skip_choices, out);
      if (out.size() > kMaxAlternatives)
        fail(p, key, base::cat("the schema has more than ", kMaxAlternatives, " alternatives in one place"));
    }
    return;
  }
  if (!row.negated.empty()) {
    const Place p = row.negated.back();
    row.negated.pop_back();
    for (FlatSchema& flat : negated(p, row.flat)) {
      Row next = row;
      next.flat = std::move(flat);
      expand(std::move(next), skip_choices, out);
    }
    return;
  }
  out.push_back(std::move(row.flat));
}

// `flat`, where what stands at `p` does not hold: in simple cases, else refused.
std::vector<FlatSchema> SchemaDocument::negated(Place p, const FlatSchema& flat) {
  const Json& json = *at(p).json;
  if (json.is_boolean()) return json.get<bool>() ? std::vector<FlatSchema>() : std::vector<FlatSchema>{flat};
  // It fails for every type that it does not take, and for those that it takes where its one other keyword fails.
  std::vector<std::string> keys;
  for (const auto& [key, value] : json.items())
    if (key != "type" && key != "title" && key != "description" && key != "$comment" && key != "default" &&
        key != "examples")
      keys.push_back(key);
  FlatSchema typed;
  read_types(p, typed);
  std::vector<FlatSchema> out;
  if (const unsigned others = flat.types & ~typed.types; others != 0) {
    out.push_back(flat);
    out.back().types = others;
  }
  if (keys.empty() || (flat.types & typed.types) == 0) return out;
  if (keys.size() == 1 && keys[0] == "required") {
    FlatSchema wanted;
    read_objects(p, wanted);
    for (const unsigned type : {1u, 2u, 4u, 8u, 16u, 32u})  // `required` holds for what is no object
      typed.types &= ~type;
    if ((typed.types & flat.types) != 0)
      for (const std::string& name : wanted.required) {
        out.push_back(flat);
        out.back().types = kObjectType;
        out.back().forbidden.insert(name);
      }
    return out;
  }
  if (keys.size() == 1 && (keys[0] == "enum" || keys[0] == "const")) {
    out.push_back(flat);
    out.back().types = flat.types & typed.types;
    out.back().excluded.insert(out.back().excluded.end(), typed.values->begin(), typed.values->end());
    return out;
  }
  fail(p, "",
       "what must not hold (under `not`, or as another branch of oneOf that could hold too) is supported where it is a "
       "type, "
       "`enum`, `const` or `required` alone");
}

Conjunction SchemaDocument::member(const FlatSchema& flat, const std::string& name) {
  Conjunction all;
  for (const FlatSchema::Members& members : flat.members) {
    bool described = false;
    if (const auto named = members.named.find(name); named != members.named.end()) {
      add_place(all, named->second);
      described = true;
    }
    for (const auto& [pattern, p] : members.by_pattern)
      if (matches(pattern, name)) {
        add_place(all, p);
        described = true;
      }
    if (!described && members.additional) add_place(all, *members.additional);
  }
  return all;
}

Conjunction SchemaDocument::item(const FlatSchema& flat, size_t i) const {
  Conjunction all;
  for (const FlatSchema::Items& items : flat.items) {
    if (i < items.prefix.size())
      add_place(all, items.prefix[i]);
    else if (items.rest)
      add_place(all, *items.rest);
  }
  return all;
}

bool SchemaDocument::provably_empty(const Conjunction& all, bool skip_choices, int depth) {
  std::vector<FlatSchema> flats;
  expand({{}, all, {}, {}, {}}, skip_choices, flats);
  return std::all_of(flats.begin(), flats.end(), [&](const FlatSchema& flat) { return provably_empty(flat, depth); });
}

bool SchemaDocument::provably_empty(const FlatSchema& flat, int depth) {
  if (flat.values)
    return std::none_of(flat.values->begin(), flat.values->end(),
                        [&](const Json& value) { return valid(value, flat); });
  unsigned types = flat.types;
  if (flat.numbers.low && flat.numbers.high) {
    const int order = compare(flat.numbers.low->value, flat.numbers.high->value);
    if (order > 0 || (order == 0 && (flat.numbers.low->exclusive || flat.numbers.high->exclusive)))
      types &= ~(kIntegerType | kFractionType);
  }
  if (flat.min_length > flat.max_length) types &= ~kStringType;
  if (flat.min_items > flat.max_items) types &= ~kArrayType;
  if (flat.min_members > flat.max_members) types &= ~kObjectType;
  if ((types & kObjectType) && depth > 0)
    for (const std::string& name : flat.required)
      if (flat.forbidden.count(name) || provably_empty(member(flat, name), true, depth - 1)) {
        types &= ~kObjectType;
        break;
      }
  if ((types & kArrayType) && depth > 0)
    for (size_t i = 0; i < flat.min_items && i < 16; ++i)
      if (provably_empty(item(flat, i), true, depth - 1)) {
        types &= ~kArrayType;
        break;
      }
  return types == 0;
}

bool SchemaDocument::valid(const Json& value, const Conjunction& all) {
  const std::vector<FlatSchema> flats = flatten(all);
  return std::any_of(flats.begin(), flats.end(), [&](const FlatSchema& flat) { return valid(value, flat); });
}

bool SchemaDocument::valid(const Json& value, const FlatSchema& flat) {
  store_.burn(10);
  if ((flat.types & type_of(value)) == 0) return false;
  if (flat.values && std::find(flat.values->begin(), flat.values->end(), value) == flat.values->end()) return false;
  if (std::find(flat.excluded.begin(), flat.excluded.end(), value) != flat.excluded.end()) return false;
  if (value.is_number()) {
    const auto decimal = decimal_of(value);
    if (!decimal) return false;
    const auto inside = [&](const std::optional<NumberBound>& bound, int sign) {
      const int order = bound ? compare(*decimal, bound->value) * sign : 1;
      return order > 0 || (order == 0 && !bound->exclusive);
    };
    if (!inside(flat.numbers.low, 1) || !inside(flat.numbers.high, -1)) return false;
    for (const Decimal& multiple : flat.multiples)
      if (!is_multiple(value, multiple)) return false;
  } else if (value.is_string()) {
    const std::string text = value.get<std::string>();
    const size_t n = n_characters(text);
    if (n < flat.min_length || n > flat.max_length) return false;
    for (const std::string& pattern : flat.patterns)
      if (!matches(pattern, text)) return false;
    for (const std::string& format : flat.formats)
      if (!matches("^(?:" + std::string(pattern_of_format(format)) + ")$", text)) return false;
  } else if (value.is_array()) {
    if (value.size() < flat.min_items || value.size() > flat.max_items) return false;
    for (size_t i = 0; i < value.size(); ++i)
      if (!valid(value[i], item(flat, i))) return false;
  } else if (value.is_object()) {
    if (value.size() < flat.min_members || value.size() > flat.max_members) return false;
    for (const std::string& name : flat.required)
      if (!value.contains(name)) return false;
    for (const auto& [name, member_value] : value.items()) {
      if (flat.forbidden.count(name) || !valid(member_value, member(flat, name))) return false;
      for (const Place p : flat.names)
        if (!valid(Json(name), Conjunction{p})) return false;
      if (const auto needs = flat.dependent.find(name); needs != flat.dependent.end())
        for (const std::string& other : needs->second)
          if (!value.contains(other)) return false;
    }
  }
  return true;
}

}  // namespace engine
