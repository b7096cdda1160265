// SPDX-License-Identifier: Apache-2.0
// Whole expressions: a name exchanged throughout a statement, a member for a local and back, factors that stand on the wrong
// side of a fraction, a conversion that other places have, a result that forgets the one before it, a missing @property.
#include <algorithm>
#include <set>

#include "agent/code/words.h"
#include "agent/mutations/mutation_context.h"
#include "base/strings.h"

namespace agent {
namespace {

std::string replaced_throughout(const MutationContext& c, tools::Range range, const std::vector<int>& nodes, std::string_view with) {
  std::string out;
  size_t at = range.begin;
  for (const int node : nodes) {
    out += c.nodes.text({at, c.nodes[node].range.begin});
    out += with;
    at = c.nodes[node].range.end;
  }
  return out += c.nodes.text({at, range.end});
}

// The call or statement that uses a name twice or more was written for another name: all of them change at once.
void exchange_throughout(MutationContext& c, int node) {
  const bool call = is_one_of(c.nodes[node].type, c.traits.calls);
  if (!call && c.nodes[node].type != "return_statement") return;
  const int function = c.function_of(node);
  if (function < 0 || c.nodes[node].range.end - c.nodes[node].range.begin > 160) return;
  std::map<std::string, std::vector<int>> uses;
  for (int i = node; i < c.nodes.size() && c.nodes[i].range.begin < c.nodes[node].range.end; ++i)
    if (c.is_variable_use(i)) uses[std::string(c.nodes.text(i))].push_back(i);
  const FunctionNames& names = c.names_of(function);
  for (const auto& [name, places] : uses) {
    if (places.size() < 2 || !names.n_uses.contains(name) || name == "self" || name == "this" || name == "cls") continue;
    const auto type = names.types.find(name);
    for (const std::string& other : names.variables) {
      if (other == name || other == "self" || other == "this" || other == "cls") continue;
      const auto other_type = names.types.find(other);
      const bool known = type != names.types.end() && other_type != names.types.end();
      const double fits = !known ? .5 : type->second == other_type->second ? 1 : .15;
      c.replace(node, replaced_throughout(c, c.nodes[node].range, places, other), MutationKind::kVariable, .35 * fits,
                base::cat("`", name, "` becomes `", other, "` throughout ", code(c.nodes.text(node))));
    }
  }
}

// `lot.quantity` for `taken`: a member where a local was meant that is hardly used, and a name where a member was meant.
void member_or_local(MutationContext& c, int node) {
  const int function = c.function_of(node), parent = c.nodes.parent(node);
  if (function < 0 || parent < 0) return;
  const bool member = is_one_of(c.nodes[node].type, c.traits.members);
  if (!member && !c.is_variable_use(node)) return;
  if (is_one_of(c.nodes[parent].type, c.traits.calls) && c.nodes[node].field == "function") return;
  if (is_one_of(c.nodes[parent].type, c.traits.members) || c.nodes[node].field == "left") return;
  const FunctionNames& names = c.names_of(function);
  const std::string text(c.nodes.text(node));
  if (member) {
    for (const std::string& other : names.variables) {
      if (other == "self" || other == "this" || has_word(text, other)) continue;
      const auto uses = names.n_uses.find(other);
      if (uses != names.n_uses.end()) c.replace(node, other, MutationKind::kVariable, uses->second <= 2 ? .2 : .08);
    }
    return;
  }
  const bool key = is_one_of(c.nodes[parent].type, c.traits.subscripts) || is_one_of(c.nodes[parent].type, c.traits.arguments);
  if (!key) return;
  std::set<std::string> seen;
  const tools::Range range = c.nodes[function].range;
  for (int i = function; i < c.nodes.size() && c.nodes[i].range.begin < range.end && seen.size() < 4; ++i) {
    if (!is_one_of(c.nodes[i].type, c.traits.members)) continue;
    const int above = c.nodes.parent(i);
    if (above >= 0 && (is_one_of(c.nodes[above].type, c.traits.members) ||
                       (is_one_of(c.nodes[above].type, c.traits.calls) && c.nodes[i].field == "function")))
      continue;
    const std::string other(c.nodes.text(i));
    if (other.size() > 30 || other.starts_with("self._") || !seen.insert(other).second) continue;
    c.replace(node, other, MutationKind::kVariable, .08);
  }
}

// `a * f(x) / f(y)`: the factors of a fraction change sides.
void exchange_factors(MutationContext& c, int node) {
  if (!is_one_of(c.nodes[node].type, c.traits.binaries)) return;
  const int mark = c.nodes.child_of_field(node, "operator"), left = c.nodes.child_of_field(node, "left"),
            right = c.nodes.child_of_field(node, "right");
  if (mark < 0 || left < 0 || right < 0) return;
  const std::string_view sign = c.nodes.text(mark);
  if ((sign != "/" && sign != "//") || !is_one_of(c.nodes[left].type, c.traits.binaries)) return;
  const int inner_mark = c.nodes.child_of_field(left, "operator"), factor = c.nodes.child_of_field(left, "right");
  if (inner_mark < 0 || factor < 0 || c.nodes.text(inner_mark) != "*") return;
  const std::string_view a = c.nodes.text(factor), b = c.nodes.text(right);
  if (a == b) return;
  const tools::Range range{c.nodes[factor].range.begin, c.nodes[right].range.end};
  const bool same_shape = c.nodes[factor].type == c.nodes[right].type;
  c.replace(range, base::cat(b, c.nodes.text({c.nodes[factor].range.end, c.nodes[right].range.begin}), a), MutationKind::kArguments,
            same_shape ? 1 : .4);
}

// `other.amount` where other places have `other.to(unit).amount`: the same front and the same last member, a call between.
void conversion_as_elsewhere(MutationContext& c, int node) {
  if (!is_one_of(c.nodes[node].type, c.traits.members)) return;
  const std::vector<int> parts = c.nodes.named_children(node);
  if (parts.size() < 2 || c.nodes[parts[0]].type != "identifier") return;
  const std::string_view front = c.nodes.text(parts[0]), last = c.nodes.text(parts.back());
  std::set<std::string> seen;
  for (int i = 0; i < c.nodes.size() && seen.size() < 3; ++i) {
    if (i == node || !is_one_of(c.nodes[i].type, c.traits.members)) continue;
    const std::vector<int> other = c.nodes.named_children(i);
    if (other.size() < 2 || c.nodes.text(other.back()) != last || !is_one_of(c.nodes[other[0]].type, c.traits.calls)) continue;
    const std::string text(c.nodes.text(i));
    if (!text.starts_with(front) || text.size() <= front.size() || text[front.size()] != '.' || text.size() > 80) continue;
    if (seen.insert(text).second) c.replace(node, text, MutationKind::kCall, .8);
  }
}

struct Extremes {
  const char *least, *greatest;
};

Extremes extremes(const MutationContext& c) {
  using tools::Language;
  switch (c.nodes.tree().language()) {
    case Language::kCpp:
    case Language::kCuda: return {"std::min(", "std::max("};
    case Language::kJavaScript:
    case Language::kTypeScript:
    case Language::kTsx:
    case Language::kJava: return {"Math.min(", "Math.max("};
    case Language::kPython:
    case Language::kGo: return {"min(", "max("};
    default: return {nullptr, nullptr};
  }
}

// In a loop the last one wins: `best = x` for `best = max(best, x)`.
void keep_extreme(MutationContext& c, int node) {
  const std::string_view type = c.nodes[node].type;
  if ((type != "assignment" && type != "assignment_expression") || !c.inside_loop(node)) return;
  const int left = c.nodes.child_of_field(node, "left"), right = c.nodes.child_of_field(node, "right");
  const Extremes names = extremes(c);
  if (left < 0 || right < 0 || names.least == nullptr || c.nodes[right].range.end - c.nodes[right].range.begin > 60) return;
  const std::string target(c.nodes.text(left)), value(c.nodes.text(right));
  if (value.find("min(") != std::string::npos || value.find("max(") != std::string::npos) return;
  if (has_word(value, target)) {  // a running sum that must not fall below nothing
    const bool adds = value.find(" + ") != std::string::npos || value.find(" - ") != std::string::npos;
    if (adds) c.replace(right, base::cat(names.greatest, "0, ", value, ")"), MutationKind::kAssignment, .4 * c.number_likelihood(right));
    return;
  }
  // What was set before the loop is meant to be kept in some way.
  const int function = c.function_of(node), loop = c.nodes.ancestor_of_type(node, c.traits.loops);
  if (function < 0 || loop < 0) return;
  std::string root = target.substr(0, target.find_first_of(".["));
  const bool set_before = has_word(c.nodes.text({c.nodes[function].range.begin, c.nodes[loop].range.begin}), root);
  const double weight = (set_before ? .8 : .2) * c.number_likelihood(right);
  for (const char* name : {names.least, names.greatest})
    c.replace(right, base::cat(name, target, ", ", value, ")"), MutationKind::kAssignment, weight);
}

// A method without parameters that the program reads like a value.
void missing_property(MutationContext& c, int node) {
  if (!c.python() || c.nodes[node].type != "function_definition") return;
  const int parent = c.nodes.parent(node), name_node = c.nodes.child_of_field(node, "name"),
            parameters = c.nodes.child_of_field(node, "parameters");
  if (parent < 0 || name_node < 0 || parameters < 0 || c.nodes[parent].type == "decorated_definition") return;
  if (c.nodes.ancestor_of_type(node, c.traits.classes) < 0 || c.nodes.text(parameters) != "(self)") return;
  const std::string_view name = c.nodes.text(name_node);
  int read = 0, called = 0;
  for (int i = 0; i < c.nodes.size(); ++i) {
    if (c.nodes[i].type != "attribute") continue;
    const std::vector<int> parts = c.nodes.named_children(i);
    if (parts.size() < 2 || c.nodes.text(parts.back()) != name) continue;
    const int above = c.nodes.parent(i);
    (above >= 0 && c.nodes[above].type == "call" && c.nodes[i].field == "function" ? called : read) += 1;
  }
  if (read == 0 || read < called) return;
  c.insert_before(node, c.nodes.indent_at(c.nodes[node].range.begin), "@property", MutationKind::kInsertion, called == 0 ? 1 : .4);
}

// A whole number that makes a sum of fractions whole.
void fraction_for_integer(MutationContext& c, int node) {
  if (!c.c_family() || c.nodes[node].type != "number_literal") return;
  const int parent = c.nodes.parent(node);
  const std::string text(c.nodes.text(node));
  if (parent < 0 || !is_one_of(c.nodes[parent].type, c.traits.arguments)) return;
  if (text.find_first_not_of("0123456789") != std::string::npos) return;
  c.replace(node, text + ".0", MutationKind::kType, .6);
}

// Python: two values that only know `<`: `not a < b`.
void negate_comparison(MutationContext& c, int node) {
  if (!c.python() || !is_one_of(c.nodes[node].type, c.traits.conditionals)) return;
  const int condition = c.nodes.child_of_field(node, "condition");
  if (condition < 0 || !c.is_comparison(condition)) return;
  const std::vector<int> sides = c.nodes.named_children(condition);
  if (sides.size() != 2) return;
  const double number = std::max(c.number_likelihood(sides[0]), c.number_likelihood(sides[1]));
  c.replace(condition, base::cat("not ", c.nodes.text(condition)), MutationKind::kNegation, .7 * (1 - number) + .3);
}

// `enumerate(x)` counts from 0.
void count_from_one(MutationContext& c, int node) {
  if (!c.python() || c.nodes[node].type != "call") return;
  const int callee = c.nodes.child_of_field(node, "function"), list = c.nodes.child_of_field(node, "arguments");
  if (callee < 0 || list < 0 || c.nodes.text(callee) != "enumerate") return;
  const std::vector<int> arguments = c.nodes.named_children(list);
  if (arguments.size() == 1)
    c.replace(node, base::cat("enumerate(", c.nodes.text(arguments[0]), ", start=1)"), MutationKind::kOffByOne, 1);
  else if (arguments.size() == 2)
    c.replace(node, base::cat("enumerate(", c.nodes.text(arguments[0]), ")"), MutationKind::kOffByOne, .6);
}

}  // namespace

void mutate_expression(MutationContext& c, int node) {
  if (!c.nodes[node].named) return;
  exchange_throughout(c, node);
  member_or_local(c, node);
  exchange_factors(c, node);
  conversion_as_elsewhere(c, node);
  keep_extreme(c, node);
  missing_property(c, node);
  fraction_for_integer(c, node);
  negate_comparison(c, node);
  count_from_one(c, node);
}

}  // namespace agent
