// SPDX-License-Identifier: Apache-2.0
#include "agent/fix/syntax_evidence.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "agent/fix/diagnostic_repairs.h"
#include "base/strings.h"

namespace agent {
namespace {

constexpr size_t kOtherTokens = 30'000;  // of the other files of the language

constexpr SyntaxFeatures kWeights = {
    .33,                                                        // kGain
    -.8,  1.9,  -2.7, -.8, -1,   -5.3, .8, -1.5, -.8, -1.5, 2,  // each EditKind
    -.36, -1.6, -.05, -1,  -.55,                                // place
    2.4,  0,                                                    // message
    2.5,  1.6,                                                  // brackets
    -3,   -6.5, -4.4,                                           // what a string or comment holds
    -5,   -.7,                                                  // parse
};

bool blank(const CodeFile& file, int line) {
  const tools::Range range = file.line_range(line);
  return base::trim(std::string_view(file.text()).substr(range.begin, range.end - range.begin)).empty();
}

// Openers less closers, of ( [ {.
std::array<int, 3> open_brackets(std::string_view text, const std::vector<LexedToken>& tokens) {
  std::array<int, 3> open{};
  constexpr std::string_view kOpeners = "([{";
  for (const LexedToken& token : tokens) {
    if (token.kind != LexedKind::kMark) continue;
    const std::string_view mark = text.substr(token.range.begin, token.range.end - token.range.begin);
    if (opens(mark)) ++open[kOpeners.find(mark[0])];
    if (closes(mark)) --open[kOpeners.find(partner_of(mark[0]))];
  }
  return open;
}

// Bytes that are neither of a token nor white space.
size_t commented(std::string_view text, const std::vector<LexedToken>& tokens) {
  size_t bytes = static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char ch) { return ch != ' ' && ch != '\t' && ch != '\n' && ch != '\r'; }));
  for (const LexedToken& token : tokens) {
    const std::string_view written = text.substr(token.range.begin, token.range.end - token.range.begin);
    bytes -= static_cast<size_t>(std::count_if(
        written.begin(), written.end(), [](char ch) { return ch != ' ' && ch != '\t' && ch != '\n' && ch != '\r'; }));
  }
  return bytes;
}

}  // namespace

double weigh(const SyntaxFeatures& features) {
  double sum = 0;
  for (size_t i = 0; i < kSyntaxFeatures; ++i) sum += kWeights[i] * features[i];
  return sum;
}

SyntaxEvidence::SyntaxEvidence(const CodeBase& code, const CodeFile& file, const std::vector<LexedToken>& tokens,
                               const BracketLayout& layout, const std::vector<SyntaxFault>& faults,
                               const std::vector<int>& doubtful)
    : code_(code), file_(file), tokens_(tokens), layout_(layout), faults_(faults) {
  learn(doubtful);
}

void SyntaxEvidence::learn(const std::vector<int>& doubtful) {
  const std::vector<GramToken> grams = gram_tokens(file_.text(), tokens_);
  size_t from = 0;
  for (size_t i = 0; i <= tokens_.size(); ++i) {
    const bool cut = i == tokens_.size() ||
                     std::binary_search(doubtful.begin(), doubtful.end(), file_.line_of(tokens_[i].range.begin));
    if (!cut) continue;
    if (i > from) ngrams_.add(std::span(grams).subspan(from, i - from));
    from = i + 1;
  }
  size_t others = 0;
  for (const auto& [path, other] : code_.files()) {
    if (others > kOtherTokens) break;
    if (&other == &file_ || other.tree.language() != file_.tree.language()) continue;
    const std::vector<LexedToken> tokens = lexed_tokens(other.text(), other.tree.language());
    ngrams_.add(gram_tokens(other.text(), tokens));
    others += tokens.size();
  }
}

// The edit's line between its neighbours that hold something.
const SyntaxEvidence::Window& SyntaxEvidence::window_at(size_t offset) {
  const int line = file_.line_of(offset);
  const auto [known, is_new] = windows_.try_emplace(line);
  if (!is_new) return known->second;
  int first = std::max(1, line - 1), last = std::min(file_.n_lines(), line + 1);
  while (first > 1 && first > line - 4 && blank(file_, first)) --first;
  while (last < file_.n_lines() && last < line + 4 && blank(file_, last)) ++last;
  Window& window = known->second;
  window.range = {file_.line_range(first).begin, file_.line_range(last).end};
  const std::string_view text =
      std::string_view(file_.text()).substr(window.range.begin, window.range.end - window.range.begin);
  const std::vector<LexedToken> tokens = lexed_tokens(text, file_.tree.language());
  window.grams = gram_tokens(text, tokens);
  window.open = open_brackets(text, tokens);
  window.commented = commented(text, tokens);
  return window;
}

