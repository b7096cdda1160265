// SPDX-License-Identifier: Apache-2.0
#include "mcp/tool.h"

#include <algorithm>

#include "base/strings.h"
#include "base/utf8.h"

namespace mcp {
namespace {

using base::Json;
using Type = Parameter::Type;

// What a parameter takes, for a person: "a string", "a whole number from 1 to 60".
std::string wanted(const Parameter& parameter) {
  switch (parameter.type) {
    case Type::kBoolean:
      return "true or false";
    case Type::kStrings:
      return "a list of strings";
    case Type::kInteger:
      return base::cat("a whole number from ", parameter.least, " to ", parameter.most);
    case Type::kString:
      break;
  }
  if (parameter.one_of.empty()) return "a string";
  std::string words = "one of";
  for (const std::string& one : parameter.one_of) words += (one == parameter.one_of.front() ? " " : ", ") + one;
  return words;
}

bool fits(const Parameter& parameter, const Json& value) {
  switch (parameter.type) {
    case Type::kBoolean:
      return value.is_boolean();
    case Type::kStrings:
      return value.is_array() &&
             std::all_of(value.begin(), value.end(), [](const Json& one) { return one.is_string(); });
    case Type::kInteger:
      // An unsigned number above what int64_t holds would turn negative.
      return value.is_number_integer() && (!value.is_number_unsigned() || value.get<uint64_t>() <= INT64_MAX) &&
             value.get<int64_t>() >= parameter.least && value.get<int64_t>() <= parameter.most;
    case Type::kString:
      break;
  }
  return value.is_string() &&
         (parameter.one_of.empty() || std::find(parameter.one_of.begin(), parameter.one_of.end(),
                                                value.get_ref<const std::string&>()) != parameter.one_of.end());
}

Json parameter_json(const Parameter& parameter) {
  Json out = schema_of("string", parameter.description);
  if (parameter.type == Type::kBoolean) out["type"] = "boolean";
  if (parameter.type == Type::kStrings) {
    out["type"] = "array";
    out["items"] = schema_of("string");
  }
  if (parameter.type == Type::kInteger) {
    out["type"] = "integer";
    out["minimum"] = parameter.least;
    out["maximum"] = parameter.most;
  }
  if (!parameter.one_of.empty()) out["enum"] = parameter.one_of;
  if (parameter.fallback) out["default"] = *parameter.fallback;
  return out;
}

Json input_schema(const std::vector<Parameter>& parameters) {
  Json members = Json::object();
  std::vector<std::string> required;
  for (const Parameter& parameter : parameters) {
    members[parameter.name] = parameter_json(parameter);
    if (parameter.required) required.push_back(parameter.name);
  }
  Json schema = object_of(std::move(members), std::move(required));
  schema["additionalProperties"] = false;
  return schema;
}

// A name of the caller's in a message: it may be long, and is not ours.
std::string shown(std::string_view name) {
  return "`" + base::to_valid_utf8(name.substr(0, 60)) + "`";
}

}  // namespace

Json schema_of(std::string_view type, std::string_view description) {
  Json schema = {{"type", type}};
  if (!description.empty()) schema["description"] = description;
  return schema;
}

Json list_of(Json items, std::string_view description) {
  Json schema = schema_of("array", description);
  schema["items"] = std::move(items);
  return schema;
}

Json object_of(Json members, std::vector<std::string> required) {
  Json schema = {{"type", "object"}, {"properties", std::move(members)}};
  if (!required.empty()) schema["required"] = std::move(required);
  return schema;
}

Json tool_json(const Tool& tool, const Revision& revision) {
  Json out = {{"name", tool.name}, {"description", tool.description}, {"inputSchema", input_schema(tool.parameters)}};
  if (revision.structured_results()) {
    out["title"] = tool.title;
    out["outputSchema"] = tool.output_schema;
  }
  if (revision.annotations())
    out["annotations"] = {{"title", tool.title},
                          {"readOnlyHint", tool.hints.read_only},
                          {"destructiveHint", tool.hints.destructive},
                          {"idempotentHint", tool.hints.idempotent},
                          {"openWorldHint", false}};  // nothing leaves the machine
  return out;
}

base::Result<Json> check_arguments(const std::vector<Parameter>& parameters, const Json& given) {
  if (!given.is_object()) return base::invalid("The arguments are not an object.");
  const auto named = [&](const std::string& name) {
    return std::any_of(parameters.begin(), parameters.end(), [&](const Parameter& one) { return one.name == name; });
  };
  for (const auto& [name, value] : given.items()) {
    if (named(name)) continue;
    std::string known;
    for (const Parameter& one : parameters) known += (known.empty() ? "" : ", ") + one.name;
    return base::invalid(base::cat("There is no argument ", shown(name), ". This tool takes: ", known, "."));
  }
  Json checked = Json::object();
  for (const Parameter& parameter : parameters) {
    const auto value = given.find(parameter.name);
    // null: how some clients say that they give none.
    if (value == given.end() || (value->is_null() && !parameter.required)) {
      if (parameter.required)
        return base::invalid(base::cat("The argument `", parameter.name, "` is missing; give ", wanted(parameter), ": ",
                                       parameter.description));
      if (parameter.fallback) checked[parameter.name] = *parameter.fallback;
      continue;
    }
    if (!fits(parameter, *value))
      return base::invalid(base::cat("The argument `", parameter.name, "` is not ", wanted(parameter), "."));
    checked[parameter.name] = *value;
  }
  return checked;
}

}  // namespace mcp
