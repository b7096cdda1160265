// SPDX-License-Identifier: Apache-2.0
// Tokens that gave way to others, or to nothing: where the same tokens stand again.
#include "agent/next_edit/edit_sites.h"

#include <algorithm>
#include <cctype>
#include <limits>

namespace agent {
namespace {

using Run = CodeText::Run;

Sign sign_of(TokenRole role) {
  switch (role) {
    case TokenRole::kVariable:
      return Sign::kVariable;
    case TokenRole::kCallee:
      return Sign::kCallee;
    case TokenRole::kMember:
      return Sign::kMember;
    case TokenRole::kType:
      return Sign::kType;
    case TokenRole::kKey:
      return Sign::kKey;
    case TokenRole::kLiteral:
      return Sign::kLiteral;
    case TokenRole::kText:
      return Sign::kString;
    case TokenRole::kMark:
      return Sign::kMark;
    case TokenRole::kMany:
      return Sign::kMany;
  }
  return Sign::kMany;
}

bool is_name(const CodeText& text, int i) {
  const TokenRole role = token_role(text, i);
  return role != TokenRole::kLiteral && role != TokenRole::kText && role != TokenRole::kMark;
}

// A name for a name, in a way that asks for the same at every place where it is meant.
struct Rename {
  bool all = false;
  bool declared = false;  // where it is declared; else at a use, and the new name was not there before
  tools::Range scope;
  bool members = true;  // `x.name` may mean it
};

Rename rename_of(const EditShape& shape, const CodeText& now, const LanguageTraits* traits) {
  Rename rename{false, false, {0, now.text().size()}, true};
  const Run old_run = shape.core.before, new_run = shape.core.after;
  if (old_run.last - old_run.first != 1 || new_run.last - new_run.first != 1 ||
      !is_name(*shape.before, old_run.first) || !is_name(*shape.after, new_run.first))
    return rename;
  const std::string_view old_name = shape.before->token(old_run.first), new_name = shape.after->token(new_run.first);
  const TokenRole role = token_role(*shape.before, old_run.first);
  if (is_declaring(*shape.after, new_run.first)) {
    rename.all = rename.declared = true;
    rename.scope = scope_of(*shape.after, new_run.first, traits);  // `after` is the text now
    rename.members = role == TokenRole::kMember || rename.scope == tools::Range{0, now.text().size()};
    return rename;
  }
  int n_new = 0;
  bool declared = false;
  tools::Range scope{0, now.text().size()};
  for (int i = 0; i < now.size(); ++i) {
    if (now.at(i).zone != Zone::kCode || !now.at(i).word) continue;
    if (now.token(i) == new_name) ++n_new;
    if (now.token(i) != old_name || !is_declaring(now, i)) continue;
    const tools::Range meant = scope_of(now, i, traits);
    const size_t here = now.at(new_run.first).range.begin;
    if (here < meant.begin || here >= meant.end) continue;
    if (!declared || meant.begin > scope.begin) scope = meant;
    declared = true;
  }
  if (declared && n_new <= 1) {
    rename.all = true;
    rename.scope = scope;
    rename.members = role == TokenRole::kMember || scope == tools::Range{0, now.text().size()};
  }
  return rename;
}

bool is_long_literal(const CodeText& text, Run run) {
  if (run.last - run.first == 0) return false;
  const CodeToken& first = text.at(run.first);
  const int node = text.node_of(run.first, run.last);
  const size_t n_bytes = text.at(run.last - 1).range.end - first.range.begin;
  if (first.zone == Zone::kString) {  // nearly all of one string
    int string = node;
    while (string > 0 && text.nodes[string].range.end - text.nodes[string].range.begin < n_bytes + 2)
      string = text.nodes.parent(string);
    constexpr size_t kQuotes = 8;  // with a prefix, or three on each side
    return n_bytes >= 4 && string >= 0 &&
           text.nodes[string].range.end - text.nodes[string].range.begin <= n_bytes + kQuotes;
  }
  return token_role(text, run.first) == TokenRole::kLiteral &&
         std::isdigit(static_cast<unsigned char>(text.token(run.first).front())) != 0 && n_bytes >= 3;
}

// Where tokens were taken away: the space on their two sides becomes what it became in the example.
std::string closing_gap(const EditShape& example, const CodeText& now, Run at) {
  const auto text = [](const CodeText& of, int i) { return of.nodes.text(of.gap(i)); };
  const std::string_view made = text(*example.after, example.core.after.first);
  const std::string_view before = text(*example.before, example.core.before.first),
                         behind = text(*example.before, example.core.before.last);
  if (made == before) return std::string(text(now, at.first));
  if (made == behind) return std::string(text(now, at.last));
  return std::string(made);
}

// One of the words that came is nowhere else in the text. Prose that has a word by chance does not make it a known name.
bool brings_a_word(const EditShape& example, const CodeText& now) {
  const Run came = example.core.after;
  for (int i = came.first; i < came.last; ++i) {
    if (!now.at(i).word) continue;
    bool elsewhere = false;
    for (int k = 0; k < now.size() && !elsewhere; ++k)
      elsewhere = (k < came.first || k >= came.last) && now.at(k).zone == now.at(i).zone && now.token(k) == now.token(i);
    if (!elsewhere) return true;
  }
  return false;
}

EditSite replace_site(const EditShape& example, const CodeText& now, Run at) {
  if (example.core.after.first < example.core.after.last)
    return {{now.at(at.first).range.begin, now.at(at.last - 1).range.end}, std::string(example.new_text()), {}};
  return {{now.gap(at.first).begin, now.gap(at.last).end}, closing_gap(example, now, at), {}};
}

}  // namespace

void compare(const EditContext& example, const EditContext& site, Evidence& evidence) {
  const auto both = [](std::string_view a, std::string_view b) { return !a.empty() && a == b ? 1.0 : 0.0; };
  evidence[Sign::kLeft1] = both(example.left[0], site.left[0]);
  evidence[Sign::kLeft2] = evidence[Sign::kLeft1] * both(example.left[1], site.left[1]);
  evidence[Sign::kRight1] = both(example.right[0], site.right[0]);
  evidence[Sign::kRight2] = evidence[Sign::kRight1] * both(example.right[1], site.right[1]);
  evidence[Sign::kCalleeSame] = both(example.callee, site.callee);
  evidence[Sign::kCalleeOther] = !example.callee.empty() && example.callee != site.callee ? 1 : 0;
  evidence[Sign::kArgumentSame] = evidence[Sign::kCalleeSame] > 0 && example.argument == site.argument ? 1 : 0;
  evidence[Sign::kKeySame] = both(example.key, site.key);
  evidence[Sign::kKeyOther] = !example.key.empty() && example.key != site.key ? 1 : 0;
  evidence[Sign::kChainSame] = example.parent_type == site.parent_type && example.field == site.field ? 1 : 0;
  evidence[Sign::kBothSides] = evidence[Sign::kLeft1] > 0 && evidence[Sign::kRight1] > 0 &&
                                       is_word_byte(example.left[0].front()) && is_word_byte(example.right[0].front())
                                   ? 1
                                   : 0;
  const bool line_says_something = example.line_before.size() + example.line_after.size() >= 4;
  evidence[Sign::kLineSame] =
      line_says_something && example.line_before == site.line_before && example.line_after == site.line_after ? 1 : 0;
}

Evidence best_evidence(const std::vector<EditContext>& examples, const EditContext& site) {
  Evidence best;
  double most = -std::numeric_limits<double>::infinity(), alike = std::numeric_limits<double>::infinity();
  for (const EditContext& example : examples) {
    Evidence evidence;
    compare(example, site, evidence);
    if (evidence.likeness() > most) most = evidence.likeness(), best = evidence;
    for (const EditContext& other : examples) {
      if (&other == &example) continue;
      Evidence mutual;
      compare(example, other, mutual);
      alike = std::min(alike, mutual.likeness());
    }
  }
  best[Sign::kBias] = 1;
  if (examples.size() > 1) {
    best[Sign::kTwoExamples] = 1;
    constexpr double kSlack = 1;
    best[Sign::kLessAlike] = most < alike - kSlack ? 1 : 0;
  }
  return best;
}

bool agree(const EditShape& a, const EditShape& b) {
  if (a.kind != b.kind) return false;
  switch (a.kind) {
    case ShapeKind::kRewrite:
      if (agree_on_rewrite(a, b)) return true;
      [[fallthrough]];
    case ShapeKind::kReplace:
      return same_tokens(*a.before, a.core.before, *b.before, b.core.before) &&
             same_tokens(*a.after, a.core.after, *b.after, b.core.after) && a.core.before.first < a.core.before.last &&
             a.before->at(a.core.before.first).zone == b.before->at(b.core.before.first).zone;
    case ShapeKind::kInsert:
      return same_tokens(*a.after, a.core.after, *b.after, b.core.after);
    case ShapeKind::kWrap:
      return words_and_marks(a.pre) == words_and_marks(b.pre) && words_and_marks(a.post) == words_and_marks(b.post);
  }
  return false;
}

void find_replace_sites(const std::vector<EditShape>& examples, const CodeText& now, const LanguageTraits* traits,
                        std::vector<EditSite>& found) {
  const EditShape& newest = examples.front();
  const CodeText& before = *newest.before;
  const Run old_run = newest.core.before;
  const int n = old_run.last - old_run.first;
  if (n == 0) return;
  std::vector<EditContext> contexts;
  for (const EditShape& example : examples) contexts.push_back(edit_context(*example.before, example.core.before));
  Rename rename = rename_of(newest, now, traits);
  for (size_t k = 1; k < examples.size() && !rename.all; ++k) rename = rename_of(examples[k], now, traits);
  double n_words = 0;
  for (int i = old_run.first; i < old_run.last; ++i) n_words += before.at(i).word ? 1 : 0;
  const bool long_literal = is_long_literal(before, old_run);

  for (int i = 0; i + n <= now.size(); ++i) {
    if (now.token(i) != before.token(old_run.first) || now.at(i).zone != before.at(old_run.first).zone) continue;
    const Run at{i, i + n};
    if (!same_tokens(now, at, before, old_run)) continue;
    const EditContext context = edit_context(now, at);
    const size_t place = now.at(i).range.begin;
    const bool meant = rename.all && place >= rename.scope.begin && place < rename.scope.end &&
                       (context.role != TokenRole::kMember || rename.members) && context.role != TokenRole::kKey;
    if (rename.declared && !meant) continue;
    if (!meant && context.role != contexts.front().role) continue;
    EditSite site = replace_site(newest, now, at);
    site.evidence = best_evidence(contexts, context);
    if (meant) site.evidence[rename.declared ? Sign::kRename : Sign::kRenameUse] = 1;
    if (!rename.declared)
      site.evidence[contexts.front().zone == Zone::kComment ? Sign::kComment : sign_of(contexts.front().role)] = 1;
    site.evidence[Sign::kWords] = std::clamp(n_words - 1, 0.0, 4.0);
    site.evidence[Sign::kLongLiteral] = long_literal ? 1 : 0;
    found.push_back(std::move(site));
  }
}

std::vector<EditSite> find_edit_sites(const std::vector<EditShape>& examples, const CodeText& now,
                                      const LanguageTraits* traits, std::stop_token stop) {
  std::vector<EditSite> found;
  switch (examples.front().kind) {
    case ShapeKind::kReplace:
      find_replace_sites(examples, now, traits, found);
      break;
    case ShapeKind::kInsert:
      find_insert_sites(examples, now, found);
      break;
    case ShapeKind::kWrap:
      find_wrap_sites(examples, now, found);
      break;
    case ShapeKind::kRewrite:
      // Where nothing of the node is kept, its tokens simply gave way to others.
      if (!find_rewrite_sites(examples, now, found)) find_replace_sites(examples, now, traits, found);
      break;
  }
  const double fresh = brings_a_word(examples.front(), now) ? 1 : 0;
  for (EditSite& site : found) site.evidence[Sign::kFresh] = fresh;
  if (stop.stop_requested()) return {};
  std::stable_sort(found.begin(), found.end(), [](const EditSite& a, const EditSite& b) {
    return a.evidence.probability() > b.evidence.probability();
  });
  std::vector<EditSite> apart;
  std::vector<tools::Range> taken;
  for (const EditShape& example : examples)
    taken.push_back({example.after->gap(example.core.after.first).end,
                     example.core.after.first < example.core.after.last
                         ? example.after->at(example.core.after.last - 1).range.end
                         : example.after->gap(example.core.after.first).end});
  for (EditSite& site : found) {
    if (now.nodes.text(site.range) == site.text) continue;
    const bool overlaps = std::any_of(taken.begin(), taken.end(), [&](const tools::Range& other) {
      return site.range == other || (site.range.begin < other.end && other.begin < site.range.end);
    });
    if (overlaps) continue;
    taken.push_back(site.range);
    apart.push_back(std::move(site));
  }
  return apart;
}

}  // namespace agent
