// SPDX-License-Identifier: Apache-2.0
#include "tools/file_lines.h"

#include "base/strings.h"

namespace tools {

std::string_view bare(std::string_view line) {
  if (line.substr(0, 3) == "\xef\xbb\xbf") line.remove_prefix(3);
  constexpr std::string_view kBlank = " \t\r\f\v";
  const size_t begin = line.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return line.substr(begin, line.find_last_not_of(kBlank) - begin + 1);
}

FileLines::FileLines(std::string_view text) : text_(text) {
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    const bool newline = end != std::string_view::npos;
    lines_.push_back({at, text.substr(at, newline ? end - at : std::string_view::npos), newline});
    at = newline ? end + 1 : text.size();
  }
  for (size_t i = 0; i < lines_.size(); ++i) by_trimmed_[bare(lines_[i].text)].push_back(i);
}

const std::vector<size_t>& FileLines::alike(std::string_view line) const {
  static const std::vector<size_t> kNone;
  const auto found = by_trimmed_.find(bare(line));
  return found == by_trimmed_.end() ? kNone : found->second;
}

}  // namespace tools
