// SPDX-License-Identifier: Apache-2.0
// cli/growing_text.h: a text that is written out while it grows, up to what may still be taken back.
#pragma once
#include <algorithm>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace cli {

// Writes to `to`, which it flushes. One thread.
class GrowingText {
 public:
  // `stop`: what the text will be cut before, so that a beginning of it is held back until more is known.
  GrowingText(std::FILE* to, std::vector<std::string> stop) : to_(to), stop_(std::move(stop)) {}

  // `text`: all of it so far; it only grows.
  void show(std::string_view text) { write(text, text.size() - held_back(text)); }
  // The text as it is at last, which may be shorter by a stop string.
  void finish(std::string_view text) { write(text, text.size()); }

 private:
  // Bytes at the end of `text` that a stop string may begin with.
  size_t held_back(std::string_view text) const {
    size_t most = 0;
    for (const std::string& stop : stop_)
      for (size_t n = std::min(stop.size(), text.size()); n > most; --n)
        if (text.ends_with(std::string_view(stop).substr(0, n))) most = n;
    return most;
  }
  void write(std::string_view text, size_t end) {
    if (end <= shown_) return;
    std::fwrite(text.data() + shown_, 1, end - shown_, to_);
    std::fflush(to_);
    shown_ = end;
  }

  std::FILE* to_;
  std::vector<std::string> stop_;
  size_t shown_ = 0;
};

}  // namespace cli
