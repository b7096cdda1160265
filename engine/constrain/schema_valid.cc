// SPDX-License-Identifier: Apache-2.0
// SchemaDocument of engine/constrain/schema.h: whether a value that is at hand is valid, and which are where they are
// few.
#include <algorithm>
#include <cmath>

#include "base/strings.h"
#include "engine/constrain/schema.h"

namespace engine {
namespace {

using base::Json;

size_t n_characters(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

bool is_multiple(const Json& value, const Decimal& of) {
  const double divisor = std::stod(of.integer + "." + of.fraction + "0");
  const double quotient = value.get<double>() / divisor;
  return std::fabs(quotient - std::round(quotient)) < 1e-9 * std::max(1.0, std::fabs(quotient));
}

bool is_in(const Json& value, const std::vector<Json>& list) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

}  // namespace

unsigned type_of(const Json& value) {
  if (value.is_null()) return kNullType;
  if (value.is_boolean()) return kBooleanType;
  if (value.is_string()) return kStringType;
  if (value.is_array()) return kArrayType;
  if (value.is_object()) return kObjectType;
  if (value.is_number_float() && value.get<double>() != std::floor(value.get<double>())) return kFractionType;
  return kIntegerType;
}

bool SchemaDocument::valid(const Json& value, const Conjunction& all) {
  const std::vector<FlatSchema> flats = flatten(all);
  return std::any_of(flats.begin(), flats.end(), [&](const FlatSchema& flat) { return valid(value, flat); });
}

bool SchemaDocument::valid(const Json& value, const FlatSchema& flat) {
  store_.burn(10);
  if (flat.values && !is_in(value, *flat.values)) return false;
  if (!scalar_fits(value, flat)) return false;
  if (value.is_array()) return array_fits(value, flat);
  return !value.is_object() || object_fits(value, flat);
}

// What `flat` says of `value` but for lists of values, and what is in arrays and objects.
bool SchemaDocument::scalar_fits(const Json& value, const FlatSchema& flat) {
  if ((flat.types & type_of(value)) == 0 || is_in(value, flat.excluded)) return false;
  if (value.is_number()) {
    const auto decimal = decimal_of(value);
    if (!decimal) return false;
    const auto inside = [&](const std::optional<NumberBound>& bound, int sign) {
      const int order = bound ? compare(*decimal, bound->value) * sign : 1;
      return order > 0 || (order == 0 && !bound->exclusive);
    };
    const auto multiple = [&](const Decimal& of) { return is_multiple(value, of); };
    return inside(flat.numbers.low, 1) && inside(flat.numbers.high, -1) &&
           std::all_of(flat.multiples.begin(), flat.multiples.end(), multiple) &&
           std::none_of(flat.not_multiples.begin(), flat.not_multiples.end(), multiple);
  }
  if (value.is_string()) {
    const std::string text = value.get<std::string>();
    const size_t n = n_characters(text);
    const auto is = [&](const std::string& pattern) { return matches(pattern, text); };
    return n >= flat.min_length && n <= flat.max_length &&
           std::all_of(flat.patterns.begin(), flat.patterns.end(), is) &&
           std::none_of(flat.not_patterns.begin(), flat.not_patterns.end(), is) &&
           std::all_of(flat.formats.begin(), flat.formats.end(), [&](const std::string& format) {
             return is("^(?:" + std::string(pattern_of_format(format)) + ")$");
           });
  }
  return true;
}

bool SchemaDocument::array_fits(const Json& value, const FlatSchema& flat) {
  if (value.size() < flat.min_items || value.size() > flat.max_items) return false;
  std::vector<uint32_t> counts(flat.contains.size(), 0);
  for (size_t i = 0; i < value.size(); ++i) {
    unsigned held = 0;
    for (size_t k = 0; k < flat.contains.size(); ++k)
      if (i >= flat.contains[k].from && valid(value[i], Conjunction{flat.contains[k].which})) {
        held |= 1u << k;
        ++counts[k];
      }
    FlatSchema here;
    here.items = flat.items;
    here.contains = flat.contains;
    here.unevaluated_items = flat.unevaluated_items;
    for (auto& contains : here.contains) contains.max = kNoLimit;  // they are counted here
    if (!valid(value[i], item(here, i, held))) return false;
    if (flat.distinct && std::find(value.begin(), value.begin() + static_cast<std::ptrdiff_t>(i), value[i]) !=
                             value.begin() + static_cast<std::ptrdiff_t>(i))
      return false;
    store_.burn(1 + (flat.distinct ? i / 8 : 0));
  }
  for (size_t k = 0; k < counts.size(); ++k)
    if (counts[k] < flat.contains[k].min || counts[k] > flat.contains[k].max) return false;
  return true;
}

bool SchemaDocument::object_fits(const Json& value, const FlatSchema& flat) {
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
  return std::all_of(flat.wanted.begin(), flat.wanted.end(), [&](const FlatSchema::Wanted& wanted) {
    return std::any_of(value.items().begin(), value.items().end(), [&](const auto& member) {
      return (!wanted.pattern || matches(*wanted.pattern, member.key())) && !wanted.names.count(member.key()) &&
             std::none_of(wanted.patterns.begin(), wanted.patterns.end(),
                          [&](const std::string& pattern) { return matches(pattern, member.key()); });
    });
  });
}

std::optional<std::vector<Json>> SchemaDocument::all_values(const Conjunction& all, size_t most) {
  std::vector<Json> found;
  for (const FlatSchema& flat : flatten(all)) {
    std::vector<Json> some;
    if (flat.values) {
      some = *flat.values;
    } else {
      if (flat.types & ~(kNullType | kBooleanType | kIntegerType)) return std::nullopt;
      if (flat.types & kNullType) some.push_back(nullptr);
      if (flat.types & kBooleanType) some.insert(some.end(), {false, true});
      if (flat.types & kIntegerType) {
        const auto whole = [](const std::optional<NumberBound>& bound) -> std::optional<int64_t> {
          if (!bound || bound->value.integer.size() > 15) return std::nullopt;
          const auto n = static_cast<int64_t>(std::stoll(bound->value.integer));
          return bound->value.negative ? -n : n;
        };
        const auto low = whole(flat.numbers.low), high = whole(flat.numbers.high);
        if (!low || !high || *high - *low > static_cast<int64_t>(most)) return std::nullopt;
        for (int64_t n = *low - 1; n <= *high + 1; ++n) some.push_back(n);  // what is beside the bounds falls out below
      }
    }
    for (Json& value : some)
      if (valid(value, flat) && !is_in(value, found)) {
        store_.burn(1 + found.size() / 8);
        found.push_back(std::move(value));
      }
    if (found.size() > most) return std::nullopt;
  }
  return found;
}

}  // namespace engine
