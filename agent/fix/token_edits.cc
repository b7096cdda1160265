// SPDX-License-Identifier: Apache-2.0
#include "agent/fix/token_edits.h"

#include <algorithm>
#include <array>
#include <set>

#include "agent/code/lexed_tokens.h"
#include "agent/code/words.h"
#include "base/strings.h"

namespace agent {
namespace {

using tools::Language;
using Word = std::string_view;

constexpr auto kCommonMarks = std::to_array<Word>({"(", ")", "[", "]", "{", "}", ",", ":", ";", ".", "=", "\"",
                                                   "'", "+", "-", "*", "/", "<", ">", "&", "|", "!", "%", "=="});
constexpr auto kCMarks = std::to_array<Word>({"->", "::", "#", "?", "~", "&&", "||", "!=", "+=", ");", "};", "\\"});
constexpr auto kJsMarks =
    std::to_array<Word>({"=>", "`", "?", "...", "&&", "||", "===", "!==", "$", "+=", ");", "})", "});"});
constexpr auto kPythonMarks = std::to_array<Word>({"->", "**", "@", "#", "\"\"\"", "!=", "+=", "):", "]:", "\\"});

// What a finger strikes instead of each mark: the key beside it, the same key with or without shift, the wrong bracket.
struct Slip {
  Word typed;
  std::array<Word, 6> meant;
};
constexpr auto kSlips = std::to_array<Slip>({
    {")", {"]", "}", "0", "("}},
    {"]", {")", "}", "["}},
    {"}", {")", "]", "{"}},
    {"(", {"[", "{", "9", ")"}},
    {"[", {"(", "{", "]"}},
    {"{", {"(", "[", "}"}},
    {":", {";", ",", ".", "\""}},
    {";", {":", ",", "'", "."}},
    {",", {".", ";", "<", ":"}},
    {".", {",", ">", ":", ";"}},
    {"=", {"-", "+", "==", ":"}},
    {"-", {"=", "_", "+", "->"}},
    {"+", {"=", "-", "*"}},
    {"_", {"-", " "}},
    {"<", {",", ">", "("}},
    {">", {".", "<", ")"}},
    {"'", {"\"", "`", ";"}},
    {"\"", {"'", "`", ":"}},
    {"`", {"'", "\"", "~"}},
    {"/", {"?", "\\", "."}},
    {"?", {"/", ":"}},
    {"\\", {"/", "|"}},
    {"|", {"\\", "||", "&"}},
    {"&", {"&&", "*", "|"}},
    {"!", {"1", "~"}},
    {"9", {"("}},
    {"0", {")"}},
    {"@", {"2"}},
    {"#", {"3"}},
    {"%", {"5", "&"}},
    {"*", {"&", "8", "("}},
    {"~", {"`", "!"}},
});

constexpr auto kBetweenNames = std::to_array<Word>({"(", "[", ".", ",", "=", ":", "{", "*", "\"", "'", "<"});
constexpr size_t kMaxSplits = 12;  // of a word

std::vector<Word> marks_of(Language language) {
  std::vector<Word> marks(kCommonMarks.begin(), kCommonMarks.end());
  if (language == Language::kPython)
    marks.insert(marks.end(), kPythonMarks.begin(), kPythonMarks.end());
  else if (language == Language::kJavaScript || language == Language::kTypeScript || language == Language::kTsx)
    marks.insert(marks.end(), kJsMarks.begin(), kJsMarks.end());
  else
    marks.insert(marks.end(), kCMarks.begin(), kCMarks.end());
  return marks;
}

bool is_operator(Word mark) {
  return Word("=+-*/<>&|!%?").find(mark[0]) != Word::npos;
}

class LineEdits {
 public:
  LineEdits(const CodeFile& file, int line, size_t around, const KnownNames& names)
      : text_(file.text()), language_(file.tree.language()), names_(names), line_(file.line_range(line)) {
    while (line_.end > line_.begin && text_[line_.end - 1] == '\r') --line_.end;
    for (size_t at = line_.begin; at < line_.end;) {
      if (text_[at] == ' ' || text_[at] == '\t') {
        ++at;
        continue;
      }
      size_t end = at + 1;
      if (is_name_byte(text_[at]))
        while (end < line_.end && is_name_byte(text_[end])) ++end;
      units_.push_back({at, end});
      at = end;
    }
    // A line of a generated file may have thousands: those around the place are kept.
    if (units_.size() > kMaxUnits) {
      const auto middle = std::lower_bound(units_.begin(), units_.end(), around,
                                           [](const tools::Range& unit, size_t at) { return unit.begin < at; });
      const size_t from =
          static_cast<size_t>(std::max<ptrdiff_t>(0, middle - units_.begin() - ptrdiff_t{kMaxUnits / 2}));
      units_.erase(units_.begin(), units_.begin() + static_cast<ptrdiff_t>(std::min(from, units_.size() - kMaxUnits)));
      units_.resize(kMaxUnits);
    }
  }

