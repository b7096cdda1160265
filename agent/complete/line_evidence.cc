// SPDX-License-Identifier: Apache-2.0
#include "agent/complete/line_evidence.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <unordered_set>
#include <utility>

#include "agent/code/code_tokens.h"
#include "agent/code/name_uses.h"
#include "base/strings.h"

namespace agent {
namespace {

#include "agent/complete/line_weights.inc"

using Names = std::unordered_set<std::string_view>;

constexpr int kNearLines = 8;            // on each side
constexpr float kMostNames = 2;          // that count as lacking, or as idle
constexpr float kLongLine = 40;          // bytes
constexpr size_t kMaxNamedBytes = 192u << 10;  // of a file whose names are looked at for each line

size_t indent_of(std::string_view line) {
  const size_t at = line.find_first_not_of(" \t");
  return at == std::string_view::npos ? line.size() : at;
}

bool ends_in(std::string_view code, std::initializer_list<std::string_view> marks) {
  return std::any_of(marks.begin(), marks.end(), [&](std::string_view mark) { return code.ends_with(mark); });
}

bool opens_block(std::string_view code) {
  return ends_in(code, {"{", "(", "[", ":", "=>"});
}

// What is the same for each of the lines.
class Surroundings {
 public:
  Surroundings(std::string_view prefix, std::string_view suffix) : cursor_(prefix.size()) {
    add_words(prefix);
    add_words(suffix);
    line_ = prefix.rfind('\n') + 1;  // npos + 1 is 0
    begun_ = prefix.substr(line_);
    std::vector<std::string_view> before = base::split_lines(prefix.substr(0, line_));
    std::vector<std::string_view> after = base::split_lines(suffix);
    if (!after.empty()) {
      rest_ = after.front();
      after.erase(after.begin());
    }
    std::reverse(before.begin(), before.end());
    for (const auto* lines : {&before, &after}) add_lines(*lines);
    for (std::string_view line : after) {
      if (base::trim(line).empty()) continue;
      next_indent_ = indent_of(line);
      break;
    }
  }

  size_t cursor() const { return cursor_; }
  size_t line() const { return line_; }
  bool has_word(std::string_view word) const { return words_.contains(word); }

  void add_text_facts(std::string_view text, LineFacts& facts) const {
    const std::string line = base::cat(begun_, text, rest_);
    const std::string_view code = base::trim(line);
    facts[LineFact::kLength] = std::min(kLongLine, static_cast<float>(text.size()));
    facts[LineFact::kRepeats] = lines_.contains(code);
    facts[LineFact::kRepeatsNear] = near_.contains(code);
    facts[LineFact::kRepeatsNext] = next_.contains(code);
    const bool goes_on = ends_in(code, {",", "&&", "||", "=", "->", "+", "|", "?"});  // in a next line that may be deeper or not
    facts[LineFact::kHeadless] = next_indent_ > indent_of(line) && !opens_block(code) && !goes_on;
  }

  // Its block is still to be written.
  bool is_bodyless(std::string_view text) const {
    const std::string line = base::cat(begun_, text, rest_);
    return opens_block(base::trim(line)) && next_indent_ <= indent_of(line);
  }

 private:
  void add_words(std::string_view text) {
    for (size_t at = 0; at < text.size();) {
      size_t end = at;
      while (end < text.size() && is_word_byte(text[end])) ++end;
      if (end > at) words_.insert(text.substr(at, end - at));
      at = std::max(end, at + 1);
    }
  }
  // The nearest first.
  void add_lines(const std::vector<std::string_view>& lines) {
    bool next = true;
    for (size_t i = 0; i < lines.size(); ++i) {
      const std::string_view code = base::trim(lines[i]);
      if (code.empty()) continue;
      lines_.insert(code);
      if (i < kNearLines) near_.insert(code);
      if (std::exchange(next, false)) next_.insert(code);
    }
  }

  size_t cursor_, line_ = 0, next_indent_ = 0;
  std::string_view begun_, rest_;  // the cursor's line before and behind it
  Names words_, lines_, near_, next_;
};

// The names of a file with one of the lines, as they are seen from it.
class NamesAround {
 public:
  NamesAround(const Surroundings& around, size_t n_added, const tools::SyntaxTree& tree)
      : around_(around), end_(around.cursor() + n_added), language_(tree.language()), uses_(name_uses(tree)) {
    for (size_t i = 0; i < uses_.functions.size(); ++i)
      if (uses_.functions[i].begin <= around.cursor() && around.cursor() <= uses_.functions[i].end) here_ = static_cast<int>(i);
    std::map<std::string_view, std::pair<std::set<int>, std::set<int>>> elsewhere;  // name -> functions that use it, that bind it
    for (const NameUse& use : uses_.names) {
      if (of_line(use) || use.kind == NameKind::kMember) continue;
      const bool binds = use.kind == NameKind::kBinding;
      if (use.function < 0) {
        known_.insert(use.name);
      } else if (use.function != here_) {
        auto& [using_it, binding_it] = elsewhere[use.name];
        (binds ? binding_it : using_it).insert(use.function);
      } else if (binds) {
        (use.range.begin < around.cursor() ? bound_ : bound_later_).insert(use.name);
      } else {
        used_.insert(use.name);
        if (use.range.begin >= end_ && use.kind == NameKind::kUse) used_later_.insert(use.name);
      }
    }
    for (const auto& [name, functions] : elsewhere)
      if (!std::includes(functions.second.begin(), functions.second.end(), functions.first.begin(), functions.first.end()))
        known_.insert(name);
    for (const NameUse& use : uses_.names)
      if (use.kind == NameKind::kBinding && use.range.begin >= around.line() && use.range.begin < end_) bound_in_line_.insert(use.name);
  }

