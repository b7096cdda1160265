// SPDX-License-Identifier: Apache-2.0
#include "cli/progress_line.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "base/utf8.h"

namespace cli {
namespace {

size_t terminal_width() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
}

// At most `width` code points, without control characters: paths and code come from the repository.
std::string fit(std::string_view text, size_t width) {
  std::string out;
  for (size_t n = 0; !text.empty() && n < width; ++n) {
    const base::CodePoint point = base::decode_utf8(text);
    text.remove_prefix(static_cast<size_t>(point.n_bytes));
    base::append_utf8(out, point.value < 0x20 || point.value == 0x7f ? ' ' : point.value);
  }
  return out;
}

}  // namespace

bool colours_on_stderr() {
  const char* no_colour = std::getenv("NO_COLOR");
  return ::isatty(STDERR_FILENO) == 1 && (no_colour == nullptr || *no_colour == '\0');
}

ProgressLine::ProgressLine() : terminal_(::isatty(STDERR_FILENO) == 1) {}

void ProgressLine::show(std::string_view phase, std::string_view rest) {
  if (!terminal_) {
    if (phase == phase_) return;
    phase_ = phase;
    std::fprintf(stderr, "%s: %s\n", fit(phase, 200).c_str(), fit(rest, 300).c_str());
    return;
  }
  const std::string front = fit(phase, 40);
  const std::string text = fit(rest, terminal_width() - front.size() - 3);
  if (colours_on_stderr())
    std::fprintf(stderr, "\r\x1b[2K\x1b[36m%s\x1b[0m  %s", front.c_str(), text.c_str());
  else
    std::fprintf(stderr, "\r\x1b[2K%s  %s", front.c_str(), text.c_str());
  std::fflush(stderr);
  shown_ = true;
}

void ProgressLine::clear() {
  if (shown_) std::fprintf(stderr, "\r\x1b[2K");
  std::fflush(stderr);
  shown_ = false;
}

}  // namespace cli