  std::vector<TokenEdit> run() {
    if (units_.empty()) return {};
    insertions();
    for (size_t i = 0; i < units_.size(); ++i) {
      deletion(i);
      exchange(i);
      if (i + 1 < units_.size()) swap(i);
    }
    return std::move(edits_);
  }

 private:
  Word written(size_t unit) const { return text_.substr(units_[unit].begin, units_[unit].end - units_[unit].begin); }
  void put(size_t begin, size_t end, std::string text, EditKind kind) {
    edits_.push_back({{begin, end, std::move(text)}, kind});
  }

  // Into each gap: against the word on its left, against that on its right, and between two spaces that a lost mark
  // left.
  void insertions() {
    const std::vector<Word> marks = marks_of(language_);
    for (size_t i = 0; i <= units_.size(); ++i) {
      const size_t left = i == 0 ? line_.begin : units_[i - 1].end;
      const size_t right = i == units_.size() ? left : units_[i].begin;
      for (Word mark : marks) {
        if (i > 0) put(left, left, std::string(mark), EditKind::kInsert);
        if (i == units_.size() && (mark == "{" || is_operator(mark)))
          put(left, left, " " + std::string(mark), EditKind::kInsert);
        if (right == left) continue;
        put(right, right, std::string(mark), EditKind::kInsert);
        if (i > 0 && right - left >= 2) put(left + 1, left + 1, std::string(mark), EditKind::kInsert);
        if (i == 0 && closes(mark)) put(right - 1, right - 1, std::string(mark), EditKind::kInsert);
        if (i > 0 && (is_operator(mark) || mark == "{")) put(right, right, std::string(mark) + " ", EditKind::kInsert);
      }
    }
  }

  void deletion(size_t i) {
    const auto [begin, end] = units_[i];
    const bool twice =
        (i > 0 && written(i) == written(i - 1)) || (i + 1 < units_.size() && written(i) == written(i + 1));
    if (is_name_byte(text_[begin]) && !twice) return;
    const EditKind kind = twice ? EditKind::kUndouble : EditKind::kDelete;
    put(begin, end, "", kind);
    if (i > 0 && units_[i - 1].end < begin) put(units_[i - 1].end, end, "", kind);
    if (i == 0 && i + 1 < units_.size() && units_[i + 1].begin > end) put(begin, units_[i + 1].begin, "", kind);
  }

  void exchange(size_t i) {
    const auto [begin, end] = units_[i];
    const Word now = written(i);
    if (is_name_byte(text_[begin]) && now.size() > 1) return word(i);
    std::set<Word> meant;
    for (const Slip& slip : kSlips)
      if (slip.typed == now)
        for (Word other : slip.meant)
          if (!other.empty() && meant.insert(other).second) put(begin, end, std::string(other), EditKind::kMistyped);
    if (is_name_byte(text_[begin])) return;
    for (Word other : kCommonMarks)
      if (other != now && !meant.contains(other)) put(begin, end, std::string(other), EditKind::kReplace);
  }

  void word(size_t i) {
    const auto [begin, end] = units_[i];
    const Word now = written(i);
    const auto known = keywords(language_);
    const bool is_keyword = std::find(known.begin(), known.end(), now) != known.end();
    for (Word keyword : known) {
      if (is_keyword) break;
      if (now.size() + 1 >= keyword.size() && now.size() <= keyword.size() + 1 && keyword.size() > 1 &&
          edit_distance(now, keyword, 1) <= 1)
        put(begin, end, std::string(keyword), EditKind::kKeyword);
      if (now.size() > keyword.size() && now.starts_with(keyword) && keyword.size() > 1)
        put(begin + keyword.size(), begin + keyword.size(), " ", EditKind::kSplit);
      if (now.size() > keyword.size() && now.ends_with(keyword) && keyword.size() > 1)
        put(end - keyword.size(), end - keyword.size(), " ", EditKind::kSplit);
    }
    split(i);
    // Two slips of one hand: the unshifted bracket becomes a digit at the word's edge.
    if (now.back() == '9') put(end - 1, end, "(", EditKind::kMistyped);
    if (now.back() == '0') put(end - 1, end, ")", EditKind::kMistyped);
  }

  bool is_known(Word name) const {
    const auto known = keywords(language_);
    return names_.contains(name) || std::find(known.begin(), known.end(), name) != known.end() ||
           std::all_of(name.begin(), name.end(), [](char ch) { return ch >= '0' && ch <= '9'; });
  }

