// SPDX-License-Identifier: Apache-2.0
// A file that does not parse: one mark put in, one token taken away, one line moved, as far as the file then parses.
#include <algorithm>
#include <array>
#include <set>

#include "agent/diagnostic_repairs.h"
#include "base/strings.h"

namespace agent {
namespace {

constexpr int kLinesAround = 2;
constexpr int kMaxParses = 600;

struct Attempt {
  tools::Replacement replacement;
  double score;
  std::string description;
};

std::string_view line_text(const CodeFile& file, int line) {
  const tools::Range range = file.line_range(line);
  return std::string_view(file.text()).substr(range.begin, range.end - range.begin);
}

size_t indent_of(std::string_view line) {
  const size_t first = line.find_first_not_of(" \t");
  return first == std::string_view::npos ? line.size() : first;
}

void marks(const CodeFile& file, int line, double near, std::vector<Attempt>& attempts) {
  const bool python = file.tree.language() == tools::Language::kPython;
  const tools::Range range = file.line_range(line);
  const std::string_view text = line_text(file, line);
  if (base::trim(text).empty()) return;
  std::string_view code = text;
  while (!code.empty() && (code.back() == ' ' || code.back() == '\t')) code.remove_suffix(1);
  const size_t end = range.begin + code.size();
  const std::array<const char*, 8> at_end = python
                                                ? std::array<const char*, 8>{":", ")", "]", "}", "'", "\"", ",", "):"}
                                                : std::array<const char*, 8>{";", ")", "}", "{", ");", "]", ",", "\""};
  double score = .9;
  for (const char* mark : at_end) {
    attempts.push_back({{end, end, mark}, near * score, base::cat("`", mark, "` is put at the end of the line")});
    score *= .85;
  }
  if (code.ends_with(":") && python) {
    attempts.push_back({{end - 1, end - 1, ")"}, near * .85, "`)` is put in"});
    attempts.push_back({{end - 1, end - 1, "]"}, near * .6, "`]` is put in"});
  }
  // Between two tokens of the line, and each mark taken away.
  for (size_t i = indent_of(text); i < code.size(); ++i) {
    const char ch = code[i];
    if (std::isalnum(static_cast<unsigned char>(ch)) != 0 || ch == '_' || ch == ' ') continue;
    attempts.push_back({{range.begin + i, range.begin + i + 1, ""}, near * .3, base::cat("`", ch, "` goes away")});
    if (ch == '=' && python)
      attempts.push_back({{range.begin + i, range.begin + i, "="}, near * .5, "`=` becomes `==`"});
    for (const char* mark : {")", "(", ",", "]", ";"}) {
      if (python && *mark == ';') continue;
      attempts.push_back({{range.begin + i, range.begin + i, mark}, near * .25, base::cat("`", mark, "` is put in")});
    }
  }
  for (size_t i = indent_of(text) + 1; i < code.size(); ++i)  // a comma lost between two values
    if (code[i] == ' ') attempts.push_back({{range.begin + i, range.begin + i, ","}, near * .25, "`,` is put in"});
}

void indentation(const CodeFile& file, int line, double near, std::vector<Attempt>& attempts) {
  if (file.tree.language() != tools::Language::kPython) return;
  const tools::Range range = file.line_range(line);
  const size_t present = indent_of(line_text(file, line));
  std::set<size_t> widths;
  for (int other = std::max(1, line - 6); other <= std::min(file.n_lines(), line + 4); ++other) {
    if (other == line || base::trim(line_text(file, other)).empty()) continue;
    widths.insert(indent_of(line_text(file, other)));
    widths.insert(indent_of(line_text(file, other)) + 4);
  }
  double score = .6;
  for (int other : {line - 1, line + 1})
    if (other >= 1 && other <= file.n_lines() && !base::trim(line_text(file, other)).empty()) {
      const size_t width = indent_of(line_text(file, other));
      if (width != present)
        attempts.push_back({{range.begin, range.begin + present, std::string(width, ' ')},
                            near * score,
                            "the line is indented as its neighbour"});
      attempts.push_back({{range.begin, range.begin + present, std::string(width + 4, ' ')},
                          near * score * .8,
                          "the line is indented further than its neighbour"});
      score *= .8;
    }
  for (size_t width : widths)
    if (width != present)
      attempts.push_back(
          {{range.begin, range.begin + present, std::string(width, ' ')}, near * .3, "the line is indented otherwise"});
}

// A block that nobody closed: a brace on a line of its own before the next definition.
void closing_brace(const CodeFile& file, int line, std::vector<Attempt>& attempts) {
  if (file.tree.language() == tools::Language::kPython) return;
  for (int at = std::max(1, line - 30); at <= file.n_lines() && at <= line + 3; ++at) {
    const std::string_view text = line_text(file, at);
    if (text.empty() || base::trim(text) == "}") {
      const size_t begin = file.line_range(at).begin;
      const std::string indent = at > 1 && indent_of(line_text(file, at - 1)) >= 2
                                     ? std::string(indent_of(line_text(file, at - 1)) - 2, ' ')
                                     : "";
      attempts.push_back({{begin, begin, indent + "}\n"}, .3, "`}` on a line of its own"});
      if (!indent.empty()) attempts.push_back({{begin, begin, "}\n"}, .3, "`}` on a line of its own"});
    }
  }
}

}  // namespace

void repair_syntax(const CodeFile& file, int line, RepairSink& sink, std::stop_token stop) {
  std::vector<Attempt> attempts;
  const std::vector<tools::SyntaxError> errors = file.tree.errors();
  std::set<int> lines;
  auto around = [&](int middle) {
    for (int at = std::max(1, middle - kLinesAround); at <= std::min(file.n_lines(), middle + 1); ++at)
      lines.insert(at);
  };
  around(line);
  if (!errors.empty()) around(file.line_of(errors.front().range.begin));
  for (int at : lines) {
    const double near = at == line ? 1 : (at == line - 1 ? .8 : .5);
    marks(file, at, near, attempts);
    indentation(file, at, near, attempts);
  }
  closing_brace(file, line, attempts);
  std::stable_sort(attempts.begin(), attempts.end(),
                   [](const Attempt& a, const Attempt& b) { return a.score > b.score; });
  std::set<std::string> seen;
  int parses = 0;
  for (Attempt& attempt : attempts) {
    if (stop.stop_requested() || ++parses > kMaxParses) return;
    std::string text = agent::apply(file.text(), {attempt.replacement});
    if (!seen.insert(text).second) continue;
    auto tree = tools::SyntaxTree::parse(file.tree.language(), std::move(text), stop);
    if (!tree || tree->errors().size() >= errors.size()) continue;
    const double clean = tree->errors().empty() ? 1 : .3;
    sink.offer(file, attempt.replacement, "syntax", attempt.score * clean, attempt.description);
  }
}

}  // namespace agent
