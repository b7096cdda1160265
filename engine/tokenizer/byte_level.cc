// SPDX-License-Identifier: Apache-2.0
#include "engine/tokenizer/byte_level.h"

#include "base/utf8.h"

namespace engine {
namespace {

bool stands_for_itself(uint32_t byte) {
  return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
}

}  // namespace

const std::array<uint32_t, 256>& byte_level_alphabet() {
  static const auto alphabet = [] {
    std::array<uint32_t, 256> code_points{};
    uint32_t next = 256;
    for (uint32_t byte = 0; byte < 256; ++byte) code_points[byte] = stands_for_itself(byte) ? byte : next++;
    return code_points;
  }();
  return alphabet;
}

std::optional<std::string> from_byte_level(std::string_view entry) {
  static const auto bytes = [] {
    std::array<int, 324> inverse;  // 256 + 68 code points
    inverse.fill(-1);
    for (size_t byte = 0; byte < 256; ++byte) inverse[byte_level_alphabet()[byte]] = static_cast<int>(byte);
    return inverse;
  }();
  std::string out;
  while (!entry.empty()) {
    const base::CodePoint c = base::decode_utf8(entry);
    if (!c.valid || c.value >= bytes.size() || bytes[c.value] < 0) return std::nullopt;
    out.push_back(static_cast<char>(bytes[c.value]));
    entry.remove_prefix(static_cast<size_t>(c.n_bytes));
  }
  return out;
}

}  // namespace engine
