// SPDX-License-Identifier: Apache-2.0
// Conditions that lack a part: what has to be there before it is looked into.
#include <functional>
#include <set>

#include "agent/code/words.h"
#include "agent/mutations/mutation_context.h"
#include "base/strings.h"

namespace agent {
namespace {

using Offer = std::function<void(std::string extra, double weight)>;

// How a language asks for the length of what is indexed; empty where that cannot be told from the name alone.
std::string length_of(const MutationContext& c, std::string_view name) {
  using tools::Language;
  switch (c.nodes.tree().language()) {
    case Language::kGo:
      return base::cat("len(", name, ")");
    case Language::kRust:
      return base::cat(name, ".len()");
    case Language::kJava:
    case Language::kJavaScript:
    case Language::kTypeScript:
    case Language::kTsx:
      return base::cat(name, ".length");
    default:
      return {};
  }
}

// `x[0] == 'a'` to `len(x) > 0 && x[0] == 'a'`; `x[0] != 'a'` holds of what has no first as well: `len(x) == 0 || ...`.
void test_element(const MutationContext& c, int condition, int element, const Offer& with, const Offer& without) {
  const std::vector<int> parts = c.nodes.named_children(element);
  const std::string length = length_of(c, c.nodes.text(parts[0]));
  const std::string_view index = c.nodes.text(parts[1]);
  if (length.empty() || index.find_first_of("&|?.") != std::string_view::npos) return;
  bool differs = false;
  for (int above = c.nodes.parent(element); above > condition || above == condition; above = c.nodes.parent(above))
    if (c.is_comparison(above)) {
      const int mark = c.nodes.child_of_field(above, "operator");
      differs = mark >= 0 && c.nodes.text(mark).starts_with("!=");
      break;
    }
  const bool first = index == "0";
  const bool strict = c.nodes.tree().language() == tools::Language::kJavaScript ||
                      c.nodes.tree().language() == tools::Language::kTypeScript ||
                      c.nodes.tree().language() == tools::Language::kTsx;
  with(first ? base::cat(length, " > 0") : base::cat(index, " < ", length), differs ? .2 : .5);
  without(first ? base::cat(length, strict ? " === 0" : " == 0") : base::cat(index, " >= ", length), differs ? .5 : .2);
}

// `s.isEmpty()` to `s != null && s.isEmpty()`, or `s == null || s.isEmpty()`: Java asks no object whether it is there.
void test_receivers(const MutationContext& c, int condition, const Offer& with, const Offer& without) {
  for (int i = condition; i < c.nodes.size() && c.nodes[i].range.begin < c.nodes[condition].range.end; ++i) {
    const bool call = c.nodes[i].type == "method_invocation";
    if (!call && c.nodes[i].type != "field_access") continue;
    const int object = c.nodes.child_of_field(i, "object");
    if (object < 0 || c.nodes[object].type != "identifier") continue;
    const std::string name(c.nodes.text(object));
    if (name[0] >= 'A' && name[0] <= 'Z') continue;  // a class
    with(base::cat(name, " != null"), .4);
    without(base::cat(name, " == null"), .4);
  }
}

// `while (x[i] ...)` to `while (i < x.size() && x[i] ...)`; `if x.y` to `if x and x.y`.
void strengthen_condition(MutationContext& c, int node) {
  if (!is_one_of(c.nodes[node].type, c.traits.conditionals)) return;
  int condition = c.nodes.child_of_field(node, "condition");
  if (condition < 0) return;
  while ((c.nodes[condition].type == "parenthesized_expression" || c.nodes[condition].type == "condition_clause") &&
         c.nodes.named_children(condition).size() == 1)
    condition = c.nodes.named_children(condition)[0];
  if (c.nodes[condition].type.find("declaration") != std::string_view::npos) return;
  const std::string text(c.nodes.text(condition));
  if (text.size() > 120 || text.find('\n') != std::string::npos) return;
  const bool has_or = has_word(text, "or") || text.find("||") != std::string::npos;
  const bool has_and = has_word(text, "and") || text.find("&&") != std::string::npos;
  const std::string inner = has_or ? base::cat("(", text, ")") : text;
  std::set<std::string> seen;
  auto offer = [&](std::string extra, double weight) {
    if (text.find(extra) != std::string::npos || !seen.insert(extra).second) return;
    c.replace(condition, base::cat(extra, " ", c.traits.and_word, " ", inner), MutationKind::kCondition, weight);
  };
  auto widen = [&](std::string extra, double weight) {
    if (text.find(extra) != std::string::npos || !seen.insert(extra).second) return;
    c.replace(condition, base::cat(extra, " ", c.traits.or_word, " ", has_and ? base::cat("(", text, ")") : text),
              MutationKind::kCondition, weight);
  };
  const bool java = c.nodes.tree().language() == tools::Language::kJava;
  for (int i = condition; i < c.nodes.size() && c.nodes[i].range.begin < c.nodes[condition].range.end; ++i) {
    const bool member = is_one_of(c.nodes[i].type, c.traits.members),
               index = is_one_of(c.nodes[i].type, c.traits.subscripts);
    if (!member && !index) continue;
    const std::vector<int> parts = c.nodes.named_children(i);
    if (parts.size() < 2 || c.nodes[parts[0]].type != "identifier") continue;
    const std::string receiver(c.nodes.text(parts[0])), second(c.nodes.text(parts[1]));
    if (receiver == "self" || receiver == "this" || receiver == "cls") continue;
    if (index) test_element(c, condition, i, offer, widen);
    if (c.python()) {
      offer(receiver, index ? .5 : .3);
      offer(base::cat(receiver, " is not None"), .2);
      if (index && c.nodes[parts[1]].type == "identifier") offer(base::cat(second, " < len(", receiver, ")"), .4);
    } else if (c.c_family()) {
      if (c.nodes.text(i).find("->") != std::string_view::npos)
        offer(base::cat(receiver, " != ", c.traits.null_word), .5);
      else if (index)
        offer(base::cat(second.starts_with("[") ? second.substr(1, second.size() - 2) : second, " < ", receiver,
                        ".size()"),
              .5);
      else
        offer(base::cat("!", receiver, ".empty()"), .3);
    } else if (c.traits.null_word == "null" && !java) {
      offer(receiver, .3);
    }
  }
  if (java) test_receivers(c, condition, offer, widen);
  const int function = c.function_of(node);
  if (function < 0) return;
  // A way out that is to be taken where there is nothing as well: `if x.next is None` to `if x is None or x.next is
  // None`.
  const int consequence = c.nodes.child_of_field(node, "consequence");
  const std::vector<int> inside = consequence < 0 ? std::vector<int>{} : c.statements_of(consequence);
  static const Words kExits = {"return_statement", "raise_statement", "break_statement", "continue_statement"};
  if (c.python() && !inside.empty() && is_one_of(c.nodes[inside[0]].type, kExits)) {
    const FunctionNames& names = c.names_of(function);
    auto widen_by = [&](std::string extra, bool first, double weight) {
      if (text.find(extra) != std::string::npos || !seen.insert(extra).second) return;
      c.replace(condition, first ? base::cat(extra, " or ", text) : base::cat(text, " or ", extra),
                MutationKind::kCondition, weight);
    };
    for (int i = condition; i < c.nodes.size() && c.nodes[i].range.begin < c.nodes[condition].range.end; ++i)
      if (is_one_of(c.nodes[i].type, c.traits.members) || is_one_of(c.nodes[i].type, c.traits.subscripts))
        if (const std::vector<int> parts = c.nodes.named_children(i);
            parts.size() > 1 && c.nodes[parts[0]].type == "identifier") {
          const std::string receiver(c.nodes.text(parts[0]));
          if (receiver != "self") widen_by(receiver + " is None", true, .5);
        }
    for (const std::string& name : names.parameters)
      if (name != "self" && name != "cls" && !has_word(text, name)) widen_by("not " + name, false, .3);
  }
  // Another test of the same function that may belong here as well.
  for (int i = function; i < c.nodes.size() && c.nodes[i].range.begin < c.nodes[function].range.end; ++i)
    if (c.is_comparison(i) && i != condition && c.nodes.text(i).size() < 40 && seen.size() < 8)
      offer(std::string(c.nodes.text(i)), .12);
}

}  // namespace

void mutate_condition(MutationContext& c, int node) {
  if (c.nodes[node].named && c.function_of(node) >= 0) strengthen_condition(c, node);
}

}  // namespace agent