double SyntaxEvidence::gain(const TokenEdit& edit, SyntaxFeatures& found) {
  const Window& window = window_at(edit.replacement.begin);
  const std::string_view text = file_.text();
  const std::string changed =
      base::cat(text.substr(window.range.begin, edit.replacement.begin - window.range.begin), edit.replacement.text,
                text.substr(edit.replacement.end, window.range.end - edit.replacement.end));
  const std::vector<LexedToken> tokens = lexed_tokens(changed, file_.tree.language());
  const std::vector<GramToken> after = gram_tokens(changed, tokens);
  const std::vector<GramToken>& before = window.grams;
  const size_t shorter = std::min(before.size(), after.size());
  size_t head = 0, tail = 0;
  while (head < shorter && before[head] == after[head]) ++head;
  while (tail < shorter - head && before[before.size() - 1 - tail] == after[after.size() - 1 - tail]) ++tail;
  auto sum = [&](const std::vector<GramToken>& grams) {
    double logprob = 0;
    for (size_t i = head; i < std::min(grams.size(), grams.size() - tail + TokenNgrams::kReach); ++i)
      logprob += ngrams_.logprob(grams, i);
    return logprob;
  };
  const std::array<int, 3> open = open_brackets(changed, tokens);
  int odd_before = 0, odd_after = 0;
  for (size_t i = 0; i < 3; ++i) {
    odd_before += std::abs(layout_.open[i]);
    odd_after += std::abs(layout_.open[i] + open[i] - window.open[i]);
  }
  found[kSwallowed] = commented(changed, tokens) > window.commented;
  if (before.size() > after.size() + 1)
    found[kTokensLost] = std::min(12., static_cast<double>(before.size() - after.size() - 1));
  found[kBalance] = std::clamp(odd_before - odd_after, -2, 2);
  return sum(after) - sum(before);
}

size_t SyntaxEvidence::token_at(size_t offset) const {
  return static_cast<size_t>(
      std::lower_bound(tokens_.begin(), tokens_.end(), offset,
                       [](const LexedToken& token, size_t at) { return token.range.begin < at; }) -
      tokens_.begin());
}

void SyntaxEvidence::place(const TokenEdit& edit, SyntaxFeatures& found) const {
  if (faults_.empty()) return;
  const SyntaxFault& fault = faults_.front();
  const size_t at = token_at(edit.replacement.begin), first = token_at(fault.begin), last = token_at(fault.end);
  const int line = file_.line_of(edit.replacement.begin);
  if (at < first) found[kBefore] = std::log2(1. + static_cast<double>(first - at));
  if (at > last) {
    found[kBehind] = 1;
    found[kFarBehind] = std::log2(1. + static_cast<double>(at - last));
  }
  found[kOtherLine] = line != fault.line;
  found[kLinesAway] = std::log2(1. + std::abs(line - fault.line));
  found[kSuspicious] =
      edit.kind == EditKind::kCloser || std::binary_search(layout_.lines.begin(), layout_.lines.end(), line);
  if (at > 0 && edit.kind != EditKind::kCloser) {
    const LexedToken& token = tokens_[at - 1];
    found[kInString] = token.kind == LexedKind::kString && token.range.begin < edit.replacement.begin &&
                       edit.replacement.end < token.range.end;
  }
}

void SyntaxEvidence::message(const TokenEdit& edit, SyntaxFeatures& found) const {
  const std::string_view put = base::trim(edit.replacement.text);
  const std::string_view gone = base::trim(
      std::string_view(file_.text()).substr(edit.replacement.begin, edit.replacement.end - edit.replacement.begin));
  for (size_t i = 0; i < std::min<size_t>(2, faults_.size()); ++i) {
    const std::string& text = faults_[i].message;
    const size_t expected = text.find("xpected ");
    const bool unexpected = text.find("nexpected ") != std::string::npos;
    const size_t before = text.find(" before ");
    const bool missing = text.find("missing ") != std::string::npos;
    for (const std::string& quoted : quoted_texts(text)) {
      const size_t at = text.find(quoted);
      const bool in_the_way = unexpected || text.find("unmatched") != std::string::npos ||
                              text.find("does not match") != std::string::npos ||
                              (before != std::string::npos && at > before);
      if (!in_the_way && (expected != std::string::npos || missing) && !put.empty() && put == quoted)
        found[kExpected] = 1;
      if (in_the_way && gone == quoted) found[kInTheWay] = 1;
    }
    // V8 quotes nothing: "missing ) after argument list", "Unexpected token ')'".
    if (missing && !put.empty() && text.find(base::cat("missing ", put, " ")) != std::string::npos)
      found[kExpected] = 1;
    // CPython names the opener: "'(' was never closed".
    if (const size_t never = text.find("was never closed"); never != std::string::npos && never >= 4) {
      const char closer = partner_of(text[never - 3]);
      if (put.size() == 1 && put[0] == closer) found[kExpected] = 1;
      if (gone.size() == 1 && gone[0] == text[never - 3] && put.empty()) found[kInTheWay] = 1;
    }
    if (text.find("forgot a comma") != std::string::npos && put == ",") found[kExpected] = 1;
    if (text.find("instead of '='") != std::string::npos && put == "==") found[kExpected] = 1;
    if ((text.find("unterminated") != std::string::npos || text.find("missing terminating") != std::string::npos ||
         text.find("Invalid or unexpected token") != std::string::npos) &&
        (put == "\"" || put == "'" || put == "`" || gone == "\"" || gone == "'" || gone == "`"))
      found[kExpected] = 1;
  }
}

SyntaxFeatures SyntaxEvidence::features(const TokenEdit& edit) {
  SyntaxFeatures found{};
  found[kGain] = gain(edit, found);
  found[kFirstKind + static_cast<size_t>(edit.kind)] = 1;
  place(edit, found);
  message(edit, found);
  return found;
}

}  // namespace agent
