// SPDX-License-Identifier: Apache-2.0
// engine/load/gguf_keys.h: reads the metadata of one architecture; remembers the first fault and goes on with harmless values.
//
// Owns     Nothing: the GgufFile must outlive it.
// Errors   kCorrupt naming key and byte: missing without a fallback, of another type, or out of range.
#pragma once
#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/strings.h"
#include "engine/formats/gguf.h"

namespace engine {

// general.architecture; empty where it is missing or no string.
inline std::string_view gguf_architecture(const GgufFile& gguf) {
  const auto found = gguf.metadata.find("general.architecture");
  const auto* name = found == gguf.metadata.end() ? nullptr : std::get_if<std::string_view>(&found->second.value);
  return name == nullptr ? std::string_view() : *name;
}

class GgufKeys {
 public:
  // `prefix`: "deepseek2.", kept.
  GgufKeys(const GgufFile& gguf, std::string prefix) : gguf_(gguf), prefix_(std::move(prefix)) {}

  int integer(const std::string& key, std::optional<int> fallback = std::nullopt) {
    const GgufEntry* found = find(key, fallback.has_value());
    if (found == nullptr) return fallback.value_or(0);
    if (const auto* u = std::get_if<uint64_t>(&found->value); u != nullptr && *u <= INT32_MAX)
      return static_cast<int>(*u);
    if (const auto* s = std::get_if<int64_t>(&found->value); s != nullptr && *s >= 0 && *s <= INT32_MAX)
      return static_cast<int>(*s);
    fail(key, base::cat("must be a whole number in 0..", INT32_MAX));
    return 0;
  }

  float real(const std::string& key, std::optional<float> fallback = std::nullopt) {
    const GgufEntry* found = find(key, fallback.has_value());
    if (found == nullptr) return fallback.value_or(0.0f);
    const auto* value = std::get_if<double>(&found->value);
    if (value == nullptr) fail(key, "must be a floating-point number");
    return value == nullptr ? 0.0f : static_cast<float>(*value);
  }

  bool truth(const std::string& key, bool fallback) {
    const GgufEntry* found = find(key, true);
    if (found == nullptr) return fallback;
    const auto* value = std::get_if<bool>(&found->value);
    if (value == nullptr) fail(key, "must be true or false");
    return value != nullptr && *value;
  }

  std::string text(const std::string& key, std::string_view fallback) {
    const GgufEntry* found = find(key, true);
    if (found == nullptr) return std::string(fallback);
    const auto* value = std::get_if<std::string_view>(&found->value);
    if (value == nullptr) fail(key, "must be a string");
    return value == nullptr ? std::string() : std::string(*value);
  }

  // An array of at least `n` whole numbers, of which the first `n` count; empty after a fault.
  std::vector<int> integers(const std::string& key, int n) { return integers_between(key, n, n); }
  // All of an array of 0 to `most` whole numbers.
  std::vector<int> all_integers(const std::string& key, int most) { return integers_between(key, 0, most); }
  // As all_integers(), of numbers that may have 63 bits.
  std::vector<int64_t> long_integers(const std::string& key, int64_t most) {
    const GgufEntry* found = find(key, false);
    if (found == nullptr) return {};
    const auto* array = std::get_if<GgufArray>(&found->value);
    if (array != nullptr && array->size <= static_cast<uint64_t>(most))
      if (auto all = integer_elements(*array)) return *std::move(all);
    fail(key, base::cat("must be an array of at most ", most, " whole numbers"));
    return {};
  }

  // The one number of a key that has one for all layers, or an array of at least `n` of them: those must be the same.
  float real_of_layers(const std::string& key, int n, std::optional<float> fallback = std::nullopt) {
    const GgufEntry* found = find(key, fallback.has_value());
    if (found == nullptr) return fallback.value_or(0.0f);
    const auto* array = std::get_if<GgufArray>(&found->value);
    if (array == nullptr) return real(key);
    const auto all = real_elements(*array);
    if (!all || n < 1 || all->size() < static_cast<size_t>(n)) {
      fail(key, base::cat("must be a floating-point number, or an array of at least ", n));
      return 0.0f;
    }
    for (size_t i = 0; i < static_cast<size_t>(n); ++i)
      if ((*all)[i] != all->front()) {
        fail(key, base::cat("differs between layers, which is not supported"), base::ErrorCode::kInvalidArgument);
        return 0.0f;
      }
    return static_cast<float>(all->front());
  }

  bool has(const std::string& key) { return find(key, true) != nullptr; }

  void fail(const std::string& key, std::string_view problem, base::ErrorCode code = base::ErrorCode::kCorrupt) {
    if (error_) return;
    const auto found = gguf_.metadata.find(prefix_ + key);
    const std::string at = found == gguf_.metadata.end() ? "" : base::cat(" at byte ", found->second.file_offset);
    error_ = base::Error{code, base::cat("metadata ", prefix_, key, at, " ", problem)};
  }
  // A fault found elsewhere.
  void take(base::Error error) {
    if (!error_) error_ = std::move(error);
  }
  const std::optional<base::Error>& error() const { return error_; }

 private:
  // At least `least`; those behind the first `most` do not count, and are faults where `least` is less.
  std::vector<int> integers_between(const std::string& key, int least, int most) {
    const GgufEntry* found = find(key, false);
    if (found == nullptr) return {};
    const auto* array = std::get_if<GgufArray>(&found->value);
    const bool fits = array != nullptr && least >= 0 && array->size >= static_cast<uint64_t>(least) &&
                      (least == most || array->size <= static_cast<uint64_t>(most));
    const auto all = fits ? integer_elements(*array) : std::nullopt;
    if (!all) {
      fail(key, base::cat("must be an array of at ", least == most ? "least " : "most ", most, " whole numbers"));
      return {};
    }
    std::vector<int> numbers;
    for (size_t i = 0; i < std::min(all->size(), static_cast<size_t>(most)); ++i) {
      const int64_t value = (*all)[i];
      if (value < 0 || value > INT32_MAX) fail(key, base::cat("holds ", value, "; must be whole numbers in 0..", INT32_MAX));
      numbers.push_back(error_ ? 0 : static_cast<int>(value));
    }
    return numbers;
  }

  const GgufEntry* find(const std::string& key, bool optional) {
    const auto found = gguf_.metadata.find(prefix_ + key);
    if (found != gguf_.metadata.end()) return &found->second;
    if (!optional) fail(key, "is missing");
    return nullptr;
  }

  const GgufFile& gguf_;
  const std::string prefix_;
  std::optional<base::Error> error_;
};

}  // namespace engine