  void add_facts(LineFacts& facts) const {
    Names idle = bound_;
    for (const NameUse& use : uses_.names) {
      if (!of_line(use)) continue;
      if (use.kind == NameKind::kBinding) {
        if (use.name != "_" && !around_.has_word(use.name)) idle.insert(use.name);
        continue;
      }
      idle.erase(use.name);
      if (use.kind != NameKind::kUse || bound_in_line_.contains(use.name) || is_builtin_name(language_, use.name)) continue;
      if (!known_.contains(use.name) && !bound_.contains(use.name))
        facts[names_are_imported(language_) ? LineFact::kUnbound : LineFact::kUnboundOpen] = 1;
      if (here_ >= 0 && bound_.contains(use.name) && !used_.contains(use.name)) facts[LineFact::kFirstUse] = 1;
    }
    if (here_ < 0) return;
    const auto count = [](const Names& names, auto counts) {
      return static_cast<float>(std::count_if(names.begin(), names.end(), counts));
    };
    if (names_are_imported(language_)) facts[LineFact::kNeeds] = count(used_later_, [&](std::string_view name) { return lacks(name); });
    facts[LineFact::kIdle] = count(idle, [&](std::string_view name) { return !used_.contains(name); });
  }

 private:
  // Whether the completion wrote it, or its end.
  bool of_line(const NameUse& use) const {
    return use.range.begin < end_ && use.range.end > around_.cursor();
  }

  bool lacks(std::string_view name) const {
    return !known_.contains(name) && !bound_.contains(name) && !bound_later_.contains(name) && !bound_in_line_.contains(name) &&
           !is_builtin_name(language_, name);
  }

  const Surroundings& around_;
  const size_t end_;  // of the line
  const tools::Language language_;
  const NameUses uses_;
  int here_ = -1;     // the function around the cursor
  Names known_;       // outside all functions, or as another function takes them from outside
  Names bound_, bound_later_, bound_in_line_, used_, used_later_;  // in the function around
};

// Against the best of the lines: what all of them share says nothing about one.
void subtract_least(std::vector<LineFacts>& facts, LineFact fact, float most) {
  float least = std::numeric_limits<float>::infinity();
  for (const LineFacts& each : facts) least = std::min(least, each[fact]);
  for (LineFacts& each : facts) each[fact] = std::min(most, each[fact] - least);
}

double log_of_sum(std::span<const CompletedLine> lines) {
  double sum = 0;
  for (const CompletedLine& line : lines) sum += std::exp(line.logprob);
  return std::log(std::max(sum, std::numeric_limits<double>::min()));
}

}  // namespace

std::string_view name_of(LineFact fact) {
  constexpr std::string_view kNames[kLineFacts] = {"logprob", "mass", "more_errors", "more_broken", "unbound", "unbound_open", "needs",
                                                   "idle", "first_use", "headless", "repeats", "repeats_near", "repeats_next", "length"};
  return kNames[static_cast<size_t>(fact)];
}

double line_sureness(const LineFacts& facts) {
  double z = kLineBias;
  for (size_t i = 0; i < kLineFacts; ++i) z += static_cast<double>(kLineWeights[i]) * static_cast<double>(facts.at(i));
  return z < 0 ? z - std::log1p(std::exp(z)) : -std::log1p(std::exp(-z));
}

std::vector<LineFacts> line_facts(std::string_view prefix, std::string_view suffix, std::span<const CompletedLine> lines) {
  const Surroundings around(prefix, suffix);
  const auto mass = static_cast<float>(log_of_sum(lines));
  const bool named = prefix.size() + suffix.size() <= kMaxNamedBytes;
  std::vector<LineFacts> all;
  for (const CompletedLine& line : lines) {
    LineFacts facts{};
    facts[LineFact::kLogprob] = static_cast<float>(line.logprob);
    facts[LineFact::kMass] = mass;
    around.add_text_facts(line.text, facts);
    if (line.tree != nullptr) {
      facts[LineFact::kMoreErrors] = static_cast<float>(line.tree->errors().size());
      facts[LineFact::kMoreBroken] = static_cast<float>(line.n_errors_closed);
      if (named) NamesAround(around, line.text.size(), *line.tree).add_facts(facts);
    }
    all.push_back(facts);
  }
  subtract_least(all, LineFact::kMoreErrors, 1);
  for (size_t i = 0; i < lines.size(); ++i)
    if (around.is_bodyless(lines[i].text)) all[i][LineFact::kMoreErrors] = 0;
  subtract_least(all, LineFact::kMoreBroken, 1);
  subtract_least(all, LineFact::kNeeds, kMostNames);
  subtract_least(all, LineFact::kIdle, kMostNames);
  return all;
}

}  // namespace agent
