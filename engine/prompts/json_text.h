// SPDX-License-Identifier: Apache-2.0
// engine/prompts/json_text.h: JSON as text, in the spelling that chat formats were trained on: that of Python's
// json.dumps with ensure_ascii off. Order of keys and spelling of numbers stay as they are.
//
// Errors   kCorrupt with the byte. Bounds: nesting of at most base::kMaxJsonDepth.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace engine {

struct JsonText {
  std::string text;  // separators ", " and ": "
  bool repaired = false;
};

// One value that fills `text`. `repair`: damage with one way to read it is mended: missing closing brackets at the end,
// commas too few or too many, raw control characters and unknown escapes in strings, Python's literals, a Markdown
// fence around all, closing brackets too many at the end. A text that ends inside a string or after a key is refused.
base::Result<JsonText> canonical_json(std::string_view text, bool repair);

struct JsonMember {
  std::string key;    // decoded
  std::string value;  // JSON
};
// The following take text that canonical_json() has made.
bool is_json_string(std::string_view json);
std::string json_string_value(std::string_view json);  // of a JSON string
std::vector<JsonMember> json_members(std::string_view object);
std::vector<std::string> json_elements(std::string_view array);
std::string indented_json(std::string_view json, int indent);
const std::string* find_member(const std::vector<JsonMember>& members, std::string_view key);

std::string json_quoted(std::string_view text);  // bytes that are not UTF-8 become U+FFFD

}  // namespace engine
