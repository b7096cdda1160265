// SPDX-License-Identifier: Apache-2.0
// compile_grammar: text to a tree, then which rules may be empty, then expressions. A rule's expression leaves out the
// empty string; whoever calls a rule that may be empty says so at the call, as ExprStore wants it.
#include "engine/constrain/grammar.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/strings.h"
#include "engine/constrain/grammar_text.h"

namespace engine {
namespace {

using Kind = GrammarNode::Kind;

class Compiler {
 public:
  Compiler(const Grammar& grammar, ExprStore& store, Automaton& automaton)
      : grammar_(grammar), store_(store), automaton_(automaton), may_be_empty_(grammar.rules.size(), false) {}

  ExprId compile() {
    for (bool changed = true; changed;) {
      changed = false;
      for (size_t i = 0; i < grammar_.rules.size(); ++i) {
        store_.burn();
        if (may_be_empty_[i] || !empty(grammar_.rules[i].body)) continue;
        may_be_empty_[i] = true;
        changed = true;
      }
    }
    const std::vector<bool> productive = productive_rules();
    first_ = static_cast<RuleId>(automaton_.n_rules());
    for (size_t i = 0; i < grammar_.rules.size(); ++i) automaton_.add_rule();
    dead_ = productive;
    dead_.flip();
    for (size_t i = 0; i < grammar_.rules.size(); ++i)
      if (!dead_[i]) automaton_.define(first_ + static_cast<RuleId>(i), store_.non_empty(expr(grammar_.rules[i].body)));
    if (const auto rule = automaton_.order_rules()) {
      const GrammarRule& r = grammar_.rules[*rule - first_];
      throw GrammarProblem{
          r.line, "rule " + r.name +
                      " can begin with itself (left recursion); write it with a repeat, or with itself at the end"};
    }
    return call(grammar_.ids.at("root"));
  }

 private:
  const GrammarNode& node(int id) const { return grammar_.nodes[static_cast<size_t>(id)]; }

  // Whether the empty text is in `id`, as far as is known of the rules.
  bool empty(int id) const {
    const GrammarNode& n = node(id);
    const auto part = [&](int of) { return empty(of); };
    switch (n.kind) {
      case Kind::kEmpty:
        return true;
      case Kind::kText:
        return n.text.empty();
      case Kind::kSet:
        return false;
      case Kind::kRule:
        return may_be_empty_[n.rule];
      case Kind::kConcat:
        return std::all_of(n.of.begin(), n.of.end(), part);
      case Kind::kAlt:
        return std::any_of(n.of.begin(), n.of.end(), part);
      case Kind::kRepeat:
        return n.min == 0 || empty(n.of[0]);
    }
    return false;
  }

  // Rules with a finite text.
  std::vector<bool> productive_rules() const {
    std::vector<bool> known(grammar_.rules.size(), false);
    const auto productive = [&](auto&& self, int id) -> bool {
      const GrammarNode& n = node(id);
      const auto part = [&](int of) { return self(self, of); };
      switch (n.kind) {
        case Kind::kRule:
          return known[n.rule];
        case Kind::kSet:
          return !n.set.empty();
        case Kind::kConcat:
          return std::all_of(n.of.begin(), n.of.end(), part);
        case Kind::kAlt:
          return std::any_of(n.of.begin(), n.of.end(), part);
        case Kind::kRepeat:
          return n.min == 0 || self(self, n.of[0]);
        default:
          return true;
      }
    };
    for (bool changed = true; changed;) {
      changed = false;
      for (size_t i = 0; i < known.size(); ++i) {
        store_.burn();
        if (known[i] || !productive(productive, grammar_.rules[i].body)) continue;
        known[i] = true;
        changed = true;
      }
    }
    return known;
  }

  ExprId call(size_t rule) {
    if (dead_[rule]) return kNothing;
    const ExprId called = store_.call(first_ + static_cast<RuleId>(rule));
    return may_be_empty_[rule] ? store_.optional(called) : called;
  }

  ExprId expr(int id) {
    const GrammarNode& n = node(id);
    switch (n.kind) {
      case Kind::kEmpty:
        return kEmptyText;
      case Kind::kText:
        return store_.text(n.text);
      case Kind::kSet:
        return one_character(store_, n.set, Spelling::kUtf8);
      case Kind::kRule:
        return call(n.rule);
      case Kind::kConcat: {
        ExprId all = kEmptyText;
        for (size_t i = n.of.size(); i-- > 0;) all = store_.concat(expr(n.of[i]), all);
        return all;
      }
      case Kind::kAlt: {
        std::vector<ExprId> parts;
        for (const int part : n.of) parts.push_back(expr(part));
        return store_.alt(std::move(parts));
      }
      case Kind::kRepeat:
        return store_.repeat(expr(n.of[0]), n.min, n.max);
    }
    return kNothing;
  }

  const Grammar& grammar_;
  ExprStore& store_;
  Automaton& automaton_;
  RuleId first_ = 0;
  std::vector<bool> may_be_empty_, dead_;
};

}  // namespace

base::Result<ExprId> compile_grammar(ExprStore& store, Automaton& automaton, std::string_view text) {
  try {
    const Grammar grammar = parse_grammar(text);
    return Compiler(grammar, store, automaton).compile();
  } catch (const GrammarProblem& problem) {
    return base::invalid(base::cat("line ", problem.line, ": ", problem.what, "."));
  }
}

}  // namespace engine
