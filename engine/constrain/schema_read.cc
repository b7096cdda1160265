// SPDX-License-Identifier: Apache-2.0
// SchemaDocument of engine/constrain/schema.h: places, references, and the keywords that say something by themselves.
#include <algorithm>
#include <cmath>

#include "base/strings.h"
#include "engine/constrain/regex.h"
#include "engine/constrain/schema.h"

namespace engine {
namespace {

using base::Json;

constexpr size_t kMaxPlaces = 200'000;

// Keywords that limit nothing, and those that others read.
constexpr std::string_view kIgnored[] = {
    "$schema",       "$id",         "id",       "$anchor",         "$comment",        "$defs",
    "definitions",   "$vocabulary", "title",    "description",     "default",         "examples",
    "example",       "deprecated",  "readOnly", "writeOnly",       "contentEncoding", "contentMediaType",
    "contentSchema", "then",        "else",     "additionalItems", "minContains",     "maxContains"};
// Keywords that some draft defines and that are not computed here.
constexpr std::string_view kNotSupported[] = {"$dynamicRef",      "$recursiveRef",    "$dynamicAnchor",
                                              "$recursiveAnchor", "contains",         "unevaluatedProperties",
                                              "unevaluatedItems", "dependentSchemas", "if",
                                              "extends",          "disallow",         "divisibleBy"};

std::string escaped(const std::string& key) {
  std::string out;
  for (const char c : key) out += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  return out;
}

std::string unescaped(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto hex = [&](size_t k) {
      return k < text.size() ? std::string_view("0123456789abcdef")
                                   .find(static_cast<char>(std::tolower(static_cast<unsigned char>(text[k]))))
                             : std::string_view::npos;
    };
    if (text[i] == '%' && hex(i + 1) != std::string_view::npos && hex(i + 2) != std::string_view::npos) {
      out += static_cast<char>(hex(i + 1) * 16 + hex(i + 2));
      i += 2;
    } else if (text[i] == '~' && i + 1 < text.size() && (text[i + 1] == '0' || text[i + 1] == '1')) {
      out += text[++i] == '0' ? '~' : '/';
    } else {
      out += text[i];
    }
  }
  return out;
}

bool is_schema(const Json& json) {
  return json.is_object() || json.is_boolean();
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

SchemaDocument::SchemaDocument(const Json& root, ExprStore& store) : root_(root), store_(store) {
  index(root, "", "", 0);
}

void SchemaDocument::index(const Json& json, const std::string& pointer, const std::string& resource, int depth) {
  if (depth > base::kMaxJsonDepth) return;
  if (json.is_object()) {
    const auto id = json.find("$id");
    const bool own = id != json.end() && id->is_string();
    const std::string& inside = own ? pointer : resource;
    if (own) ids_.emplace(id->get<std::string>(), std::make_pair(&json, pointer));
    if (const auto name = json.find("$anchor"); name != json.end() && name->is_string())
      anchors_.emplace(inside + "#" + name->get<std::string>(), std::make_pair(&json, pointer));
    for (const auto& [key, value] : json.items())
      if (key != "enum" && key != "const" && key != "default" && key != "examples")
        index(value, pointer + "/" + escaped(key), inside, depth + 1);
  } else if (json.is_array()) {
    for (size_t i = 0; i < json.size(); ++i) index(json[i], pointer + "/" + std::to_string(i), resource, depth + 1);
  }
}

void SchemaDocument::fail(Place p, const std::string& key, const std::string& problem) const {
  const std::string where = at(p).pointer + (key.empty() ? "" : "/" + escaped(key));
  throw SchemaProblem{base::cat("at \"", where, "\": ", problem)};
}

Place SchemaDocument::place(const Json& json, std::string pointer, const Json* resource, std::string resource_pointer) {
  const auto [known, fresh] = by_json_.try_emplace(&json, static_cast<Place>(places_.size()));
  if (!fresh) return known->second;
  if (places_.size() >= kMaxPlaces) throw LimitExceeded{"memory"};
  if (!is_schema(json)) throw SchemaProblem{base::cat("at \"", pointer, "\": a schema is an object, true or false")};
  if (json.is_object() && json.contains("$id") && json["$id"].is_string()) {
    resource = &json;
    resource_pointer = pointer;
  }
  places_.push_back({&json, std::move(pointer), resource, std::move(resource_pointer)});
  return known->second;
}

Place SchemaDocument::child(Place parent, const Json& json, const std::string& key) {
  const Subschema& from = at(parent);
  return place(json, from.pointer + "/" + key, from.resource, from.resource_pointer);
}

Conjunction SchemaDocument::root() {
  return {place(root_, "", &root_, "")};
}

// The resource that the part before "#" names, then a pointer or an anchor in it.
Place SchemaDocument::resolve(Place from, const std::string& ref) {
  const size_t hash = std::min(ref.find('#'), ref.size());
  const std::string base_part = ref.substr(0, hash), fragment = hash < ref.size() ? ref.substr(hash + 1) : "";
  const Json* json = at(from).resource;
  std::string pointer = at(from).resource_pointer;
  if (!base_part.empty()) {
    auto found = ids_.find(base_part);
    if (found == ids_.end() && root_.contains("$id") && root_["$id"].is_string()) {
      const std::string id = root_["$id"].get<std::string>();
      found = ids_.find(id.substr(0, id.rfind('/') + 1) + base_part);
      if (found == ids_.end() && id == base_part + "#") found = ids_.find(id);
    }
    if (found == ids_.end())
      fail(from, "$ref", base::cat("\"", ref, "\" refers to another document; only this one is read"));
    std::tie(json, pointer) = found->second;
  }
  const Json* resource = json;
  std::string resource_pointer = pointer;
  if (!fragment.empty() && fragment[0] != '/') {
    const auto found = anchors_.find(resource_pointer + "#" + fragment);
    if (found == anchors_.end()) fail(from, "$ref", base::cat("\"", ref, "\": there is no such anchor"));
    return place(*found->second.first, found->second.second, resource, resource_pointer);
  }
  for (size_t i = 0; i < fragment.size();) {
    const size_t end = std::min(fragment.find('/', i + 1), fragment.size());
    const std::string key = unescaped(std::string_view(fragment).substr(i + 1, end - i - 1));
    i = end;
    const Json* next = nullptr;
    if (json->is_object() && json->contains(key)) next = &(*json)[key];
    if (json->is_array() && !key.empty() && key.size() < 9 &&
        key.find_first_not_of("0123456789") == std::string::npos && std::stoul(key) < json->size())
      next = &(*json)[std::stoul(key)];
    if (next == nullptr) fail(from, "$ref", base::cat("\"", ref, "\" leads nowhere"));
    json = next;
    pointer += "/" + escaped(key);
    if (json->is_object() && json->contains("$id") && (*json)["$id"].is_string()) {
      resource = json;
      resource_pointer = pointer;
    }
  }
  return place(*json, pointer, resource, resource_pointer);
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
  const Json& json = *at(p).json;
  if (!json.contains(key)) return std::nullopt;
  const Json& value = json[key];
  if (!value.is_number() || value.get<double>() < 0 || value.get<double>() != std::floor(value.get<double>()))
    fail(p, key, "a whole number, at least 0, is needed");
  return static_cast<uint32_t>(std::min(value.get<double>(), 4e9));
}

void SchemaDocument::read(Place p, Row& row) {
  const Json& json = *at(p).json;
  for (const auto& [key, value] : json.items()) {
    if (std::find(std::begin(kNotSupported), std::end(kNotSupported), key) != std::end(kNotSupported)) {
      if (key == "if" && !json.contains("then") && !json.contains("else")) continue;
      if ((key == "$dynamicAnchor" || key == "$recursiveAnchor"))
        continue;  // names a place; only a dynamic reference asks for it
      fail(p, key, "this keyword is not supported");
    }
    if (key == "allOf" || key == "anyOf" || key == "oneOf") {
      if (!value.is_array() || value.empty()) fail(p, key, "an array of schemas, at least one, is needed");
      if (key != "allOf") {
        row.choices.push_back({p, key == "anyOf" ? "anyOf" : "oneOf"});
        continue;
      }
      for (size_t i = 0; i < value.size(); ++i) row.pending.push_back(child(p, value[i], "allOf/" + std::to_string(i)));
    } else if (key == "$ref") {
      if (!value.is_string()) fail(p, key, "a string is needed");
      row.pending.push_back(resolve(p, value.get<std::string>()));
    } else if (key == "not") {
      row.negated.push_back(child(p, value, "not"));
    }
  }
  read_types(p, row.flat);
  read_numbers(p, row.flat);
  read_strings(p, row.flat);
  read_arrays(p, row.flat);
  read_objects(p, row.flat);
}

void SchemaDocument::read_types(Place p, FlatSchema& flat) {
  const Json& json = *at(p).json;
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
  if (const auto type = json.find("type"); type != json.end()) {
    unsigned bits = 0;
    if (type->is_array())
      for (const Json& name : *type) bits |= bits_of(name);
    else
      bits = bits_of(*type);
    flat.types &= bits;
  }
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

void SchemaDocument::read_numbers(Place p, FlatSchema& flat) {
  const Json& json = *at(p).json;
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
  const Json& json = *at(p).json;
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
    if (flat.types & kStringType) {
      if (pattern_of_format(format->get<std::string>()).empty())
        fail(p, "format",
             base::cat("\"", format->get<std::string>(), "\" is not supported; these are: ", formats_known()));
      flat.formats.push_back(format->get<std::string>());
    }
  }
}

void SchemaDocument::read_arrays(Place p, FlatSchema& flat) {
  const Json& json = *at(p).json;
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
  if (const auto unique = json.find("uniqueItems");
      unique != json.end() && *unique == true && (flat.types & kArrayType) && flat.max_items > 1)
    fail(p, "uniqueItems", "this keyword is not supported");
  if (!items.prefix.empty() || items.rest) flat.items.push_back(std::move(items));
}

void SchemaDocument::read_objects(Place p, FlatSchema& flat) {
  const Json& json = *at(p).json;
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
      if (!list.is_array()) fail(p, key, "schemas that depend on a property are not supported");
      names(list, key, flat.dependent[name]);
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
  if (!members.named.empty() || !members.by_pattern.empty() || members.additional)
    flat.members.push_back(std::move(members));
  if (json.contains("propertyNames")) flat.names.push_back(child(p, json["propertyNames"], "propertyNames"));
}

}  // namespace engine
