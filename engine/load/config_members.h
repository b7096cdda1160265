// SPDX-License-Identifier: Apache-2.0
// engine/load/config_members.h: reads the members of one JSON object of config.json; remembers the first fault and goes
// on with harmless values. A null counts as missing, since Python writes None so, but where is_null() tells them apart.
//
// Owns     Nothing: the object must outlive it.
// Errors   kCorrupt naming the key: missing without a fallback, of another type, or out of range. kInvalidArgument
//          through refuse().
#pragma once
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/strings.h"

namespace engine {

class ConfigMembers {
 public:
  ConfigMembers(const nlohmann::json& object, std::string where) : object_(object), where_(std::move(where)) {}

  int integer(const char* key, std::optional<int> fallback = std::nullopt) {
    const nlohmann::json* found = find(key, fallback.has_value());
    if (found == nullptr) return fallback.value_or(0);
    const bool fits = found->is_number_unsigned() ? found->get<uint64_t>() <= INT32_MAX : found->is_number_integer();
    if (!fits) fail(key, base::cat("must be a whole number up to ", INT32_MAX, ", not ", base::dump_json(*found)));
    return fits ? static_cast<int>(std::max<int64_t>(found->get<int64_t>(), -1)) : 0;
  }

  float real(const char* key, std::optional<float> fallback = std::nullopt) {
    const nlohmann::json* found = find(key, fallback.has_value());
    if (found == nullptr) return fallback.value_or(0.0f);
    if (!found->is_number()) fail(key, base::cat("must be a number, not ", base::dump_json(*found)));
    return found->is_number() ? static_cast<float>(found->get<double>()) : 0.0f;
  }

  bool truth(const char* key, bool fallback) {
    const nlohmann::json* found = find(key, true);
    if (found == nullptr) return fallback;
    if (!found->is_boolean()) fail(key, base::cat("must be true or false, not ", base::dump_json(*found)));
    return found->is_boolean() && found->get<bool>();
  }

  std::string text(const char* key, std::string_view fallback) {
    const nlohmann::json* found = find(key, true);
    if (found == nullptr) return std::string(fallback);
    if (!found->is_string()) fail(key, base::cat("must be a string, not ", base::dump_json(*found)));
    return found->is_string() ? found->get<std::string>() : std::string();
  }

  bool has(const char* key) { return find(key, true) != nullptr; }
  bool is_null(const char* key) const {
    const auto found = object_.find(key);
    return found != object_.end() && found->is_null();
  }

  void fail(const char* key, std::string_view problem, base::ErrorCode code = base::ErrorCode::kCorrupt) {
    if (!error_) error_ = base::Error{code, base::cat(where_, ": \"", key, "\" ", problem)};
  }
  void refuse(const char* key, std::string_view problem) { fail(key, problem, base::ErrorCode::kInvalidArgument); }
  // The fault of an object inside this one.
  void take(const base::Error& error) {
    if (!error_) error_ = error;
  }
  const std::optional<base::Error>& error() const { return error_; }

 private:
  const nlohmann::json* find(const char* key, bool optional) {
    const auto found = object_.find(key);
    if (found != object_.end() && !found->is_null()) return &*found;
    if (!optional) fail(key, "is missing");
    return nullptr;
  }

  const nlohmann::json& object_;
  std::string where_;
  std::optional<base::Error> error_;
};

}  // namespace engine
