// SPDX-License-Identifier: Apache-2.0
// Expressions that the function has already, put where they may have been meant: plastic surgery, as the literature
// calls it (Barr et al., "The plastic surgery hypothesis", 2014). What is set and used nowhere comes first.
#include <algorithm>
#include <set>

#include "agent/code/words.h"
#include "agent/mutations/mutation_context.h"
#include "base/strings.h"

namespace agent {
namespace {

bool is_callee(const MutationContext& c, int node) {
  const int parent = c.nodes.parent(node);
  return parent >= 0 && is_one_of(c.nodes[parent].type, c.traits.calls) &&
         (c.nodes[node].field == "function" || c.nodes[node].field == "name");
}

bool is_statement(const MutationContext& c, int node) {
  const int parent = c.nodes.parent(node);
  return parent < 0 || c.nodes[parent].type == "expression_statement";
}

// The target of an assignment.
bool is_target(const MutationContext& c, int node) {
  const int parent = c.nodes.parent(node);
  return parent >= 0 && c.nodes[node].field == "left" && c.nodes[parent].type.find("assignment") != std::string_view::npos;
}

bool is_own(std::string_view name) {
  return name == "self" || name == "this" || name == "cls";
}

// A call, member or element where a variable was meant that nothing uses.
void unused_variable(MutationContext& c, int node) {
  const std::string_view type = c.nodes[node].type;
  const bool call = is_one_of(type, c.traits.calls);
  if (!call && !is_one_of(type, c.traits.subscripts)) return;
  const int function = c.function_of(node);
  if (function < 0 || is_callee(c, node) || is_statement(c, node) || is_target(c, node)) return;
  const FunctionNames& names = c.names_of(function);
  const std::string_view text = c.nodes.text(node);
  for (const std::string& name : names.variables)
    if (names.n_uses.at(name) == 1 && !is_own(name) && !has_word(text, name))
      c.replace(node, name, MutationKind::kVariable, .6);
}

// A call of the same function stands near, with other arguments.
void like_other_call(MutationContext& c, int node) {
  if (!is_one_of(c.nodes[node].type, c.traits.calls) || is_statement(c, node)) return;
  const int function = c.function_of(node), callee = c.nodes.child_of_field(node, "function");
  if (function < 0 || callee < 0) return;
  const std::string_view name = c.nodes.text(callee), text = c.nodes.text(node);
  std::set<std::string_view> seen = {text};
  for (int i = function; i < c.nodes.size() && c.nodes[i].range.begin < c.nodes[function].range.end && seen.size() < 4;
       ++i) {
    if (!is_one_of(c.nodes[i].type, c.traits.calls)) continue;
    const int other = c.nodes.child_of_field(i, "function");
    if (other < 0 || c.nodes.text(other) != name || c.nodes.text(i).size() > 60) continue;
    const tools::Range range = c.nodes[i].range, own = c.nodes[node].range;
    if (range.begin < own.end && own.begin < range.end) continue;
    if (seen.insert(c.nodes.text(i)).second)
      c.replace(node, std::string(c.nodes.text(i)), MutationKind::kArguments, .35);
  }
}

// An operand that is a name where a call of the same function was meant: `/ mean` for `/ len(numbers)`.
void call_for_name(MutationContext& c, int node) {
  if (!c.is_variable_use(node)) return;
  const int function = c.function_of(node), parent = c.nodes.parent(node);
  if (function < 0 || parent < 0 || is_target(c, node)) return;
  if (!is_one_of(c.nodes[parent].type, c.traits.binaries) && !c.is_comparison(parent) &&
      c.nodes[parent].type != "return_statement")
    return;
  const std::string_view name = c.nodes.text(node);
  std::set<std::string_view> seen;
  for (int i = function; i < c.nodes.size() && c.nodes[i].range.begin < c.nodes[function].range.end && seen.size() < 4;
       ++i) {
    if (!is_one_of(c.nodes[i].type, c.traits.calls) || is_statement(c, i)) continue;
    const std::string_view text = c.nodes.text(i);
    if (text.size() > 24 || text.find('\n') != std::string_view::npos) continue;
    const tools::Range range = c.nodes[i].range;
    if (range.begin <= c.nodes[node].range.begin && c.nodes[node].range.end <= range.end) continue;
    const bool numbers = c.number_likelihood(i) > .9 || c.number_likelihood(node) < .9;
    if (seen.insert(text).second && text != name)
      c.replace(node, std::string(text), MutationKind::kVariable, numbers ? .12 : .03);
  }
}

// Under `if a >= b`, what goes on works with what is left of a: `f(a)` for `f(a - b)`.
void rest_after_comparison(MutationContext& c, int node) {
  const int parent = c.nodes.parent(node), function = c.function_of(node);
  if (parent < 0 || function < 0 || !c.is_variable_use(node)) return;
  if (!is_one_of(c.nodes[parent].type, c.traits.arguments) && c.nodes[parent].type != "return_statement") return;
  const std::string name(c.nodes.text(node));
  int below = node;
  for (int i = parent; i >= 0 && i != function; below = i, i = c.nodes.parent(i)) {
    if (c.nodes[below].field != "consequence") continue;
    const int condition = c.nodes.child_of_field(i, "condition");
    if (condition < 0) return;
    for (int at = condition; at < c.nodes.size() && c.nodes[at].range.begin < c.nodes[condition].range.end; ++at) {
      if (!c.is_comparison(at)) continue;
      const std::vector<int> sides = c.nodes.named_children(at);
      if (sides.size() != 2) continue;
      for (int side : {0, 1}) {
        const int other = sides[static_cast<size_t>(1 - side)];
        if (c.nodes.text(sides[static_cast<size_t>(side)]) != name || !c.may_be_number(other) ||
            c.nodes.text(other).size() > 30)
          continue;
        const double number = std::max(c.number_likelihood(node), c.number_likelihood(other));
        c.replace(node, base::cat(name, " - ", c.nodes.text(other)), MutationKind::kArithmetic, .8 * number);
      }
    }
    return;
  }
}

// A list is given back alone where what was there before belongs in front of it.
void joined_list(MutationContext& c, int node) {
  const std::string_view type = c.nodes[node].type;
  if (type != "list_comprehension" && type != "list") return;
  const int function = c.function_of(node), parent = c.nodes.parent(node);
  if (function < 0 || parent < 0 || !c.python()) return;
  const bool given_back = c.nodes[parent].type == "return_statement";
  if ((!given_back && c.nodes[node].field != "right") || c.nodes.text(node).size() < 3) return;
  const FunctionNames& names = c.names_of(function);
  const std::string_view text = c.nodes.text(node);
  int n = 0;
  for (const std::string& name : names.variables) {
    const bool source = text.find(base::cat(" in ", name)) != std::string_view::npos;
    if (is_own(name) || (!source && names.n_uses.at(name) > 1) || ++n > 3) continue;
    c.replace(node, base::cat(name, " + ", text), MutationKind::kArithmetic, source ? .6 : .3);
  }
}

// A loop over all of a list of which a part was taken before: the rest was meant.
void rest_of_list(MutationContext& c, int node) {
  const int parent = c.nodes.parent(node), function = c.function_of(node);
  if (!c.python() || parent < 0 || function < 0 || c.nodes[node].type != "identifier") return;
  if (!is_one_of(c.nodes[parent].type, c.traits.loops) || c.nodes[node].field != "right") return;
  const std::string name(c.nodes.text(node));
  std::set<std::string> seen;
  for (int i = function; i < c.nodes.size() && c.nodes[i].range.begin < c.nodes[function].range.end && seen.size() < 3;
       ++i) {
    if (c.nodes[i].type != "slice" || c.nodes.text(c.nodes.named_children(c.nodes.parent(i))[0]) != name) continue;
    const std::string text(c.nodes.text(i));
    const size_t colon = text.find(':');
    if (colon == std::string::npos || text.find(':', colon + 1) != std::string::npos) continue;
    const std::string from(base::trim(text.substr(0, colon))), to(base::trim(text.substr(colon + 1)));
    const std::string rest = from.empty() && !to.empty() ? to + ":" : !from.empty() && to.empty() ? ":" + from : "";
    if (!rest.empty() && seen.insert(rest).second)
      c.replace(node, base::cat(name, "[", rest, "]"), MutationKind::kOffByOne, .9);
  }
  c.replace(node, base::cat(name, "[1:]"), MutationKind::kOffByOne, .2);
  c.replace(node, base::cat(name, "[:-1]"), MutationKind::kOffByOne, .1);
}

// `'text'` where `text` was meant.
void name_for_string(MutationContext& c, int node) {
  if (!is_one_of(c.nodes[node].type, c.traits.strings) || is_statement(c, node)) return;
  const int function = c.function_of(node);
  const std::string_view text = c.nodes.text(node);
  if (function < 0 || text.size() < 3) return;
  const std::string inside(text.substr(1, text.size() - 2));
  const std::vector<std::string>& names = c.names_of(function).variables;
  if (std::find(names.begin(), names.end(), inside) != names.end())
    c.replace(node, inside, MutationKind::kVariable, .9);
}

}  // namespace

void mutate_ingredient(MutationContext& c, int node) {
  if (!c.nodes[node].named) return;
  unused_variable(c, node);
  like_other_call(c, node);
  call_for_name(c, node);
  rest_after_comparison(c, node);
  joined_list(c, node);
  rest_of_list(c, node);
  name_for_string(c, node);
}

}  // namespace agent
