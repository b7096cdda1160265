// SPDX-License-Identifier: Apache-2.0
#include "cli/input_lines.h"

#include <poll.h>
#include <unistd.h>

namespace cli {

std::optional<std::string> InputLines::next(std::stop_token stop) {
  for (;;) {
    if (const size_t newline = held_.find('\n', searched_); newline != std::string::npos) return take(newline + 1);
    searched_ = held_.size();
    if (held_.size() > kMaxLineBytes) return std::nullopt;
    pollfd input{STDIN_FILENO, POLLIN, 0};
    while (::poll(&input, 1, 200) == 0)
      if (stop.stop_requested()) return std::nullopt;
    if (stop.stop_requested()) return std::nullopt;
    char bytes[65536];
    const ssize_t n = ::read(STDIN_FILENO, bytes, sizeof bytes);
    if (n <= 0) return held_.empty() ? std::nullopt : std::optional(take(held_.size()));
    held_.append(bytes, static_cast<size_t>(n));
  }
}

std::string InputLines::take(size_t n) {
  std::string line = held_.substr(0, n);
  held_.erase(0, n);
  searched_ = 0;
  return line;
}

}  // namespace cli
