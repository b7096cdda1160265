// SPDX-License-Identifier: Apache-2.0
// base/line_index.h: from byte offsets to lines and columns and back, in the three encodings of the LSP.
//
// Units    Lines are 0-based and end at "\n", "\r\n" or a lone "\r" (LSP 3.17, "Text Documents"). Columns are 0-based and
//          carry their unit in the type: bytes, UTF-16 code units, or code points. A bad byte counts as one unit.
// Owns     Line starts only; the text is passed in and must be the one that the index was made from.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace base {

struct ByteColumn { uint32_t value; };
struct Utf16Column { uint32_t value; };
struct Utf32Column { uint32_t value; };

class LineIndex {
 public:
  explicit LineIndex(std::string_view text);

  // Follows an edit: bytes [begin, old_end) of the old text became [begin, new_end) of `text`, the new one. Scans the lines
  // touched only; equal to an index made anew.
  void splice(std::string_view text, size_t begin, size_t old_end, size_t new_end);

  size_t n_lines() const { return starts_.size(); }  // at least 1
  size_t line_of(size_t byte_offset) const;
  size_t line_start(size_t line) const { return starts_[line]; }
  // The line's text without its end mark.
  std::string_view line(std::string_view text, size_t line) const;

  ByteColumn byte_column(size_t byte_offset) const;
  Utf16Column utf16_column(std::string_view text, size_t byte_offset) const;
  Utf32Column utf32_column(std::string_view text, size_t byte_offset) const;

  // A line past the end gives the text's end; a column past the line's end gives the line's end (LSP 3.17, "Position");
  // a column in the middle of a character gives that character's start.
  size_t offset(std::string_view text, size_t line, ByteColumn column) const;
  size_t offset(std::string_view text, size_t line, Utf16Column column) const;
  size_t offset(std::string_view text, size_t line, Utf32Column column) const;

 private:
  std::vector<size_t> starts_;
};

}  // namespace base
