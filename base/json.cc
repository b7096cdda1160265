// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "base/strings.h"

namespace base {
namespace {

// The library's parser recurses nowhere, but values destroy and print themselves recursively: bound the depth first.
Status check_depth(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kMaxJsonDepth) return corrupt(cat("JSON nests deeper than ", kMaxJsonDepth, " at byte ", i));
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return ok();
}

}  // namespace

Result<Json> parse_json(std::string_view text) {
  if (Status depth = check_depth(text); !depth) return std::move(depth).error();
  try {
    return Json::parse(text.begin(), text.end());
  } catch (const nlohmann::json::parse_error& e) {
    return corrupt(cat("not JSON at byte ", e.byte, ": ", e.what()));
  } catch (const std::exception& e) {
    return corrupt(cat("not JSON: ", e.what()));
  }
}

Result<Json> parse_json_unique(std::string_view text) {
  std::vector<std::set<std::string>> open_objects;
  std::string twice;
  const auto see = [&](int, Json::parse_event_t event, Json& value) {
    if (event == Json::parse_event_t::object_start) open_objects.emplace_back();
    if (event == Json::parse_event_t::object_end) open_objects.pop_back();
    if (event == Json::parse_event_t::key && !open_objects.back().insert(value.get<std::string>()).second && twice.empty())
      twice = value.get<std::string>();
    return true;
  };
  if (Status depth = check_depth(text); !depth) return std::move(depth).error();
  try {
    Json parsed = Json::parse(text.begin(), text.end(), see);
    if (!twice.empty()) return corrupt(cat("JSON names the key ", dump_json(twice), " twice in one object"));
    return parsed;
  } catch (const nlohmann::json::parse_error& e) {
    return corrupt(cat("not JSON at byte ", e.byte, ": ", e.what()));
  } catch (const std::exception& e) {
    return corrupt(cat("not JSON: ", e.what()));
  }
}

std::string dump_json(const Json& value, int indent) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

std::string json_string(const Json& object, const char* key, std::string_view fallback) {
  if (object.is_object())
    if (auto it = object.find(key); it != object.end() && it->is_string()) return it->get<std::string>();
  return std::string(fallback);
}

int64_t json_int(const Json& object, const char* key, int64_t fallback) {
  if (object.is_object())
    if (auto it = object.find(key); it != object.end() && it->is_number_integer()) return it->get<int64_t>();
  return fallback;
}

double json_double(const Json& object, const char* key, double fallback) {
  if (object.is_object())
    if (auto it = object.find(key); it != object.end() && it->is_number()) return it->get<double>();
  return fallback;
}

bool json_bool(const Json& object, const char* key, bool fallback) {
  if (object.is_object())
    if (auto it = object.find(key); it != object.end() && it->is_boolean()) return it->get<bool>();
  return fallback;
}

}  // namespace base
