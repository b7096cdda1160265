// SPDX-License-Identifier: Apache-2.0
// base/utf8.h: UTF-8 by the standard's table (Unicode 15, table 3-7): no overlong forms, no surrogates, at most U+10FFFF.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace base {

struct CodePoint {
  uint32_t value;  // U+FFFD where the bytes are not UTF-8
  int n_bytes;     // 1 for a bad byte, so a walk always advances
  bool valid;
};

// The code point at the front of `text`, which must not be empty.
CodePoint decode_utf8(std::string_view text);

bool is_utf8(std::string_view text);
void append_utf8(std::string& out, uint32_t code_point);

// Every byte that is not part of valid UTF-8 becomes U+FFFD.
std::string to_valid_utf8(std::string_view text);

}  // namespace base
