// SPDX-License-Identifier: Apache-2.0
// base/colours.h: what a program writes for a terminal, without what only a terminal understands.
#pragma once
#include <string>
#include <string_view>

namespace base {

// `line` without control sequences (ECMA-48, 5.4) and carriage returns.
inline std::string without_colours(std::string_view line) {
  std::string plain;
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\x1b' && i + 1 < line.size() && line[i + 1] == '[') {
      i += 2;
      while (i < line.size() && (line[i] < '@' || line[i] > '~')) ++i;
      continue;
    }
    if (line[i] != '\r') plain += line[i];
  }
  return plain;
}

}  // namespace base
