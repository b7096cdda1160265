// SPDX-License-Identifier: Apache-2.0
#include "engine/tokenizer/unicode_class.h"

#include <algorithm>
#include <array>
#include <iterator>

namespace engine {
namespace {

constexpr uint32_t kRanges[] = {
#include "engine/tokenizer/unicode_classes.inc"
};

UnicodeClass search(uint32_t code_point) {
  const auto* after = std::upper_bound(std::begin(kRanges), std::end(kRanges), (code_point << 4) | 15);
  return static_cast<UnicodeClass>(*std::prev(after) & 15);
}

}  // namespace

UnicodeClass unicode_class(uint32_t code_point) {
  static const auto ascii = [] {
    std::array<UnicodeClass, 128> table{};
    for (uint32_t c = 0; c < table.size(); ++c) table[c] = search(c);
    return table;
  }();
  return code_point < ascii.size() ? ascii[code_point] : search(code_point);
}

}  // namespace engine
