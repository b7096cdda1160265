// SPDX-License-Identifier: Apache-2.0
#include "engine/tokenizer/fold_tokens.h"

#include <algorithm>
#include <iterator>
#include <unordered_map>

#include "base/utf8.h"
#include "engine/tokenizer/byte_level.h"
#include "engine/tokenizer/unicode_class.h"

namespace engine {
namespace {

struct Gone {
  uint32_t first, last;
};
struct Fold {
  uint32_t code_point;
  uint16_t offset, length;
};
#include "engine/tokenizer/fold_tables.inc"

// Hangul syllables fall apart by arithmetic: section 3.12 of the standard.
constexpr uint32_t kSyllables = 0xAC00, kSyllableCount = 11172, kLeads = 0x1100, kVowels = 0x1161, kTails = 0x11A7;
constexpr uint32_t kVowelCount = 21, kTailCount = 28;

void fold_code_point(uint32_t c, std::string& out) {
  if (c - kSyllables < kSyllableCount) {
    const uint32_t index = c - kSyllables, tail = index % kTailCount;
    base::append_utf8(out, kLeads + index / kTailCount / kVowelCount);
    base::append_utf8(out, kVowels + index / kTailCount % kVowelCount);
    if (tail != 0) base::append_utf8(out, kTails + tail);
    return;
  }
  const auto* gone =
      std::upper_bound(std::begin(kGone), std::end(kGone), c, [](uint32_t v, const Gone& g) { return v < g.first; });
  if (gone != std::begin(kGone) && c <= std::prev(gone)->last) return;
  const auto* fold = std::lower_bound(std::begin(kFolds), std::end(kFolds), c,
                                      [](const Fold& f, uint32_t v) { return f.code_point < v; });
  if (fold == std::end(kFolds) || fold->code_point != c) return base::append_utf8(out, c);
  for (uint16_t i = 0; i < fold->length; ++i) base::append_utf8(out, kFolded[fold->offset + i]);
}

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

std::string one_blank_for_many(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (!is_blank(text[i]))
      out += text[i];
    else if (i == 0 || !is_blank(text[i - 1]))
      out += ' ';
  }
  return out;
}

std::string_view without_ends(std::string_view text) {
  size_t first = text.size(), last = 0;  // of what is no space
  for (size_t i = 0; i < text.size();) {
    const base::CodePoint c = base::decode_utf8(text.substr(i));
    const auto end = i + static_cast<size_t>(c.n_bytes);
    if (unicode_class(c.value) != UnicodeClass::kSpace) first = std::min(first, i), last = end;
    i = end;
  }
  return first < last ? text.substr(first, last - first) : std::string_view();
}

bool is_whole_text(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const base::CodePoint c = base::decode_utf8(text.substr(i));
    if (!c.valid || c.value == 0xFFFD) return false;
    i += static_cast<size_t>(c.n_bytes);
  }
  return true;
}

std::string as_spelled(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) base::append_utf8(text, byte_level_alphabet()[static_cast<unsigned char>(c)]);
  return text;
}

}  // namespace

std::string fold_text(std::string_view text) {
  std::string folded;
  for (size_t i = 0; i < text.size();) {
    const base::CodePoint c = base::decode_utf8(text.substr(i));
    fold_code_point(c.value, folded);
    i += static_cast<size_t>(c.n_bytes);
  }
  folded = one_blank_for_many(folded);
  return folded == " " ? folded : std::string(without_ends(folded));
}

FoldedTokens fold_tokens(const Tokenizer& tokenizer) {
  FoldedTokens out;
  std::unordered_map<std::string, int32_t> seen;
  for (Token token = 0; token < tokenizer.n_tokens(); ++token) {
    const std::string_view text = tokenizer.bytes_of(token);
    if (text.empty()) {
      out.ids.push_back(-1);
      continue;
    }
    std::string key = is_whole_text(text) ? fold_text(text) : as_spelled(text);
    if (key.empty()) key = text;
    out.ids.push_back(seen.emplace(std::move(key), static_cast<int32_t>(seen.size())).first->second);
  }
  out.n_ids = static_cast<int>(seen.size());
  return out;
}

}  // namespace engine
