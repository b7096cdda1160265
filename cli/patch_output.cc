// SPDX-License-Identifier: Apache-2.0
#include "cli/patch_output.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "base/strings.h"

namespace cli {
namespace {

bool colours_on_stdout() {
  const char* no_colour = std::getenv("NO_COLOR");
  return ::isatty(STDOUT_FILENO) == 1 && (no_colour == nullptr || *no_colour == '\0');
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

void add_printable(std::string& out, std::string_view text, bool tabs_stay) {
  for (const char c : text) {
    const bool shown = is_control(c) && !(tabs_stay && c == '\t');
    if (shown) out += '^';
    out += shown ? static_cast<char>(c ^ 0x40) : c;
  }
}

const char* colour_of(std::string_view line, bool& in_hunk) {
  if (line.starts_with("@@")) {
    in_hunk = true;
    return "\x1b[36m";
  }
  if (line.starts_with("diff --git ")) in_hunk = false;  // a line of a hunk begins with a blank, a sign or a backslash
  if (!in_hunk) return "\x1b[1m";
  if (line.starts_with('+')) return "\x1b[32m";
  return line.starts_with('-') ? "\x1b[31m" : "";
}

}  // namespace

void print_patch(std::string_view patch) {
  const std::string coloured = colours_on_stdout() ? coloured_patch(patch) : std::string();
  const std::string_view out = coloured.empty() ? patch : std::string_view(coloured);
  std::fwrite(out.data(), 1, out.size(), stdout);
}

std::string coloured_patch(std::string_view patch) {
  std::string out;
  out.reserve(patch.size() + patch.size() / 4);
  bool in_hunk = false;
  while (!patch.empty()) {
    const size_t end = patch.find('\n');
    const std::string_view line = patch.substr(0, end);
    const std::string_view colour = colour_of(line, in_hunk);
    out += colour;
    add_printable(out, line, true);
    if (!colour.empty()) out += "\x1b[0m";
    if (end == std::string_view::npos) break;
    out += '\n';
    patch.remove_prefix(end + 1);
  }
  return out;
}

std::string short_diff(std::string_view patch, std::string_view indent, bool colours) {
  std::string out;
  bool in_hunk = false;
  size_t n = 0;
  for (const std::string_view line : base::split_lines(patch)) {
    const std::string_view colour = colour_of(line, in_hunk);
    if (!in_hunk || line.empty() || (line[0] != '+' && line[0] != '-')) continue;
    if (++n > kShortDiffLines) continue;
    out += indent;
    if (colours) out += colour;
    add_printable(out, line, true);
    if (colours) out += "\x1b[0m";
    out += '\n';
  }
  if (n > kShortDiffLines) out += base::cat(indent, "... ", n - kShortDiffLines, " more lines\n");
  return out;
}

std::string printable(std::string_view text) {
  std::string out;
  add_printable(out, text, false);
  return out;
}

}  // namespace cli
