// SPDX-License-Identifier: Apache-2.0
// Operands: one that is missing, a step, a sign, a rate for a factor, an end for a length.
#include <algorithm>
#include <set>

#include "agent/code/words.h"
#include "agent/mutations/mutation_context.h"
#include "base/strings.h"

namespace agent {
namespace {

constexpr auto kMath = MutationKind::kArithmetic;

// A place where a whole value stands: what follows `return`, `=`, `+=`, or an argument.
double value_place(const MutationContext& c, int node) {
  const int parent = c.nodes.parent(node);
  if (parent < 0) return 0;
  const std::string_view above = c.nodes[parent].type, field = c.nodes[node].field;
  if (above == "return_statement") return 1;
  if (field == "right" && (above == "assignment" || above == "augmented_assignment" ||
                           above == "assignment_expression" || above == "augmented_assignment_expression"))
    return 1;
  if (field == "value" && above.find("declarator") != std::string_view::npos) return .8;
  if (above == "expression_list" || above == "tuple" || above == "pair") return .4;
  if (is_one_of(above, c.traits.arguments)) return .3;
  return 0;
}

// `total += price` where `count` is known and used nowhere: `price * count`.
void missing_operand(MutationContext& c, int node) {
  if (!c.may_be_number(node)) return;
  const double place = value_place(c, node);
  const int function = c.function_of(node);
  if (place < .8 || function < 0) return;
  const std::string text(c.nodes.text(node));
  if (text.size() > 60 || text.find('\n') != std::string::npos) return;
  const FunctionNames& names = c.names_of(function);
  std::vector<std::pair<std::string, double>> operands;
  for (const std::string& name : names.variables) {
    if (name == "self" || name == "this" || name == "cls" || has_word(text, name)) continue;
    if (name.size() > 1 && std::isupper(static_cast<unsigned char>(name[0])) && name.find_first_of("abcdefghijklmnopqrstuvwxyz") != std::string::npos)
      continue;  // a type
    if (names.n_uses.at(name) == 1) operands.emplace_back(name, .9);
  }
  // Another member of the same receiver that this function does not touch.
  if (is_one_of(c.nodes[node].type, c.traits.members)) {
    const std::vector<int> parts = c.nodes.named_children(node);
    const std::string_view receiver = parts.empty() ? "" : c.nodes.text(parts[0]);
    const std::string_view body = c.nodes.text(function);
    std::set<std::string> seen;
    for (int i = 0; i < c.nodes.size() && seen.size() < 4; ++i) {
      if (!is_one_of(c.nodes[i].type, c.traits.members)) continue;
      const std::vector<int> other = c.nodes.named_children(i);
      if (other.size() < 2 || c.nodes.text(other[0]) != receiver) continue;
      const int above = c.nodes.parent(i);
      if (above >= 0 && is_one_of(c.nodes[above].type, c.traits.calls)) continue;
      const std::string member(c.nodes.text(i));
      if (body.find(member) != std::string_view::npos || !seen.insert(member).second) continue;
      operands.emplace_back(member, .35);
    }
  }
  const bool sum = c.nodes[node].type.find("binary") != std::string_view::npos;
  const double sure = c.number_likelihood(node);
  for (auto& [operand, weight] : operands) {
    weight *= sure;
    c.replace(node, base::cat(sum ? "(" + text + ")" : text, " * ", operand), kMath, place * weight * .8);
    c.replace(node, base::cat(text, " + ", operand), kMath, place * weight);
    c.replace(node, base::cat(text, " - ", operand), kMath, place * weight * .5);
  }
}

// `i += 0` moves nothing, `i += 1` may be too little: the step is another number that the function knows.
void other_step(MutationContext& c, int node) {
  const std::string_view type = c.nodes[node].type;
  if (!is_one_of(type, c.traits.integers) && type != "number" && type != "number_literal") return;
  const int update = c.nodes.parent(node), function = c.function_of(node);
  if (update < 0 || function < 0 || c.nodes[node].field != "right" || !c.inside_loop(node)) return;
  const int mark = c.nodes.child_of_field(update, "operator"), moved = c.nodes.child_of_field(update, "left");
  if (mark < 0 || moved < 0 || (c.nodes.text(mark) != "+=" && c.nodes.text(mark) != "-=")) return;
  const bool none = c.nodes.text(node) == "0";
  const FunctionNames& names = c.names_of(function);
  for (const std::string& name : names.variables) {
    if (name == c.nodes.text(moved)) continue;
    int use = function;  // the first of it: all of them say together whether it is a number
    while (use < c.nodes.size() && !(c.nodes[use].type == c.nodes[moved].type && c.nodes.text(use) == name)) ++use;
    if (use == c.nodes.size()) continue;
    const double number = c.number_likelihood(use);
    const bool given = std::find(names.parameters.begin(), names.parameters.end(), name) != names.parameters.end();
    c.replace(node, name, none ? MutationKind::kAssignment : MutationKind::kVariable, number * (given ? 1 : .6) * (none ? 1 : .15));
  }
}

void missing_sign(MutationContext& c, int node) {
  const std::string_view type = c.nodes[node].type;
  if (type != "identifier" && !is_one_of(type, c.traits.members) && type != "parenthesized_expression") return;
  if (!c.may_be_number(node) && type != "parenthesized_expression") return;
  const double place = value_place(c, node);
  if (place > 0 && place < 1) c.replace(node, base::cat("-", c.nodes.text(node)), MutationKind::kNegation, .25 * c.number_likelihood(node));
}

// `price * rate` where `price * (1 + rate)` was meant.
void rate_for_factor(MutationContext& c, int node) {
  const int parent = c.nodes.parent(node);
  if (parent < 0 || !is_one_of(c.nodes[parent].type, c.traits.binaries) || !c.may_be_number(node)) return;
  const int mark = c.nodes.child_of_field(parent, "operator");
  if (mark < 0 || c.nodes.text(mark) != "*" || c.nodes[node].type.find("binary") != std::string_view::npos) return;
  const std::string text(c.nodes.text(node));
  for (const char* front : {"(1 + ", "(1 - "}) c.replace(node, base::cat(front, text, ")"), kMath, .2);
}

// `(a + b) / c` rounds down: `(a + b - 1) / c` and `(a + c - 1) / c` round up.
void round_up(MutationContext& c, int node) {
  if (!is_one_of(c.nodes[node].type, c.traits.binaries)) return;
  const int mark = c.nodes.child_of_field(node, "operator"), left = c.nodes.child_of_field(node, "left"),
            right = c.nodes.child_of_field(node, "right");
  if (mark < 0 || left < 0 || right < 0) return;
  const std::string_view sign = c.nodes.text(mark);
  if (sign != "/" && sign != "//") return;
  const std::string a(c.nodes.text(left)), b(c.nodes.text(right));
  if (a.size() + b.size() > 60 || a.find(b) != std::string::npos) return;
  const std::string inner = a.starts_with("(") && a.ends_with(")") ? a.substr(1, a.size() - 2) : a;
  c.replace(node, base::cat("(", inner, " + ", b, " - 1) ", sign, " ", b), MutationKind::kOffByOne, .2);
  c.replace(node, base::cat("(", inner, " + ", b, " / 2) ", sign, " ", b), MutationKind::kOffByOne, .1);
}

// `substr(begin, end)` where the second is a length.
void end_for_length(MutationContext& c, int node) {
  if (!is_one_of(c.nodes[node].type, c.traits.calls)) return;
  const int callee = c.nodes.child_of_field(node, "function"), list = c.nodes.child_of_field(node, "arguments");
  if (callee < 0 || list < 0) return;
  const std::string_view name = c.nodes.text(callee);
  if (!name.ends_with("substr") && !name.ends_with("subspan") && !name.ends_with("slice") &&
      !name.ends_with("substring"))
    return;
  const std::vector<int> args = c.nodes.named_children(list);
  if (args.size() != 2) return;
  const std::string from(c.nodes.text(args[0])), to(c.nodes.text(args[1]));
  c.replace(args[1], base::cat(to, " - ", from), MutationKind::kOffByOne, .6);
  c.replace(args[1], base::cat(from, " + ", to), MutationKind::kOffByOne, .3);
}

}  // namespace

void mutate_operand(MutationContext& c, int node) {
  if (!c.nodes[node].named) return;
  missing_operand(c, node);
  other_step(c, node);
  missing_sign(c, node);
  rate_for_factor(c, node);
  round_up(c, node);
  end_for_length(c, node);
}

}  // namespace agent
