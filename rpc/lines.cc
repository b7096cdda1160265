// SPDX-License-Identifier: Apache-2.0
#include "rpc/lines.h"

#include "base/strings.h"

namespace rpc {

void LineReader::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    const size_t newline = bytes.find('\n');
    take(bytes.substr(0, newline));
    if (newline == std::string_view::npos) return;
    end_line();
    bytes.remove_prefix(newline + 1);
  }
}

void LineReader::take(std::string_view part) {
  if (skipping_) return;
  if (part.size() <= max_line_bytes_ - line_.size()) {
    line_.append(part);
    return;
  }
  ready_.emplace_back(base::Error{base::ErrorCode::kExhausted,
                                  base::cat("a message of more than ", max_line_bytes_, " bytes is not taken")});
  line_ = {};
  skipping_ = true;
}

void LineReader::end_line() {
  if (!base::trim(line_).empty()) ready_.emplace_back(std::move(line_));
  line_ = {};
  skipping_ = false;
}

void LineReader::end() {
  end_line();
}

std::optional<base::Result<std::string>> LineReader::next() {
  if (ready_.empty()) return std::nullopt;
  auto first = std::move(ready_.front());
  ready_.pop_front();
  return first;
}

std::string line(std::string_view body) {
  std::string out(body);
  out += '\n';
  return out;
}

}  // namespace rpc
