// SPDX-License-Identifier: Apache-2.0
#include "tools/proposal.h"

#include <algorithm>

#include "base/left_out_words.h"
#include "base/strings.h"

namespace tools {

base::Error bad_edit(size_t source_line, std::string_view why) {
  return base::invalid(base::cat("line ", source_line, " of the edit: ", why));
}

std::vector<std::string_view> edit_lines(std::string_view text) {
  std::vector<std::string_view> lines = base::split_lines(text);
  if (!lines.empty() && lines.front().substr(0, 3) == "\xef\xbb\xbf") lines.front().remove_prefix(3);
  return lines;
}

std::string_view without_cr(std::string_view line) {
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

bool is_fence(std::string_view line) {
  line = base::trim(line);
  if (line.substr(0, 3) != "```" && line.substr(0, 3) != "~~~") return false;
  return line.find_first_of("`~", line.find_first_not_of(line[0])) == std::string_view::npos;
}

std::string path_in_line(std::string_view line, const FileSource& files) {
  line = base::trim(line);
  // Decorations in the order in which models put them.
  for (const std::string_view lead : {"### ", "## ", "# ", "// ", "**", "`", "File: ", "file: "})
    if (line.substr(0, lead.size()) == lead) line.remove_prefix(lead.size());
  for (const std::string_view tail : {":", "**", "`", ":"})
    if (line.size() > tail.size() && line.substr(line.size() - tail.size()) == tail) line.remove_suffix(tail.size());
  line = base::trim(line);
  if (line.empty()) return {};
  const bool like_a_path =
      line.find(' ') == std::string_view::npos && line.find_first_of("./") != std::string_view::npos;
  if (like_a_path) return std::string(line);
  const auto normal = safe_path(line);
  return normal && files.read(*normal) ? *normal : std::string();  // "Makefile", "my file"
}

std::vector<ProposedLine> merge_lines(const std::vector<std::string_view>& old_lines,
                                      const std::vector<std::string_view>& new_lines) {
  constexpr size_t kMaxTable = 16u << 20;  // cells; above this only the equal head and tail are kept
  using Kind = ProposedLine::Kind;
  size_t head = 0, tail = 0;
  const size_t n = old_lines.size(), m = new_lines.size();
  while (head < std::min(n, m) && old_lines[head] == new_lines[head]) ++head;
  while (tail < std::min(n, m) - head && old_lines[n - 1 - tail] == new_lines[m - 1 - tail]) ++tail;
  std::vector<ProposedLine> out;
  const auto put = [&](Kind kind, std::string_view text) { out.push_back({kind, std::string(text), true}); };
  for (size_t i = 0; i < head; ++i) put(Kind::kKeep, old_lines[i]);
  const size_t a = n - head - tail, b = m - head - tail;
  if ((a + 1) * (b + 1) > kMaxTable) {
    for (size_t i = 0; i < a; ++i) put(Kind::kRemove, old_lines[head + i]);
    for (size_t j = 0; j < b; ++j) put(Kind::kAdd, new_lines[head + j]);
  } else {
    // Longest common subsequence, from the end, so that the walk goes forward.
    std::vector<uint32_t> best((a + 1) * (b + 1), 0);
    const auto at = [&](size_t i, size_t j) -> uint32_t& { return best[i * (b + 1) + j]; };
    for (size_t i = a; i-- > 0;)
      for (size_t j = b; j-- > 0;)
        at(i, j) =
            old_lines[head + i] == new_lines[head + j] ? at(i + 1, j + 1) + 1 : std::max(at(i + 1, j), at(i, j + 1));
    for (size_t i = 0, j = 0; i < a || j < b;) {
      if (i < a && j < b && old_lines[head + i] == new_lines[head + j])
        put(Kind::kKeep, old_lines[head + i]), ++i, ++j;
      else if (i < a && (j == b || at(i + 1, j) >= at(i, j + 1)))
        put(Kind::kRemove, old_lines[head + i++]);
      else
        put(Kind::kAdd, new_lines[head + j++]);
    }
  }
  for (size_t i = n - tail; i < n; ++i) put(Kind::kKeep, old_lines[i]);
  return out;
}

bool is_placeholder(std::string_view line) {
  std::string text(base::trim(line));
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  const auto says_one_of = [&](const auto& words) {
    return std::any_of(std::begin(words), std::end(words), [&](std::string_view w) { return text.find(w) != std::string::npos; });
  };
  return !text.empty() && base::kLeftOutBegins.find(text[0]) != std::string_view::npos && says_one_of(base::kLeftOutDots) &&
         says_one_of(base::kLeftOutPhrases);
}

}  // namespace tools
