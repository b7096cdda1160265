// SPDX-License-Identifier: Apache-2.0
#include "base/line_index.h"

#include <algorithm>

#include "base/utf8.h"

namespace base {
namespace {

int utf16_units(const CodePoint& c) { return c.value >= 0x10000 ? 2 : 1; }
int utf32_units(const CodePoint&) { return 1; }
int byte_units(const CodePoint& c) { return c.n_bytes; }

template <typename Units>
uint32_t count_units(std::string_view text, Units units) {
  uint32_t n = 0;
  while (!text.empty()) {
    const CodePoint c = decode_utf8(text);
    n += static_cast<uint32_t>(units(c));
    text.remove_prefix(static_cast<size_t>(c.n_bytes));
  }
  return n;
}

// Bytes of `line` before the character in which unit `column` lies.
template <typename Units>
size_t bytes_before(std::string_view line, uint32_t column, Units units) {
  size_t bytes = 0;
  uint32_t n = 0;
  while (bytes < line.size()) {
    const CodePoint c = decode_utf8(line.substr(bytes));
    n += static_cast<uint32_t>(units(c));
    if (n > column) break;
    bytes += static_cast<size_t>(c.n_bytes);
  }
  return bytes;
}

// True where the character at `i` is the last of its line; of "\r\n" that is the "\n".
bool ends_line(std::string_view text, size_t i) {
  return text[i] == '\n' || (text[i] == '\r' && (i + 1 == text.size() || text[i + 1] != '\n'));
}

}  // namespace

LineIndex::LineIndex(std::string_view text) : starts_{0} {
  for (size_t i = 0; i < text.size(); ++i)
    if (ends_line(text, i)) starts_.push_back(i + 1);
}

void LineIndex::splice(std::string_view text, size_t begin, size_t old_end, size_t new_end) {
  size_t first = line_of(begin);
  // The edit may stand between a "\r" and what follows it: the line before then ends elsewhere.
  if (first > 0 && starts_[first] == begin) --first;
  const size_t last = line_of(old_end);
  const ptrdiff_t shift = static_cast<ptrdiff_t>(new_end) - static_cast<ptrdiff_t>(old_end);
  for (size_t i = last + 1; i < starts_.size(); ++i)
    starts_[i] = static_cast<size_t>(static_cast<ptrdiff_t>(starts_[i]) + shift);

  const bool has_next = last + 1 < starts_.size();
  const size_t scan_end = has_next ? starts_[last + 1] : text.size();
  std::vector<size_t> fresh;
  for (size_t i = starts_[first]; i < scan_end; ++i)
    if (ends_line(text, i)) fresh.push_back(i + 1);
  if (has_next && !fresh.empty() && fresh.back() == scan_end) fresh.pop_back();  // it is there already

  const auto from = starts_.begin() + static_cast<ptrdiff_t>(first) + 1;
  const auto kept = starts_.erase(from, starts_.begin() + static_cast<ptrdiff_t>(last) + 1);
  starts_.insert(kept, fresh.begin(), fresh.end());
}

size_t LineIndex::line_of(size_t byte_offset) const {
  return static_cast<size_t>(std::upper_bound(starts_.begin(), starts_.end(), byte_offset) - starts_.begin()) - 1;
}

std::string_view LineIndex::line(std::string_view text, size_t line) const {
  const size_t end = line + 1 < starts_.size() ? starts_[line + 1] : text.size();
  std::string_view found = text.substr(starts_[line], end - starts_[line]);
  if (line + 1 < starts_.size()) {
    if (!found.empty() && found.back() == '\n') found.remove_suffix(1);
    if (!found.empty() && found.back() == '\r') found.remove_suffix(1);
  }
  return found;
}

ByteColumn LineIndex::byte_column(size_t byte_offset) const {
  return {static_cast<uint32_t>(byte_offset - starts_[line_of(byte_offset)])};
}

Utf16Column LineIndex::utf16_column(std::string_view text, size_t byte_offset) const {
  const size_t start = starts_[line_of(byte_offset)];
  return {count_units(text.substr(start, byte_offset - start), utf16_units)};
}

Utf32Column LineIndex::utf32_column(std::string_view text, size_t byte_offset) const {
  const size_t start = starts_[line_of(byte_offset)];
  return {count_units(text.substr(start, byte_offset - start), utf32_units)};
}

size_t LineIndex::offset(std::string_view text, size_t at, ByteColumn column) const {
  return at >= n_lines() ? text.size() : starts_[at] + bytes_before(line(text, at), column.value, byte_units);
}

size_t LineIndex::offset(std::string_view text, size_t at, Utf16Column column) const {
  return at >= n_lines() ? text.size() : starts_[at] + bytes_before(line(text, at), column.value, utf16_units);
}

size_t LineIndex::offset(std::string_view text, size_t at, Utf32Column column) const {
  return at >= n_lines() ? text.size() : starts_[at] + bytes_before(line(text, at), column.value, utf32_units);
}

}  // namespace base
