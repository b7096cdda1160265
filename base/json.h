// SPDX-License-Identifier: Apache-2.0
// base/json.h: JSON without exceptions, for text that we did not write.
//
// Errors   kCorrupt with the byte offset. Bounds: nesting of at most kMaxJsonDepth, so hostile input cannot end the stack.
// Note     Include <nlohmann/json.hpp> only in .cc files that touch values; it costs seconds per translation unit.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace base {

using Json = nlohmann::json;
inline constexpr int kMaxJsonDepth = 256;

// Parses one JSON value that fills `text`; duplicate keys keep the last value.
Result<Json> parse_json(std::string_view text);

// The same, but an object with two equal keys is kCorrupt: for formats where the second could hide the first.
Result<Json> parse_json_unique(std::string_view text);

// Compact UTF-8; bytes that are not UTF-8 become U+FFFD, so this cannot fail.
std::string dump_json(const Json& value, int indent = -1);

// Member access that never throws: the default where the value is no object, the key is missing or the type differs.
std::string json_string(const Json& object, const char* key, std::string_view fallback = "");
int64_t json_int(const Json& object, const char* key, int64_t fallback = 0);
double json_double(const Json& object, const char* key, double fallback = 0.0);
bool json_bool(const Json& object, const char* key, bool fallback = false);

}  // namespace base
