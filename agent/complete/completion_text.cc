// SPDX-License-Identifier: Apache-2.0
#include "agent/complete/completion_text.h"

#include <algorithm>
#include <cctype>
#include <vector>

#include "base/strings.h"

namespace agent {
namespace {

constexpr std::string_view kBlanks = " \t";
constexpr std::string_view kClosingSigns = ")]};,:\"' \t";
// A line without an end for this long is data, not code: it is cut anywhere.
constexpr size_t kLongLineBytes = 512;

bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

std::string_view last_line(std::string_view text) {
  const size_t newline = text.rfind('\n');
  return newline == std::string_view::npos ? text : text.substr(newline + 1);
}

std::string_view first_line(std::string_view text) {
  return text.substr(0, text.find_first_of("\r\n"));
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

// Columns of white space at the front; a tab counts as four, which only has to be the same on both sides of a
// comparison.
size_t indent_of(std::string_view line) {
  size_t columns = 0;
  for (const char c : line.substr(0, std::min(line.find_first_not_of(kBlanks), line.size())))
    columns += c == '\t' ? 4 : 1;
  return columns;
}

char closer_of(char opener) {
  return opener == '(' ? ')' : opener == '[' ? ']' : opener == '{' ? '}' : '\0';
}
bool is_closer(char c) {
  return c == ')' || c == ']' || c == '}';
}

// Follows brackets through one line of code, past strings. Good enough to keep a suggestion tidy; the parse decides.
class BracketScan {
 public:
  // False at a closer that has no opener here.
  template <typename OnClose>
  void run(std::string_view line, const OnClose& on_close) {
    for (size_t i = 0; i < line.size(); ++i) {
      const char c = line[i];
      if (c == '"' || c == '\'' || c == '`') {
        const size_t end = line.find(c, i + 1);
        if (end != std::string_view::npos) i = end;  // an apostrophe without a partner is no string
      } else if (closer_of(c) != '\0') {
        open_.push_back(c);
      } else if (is_closer(c)) {
        if (!on_close(i)) return;
        if (!open_.empty() && closer_of(open_.back()) == c)
          open_.pop_back();
        else
          ++n_unmatched_;
      }
    }
  }
  const std::vector<char>& open() const { return open_; }
  size_t n_unmatched() const { return n_unmatched_; }

 private:
  std::vector<char> open_;
  size_t n_unmatched_ = 0;
};

// Cuts where the text closes a bracket that the rest of the line closes too, as editors that close brackets leave it.
void drop_doubled_closers(std::string_view line, std::string& text, std::string_view rest) {
  const auto go_on = [](size_t) { return true; };
  BracketScan after;
  after.run(rest, go_on);
  BracketScan scan;
  scan.run(line, go_on);
  const size_t needed = after.n_unmatched();
  if (needed == 0 || scan.open().size() < needed) return;  // nothing at stake, or opened on an earlier line
  size_t cut = std::string::npos;
  scan.run(text, [&](size_t at) {
    if (scan.open().size() > needed) return true;
    cut = at;
    return false;
  });
  if (cut != std::string::npos) text.resize(cut);
}

size_t imbalance(const std::string& line) {
  BracketScan scan;
  scan.run(line, [](size_t) { return true; });
  return scan.open().size() + scan.n_unmatched();
}

// Takes off the longest end of `text` that the suffix begins with, unless brackets on the line were matched only with
// it. Where nothing more stands on the cursor's line, what follows is on lines of its own, and only lines are said again.
void drop_overlap(std::string_view line, std::string& text, std::string_view suffix) {
  const bool lines_only = is_blank(first_line(suffix));
  if (lines_only) suffix = base::trim(suffix);
  for (size_t n = std::min(text.size(), suffix.size()); n > 0; --n) {
    if (!text.ends_with(suffix.substr(0, n)) || is_blank(suffix.substr(0, n))) continue;
    const std::string shorter = text.substr(0, text.size() - n), before(line), after(first_line(suffix));
    if (lines_only && !is_blank(last_line(before + shorter))) continue;
    if (imbalance(before + shorter + after) <= imbalance(before + text + after)) text = shorter;
    return;
  }
}

// True where the text ends in the same few characters again and again, as small models do when they are lost.
bool is_loop(std::string_view text) {
  constexpr size_t kLongestUnit = 24, kLeastRepeats = 3, kLeastBytes = 12;
  for (size_t unit = 1; unit <= kLongestUnit && unit * 2 <= text.size(); ++unit) {
    size_t n = 0;  // bytes that equal the ones a unit before
    while (n + unit < text.size() && text[text.size() - 1 - n] == text[text.size() - 1 - n - unit]) ++n;
    const std::string_view last = text.substr(text.size() - unit);
    const bool says_something =
        std::any_of(last.begin(), last.end(), [](unsigned char c) { return std::isalnum(c) != 0; });
    if (says_something && n + unit >= std::max(unit * kLeastRepeats, kLeastBytes)) return true;
  }
  return false;
}

// The first line with something on it, trimmed.
std::string_view next_code_line(std::string_view text) {
  for (const std::string_view line : base::split_lines(text))
    if (!is_blank(line)) return base::trim(line);
  return {};
}

std::string_view previous_code_line(std::string_view text) {
  while (!text.empty()) {
    const std::string_view line = last_line(text);
    if (!is_blank(line)) return base::trim(line);
    text.remove_suffix(std::min(line.size() + 1, text.size()));
  }
  return {};
}

}  // namespace

ContextWindow context_window(std::string_view prefix, std::string_view suffix, size_t prefix_bytes,
                             size_t suffix_bytes) {
  size_t begin = 0;
  if (prefix.size() > prefix_bytes) {
    const size_t step = std::max<size_t>(1, prefix_bytes / 4);
    begin = (prefix.size() - prefix_bytes + step - 1) / step * step;
    const size_t newline = prefix.find('\n', begin - 1);
    if (newline != std::string_view::npos && newline < begin + kLongLineBytes) begin = newline + 1;
    while (begin < prefix.size() && is_continuation(prefix[begin])) ++begin;
  }
  size_t end = std::min(suffix.size(), suffix_bytes);
  if (end < suffix.size()) {
    const size_t newline = suffix.rfind('\n', end);
    if (newline != std::string_view::npos && newline + kLongLineBytes > end) end = std::min(newline + 1, end);
    while (end > 0 && is_continuation(suffix[end])) --end;
  }
  return {prefix.substr(begin), suffix.substr(0, end)};
}

std::optional<size_t> closing_rest(std::string_view suffix) {
  const std::string_view rest = first_line(suffix);
  if (rest.find_first_not_of(kClosingSigns) != std::string_view::npos) return std::nullopt;
  return rest.size();
}

size_t block_end(std::string_view prefix, std::string_view text) {
  const std::string_view cursor_line = last_line(prefix);
  const bool fresh_line = is_blank(cursor_line);
  const size_t base = indent_of(cursor_line);
  size_t at = text.find('\n');
  int n_blank = 0;
  while (at != std::string_view::npos) {
    const size_t start = at + 1, next = text.find('\n', start);
    const std::string_view line = text.substr(start, next == std::string_view::npos ? next : next - start);
    if (is_blank(line)) {
      if (next != std::string_view::npos && ++n_blank >= 2) return at;  // two empty lines stand between blocks
    } else {
      n_blank = 0;
      const size_t indent = indent_of(line);
      if (indent < base) return at;
      if (!fresh_line && indent == base) {
        const size_t first = line.find_first_not_of(kBlanks);
        return is_closer(line[first]) && next != std::string_view::npos ? next
               : is_closer(line[first])                                 ? text.size()
                                                                        : at;
      }
    }
    at = next;
  }
  return text.size();
}

std::string fit_between(std::string_view prefix, std::string text, std::string_view suffix) {
  const std::string_view line = last_line(prefix), rest = first_line(suffix);
  drop_doubled_closers(line, text, rest);
  drop_overlap(line, text, is_blank(rest) ? suffix : rest);
  text.resize(text.find_last_not_of(" \t\r\n") + 1);
  if (is_blank(text) || is_loop(text)) return {};
  if (is_blank(line) && text.find('\n') == std::string::npos) {
    const std::string_view said = base::trim(text);
    if (said == next_code_line(suffix) || said == previous_code_line(prefix)) return {};
  }
  return text;
}

std::string with_expected_end(std::string_view prefix, std::string_view text) {
  BracketScan scan;
  scan.run(text, [](size_t) { return true; });
  std::string ended(text);
  const std::string indent(indent_of(last_line(std::string(prefix) + std::string(text))), ' ');
  if (base::trim(text).ends_with(':')) return ended + "\n" + indent + "    pass";
  for (auto opener = scan.open().rbegin(); opener != scan.open().rend(); ++opener) {
    if (*opener == '{') ended += "\n" + indent;
    ended += closer_of(*opener);
  }
  return ended;
}

}  // namespace agent
