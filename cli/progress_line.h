// SPDX-License-Identifier: Apache-2.0
// cli/progress_line.h: one line on stderr that is written over on a terminal, and a line per phase elsewhere.
#pragma once
#include <string>
#include <string_view>

namespace cli {

class ProgressLine {
 public:
  ProgressLine();
  ~ProgressLine() { clear(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  // `phase` stands out on a terminal; elsewhere a line is written when it changes.
  void show(std::string_view phase, std::string_view rest);
  void clear();  // leaves nothing of it on a terminal

 private:
  const bool terminal_;
  std::string phase_;
  bool shown_ = false;
};

// Colours, where stderr is a terminal and NO_COLOR is not set; else nothing.
bool colours_on_stderr();

}  // namespace cli
