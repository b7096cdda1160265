// SPDX-License-Identifier: Apache-2.0
#include "agent/fix/ranking.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <utility>

#include "agent/code/language_traits.h"
#include "base/strings.h"

namespace agent {
namespace {

struct Share {
  MutationKind kind;
  double share;
};

// The families follow the bug types of HumanEvalPack's 164 repair tasks (arXiv:2308.07124: value 44, missing logic 33,
// excess logic 31, operator 25, variable 23, function 8), divided inside a family by judgement, then moved half way to
// how often each kind held the repair among half of the Python tasks (the half that docs/evaluation.md does not
// report).
constexpr std::array kShares = {
    Share{MutationKind::kOffByOne, .13},   Share{MutationKind::kConstant, .064},
    Share{MutationKind::kString, .05},     Share{MutationKind::kReturn, .04},
    Share{MutationKind::kDefault, .02},  // value
    Share{MutationKind::kGuard, .045},     Share{MutationKind::kInsertion, .06},
    Share{MutationKind::kAwait, .01},      Share{MutationKind::kCondition, .03},
    Share{MutationKind::kMove, .03},                                                // missing logic
    Share{MutationKind::kDeletion, .04},   Share{MutationKind::kControlFlow, .02},  // excess logic
    Share{MutationKind::kComparison, .13}, Share{MutationKind::kArithmetic, .112},  // operator
    Share{MutationKind::kBoolean, .04},    Share{MutationKind::kBitwise, .02},
    Share{MutationKind::kAssignment, .03}, Share{MutationKind::kNegation, .04},
    Share{MutationKind::kVariable, .09},   Share{MutationKind::kArguments, .06},  // variable
    Share{MutationKind::kMember, .03},     Share{MutationKind::kCall, .065},
    Share{MutationKind::kOpposite, .072},  // function
    Share{MutationKind::kType, .02},
};

struct Fit {
  Symptom symptom;
  MutationKind kind;
  double factor;
};

using K = MutationKind;
using S = Symptom;
constexpr std::array kFits = {
    Fit{S::kOffByOne, K::kOffByOne, 2.5},
    Fit{S::kOffByOne, K::kComparison, 1.5},
    Fit{S::kOffByOne, K::kConstant, 1.2},
    Fit{S::kSign, K::kNegation, 2.5},
    Fit{S::kSign, K::kArguments, 2},
    Fit{S::kSign, K::kArithmetic, 1.5},
    Fit{S::kTruthInverted, K::kComparison, 1.8},
    Fit{S::kTruthInverted, K::kNegation, 2.2},
    Fit{S::kTruthInverted, K::kBoolean, 1.7},
    Fit{S::kTruthInverted, K::kCondition, 1.4},
    Fit{S::kNothing, K::kReturn, 5},
    Fit{S::kNothing, K::kGuard, 2.5},
    Fit{S::kNothing, K::kDefault, 2},
    Fit{S::kNothing, K::kCondition, 1.5},
    Fit{S::kNothing, K::kMove, 1.5},
    Fit{S::kOrder, K::kCall, 1.5},
    Fit{S::kOrder, K::kConstant, 1.5},
    Fit{S::kOrder, K::kArguments, 2},
    Fit{S::kOrder, K::kMove, 1.5},
    Fit{S::kOrder, K::kComparison, 1.4},
    Fit{S::kOrder, K::kNegation, 1.5},
    Fit{S::kTruncated, K::kArithmetic, 2},
    Fit{S::kTruncated, K::kType, 6},
    Fit{S::kTruncated, K::kCall, 1.5},
    Fit{S::kEmptyInput, K::kGuard, 5},
    Fit{S::kEmptyInput, K::kDefault, 4},
    Fit{S::kEmptyInput, K::kCondition, 2},
    Fit{S::kMissingKey, K::kDefault, 4},
    Fit{S::kMissingKey, K::kGuard, 2},
    Fit{S::kMissingKey, K::kString, 5},
    Fit{S::kMissingKey, K::kCondition, 2},
    Fit{S::kMissingKey, K::kVariable, 1.3},
    Fit{S::kDivisionByZero, K::kGuard, 6},
    Fit{S::kDivisionByZero, K::kCondition, 2},
    Fit{S::kIndex, K::kOffByOne, 2.5},
    Fit{S::kIndex, K::kGuard, 2.5},
    Fit{S::kIndex, K::kComparison, 2},
    Fit{S::kIndex, K::kCondition, 2.5},
    Fit{S::kCoroutine, K::kAwait, 40},
    Fit{S::kUnknownName, K::kVariable, 2},
    Fit{S::kUnknownName, K::kInsertion, 1.5},
    Fit{S::kUnknownName, K::kMove, 1.5},
    Fit{S::kUnknownMember, K::kMember, 3},
    Fit{S::kUnknownMember, K::kInsertion, 3},
    Fit{S::kUnknownMember, K::kVariable, 1.5},
    Fit{S::kArity, K::kArguments, 2},
    Fit{S::kTypes, K::kCall, 2.5},
    Fit{S::kTypes, K::kGuard, 1.5},
    Fit{S::kTypes, K::kReturn, 1.5},
    Fit{S::kTypes, K::kArguments, 1.5},
    Fit{S::kTypes, K::kType, 2},
    Fit{S::kTypes, K::kAwait, 2},
    Fit{S::kTimeout, K::kInsertion, 4},
    Fit{S::kTimeout, K::kComparison, 2},
    Fit{S::kTimeout, K::kAssignment, 5},
    Fit{S::kTimeout, K::kControlFlow, 2.5},
    Fit{S::kTimeout, K::kArithmetic, 1.5},
    Fit{S::kCrash, K::kGuard, 3},
    Fit{S::kCrash, K::kCondition, 2.5},
    Fit{S::kCrash, K::kOffByOne, 1.8},
    Fit{S::kCrash, K::kComparison, 1.8},
    Fit{S::kRecursion, K::kComparison, 2},
    Fit{S::kRecursion, K::kGuard, 3},
    Fit{S::kRecursion, K::kOffByOne, 1.8},
    Fit{S::kNotRaised, K::kComparison, 2},
    Fit{S::kNotRaised, K::kBoolean, 2},
    Fit{S::kNotRaised, K::kNegation, 2},
    Fit{S::kNotRaised, K::kCondition, 1.4},
    Fit{S::kShort, K::kOffByOne, 1.8},
    Fit{S::kShort, K::kComparison, 1.4},
    Fit{S::kShort, K::kInsertion, 2},
    Fit{S::kShort, K::kMove, 1.5},
    Fit{S::kLong, K::kOffByOne, 1.8},
    Fit{S::kLong, K::kComparison, 1.4},
    Fit{S::kLong, K::kGuard, 1.6},
    Fit{S::kLong, K::kDeletion, 1.4},
};

// A kind that has few places in the pool may not take its whole share: this part of the pool's weight is added.
constexpr double kSmoothing = .03;

// A loop that does not end is not ended by a bound that lets more through.
constexpr double kWidensHang = .25;

bool widens(const CodeFile& file, const Mutation& mutation) {
  const tools::Replacement& change = mutation.replacement;
  const std::string_view before = std::string_view(file.text()).substr(change.begin, change.end - change.begin);
  return mutation.kind == MutationKind::kComparison &&
         ((before == "<" && change.text == "<=") || (before == ">" && change.text == ">="));
}

// `a < b` to `a >= b` or `a > b`, `and` to `or`, a `not` more or less, a part of a condition or all of it away: nearly
// every run of it now goes the other way, or may.
constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kOpposites = {{{"==", "!="},
                                                                                      {"===", "!=="},
                                                                                      {"<", ">="},
                                                                                      {">", "<="},
                                                                                      {"<", ">"},
                                                                                      {"<=", ">="},
                                                                                      {"is", "is not"},
                                                                                      {"in", "not in"}}};

bool turns(const CodeFile& file, const Mutation& mutation) {
  const tools::Replacement& change = mutation.replacement;
  const std::string_view before = std::string_view(file.text()).substr(change.begin, change.end - change.begin);
  const std::string_view after = change.text;
  switch (mutation.kind) {
    case MutationKind::kBoolean:
      return true;
    case MutationKind::kComparison:
      return std::any_of(kOpposites.begin(), kOpposites.end(), [&](const auto& pair) {
        return (before == pair.first && after == pair.second) || (before == pair.second && after == pair.first);
      });
    case MutationKind::kNegation: {
      const auto negated = [](std::string_view text) { return text.starts_with("not ") || text.starts_with("!"); };
      return negated(before) || negated(after);
    }
    case MutationKind::kCondition:
      return after.size() < before.size();
    default:
      return false;
  }
}

// `if err != nil { return err }` turned round would break every call that goes well, as would `if (p == NULL) return;`.
constexpr double kTurnsWayOut = .2;

bool turns_way_out(const CodeFile& file, const Mutation& mutation) {
  const tools::Replacement& change = mutation.replacement;
  const std::string_view text = file.text(), before = text.substr(change.begin, change.end - change.begin);
  const bool opposite = (before == "!=" && change.text == "==") || (before == "==" && change.text == "!=");
  const bool negated = mutation.kind == MutationKind::kNegation && change.text.starts_with("!");
  if (!opposite && !negated) return false;
  const tools::Range line = file.line_range(file.line_of(change.begin));
  const std::string_view whole = base::trim(text.substr(line.begin, line.end - line.begin));
  const std::string_view compared =
      base::trim(opposite ? text.substr(change.end, line.end - std::min(line.end, change.end)) : whole);
  const auto is_nothing = [&](std::string_view word) {
    return opposite ? compared.starts_with(word) : compared.find(base::cat("= ", word)) != std::string_view::npos;
  };
  if (!whole.starts_with("if") && whole.find(" if ") == std::string_view::npos) return false;
  if (!is_nothing("nil") && !is_nothing("NULL") && !is_nothing("null")) return false;  // nullptr begins so, too
  // What comes next, on the line or below it, leaves the function or the loop.
  std::string_view next = !whole.ends_with(")") && !whole.ends_with("{")
                              ? ""
                              : text.substr(line.end, std::min<size_t>(200, text.size() - line.end));
  next.remove_prefix(std::min(next.size(), next.find_first_not_of(" \t\r\n{")));
  for (const std::string_view exit : {"return", "throw", "continue", "break", "goto", "panic"})
    if (next.starts_with(exit) || whole.find(base::cat(") ", exit)) != std::string_view::npos) return true;
  return false;
}

// What raises an error on purpose says what was wrong: the condition in front of it, or what that was asked of.
constexpr double kRaises = .3;

bool raises(std::string_view statement) {
  statement = base::trim(statement);
  return statement.starts_with("raise ") || statement.starts_with("throw ");
}

bool removes(const Mutation& mutation) {
  return mutation.kind == MutationKind::kDeletion || mutation.replacement.text.empty() ||
         (mutation.kind == MutationKind::kCondition && mutation.weight < .3 &&
          mutation.replacement.text.size() < mutation.replacement.end - mutation.replacement.begin);
}

}  // namespace

double kind_share(MutationKind kind) {
  for (const Share& share : kShares)
    if (share.kind == kind) return share.share;
  return .01;
}

double symptom_factor(MutationKind kind, const std::set<Symptom>& symptoms) {
  double factor = 1;
  for (const Fit& fit : kFits)
    if (fit.kind == kind && symptoms.contains(fit.symptom)) factor = std::max(factor, fit.factor);
  return factor;
}

std::vector<Candidate> rank_mutations(const CodeBase& code, const Suspects& suspects, const std::set<Symptom>& symptoms,
                                      size_t at_most) {
  std::vector<Candidate> candidates;
  std::array<double, kMutationKinds> pool{};
  const bool hangs = symptoms.contains(Symptom::kTimeout);
  for (const auto& [path, lines] : suspects.lines) {
    const CodeFile* file = code.file(path);
    if (file == nullptr || !file->editable || lines.empty()) continue;
    // One pass over everything between the first and the last suspect line: mutations are cheap, scores sort them.
    const tools::Range range{file->line_range(lines.begin()->first).begin, file->line_range(lines.rbegin()->first).end};
    for (Mutation& mutation : enumerate_mutations(file->tree, range)) {
      const int line = file->line_of(mutation.replacement.begin);
      double suspicion = suspects.weight(path, mutation.acts_at ? file->line_of(*mutation.acts_at) : line);
      // A new line stands for its neighbours as well.
      if (mutation.kind == MutationKind::kGuard || mutation.kind == MutationKind::kInsertion)
        suspicion = std::max({suspicion, suspects.weight(path, line - 1), suspects.weight(path, line + 1)});
      if (suspicion <= 0) continue;
      Candidate candidate;
      candidate.path = path;
      candidate.line = line;
      candidate.kind = mutation.kind;
      candidate.proposer = "mutation: " + std::string(mutation_kind_name(mutation.kind));
      candidate.two_places = mutation.acts_at.has_value();
      candidate.removes_code = removes(mutation);
      candidate.turns_condition = turns(*file, mutation);
      candidate.description = std::move(mutation.description);
      candidate.score = suspicion * mutation.weight;
      if (hangs && widens(*file, mutation)) candidate.score *= kWidensHang;
      if (turns_way_out(*file, mutation)) candidate.score *= kTurnsWayOut;
      const tools::Range whole = file->line_range(line);
      if (raises(std::string_view(file->text()).substr(whole.begin, whole.end - whole.begin)))
        candidate.score *= kRaises;
      candidate.replacements.push_back(std::move(mutation.replacement));
      pool[static_cast<size_t>(mutation.kind)] += candidate.score;
      candidates.push_back(std::move(candidate));
    }
  }
  double all = 0;
  for (double weight : pool) all += weight;
  for (Candidate& candidate : candidates)
    candidate.score *= kind_share(*candidate.kind) * symptom_factor(*candidate.kind, symptoms) /
                       (pool[static_cast<size_t>(*candidate.kind)] + kSmoothing * all);
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) { return a.score > b.score; });
  if (candidates.size() > at_most) candidates.resize(at_most);
  return candidates;
}

void share_out(std::vector<Candidate>& candidates, size_t most, double share, double enough) {
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) { return a.score > b.score; });
  if (candidates.size() > most) candidates.resize(most);
  double all = 0;
  for (const Candidate& candidate : candidates) all += candidate.score;
  for (Candidate& candidate : candidates) candidate.score *= share / std::max(all, enough);
}

double total_score(const Candidate& candidate) {
  return candidate.score * std::exp(candidate.model_gain);
}

std::string apply(const std::string& text, const std::vector<tools::Replacement>& replacements) {
  std::string out;
  size_t at = 0;
  for (const tools::Replacement& replacement : replacements) {
    out.append(text, at, replacement.begin - at);
    out += replacement.text;
    at = replacement.end;
  }
  return out.append(text, at, std::string::npos);
}

}  // namespace agent
