// SPDX-License-Identifier: Apache-2.0
#include "lsp/settings.h"

#include <nlohmann/json.hpp>
#include <variant>

#include "base/strings.h"

namespace lsp {
namespace {

using base::Json;

struct IntField {
  int Settings::*member;
  int least, most;
};
struct NumberField {
  double Settings::*member;
  double least, most;
};
struct Field {
  const char* name;  // below "graft."
  std::variant<IntField, NumberField, bool Settings::*, std::string Settings::*> where;
};

const Field kFields[] = {
    {"check.command", &Settings::check_command},
    {"check.budget", IntField{&Settings::check_budget, 1, 10'000}},
    {"check.timeoutSeconds", IntField{&Settings::check_timeout_seconds, 1, 86'400}},
    {"check.totalSeconds", IntField{&Settings::check_total_seconds, 1, 86'400}},
    {"check.jobs", IntField{&Settings::check_jobs, 0, 64}},
    {"completion.enabled", &Settings::completion_enabled},
    {"completion.maxTokens", IntField{&Settings::completion_max_tokens, 1, 512}},
    {"completion.multiline", &Settings::completion_multiline},
    {"completion.minConfidence", NumberField{&Settings::completion_min_confidence, 0, 1}},
    {"nextEdit.enabled", &Settings::next_edit_enabled},
    {"nextEdit.minProbability", NumberField{&Settings::next_edit_min_probability, 0, 1}},
    {"model.path", &Settings::model_path},
};

// {"check": {"command": x}}, {"check.command": x}, {"graft.check.command": x} or {"graft": {...}}; null where absent.
Json find_value(const Json& section, const std::string& name) {
  if (!section.is_object()) return nullptr;
  for (const std::string& key : {name, "graft." + name})
    if (const auto found = section.find(key); found != section.end()) return *found;
  if (const auto inner = section.find("graft"); inner != section.end()) return find_value(*inner, name);
  const size_t dot = name.find('.');
  if (dot == std::string::npos) return nullptr;
  const auto inner = section.find(name.substr(0, dot));
  return inner == section.end() ? Json() : find_value(*inner, name.substr(dot + 1));
}

template <typename T>
const char* set_number(const Json& value, T least, T most, T& target) {
  if (!value.is_number()) return "is not a number";
  const double number = value.get<double>();
  if (!(number >= static_cast<double>(least) && number <= static_cast<double>(most))) return "is out of range";
  target = static_cast<T>(number);
  return nullptr;
}

// What is wrong with `value`, or null.
const char* set(const Field& field, const Json& value, Settings& settings) {
  if (const auto* number = std::get_if<IntField>(&field.where))
    return set_number(value, number->least, number->most, settings.*number->member);
  if (const auto* number = std::get_if<NumberField>(&field.where))
    return set_number(value, number->least, number->most, settings.*number->member);
  if (const auto* flag = std::get_if<bool Settings::*>(&field.where)) {
    if (!value.is_boolean()) return "is not true or false";
    settings.*(*flag) = value.get<bool>();
    return nullptr;
  }
  if (!value.is_string()) return "is not a text";
  settings.*std::get<std::string Settings::*>(field.where) = value.get<std::string>();
  return nullptr;
}

}  // namespace

Settings read_settings(const Json& section, const Settings& base, std::vector<std::string>& problems) {
  Settings settings = base;
  for (const Field& field : kFields) {
    const Json value = find_value(section, field.name);
    if (value.is_null()) continue;
    if (const char* problem = set(field, value, settings))
      problems.push_back(base::cat("graft.", field.name, " ", problem, "; the earlier value stays."));
  }
  return settings;
}

std::vector<SettingInfo> all_settings() {
  const Settings defaults;
  std::vector<SettingInfo> all;
  for (const Field& field : kFields) {
    Json value;
    std::string type;
    if (const auto* whole = std::get_if<IntField>(&field.where)) {
      value = defaults.*whole->member, type = "integer";
    } else if (const auto* number = std::get_if<NumberField>(&field.where)) {
      value = defaults.*number->member, type = "number";
    } else if (const auto* flag = std::get_if<bool Settings::*>(&field.where)) {
      value = defaults.*(*flag), type = "boolean";
    } else {
      value = defaults.*std::get<std::string Settings::*>(field.where), type = "string";
    }
    all.push_back({base::cat("graft.", field.name), type, base::dump_json(value)});
  }
  return all;
}

}  // namespace lsp
