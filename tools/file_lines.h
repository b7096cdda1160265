// SPDX-License-Identifier: Apache-2.0
// tools/file_lines.h: a file as lines that know their bytes, and a look-up of lines by their text; private to tools/.
#pragma once
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tools {

struct FileLine {
  size_t begin;           // byte offset
  std::string_view text;  // without "\n"; a "\r" before it stays
  bool newline;           // false only for a last line without one
};

class FileLines {
 public:
  explicit FileLines(std::string_view text);  // borrowed

  size_t size() const { return lines_.size(); }
  const FileLine& operator[](size_t i) const { return lines_[i]; }
  size_t begin_of(size_t i) const { return i < lines_.size() ? lines_[i].begin : text_.size(); }
  bool has_bom() const { return text_.substr(0, 3) == "\xef\xbb\xbf"; }
  std::string_view text() const { return text_; }

  // Lines whose text is the same without blanks at both ends: a superset of what any step of matching accepts.
  const std::vector<size_t>& alike(std::string_view line) const;

 private:
  std::string_view text_;
  std::vector<FileLine> lines_;
  std::unordered_map<std::string_view, std::vector<size_t>> by_trimmed_;
};

// Without blanks and line-end letters on both sides, and without a BOM.
std::string_view bare(std::string_view line);

}  // namespace tools
