// SPDX-License-Identifier: Apache-2.0
#include "agent/fix/syntax_ranking.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <unordered_set>

#include "agent/fix/ranking.h"
#include "base/strings.h"

namespace agent {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kParseTime{1000};
constexpr int kNearErrors = 3;  // of Tree-sitter's, the first ones: later ones follow from them

// Lines that the mistake may be on, likeliest first, then in order.
std::vector<int> doubtful_lines(const CodeFile& file, const std::vector<SyntaxFault>& faults,
                                const std::vector<tools::SyntaxError>& errors, const BracketLayout& layout) {
  std::vector<int> lines;
  auto add = [&](int line) {
    if (line < 1 || line > file.n_lines() || lines.size() >= kMaxSyntaxLines) return;
    const tools::Range range = file.line_range(line);
    if (base::trim(std::string_view(file.text()).substr(range.begin, range.end - range.begin)).empty()) return;
    if (std::find(lines.begin(), lines.end(), line) == lines.end()) lines.push_back(line);
  };
  auto around = [&](int line, int n_before) {
    add(line);
    for (int at = line - 1, left = n_before; at >= 1 && left > 0 && at > line - 8; --at) {
      const size_t size = lines.size();
      add(at);
      left -= lines.size() > size ? 1 : 0;
    }
  };
  if (!faults.empty()) {
    around(faults[0].line, 3);
    add(faults[0].line + 1);
  }
  for (size_t i = 0; i < std::min<size_t>(kNearErrors, errors.size()); ++i) {
    around(file.line_of(errors[i].range.begin), i == 0 ? 1 : 0);
    if (i == 0) add(file.line_of(errors[i].range.end));
  }
  for (const BracketLayout::Lost& lost : layout.lost_closers) {
    add(lost.opener_line);
    around(lost.before_line - 1, 1);
  }
  for (int line : layout.lines) add(line);
  for (size_t i = 1; i < faults.size(); ++i) add(faults[i].line);
  std::sort(lines.begin(), lines.end());
  return lines;
}

std::vector<TokenEdit> all_edits(const CodeFile& file, const std::vector<int>& lines, const BracketLayout& layout,
                                 size_t around) {
  KnownNames names;
  for (std::string_view name : identifiers(file.text())) names.insert(name);
  std::vector<TokenEdit> edits;
  for (int line : lines) {
    for (TokenEdit& edit : line_edits(file, line, around, names)) edits.push_back(std::move(edit));
    if (file.tree.language() != tools::Language::kPython) continue;
    for (TokenEdit& edit : indent_edits(file, line)) edits.push_back(std::move(edit));
  }
  for (TokenEdit& edit : closer_edits(file, layout)) edits.push_back(std::move(edit));
  return edits;
}

// The text that an edit gives, without the white space that no parser sees.
std::string squeezed(const CodeFile& file, const TokenEdit& edit) {
  const tools::Range line = file.line_range(file.line_of(edit.replacement.begin));
  const std::string_view text = file.text();
  const size_t end = std::max(line.end, edit.replacement.end);
  const std::string changed =
      base::cat(text.substr(line.begin, edit.replacement.begin - line.begin), edit.replacement.text,
                text.substr(edit.replacement.end, end - edit.replacement.end));
  std::string key = base::cat(line.begin, ":");
  const size_t first = std::min(changed.find_first_not_of(" \t"), changed.size());
  if (file.tree.language() == tools::Language::kPython) key += base::cat(first, ":");
  for (size_t i = first; i < changed.size(); ++i) {
    if (changed[i] != ' ') {
      key += changed[i];
      continue;
    }
    const size_t next = changed.find_first_not_of(' ', i);
    if (next == std::string::npos) break;
    // Between two words, or two marks that would become one, a space counts.
    if (is_name_byte(changed[i - 1]) == is_name_byte(changed[next])) key += ' ';
    i = next - 1;
  }
  return key;
}

void parse_each(const CodeFile& file, std::vector<RankedEdit>& ranked, size_t n_errors, std::stop_token stop) {
  const Clock::time_point deadline = Clock::now() + kParseTime;
  std::vector<size_t> left;
  for (RankedEdit& candidate : ranked) {
    if (left.size() >= kMaxSyntaxParses || stop.stop_requested() || Clock::now() >= deadline) break;
    const tools::Replacement& r = candidate.edit.replacement;
    const tools::TextChange change{r.begin, r.end, r.begin + r.text.size()};
    auto tree = file.tree.reparse(apply(file.text(), {r}), {&change, 1}, stop);
    left.push_back(tree ? tree->errors().size() : std::string::npos);
  }
  ranked.resize(left.size());
  if (ranked.empty()) return;
  // Some files have errors for this parser that no compiler sees: the fewest that an edit leaves count as none.
  const size_t fewest = *std::min_element(left.begin(), left.end());
  for (size_t i = 0; i < ranked.size(); ++i) {
    const size_t more = left[i] - fewest;
    ranked[i].features[kUnclean] = more > 0;
    ranked[i].features[kErrorsLeft] = std::log2(1. + static_cast<double>(std::min<size_t>(more, 100)));
    ranked[i].score = weigh(ranked[i].features) - (left[i] > n_errors ? 20 : 0);
  }
}

}  // namespace

std::vector<RankedEdit> rank_token_edits(const CodeBase& code, const CodeFile& file,
                                         const std::vector<SyntaxFault>& faults, std::stop_token stop) {
  const std::vector<LexedToken> tokens = lexed_tokens(file.text(), file.tree.language());
  const BracketLayout layout = bracket_layout(file, tokens);
  const std::vector<tools::SyntaxError> errors = file.tree.errors();
  const std::vector<int> lines = doubtful_lines(file, faults, errors, layout);
  SyntaxEvidence evidence(code, file, tokens, layout, faults, lines);
  std::vector<RankedEdit> ranked;
  for (TokenEdit& edit : all_edits(file, lines, layout, faults.empty() ? 0 : faults[0].begin)) {
    if (stop.stop_requested()) return {};
    RankedEdit candidate{std::move(edit), {}, 0};
    candidate.features = evidence.features(candidate.edit);
    candidate.score = weigh(candidate.features);
    ranked.push_back(std::move(candidate));
  }
  const auto better = [](const RankedEdit& a, const RankedEdit& b) { return a.score > b.score; };
  std::stable_sort(ranked.begin(), ranked.end(), better);
  std::unordered_set<std::string> seen;
  std::erase_if(ranked,
                [&](const RankedEdit& candidate) { return !seen.insert(squeezed(file, candidate.edit)).second; });
  parse_each(file, ranked, errors.size(), stop);
  std::stable_sort(ranked.begin(), ranked.end(), better);
  return ranked;
}

}  // namespace agent
