// SPDX-License-Identifier: Apache-2.0
#include "engine/tokenizer/pre_tokenizer.h"

#include "base/utf8.h"

namespace engine {
namespace {

// Walks code points of one piece. Outside the piece there is no character.
struct Cursor {
  std::string_view text;

  struct Char {
    uint32_t value;
    size_t n_bytes;  // 0 at the end
    UnicodeClass kind;
    bool valid;
  };
  Char at(size_t i) const {
    if (i >= text.size()) return {0, 0, UnicodeClass::kOther, false};
    const base::CodePoint c = base::decode_utf8(text.substr(i));
    return {c.value, static_cast<size_t>(c.n_bytes), c.valid ? unicode_class(c.value) : UnicodeClass::kOther, c.valid};
  }

  // End of the longest run from `i` of at most `max` characters that `test` accepts; 0: no limit.
  template <typename Test>
  size_t run(size_t i, Test test, int max = 0) const {
    for (int n = 0; max == 0 || n < max; ++n) {
      const Char c = at(i);
      if (c.n_bytes == 0 || !test(c)) break;
      i += c.n_bytes;
    }
    return i;
  }
};

using Char = Cursor::Char;
bool is_letter(const Char& c) {
  return (kLetterClasses & class_bit(c.kind)) != 0;
}
bool is_mark(const Char& c) {
  return c.kind == UnicodeClass::kMark;
}
bool is_number(const Char& c) {
  return c.kind == UnicodeClass::kNumber;
}
bool is_space(const Char& c) {
  return c.kind == UnicodeClass::kSpace;
}
bool is_line_end(const Char& c) {
  return c.valid && (c.value == '\r' || c.value == '\n');
}
bool is_sign(const Char& c) {
  return c.kind == UnicodeClass::kPunctuation || c.kind == UnicodeClass::kSymbol;
}
bool is_ascii_letter(const Char& c) {
  return c.valid && ((c.value | 32) >= 'a' && (c.value | 32) <= 'z');
}

// The matchers below give the end of the match at `i`, or `i` where there is none. Alternatives are tried in the
// expression's order; "\s+(?!\S)" takes a run of spaces but its last, unless the text ends there.

size_t match_spaces(const Cursor& t, size_t i) {  // \s+(?!\S)|\s+
  size_t end = i, last = i;
  for (Char c = t.at(i); c.n_bytes != 0 && is_space(c); c = t.at(end)) {
    last = end;
    end += c.n_bytes;
  }
  return end == t.text.size() || last == i ? end : last;
}

// 's|'t|'re|'ve|'m|'ll|'d, in either case if asked; U+017F folds to s there.
size_t match_contraction(const Cursor& t, size_t i, bool any_case) {
  if (t.at(i).value != '\'' || t.at(i).n_bytes == 0) return i;
  const auto letter = [&](size_t at) -> uint32_t {
    const Char c = t.at(at);
    if (!c.valid) return 0;
    if (any_case && c.value == 0x17F) return 's';
    return any_case && c.value >= 'A' && c.value <= 'Z' ? c.value | 32 : c.value;
  };
  const uint32_t a = letter(i + 1);
  const size_t after = i + 1 + t.at(i + 1).n_bytes;
  if (a == 's' || a == 't' || a == 'm' || a == 'd') return after;
  const uint32_t b = letter(after);
  if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l')) return after + t.at(after).n_bytes;
  return i;
}

// " ?" and then a run of at least one; without the space where nothing follows it.
template <typename Test>
size_t match_after_space(const Cursor& t, size_t i, Test test) {
  const bool space = t.at(i).n_bytes == 1 && t.text[i] == ' ';
  if (space)
    if (const size_t end = t.run(i + 1, test); end > i + 1) return end;
  return t.run(i, test);
}

// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
size_t match_gpt2(const Cursor& t, size_t i) {
  if (const size_t end = match_contraction(t, i, false); end > i) return end;
  if (const size_t end = match_after_space(t, i, is_letter); end > i) return end;
  if (const size_t end = match_after_space(t, i, is_number); end > i) return end;
  const auto other = [](const Char& c) { return !is_space(c) && !is_letter(c) && !is_number(c); };
  if (const size_t end = match_after_space(t, i, other); end > i) return end;
  return match_spaces(t, i);
}

// "\s*[\r\n]+": a run of spaces up to its last line end.
size_t match_lines(const Cursor& t, size_t i) {
  size_t end = i, matched = i;
  for (Char c = t.at(i); c.n_bytes != 0 && is_space(c); c = t.at(end)) {
    end += c.n_bytes;
    if (is_line_end(c)) matched = end;
  }
  return matched;
}

// An optional first character that `first` accepts, then a run of at least one that `rest` accepts.
template <typename First, typename Rest>
size_t match_prefixed(const Cursor& t, size_t i, First first, Rest rest) {
  const Char c = t.at(i);
  if (c.n_bytes != 0 && first(c))
    if (const size_t end = t.run(i + c.n_bytes, rest); end > i + c.n_bytes) return end;
  return t.run(i, rest);
}

// (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,n}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
// and its relatives with [\p{L}\p{M}]+ and [^\s\p{L}\p{M}\p{N}]+, or without [\r\n]*.
size_t match_cl100k(const Cursor& t, size_t i, const KnownSplit& split) {
  if (const size_t end = match_contraction(t, i, true); end > i) return end;
  const auto lead = [](const Char& c) { return !is_line_end(c) && !is_letter(c) && !is_number(c); };
  const auto word = [&](const Char& c) { return is_letter(c) || (split.marks_in_words && is_mark(c)); };
  if (const size_t end = match_prefixed(t, i, lead, word); end > i) return end;
  if (const size_t end = t.run(i, is_number, split.max_digits); end > i) return end;
  const auto other = [&](const Char& c) { return !is_space(c) && !word(c) && !is_number(c); };
  if (const size_t end = match_after_space(t, i, other); end > i)
    return split.line_ends_of_signs ? t.run(end, is_line_end) : end;
  if (const size_t end = match_lines(t, i); end > i) return end;
  return match_spaces(t, i);
}

// What a cased word begins with, [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}], and ends with, [\p{Ll}\p{Lm}\p{Lo}\p{M}].
bool begins_word(const Char& c) {
  return is_mark(c) || (is_letter(c) && c.kind != UnicodeClass::kLowerLetter);
}
bool ends_word(const Char& c) {
  return is_mark(c) || (is_letter(c) && c.kind != UnicodeClass::kUpperLetter);
}

// BEGIN*END+ : the first run gives back as little as lets the second match, which then is one character long.
size_t match_capitalized(const Cursor& t, size_t i) {
  size_t begin_end = i, last_both = i;
  for (Char c = t.at(i); c.n_bytes != 0 && begins_word(c); c = t.at(begin_end)) {
    begin_end += c.n_bytes;
    if (ends_word(c)) last_both = begin_end;
  }
  const size_t end = t.run(begin_end, ends_word);
  return end > begin_end ? end : last_both;
}

// BEGIN+END*
size_t match_capitals(const Cursor& t, size_t i) {
  const size_t begin_end = t.run(i, begins_word);
  return begin_end == i ? i : t.run(begin_end, ends_word);
}

// [^\r\n\p{L}\p{N}]?BEGIN*END+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?BEGIN+END*(?i:...)?|\p{N}{1,n}
// | ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+      and its relative without contractions.
size_t match_o200k(const Cursor& t, size_t i, const KnownSplit& split) {
  const Char first = t.at(i);
  const bool lead = first.n_bytes != 0 && !is_line_end(first) && !is_letter(first) && !is_number(first);
  for (const auto match : {match_capitalized, match_capitals}) {
    const size_t word = lead ? i + first.n_bytes : i;
    size_t end = match(t, word);
    if (end == word) end = match(t, i);  // a mark may be both the first character and the word
    if (end > i) return split.contractions ? match_contraction(t, end, true) : end;
  }
  if (const size_t end = t.run(i, is_number, split.max_digits); end > i) return end;
  const auto other = [](const Char& c) { return !is_space(c) && !is_letter(c) && !is_number(c); };
  const auto tail = [](const Char& c) { return is_line_end(c) || (c.valid && c.value == '/'); };
  if (const size_t end = match_after_space(t, i, other); end > i) return t.run(end, tail);
  if (const size_t end = match_lines(t, i); end > i) return end;
  return match_spaces(t, i);
}

// [!-/:-~ but no letters][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
size_t match_deepseek_v3(const Cursor& t, size_t i) {
  const Char c = t.at(i);
  if (c.valid && c.value < 128 && is_sign(c))
    if (const size_t end = t.run(i + 1, is_ascii_letter); end > i + 1) return end;
  const auto lead = [](const Char& x) { return !is_line_end(x) && !is_letter(x) && !is_sign(x); };
  const auto word = [](const Char& x) { return is_letter(x) || is_mark(x); };
  if (const size_t end = match_prefixed(t, i, lead, word); end > i) return end;
  if (const size_t end = match_after_space(t, i, is_sign); end > i) return t.run(end, is_line_end);
  if (const size_t end = match_lines(t, i); end > i) return end;
  return match_spaces(t, i);
}

size_t match_class(const ClassSplit& split, const Cursor& t, size_t i) {
  const auto test = [&](const Char& c) { return split.set.contains(c.value, c.valid); };
  const Char c = t.at(i);
  if (split.space_before && is_space(c))
    if (const size_t end = t.run(i + c.n_bytes, test, split.max); end > i + c.n_bytes) return end;
  return t.run(i, test, split.max);
}

// Matches become pieces of their own, and so does the text between them.
template <typename Match>
void isolate(std::string_view piece, Match match, std::vector<std::string_view>& out) {
  const Cursor t{piece};
  size_t gap = 0;
  for (size_t i = 0; i < piece.size();) {
    const size_t end = match(t, i);
    if (end == i) {
      i += t.at(i).n_bytes;
      continue;
    }
    if (gap < i) out.push_back(piece.substr(gap, i - gap));
    out.push_back(piece.substr(i, end - i));
    gap = i = end;
  }
  if (gap < piece.size()) out.push_back(piece.substr(gap));
}

// \s+$ ; "$" also stands before a final line end, but that one is a space itself and so inside the run.
void isolate_trailing_space(std::string_view piece, std::vector<std::string_view>& out) {
  const Cursor t{piece};
  size_t start = piece.size();
  for (size_t i = 0; i < piece.size();) {
    const Char c = t.at(i);
    if (!is_space(c)) start = piece.size();
    if (is_space(c) && start == piece.size()) start = i;
    i += c.n_bytes;
  }
  if (start > 0) out.push_back(piece.substr(0, start));
  if (start < piece.size()) out.push_back(piece.substr(start));
}

void apply(const Split& split, std::string_view piece, std::vector<std::string_view>& out) {
  if (const auto* c = std::get_if<ClassSplit>(&split))
    return isolate(
        piece, [&](const Cursor& t, size_t i) { return match_class(*c, t, i); }, out);
  const KnownSplit& known = std::get<KnownSplit>(split);
  switch (known.kind) {
    case WholeSplit::kGpt2:
      return isolate(piece, match_gpt2, out);
    case WholeSplit::kCl100k:
      return isolate(
          piece, [&](const Cursor& t, size_t i) { return match_cl100k(t, i, known); }, out);
    case WholeSplit::kO200k:
      return isolate(
          piece, [&](const Cursor& t, size_t i) { return match_o200k(t, i, known); }, out);
    case WholeSplit::kDeepseekV3:
      return isolate(piece, match_deepseek_v3, out);
    case WholeSplit::kTrailingSpace:
      return isolate_trailing_space(piece, out);
  }
}

}  // namespace

bool CharacterClass::contains(uint32_t code_point, bool valid) const {
  if (!valid) return false;
  if (classes != 0 && (classes & class_bit(unicode_class(code_point))) != 0) return true;
  for (const auto& [first, last] : ranges)
    if (code_point >= first && code_point <= last) return true;
  return false;
}

std::vector<std::string_view> pre_tokenize(const std::vector<Split>& splits, std::string_view text) {
  std::vector<std::string_view> pieces;
  if (!text.empty()) pieces.push_back(text);
  for (const Split& split : splits) {
    std::vector<std::string_view> finer;
    finer.reserve(pieces.size());
    for (const std::string_view piece : pieces) apply(split, piece, finer);
    pieces = std::move(finer);
  }
  return pieces;
}

}  // namespace engine
