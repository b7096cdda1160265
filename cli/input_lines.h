// SPDX-License-Identifier: Apache-2.0
// cli/input_lines.h: lines of standard input, for the commands that answer one JSON line with another.
//
// Bounds   A line of at most kMaxLineBytes: one question, with a whole file in it.
#pragma once
#include <cstddef>
#include <optional>
#include <stop_token>
#include <string>

namespace cli {

// A waiting read ends within a fifth of a second of a stop request.
class InputLines {
 public:
  static constexpr size_t kMaxLineBytes = 64u << 20;

  // Nothing at the end, on a stop and after a line over kMaxLineBytes.
  std::optional<std::string> next(std::stop_token stop);
  bool too_long() const { return held_.size() > kMaxLineBytes; }

 private:
  std::string take(size_t n);
  std::string held_;
  size_t searched_ = 0;
};

}  // namespace cli
