// SPDX-License-Identifier: Apache-2.0
#include "cli/last_words.h"

#include <algorithm>
#include <array>

#include "base/colours.h"
#include "base/strings.h"

namespace cli {
namespace {

constexpr auto kAdvice = std::to_array<std::string_view>({
    "[ERROR] -> [Help",
    "[ERROR] [Help",
    "[ERROR] To see the full stack",
    "[ERROR] Re-run Maven",
    "[ERROR] For more information",
    "[ERROR] After correcting the problems",
    "note: run with `RUST_BACKTRACE",
    "note: Some details are omitted, run with `RUST_BACKTRACE",
    "npm ERR! A complete log",
    "npm error A complete log",
    // The sums at the end of TAP, as node writes them.
    "# tests ",
    "# suites ",
    "# pass ",
    "# fail ",
    "# cancelled ",
    "# skipped ",
    "# todo ",
    "# duration_ms ",
});

constexpr std::string_view kTab = "    ";  // in columns behind a label a tab would jump anywhere

bool says_something(std::string_view text) {
  return !text.empty() && text != "[ERROR]" && text != "[INFO]" &&
         std::none_of(kAdvice.begin(), kAdvice.end(), [&](std::string_view words) { return text.starts_with(words); });
}

}  // namespace

std::vector<std::string> last_words(std::string_view output, size_t n) {
  std::vector<std::string> lines;
  for (const std::string_view line : base::split_lines(output)) {
    std::string plain = base::without_colours(line);
    if (!says_something(base::trim(plain))) continue;
    for (size_t tab = plain.find('\t'); tab != std::string::npos; tab = plain.find('\t', tab))
      plain.replace(tab, 1, kTab);
    lines.push_back(std::move(plain));
  }
  if (lines.size() > n) lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(n));
  return lines;
}

}  // namespace cli