  // Two names in one word: what stood between them was lost, or stands before or behind the word now.
  void split(size_t i) {
    const auto [begin, end] = units_[i];
    if (names_.contains(written(i)) && is_common(written(i))) return;
    size_t n_splits = 0;
    for (size_t at = begin + 1; at < end && n_splits < kMaxSplits; ++at) {
      const bool left = is_known(text_.substr(begin, at - begin)), right = is_known(text_.substr(at, end - at));
      // One known half is enough where the other may be named here only; a single letter says too little.
      if (!(left && right) && !(left && at - begin > 2) && !(right && end - at > 2)) continue;
      ++n_splits;
      for (Word mark : kBetweenNames) put(at, at, std::string(mark), EditKind::kSplitMark);
      put(at, at, ", ", EditKind::kSplitMark);
      put(at, at, " = ", EditKind::kSplitMark);
      if (i > 0 && !is_name_byte(text_[units_[i - 1].begin]))
        put(units_[i - 1].begin, at,
            base::cat(text_.substr(begin, at - begin), text_.substr(units_[i - 1].end, begin - units_[i - 1].end),
                      written(i - 1)),
            EditKind::kSwap);
      if (i + 1 < units_.size() && !is_name_byte(text_[units_[i + 1].begin]))
        put(at, units_[i + 1].end,
            base::cat(written(i + 1), text_.substr(end, units_[i + 1].begin - end), text_.substr(at, end - at)),
            EditKind::kSwap);
    }
  }
  bool is_common(Word name) const {
    const size_t first = text_.find(name);
    return first != Word::npos && text_.find(name, first + 1) != Word::npos;
  }

  void swap(size_t i) {
    const tools::Range a = units_[i], b = units_[i + 1];
    if (written(i) == written(i + 1)) return;
    put(a.begin, b.end, base::cat(written(i + 1), text_.substr(a.end, b.begin - a.end), written(i)), EditKind::kSwap);
  }

  const Word text_;
  const Language language_;
  const KnownNames& names_;
  tools::Range line_;
  std::vector<tools::Range> units_;
  std::vector<TokenEdit> edits_;
};

std::string_view line_text(const CodeFile& file, int line) {
  const tools::Range range = file.line_range(line);
  return std::string_view(file.text()).substr(range.begin, range.end - range.begin);
}

size_t indent_of(std::string_view line) {
  const size_t first = line.find_first_not_of(" \t");
  return first == std::string_view::npos ? line.size() : first;
}

}  // namespace

std::vector<TokenEdit> line_edits(const CodeFile& file, int line, size_t around, const KnownNames& names) {
  return LineEdits(file, line, around, names).run();
}

std::vector<TokenEdit> indent_edits(const CodeFile& file, int line) {
  const tools::Range range = file.line_range(line);
  const size_t present = indent_of(line_text(file, line));
  std::set<size_t> widths;
  for (int other = std::max(1, line - 6); other <= std::min(file.n_lines(), line + 4); ++other) {
    if (other == line || base::trim(line_text(file, other)).empty()) continue;
    const size_t width = indent_of(line_text(file, other));
    widths.insert({width, width + 4});
    if (width >= 4) widths.insert(width - 4);
  }
  widths.erase(present);
  std::vector<TokenEdit> edits;
  for (size_t width : widths)
    edits.push_back({{range.begin, range.begin + present, std::string(width, ' ')}, EditKind::kIndent});
  return edits;
}

std::vector<TokenEdit> closer_edits(const CodeFile& file, const BracketLayout& layout) {
  std::vector<TokenEdit> edits;
  for (const BracketLayout::Lost& lost : layout.lost_closers) {
    // The line it should have come before, or the empty lines above that one.
    int line = lost.before_line;
    while (line > 1 && base::trim(line_text(file, line - 1)).empty()) --line;
    for (const char* behind : {"", ";", ",", ")", ");"}) {
      const std::string mark = lost.closer + behind;
      const bool blank = base::trim(line_text(file, line)).empty();
      const tools::Range range = file.line_range(line);
      const std::string_view indent = line_text(file, lost.opener_line).substr(0, lost.indent);
      if (blank && range.end > range.begin) edits.push_back({{range.end, range.end, mark}, EditKind::kCloser});
      edits.push_back({{range.begin, range.begin, base::cat(indent, mark, "\n")}, EditKind::kCloser});
    }
    const tools::Range range = file.line_range(lost.before_line);
    const size_t first = range.begin + indent_of(line_text(file, lost.before_line));
    edits.push_back({{first, first, lost.closer + " "}, EditKind::kCloser});
  }
  return edits;
}

}  // namespace agent
