// SPDX-License-Identifier: Apache-2.0
#include "engine/constrain/code_points.h"

#include <algorithm>

#include "base/utf8.h"

namespace engine {
namespace {

// Appends the byte sequences of [first, last], which are all of one length, `bytes` to go.
ExprId utf8_range(ExprStore& store, const std::string& first, const std::string& last, size_t at) {
  const int low = static_cast<unsigned char>(first[at]), high = static_cast<unsigned char>(last[at]);
  const size_t rest = first.size() - at - 1;
  if (rest == 0) return store.bytes(ByteSet::range(low, high));
  const ExprId any_rest =
      store.repeat(store.bytes(ByteSet::range(0x80, 0xbf)), static_cast<uint32_t>(rest), static_cast<uint32_t>(rest));
  const std::string lowest(first.size(), '\x80'), highest(first.size(), '\xbf');
  const bool from_start = first.compare(at + 1, rest, lowest, at + 1, rest) == 0;
  const bool to_end = last.compare(at + 1, rest, highest, at + 1, rest) == 0;
  if (low == high) {
    const ExprId tail = from_start && to_end ? any_rest : utf8_range(store, first, last, at + 1);
    return store.concat(store.byte(low), tail);
  }
  std::vector<ExprId> parts;
  int whole_from = low, whole_to = high;
  if (!from_start) {
    parts.push_back(store.concat(store.byte(low), utf8_range(store, first, highest, at + 1)));
    ++whole_from;
  }
  if (!to_end) {
    parts.push_back(store.concat(store.byte(high), utf8_range(store, lowest, last, at + 1)));
    --whole_to;
  }
  if (whole_from <= whole_to)
    parts.push_back(store.concat(store.bytes(ByteSet::range(whole_from, whole_to)), any_rest));
  return store.alt(std::move(parts));
}

ExprId utf8_characters(ExprStore& store, const CodePoints& set) {
  // The last code point of each length in UTF-8.
  constexpr uint32_t kEnds[] = {0x7f, 0x7ff, 0xffff, 0x10ffff};
  std::vector<ExprId> parts;
  for (const auto& [first, last] : set.ranges()) {
    uint32_t from = first;
    for (const uint32_t end : kEnds) {
      if (from > end || from > last) continue;
      std::string low, high;
      base::append_utf8(low, from);
      base::append_utf8(high, std::min(end, last));
      parts.push_back(utf8_range(store, low, high, 0));
      from = end + 1;
    }
  }
  return store.alt(std::move(parts));
}

char short_escape(uint32_t code_point) {
  switch (code_point) {
    case '"':
      return '"';
    case '\\':
      return '\\';
    case '\b':
      return 'b';
    case '\f':
      return 'f';
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\t':
      return 't';
    default:
      return 0;
  }
}

std::string json_escape(uint32_t code_point) {
  if (const char letter = short_escape(code_point)) return {'\\', letter};
  constexpr char kHex[] = "0123456789abcdef";
  return {'\\', 'u', '0', '0', kHex[code_point >> 4], kHex[code_point & 15]};
}

bool is_escaped(uint32_t code_point) {
  return code_point < 0x20 || code_point == '"' || code_point == '\\';
}

}  // namespace

void CodePoints::add(uint32_t first, uint32_t last) {
  last = std::min<uint32_t>(last, 0x10ffff);
  if (first > last) return;
  if (first < 0xe000 && last > 0xd7ff) {  // around the surrogates
    if (first < 0xd800) add(first, 0xd7ff);
    if (last > 0xdfff) add(0xe000, last);
    return;
  }
  const auto at = std::lower_bound(ranges_.begin(), ranges_.end(), first,
                                   [](const Range& range, uint32_t value) { return range.second + 1 < value; });
  auto end = at;
  for (; end != ranges_.end() && end->first <= last + 1; ++end) {
    first = std::min(first, end->first);
    last = std::max(last, end->second);
  }
  ranges_.insert(ranges_.erase(at, end), {first, last});
}

void CodePoints::add(const CodePoints& other) {
  for (const Range& range : other.ranges_) add(range.first, range.second);
}

CodePoints CodePoints::complement() const {
  CodePoints rest;
  uint32_t from = 0;
  for (const Range& range : ranges_) {
    if (range.first > from) rest.add(from, range.first - 1);
    from = range.second + 1;
  }
  rest.add(from, 0x10ffff);
  return rest;
}

bool CodePoints::contains(uint32_t code_point) const {
  const auto at = std::lower_bound(ranges_.begin(), ranges_.end(), code_point,
                                   [](const Range& range, uint32_t value) { return range.second < value; });
  return at != ranges_.end() && at->first <= code_point;
}

ExprId one_character(ExprStore& store, const CodePoints& set, Spelling spelling) {
  if (spelling == Spelling::kUtf8) return utf8_characters(store, set);
  CodePoints raw;
  std::vector<std::string> escapes;
  for (const auto& [first, last] : set.ranges()) {
    uint32_t from = first;
    for (uint32_t c = first; c <= std::min<uint32_t>(last, '\\'); ++c) {
      if (!is_escaped(c)) continue;
      if (c > from) raw.add(from, c - 1);
      escapes.push_back(json_escape(c));
      from = c + 1;
    }
    raw.add(from, last);
  }
  std::vector<std::pair<std::string_view, ExprId>> texts;
  for (const std::string& escape : escapes) texts.push_back({escape, kEmptyText});
  return store.alt(utf8_characters(store, raw), store.one_of(std::move(texts)));
}

std::string spelled(std::string_view text, Spelling spelling) {
  if (spelling == Spelling::kUtf8) return std::string(text);
  std::string out;
  while (!text.empty()) {
    const base::CodePoint c = base::decode_utf8(text);
    if (is_escaped(c.value))
      out += json_escape(c.value);
    else
      base::append_utf8(out, c.value);
    text.remove_prefix(static_cast<size_t>(c.n_bytes));
  }
  return out;
}

}  // namespace engine
