// SPDX-License-Identifier: Apache-2.0
#include "cli/last_words.h"

#include <algorithm>
#include <array>
#include <iterator>

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
    // What TAP's reporters say of every test.
    "duration_ms: ",
    "failureType: ",
    "type: 'test'",
    "Node.js v",  // behind every crash
    // CTest, whatever failed.
    "Total Test time",
    "Errors while running CTest",
});

// One of them stands where a failure is told, whatever the tool.
constexpr auto kFailureWords = std::to_array<std::string_view>({
    "Error:", "Exception", "error:", "error[", "[ERROR]", "FAIL", "Fail", "fail", "panicked at", "assert", "Assert", "xpected",
    "not found", "No such file", "Segmentation fault", "Aborted", "Killed",
});

constexpr std::string_view kTab = "    ";  // in columns behind a label a tab would jump anywhere

bool has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

// A frame of a JavaScript stack that lies in Node or in a package.
bool is_foreign_frame(std::string_view text) {
  return text.starts_with("at ") && (has(text, "node:") || has(text, "/node_modules/") || has(text, "(<anonymous>)"));
}

bool is_rule(std::string_view text) { return text.find_first_not_of("-=*_.") == std::string_view::npos; }

// A test that passed, in the words of CTest (where it starts as well) and Unity.
bool tells_pass(std::string_view text) {
  return (has(text, " Test ") && has(text, ".   Passed ")) || (text.starts_with("Start ") && has(text, ": ")) || text.ends_with(":PASS");
}

bool says_something(std::string_view text) {
  return !is_rule(text) && text != "[ERROR]" && text != "[INFO]" && !is_foreign_frame(text) && !tells_pass(text) &&
         std::none_of(kAdvice.begin(), kAdvice.end(), [&](std::string_view words) { return text.starts_with(words); });
}

bool tells_failure(std::string_view line) {
  return std::any_of(kFailureWords.begin(), kFailureWords.end(), [&](std::string_view words) { return has(line, words); });
}

// A test of TAP that failed and was not expected to.
bool is_not_ok(std::string_view line) {
  return base::trim(line).starts_with("not ok ") && !has(line, "# TODO") && !has(line, "# todo") && !has(line, "# SKIP");
}

// Where the words begin that are worth `n` lines. TAP tells a failure where the test ends, and each test around it says only
// that one failed; a crash of Node is told before a long stack.
size_t first_worth(const std::vector<std::string>& lines, size_t n) {
  const size_t tail = lines.size() > n ? lines.size() - n : 0;
  const auto last = lines.begin() + static_cast<std::ptrdiff_t>(tail);
  if (const auto found = std::find_if(lines.begin(), last, is_not_ok); found != last) return static_cast<size_t>(found - lines.begin());
  if (std::any_of(last, lines.end(), tells_failure)) return tail;
  const auto told = std::find_if(std::make_reverse_iterator(last), lines.rend(), tells_failure);
  return told == lines.rend() ? tail : static_cast<size_t>(lines.rend() - told) - 1;
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
  lines.erase(lines.begin(), lines.begin() + static_cast<std::ptrdiff_t>(first_worth(lines, n)));
  if (lines.size() > n) lines.resize(n);
  return lines;
}

}  // namespace cli
