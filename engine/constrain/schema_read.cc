// SPDX-License-Identifier: Apache-2.0
// SchemaDocument of engine/constrain/schema.h: the keywords that say something by themselves, and which others there
// are.
#include <algorithm>
#include <cmath>

#include "base/strings.h"
#include "engine/constrain/regex.h"
#include "engine/constrain/schema.h"

namespace engine {
namespace {

using base::Json;

// Keywords that some draft defines and that are not computed here.
constexpr std::string_view kNotSupported[] = {"extends", "disallow", "divisibleBy"};

std::string escaped(const std::string& key) {
  std::string out;
  for (const char c : key) out += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  return out;
}

}  // namespace

void narrow_low(std::optional<NumberBound>& bound, const NumberBound& other) {
  const int order = bound ? compare(other.value, bound->value) : 1;
  if (order > 0 || (order == 0 && other.exclusive)) bound = other;
}
void narrow_high(std::optional<NumberBound>& bound, const NumberBound& other) {
  const int order = bound ? compare(other.value, bound->value) : -1;
  if (order < 0 || (order == 0 && other.exclusive)) bound = other;
}

bool SchemaDocument::matches(const std::string& pattern, const std::string& text) {
  auto known = patterns_.find(pattern);
  if (known == patterns_.end()) {
    auto expr = compile_regex(store_, pattern, RegexMatch::kSearch, Spelling::kJson);
    if (!expr) throw SchemaProblem{expr.error().message};
    known = patterns_.emplace(pattern, *expr).first;
  }
  return store_.matches(known->second, spelled(text, Spelling::kJson));
}

std::optional<uint32_t> SchemaDocument::count(Place p, const char* key) const {
  const Json& json = json_at(p);
  if (!json.contains(key)) return std::nullopt;
  const Json& value = json[key];
  if (!value.is_number() || value.get<double>() < 0 || value.get<double>() != std::floor(value.get<double>()))
    fail(p, key, "a whole number, at least 0, is needed");
  return static_cast<uint32_t>(std::min(value.get<double>(), 4e9));
}

// Reads what stands at a place that is meant as it is written.
void SchemaDocument::read(const Pending& pending, Row& row) {
  const Place p = pending.place;
  const Json& json = json_at(p);
  Scopes scopes = pending.scopes;
  if (json.contains("unevaluatedItems") || json.contains("unevaluatedProperties")) add_place(scopes, p);
  for (const auto& [key, value] : json.items()) {
    if (std::find(std::begin(kNotSupported), std::end(kNotSupported), key) != std::end(kNotSupported))
      fail(p, key, "this keyword is not supported");
    if (key == "allOf" || key == "anyOf" || key == "oneOf") {
      if (!value.is_array() || value.empty()) fail(p, key, "an array of schemas, at least one, is needed");
      if (key != "allOf")
        row.choices.push_back({key == "anyOf" ? Ways::kAnyOf : Ways::kOneOf, {p, scopes}, key, {}});
      else
        for (size_t i = 0; i < value.size(); ++i)
          row.pending.push_back({child(p, value[i], "allOf/" + std::to_string(i)), scopes});
    } else if (key == "$ref" || key == "$dynamicRef" || key == "$recursiveRef") {
      if (!value.is_string()) fail(p, key, "a string is needed");
      const std::string ref = value.get<std::string>();
      row.pending.push_back({key == "$ref" ? resolve(p, key, ref) : resolve_dynamic(p, key, ref), scopes});
    } else if (key == "not") {
      row.pending.push_back({opposite(child(p, value, "not")), {}});
    } else if (key == "if") {
      if (json.contains("then") || json.contains("else") || !scopes.empty())
        row.choices.push_back({Ways::kIf, {p, scopes}, key, {}});
    } else if (key == "dependentSchemas" || key == "dependencies") {
      if (!value.is_object()) fail(p, key, "an object is needed");
      for (const auto& [name, schema] : value.items())
        if (key == "dependentSchemas" || !schema.is_array())
          row.choices.push_back({Ways::kDependent, {p, scopes}, key, name});
    }
  }
  row.flat.types &= read_types(p);
  read_values(p, row.flat);
  read_numbers(p, row.flat);
  read_strings(p, row.flat);
  read_arrays(p, scopes, row.flat);
  read_objects(p, scopes, row.flat);
}

unsigned SchemaDocument::read_types(Place p) const {
  const Json& json = json_at(p);
  const auto bits_of = [&](const Json& name) -> unsigned {
    constexpr std::pair<std::string_view, unsigned> kTypes[] = {
        {"null", kNullType},       {"boolean", kBooleanType},
        {"integer", kIntegerType}, {"number", kIntegerType | kFractionType},
        {"string", kStringType},   {"array", kArrayType},
        {"object", kObjectType}};
    for (const auto& [text, bits] : kTypes)
      if (name == text) return bits;
    fail(p, "type", base::cat(base::dump_json(name), " is no type"));
  };
  const auto type = json.find("type");
  if (type == json.end()) return kAllTypes;
  if (!type->is_array()) return bits_of(*type);
  unsigned bits = 0;
  for (const Json& name : *type) bits |= bits_of(name);
  return bits;
}

void SchemaDocument::read_values(Place p, FlatSchema& flat) const {
  const Json& json = json_at(p);
  const auto restrict_to = [&](std::vector<Json> values) {
    if (flat.values)
      std::erase_if(*flat.values,
                    [&](const Json& v) { return std::find(values.begin(), values.end(), v) == values.end(); });
    if (!flat.values) flat.values = std::move(values);
  };
  if (const auto values = json.find("enum"); values != json.end()) {
    if (!values->is_array()) fail(p, "enum", "an array is needed");
    restrict_to(values->get<std::vector<Json>>());
  }
  if (const auto value = json.find("const"); value != json.end()) restrict_to({*value});
}

void SchemaDocument::read_numbers(Place p, FlatSchema& flat) const {
  const Json& json = json_at(p);
  const auto number = [&](const char* key) {
    auto value = decimal_of(json[key]);
    if (!value) fail(p, key, "a number is needed");
    return *value;
  };
  const auto is_true = [&](const char* key) {
    return json.contains(key) && json[key].is_boolean() && json[key].get<bool>();
  };  // draft 4
  if (json.contains("minimum")) narrow_low(flat.numbers.low, {number("minimum"), is_true("exclusiveMinimum")});
  if (json.contains("maximum")) narrow_high(flat.numbers.high, {number("maximum"), is_true("exclusiveMaximum")});
  if (json.contains("exclusiveMinimum") && !json["exclusiveMinimum"].is_boolean())
    narrow_low(flat.numbers.low, {number("exclusiveMinimum"), true});
  if (json.contains("exclusiveMaximum") && !json["exclusiveMaximum"].is_boolean())
    narrow_high(flat.numbers.high, {number("exclusiveMaximum"), true});
  if (json.contains("multipleOf")) {
    const Decimal multiple = number("multipleOf");
    if (multiple.negative || multiple.is_zero()) fail(p, "multipleOf", "a number greater than 0 is needed");
    flat.multiples.push_back(multiple);
  }
}

void SchemaDocument::read_strings(Place p, FlatSchema& flat) {
  const Json& json = json_at(p);
  if (const auto n = count(p, "minLength")) flat.min_length = std::max(flat.min_length, *n);
  if (const auto n = count(p, "maxLength")) flat.max_length = std::min(flat.max_length, *n);
  if (const auto pattern = json.find("pattern"); pattern != json.end()) {
    if (!pattern->is_string()) fail(p, "pattern", "a string is needed");
    try {
      matches(pattern->get<std::string>(), "");
    } catch (const SchemaProblem& problem) {
      fail(p, "pattern", problem.message);
    }
    flat.patterns.push_back(pattern->get<std::string>());
  }
  if (const auto format = json.find("format"); format != json.end()) {
    if (!format->is_string()) fail(p, "format", "a string is needed");
    // A name that JSON Schema does not know is a note for people: it forbids nothing.
    const auto name = format->get<std::string>();
    const bool known = !pattern_of_format(name).empty();
    if ((flat.types & kStringType) && !known && is_defined_format(name))
      fail(p, "format", base::cat("\"", name, "\" is not supported; these are: ", formats_known()));
    if ((flat.types & kStringType) && known) flat.formats.push_back(name);
  }
}

void SchemaDocument::read_arrays(Place p, const Scopes& scopes, FlatSchema& flat) {
  const Json& json = json_at(p);
  if (const auto n = count(p, "minItems")) flat.min_items = std::max(flat.min_items, *n);
  if (const auto n = count(p, "maxItems")) flat.max_items = std::min(flat.max_items, *n);
  FlatSchema::Items items;
  const auto read_prefix = [&](const char* key) {
    if (!json[key].is_array()) fail(p, key, "an array of schemas is needed");
    for (size_t i = 0; i < json[key].size(); ++i)
      items.prefix.push_back(child(p, json[key][i], std::string(key) + "/" + std::to_string(i)));
  };
  if (json.contains("prefixItems")) read_prefix("prefixItems");
  if (const auto all = json.find("items"); all != json.end()) {
    if (all->is_array()) {  // draft 4 to 2019-09
      read_prefix("items");
      if (json.contains("additionalItems")) items.rest = child(p, json["additionalItems"], "additionalItems");
    } else {
      items.rest = child(p, *all, "items");
    }
  }
  if (!items.prefix.empty() || items.rest) {
    items.scopes = scopes;
    flat.items.push_back(std::move(items));
  }
  if (const auto unique = json.find("uniqueItems"); unique != json.end() && *unique == true) flat.distinct = p;
  if (const auto which = json.find("contains"); which != json.end()) {
    FlatSchema::Contains contains{child(p, *which, "contains"), count(p, "minContains").value_or(1),
                                  count(p, "maxContains").value_or(kNoLimit), 0, scopes};
    if (contains.min > 0 || contains.max != kNoLimit || !scopes.empty()) flat.contains.push_back(std::move(contains));
  }
  if (const auto rest = json.find("unevaluatedItems"); rest != json.end()) {
    Scopes outer = scopes;
    std::erase(outer, p);
    flat.unevaluated_items.push_back({child(p, *rest, "unevaluatedItems"), p, std::move(outer)});
  }
}

void SchemaDocument::read_objects(Place p, const Scopes& scopes, FlatSchema& flat) {
  const Json& json = json_at(p);
  if (const auto n = count(p, "minProperties")) flat.min_members = std::max(flat.min_members, *n);
  if (const auto n = count(p, "maxProperties")) flat.max_members = std::min(flat.max_members, *n);
  const auto names = [&](const Json& list, const char* key, std::set<std::string>& into) {
    if (list.is_boolean()) return;  // draft 3 wrote it into the property
    if (!list.is_array()) fail(p, key, "an array of strings is needed");
    for (const Json& name : list) {
      if (!name.is_string()) fail(p, key, "an array of strings is needed");
      into.insert(name.get<std::string>());
    }
  };
  if (json.contains("required")) names(json["required"], "required", flat.required);
  for (const char* key : {"dependentRequired", "dependencies"}) {
    if (!json.contains(key)) continue;
    if (!json[key].is_object()) fail(p, key, "an object is needed");
    for (const auto& [name, list] : json[key].items()) {
      if (list.is_array())
        names(list, key, flat.dependent[name]);
      else if (std::string_view(key) == "dependentRequired")
        fail(p, key, "arrays of strings are needed");
    }
  }
  FlatSchema::Members members;
  for (const char* key : {"properties", "patternProperties"})
    if (json.contains(key) && !json[key].is_object()) fail(p, key, "an object is needed");
  if (json.contains("properties"))
    for (const auto& [name, schema] : json["properties"].items())
      members.named[name] = child(p, schema, "properties/" + escaped(name));
  if (json.contains("patternProperties"))
    for (const auto& [pattern, schema] : json["patternProperties"].items()) {
      try {
        matches(pattern, "");
      } catch (const SchemaProblem& problem) {
        fail(p, "patternProperties", problem.message);
      }
      members.by_pattern.push_back({pattern, child(p, schema, "patternProperties/" + escaped(pattern))});
    }
  if (json.contains("additionalProperties"))
    members.additional = child(p, json["additionalProperties"], "additionalProperties");
  if (!members.named.empty() || !members.by_pattern.empty() || members.additional) {
    members.scopes = scopes;
    flat.members.push_back(std::move(members));
  }
  if (const auto rest = json.find("unevaluatedProperties"); rest != json.end()) {
    Scopes outer = scopes;
    std::erase(outer, p);
    flat.unevaluated_members.push_back({child(p, *rest, "unevaluatedProperties"), p, std::move(outer)});
  }
  if (json.contains("propertyNames")) flat.names.push_back(child(p, json["propertyNames"], "propertyNames"));
}

}  // namespace engine
