// SPDX-License-Identifier: Apache-2.0
// sandbox/output_buffer.h: keeps the head and the tail of a stream of any length in bounded memory.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace sandbox {

class OutputBuffer {
 public:
  // Keeps the first and the last `limit_bytes / 2`.
  explicit OutputBuffer(uint64_t limit_bytes) : head_limit_(limit_bytes - limit_bytes / 2), tail_limit_(limit_bytes / 2) {}

  void add(std::string_view bytes);
  uint64_t dropped_bytes() const { return dropped_ + (tail_.size() > tail_limit_ ? tail_.size() - tail_limit_ : 0); }

  // The text, with a line that says how much is missing where it was cut.
  std::string text() const;

 private:
  uint64_t head_limit_, tail_limit_, dropped_ = 0;
  std::string head_, tail_;  // the tail may hold up to twice its limit, so that cutting it stays cheap
};

}  // namespace sandbox
