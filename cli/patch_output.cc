// SPDX-License-Identifier: Apache-2.0
#include "cli/patch_output.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace cli {
namespace {

bool colours_on_stdout() {
  const char* no_colour = std::getenv("NO_COLOR");
  return ::isatty(STDOUT_FILENO) == 1 && (no_colour == nullptr || *no_colour == '\0');
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
    for (const char c : line) {
      const bool control = (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
      if (control) out += '^';
      out += control ? static_cast<char>(c ^ 0x40) : c;
    }
    if (!colour.empty()) out += "\x1b[0m";
    if (end == std::string_view::npos) break;
    out += '\n';
    patch.remove_prefix(end + 1);
  }
  return out;
}

}  // namespace cli
