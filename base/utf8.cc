// SPDX-License-Identifier: Apache-2.0
#include "base/utf8.h"

namespace base {

CodePoint decode_utf8(std::string_view text) {
  constexpr CodePoint kBad{0xFFFD, 1, false};
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(0);
  if (first < 0x80) return {first, 1, true};
  int n_bytes = 0;
  uint32_t value = 0, smallest = 0;
  if ((first & 0xE0) == 0xC0) {
    n_bytes = 2, value = first & 0x1Fu, smallest = 0x80;
  } else if ((first & 0xF0) == 0xE0) {
    n_bytes = 3, value = first & 0x0Fu, smallest = 0x800;
  } else if ((first & 0xF8) == 0xF0) {
    n_bytes = 4, value = first & 0x07u, smallest = 0x10000;
  } else {
    return kBad;
  }
  if (text.size() < static_cast<size_t>(n_bytes)) return kBad;
  for (int i = 1; i < n_bytes; ++i) {
    if ((byte(static_cast<size_t>(i)) & 0xC0) != 0x80) return kBad;
    value = (value << 6) | (byte(static_cast<size_t>(i)) & 0x3Fu);
  }
  if (value < smallest || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) return kBad;
  return {value, n_bytes, true};
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const CodePoint c = decode_utf8(text);
    if (!c.valid) return false;
    text.remove_prefix(static_cast<size_t>(c.n_bytes));
  }
  return true;
}

void append_utf8(std::string& out, uint32_t c) {
  const auto put = [&](uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | (c >> 6)), put(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    put(0xE0 | (c >> 12)), put(0x80 | ((c >> 6) & 0x3F)), put(0x80 | (c & 0x3F));
  } else {
    put(0xF0 | (c >> 18)), put(0x80 | ((c >> 12) & 0x3F)), put(0x80 | ((c >> 6) & 0x3F)), put(0x80 | (c & 0x3F));
  }
}

std::string to_valid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const CodePoint c = decode_utf8(text);
    append_utf8(out, c.value);
    text.remove_prefix(static_cast<size_t>(c.n_bytes));
  }
  return out;
}

}  // namespace base
