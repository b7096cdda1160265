// SPDX-License-Identifier: Apache-2.0
// Elements and operands by their number and order: exchanged, left out, one too many; chains of operators; both sides
// of a comparison at once.
#include <algorithm>
#include <array>

#include "agent/mutations/mutation_context.h"
#include "base/strings.h"

namespace agent {
namespace {

constexpr size_t kMostElements = 8;  // longer lists are data

bool is_literal(const MutationContext& c, int node) {
  const std::string_view type = c.nodes[node].type;
  return is_one_of(type, c.traits.integers) || is_one_of(type, c.traits.strings) ||
         type.find("literal") != std::string_view::npos || type == "float" || type == "number" || type == "none" ||
         type == "true" || type == "false";
}

bool has_own_order(std::string_view type) {
  static const Words kTypes = {"list",  "tuple",         "expression_list",  "pattern_list",     "tuple_pattern",
                               "array", "array_pattern", "initializer_list", "array_expression", "tuple_expression",
                               "literal_value", "array_initializer"};
  return is_one_of(type, kTypes);
}

// The elements of Rust's `vec![a, b]`, which the grammar leaves as marks.
std::vector<tools::Range> macro_elements(const MutationContext& c, int node) {
  std::vector<tools::Range> elements;
  const int parent = c.nodes.parent(node);
  if (c.nodes[node].type != "token_tree" || parent < 0 || !c.nodes.text(parent).starts_with("vec!")) return elements;
  const std::vector<int>& marks = c.nodes.children(node);
  for (size_t i = 1; i + 1 < marks.size(); ++i) {
    const tools::Range mark = c.nodes[marks[i]].range;
    const std::string_view text = c.nodes.text(mark);
    if (elements.empty() || c.nodes.text(marks[i - 1]) == ",") elements.push_back(mark);
    if (text != ",") elements.back().end = mark.end;
  }
  return elements;
}

void exchange_elements(MutationContext& c, int node) {
  const std::string_view type = c.nodes[node].type;
  const std::vector<tools::Range> of_macro = macro_elements(c, node);
  if (of_macro.size() == 2)
    c.replace({of_macro[0].begin, of_macro[1].end},
              base::cat(c.nodes.text(of_macro[1]), c.nodes.text({of_macro[0].end, of_macro[1].begin}), c.nodes.text(of_macro[0])),
              MutationKind::kArguments, .8);
  std::vector<int> elements;
  if (has_own_order(type)) {
    elements = c.nodes.named_children(node);
    if (!elements.empty() && c.nodes[elements[0]].type == "keyed_element") return;  // their names say which is which
  } else if (c.python() && is_one_of(type, c.traits.subscripts)) {  // x[i, j]
    for (const int child : c.nodes.named_children(node))
      if (c.nodes[child].field == "subscript") elements.push_back(child);
  }
  if (elements.size() < 2 || elements.size() > kMostElements) return;
  const double share = 1 / static_cast<double>(elements.size() - 1);
  for (size_t i = 0; i + 1 < elements.size(); ++i) {
    const tools::Range first = c.nodes[elements[i]].range, second = c.nodes[elements[i + 1]].range;
    const bool literals = is_literal(c, elements[i]) && is_literal(c, elements[i + 1]);
    c.replace({first.begin, second.end},
              base::cat(c.nodes.text(second), c.nodes.text({first.end, second.begin}), c.nodes.text(first)),
              MutationKind::kArguments, (literals ? .3 : .8) * share);
  }
}

void drop_elements(MutationContext& c, int node) {
  const std::string_view type = c.nodes[node].type;
  if (type != "list" && type != "set" && type != "tuple" && type != "array" && type != "initializer_list") return;
  const std::vector<int> elements = c.nodes.named_children(node);
  const size_t n = elements.size();
  if (n < 3 || n > kMostElements) return;
  const double share = 1 / static_cast<double>(n);
  for (size_t i = 0; i < n; ++i) {
    const tools::Range away = i == 0 ? tools::Range{c.nodes[elements[0]].range.begin, c.nodes[elements[1]].range.begin}
                                     : tools::Range{c.nodes[elements[i - 1]].range.end, c.nodes[elements[i]].range.end};
    c.replace(away, "", MutationKind::kConstant, .5 * share,
              base::cat("element ", code(c.nodes.text(elements[i])), " goes away"));
  }
  if (n > 3)
    c.replace({c.nodes[elements[n - 3]].range.end, c.nodes[elements[n - 1]].range.end}, "", MutationKind::kConstant,
              .15,
              base::cat("elements ", code(c.nodes.text(elements[n - 2])), " and ", code(c.nodes.text(elements[n - 1])),
                        " go away"));
}

// The one empty answer: `[]` gives none, `[[]]` one that is empty.
void nest_empty(MutationContext& c, int node) {
  const std::string_view text = c.nodes.text(node);
  const int parent = c.nodes.parent(node);
  if (text != "[]" || parent < 0 || c.nodes[parent].type != "return_statement") return;
  c.replace(node, "[[]]", MutationKind::kConstant, .5);
}

// Python: `a in b` for `b in a`.
void exchange_containment(MutationContext& c, int node) {
  if (!c.python() || c.nodes[node].type != "comparison_operator") return;
  const std::vector<int> sides = c.nodes.named_children(node);
  if (sides.size() != 2) return;
  const std::string_view mark = base::trim(c.nodes.text({c.nodes[sides[0]].range.end, c.nodes[sides[1]].range.begin}));
  if (mark != "in" && mark != "not in") return;
  const bool literal = is_literal(c, sides[0]) || is_literal(c, sides[1]);
  c.replace(node, base::cat(c.nodes.text(sides[1]), " ", mark, " ", c.nodes.text(sides[0])), MutationKind::kArguments,
            literal ? .2 : .8);
}

struct Chain {
  std::vector<int> operands, marks;  // left to right
};

// `a + b - c`: operators of one rank, as the grammar nests them to the left. Empty below the top of a chain.
Chain chain_of(const MutationContext& c, int node) {
  auto rank = [&](int at) -> int {
    const int mark = c.nodes.child_of_field(at, "operator");
    if (!is_one_of(c.nodes[at].type, c.traits.binaries) || mark < 0) return 0;
    const std::string_view sign = c.nodes.text(mark);
    if (sign == "+" || sign == "-") return 1;
    if (sign == "*" || sign == "/" || sign == "//" || sign == "%") return 2;
    if (c.is_and(sign)) return 3;
    if (c.is_or(sign)) return 4;
    return 0;
  };
  Chain chain;
  const int own = rank(node), parent = c.nodes.parent(node);
  if (own == 0 || (parent >= 0 && rank(parent) == own && c.nodes[node].field == "left")) return chain;
  int at = node;
  while (rank(at) == own) {
    chain.operands.push_back(c.nodes.child_of_field(at, "right"));
    chain.marks.push_back(c.nodes.child_of_field(at, "operator"));
    at = c.nodes.child_of_field(at, "left");
    if (at < 0 || chain.operands.back() < 0) return {};
  }
  chain.operands.push_back(at);
  std::reverse(chain.operands.begin(), chain.operands.end());
  std::reverse(chain.marks.begin(), chain.marks.end());
  return chain;
}

void change_chain(MutationContext& c, int node) {
  const Chain chain = chain_of(c, node);
  const size_t n = chain.operands.size();
  if (n < 3 || n > kMostElements) return;
  // Several operands too many at the end; one is the business of change_operands.
  const size_t begin = c.nodes[chain.operands[0]].range.begin;
  for (size_t kept = n - 2; kept >= 1; --kept)
    c.replace(node, std::string(c.nodes.text({begin, c.nodes[chain.operands[kept - 1]].range.end})),
              MutationKind::kArithmetic, .2);
  const std::string_view mark = c.nodes.text(chain.marks[0]);
  if (!c.is_and(mark) && !c.is_or(mark)) return;
  const std::string_view other = c.other_join(mark);
  std::string text;
  size_t at = c.nodes[node].range.begin;
  for (const int each : chain.marks) {
    text.append(c.nodes.text({at, c.nodes[each].range.begin})).append(other);
    at = c.nodes[each].range.end;
  }
  text.append(c.nodes.text({at, c.nodes[node].range.end}));
  c.replace(node, std::move(text), MutationKind::kBoolean, .8);
}

// `a + b` of texts or lists: joined the other way round.
void exchange_joined(MutationContext& c, int node) {
  if (!is_one_of(c.nodes[node].type, c.traits.binaries)) return;
  const int mark = c.nodes.child_of_field(node, "operator"), left = c.nodes.child_of_field(node, "left"),
            right = c.nodes.child_of_field(node, "right");
  if (mark < 0 || left < 0 || right < 0 || c.nodes.text(mark) != "+") return;
  const double number = std::max(c.number_likelihood(left), c.number_likelihood(right));
  const std::string_view a = c.nodes.text(left), b = c.nodes.text(right);
  if (number > .9 || a == b || a.size() + b.size() > 160) return;
  c.replace(node, base::cat(b, " + ", a), MutationKind::kArguments, .6 * (1.06 - number));
}

// The same is asked of both sides of a comparison: `set(a) == set(b)`.
void wrap_both_sides(MutationContext& c, int node) {
  if (!c.python() || !c.is_comparison(node)) return;
  const std::vector<int> sides = c.nodes.named_children(node);
  if (sides.size() != 2 || is_literal(c, sides[0]) || is_literal(c, sides[1])) return;
  const std::string_view mark = base::trim(c.nodes.text({c.nodes[sides[0]].range.end, c.nodes[sides[1]].range.begin}));
  const std::string a(c.nodes.text(sides[0])), b(c.nodes.text(sides[1]));
  if ((mark != "==" && mark != "!=" && !mark.starts_with('<') && !mark.starts_with('>')) || a.size() + b.size() > 60) return;
  const double number = std::max(c.number_likelihood(sides[0]), c.number_likelihood(sides[1]));
  struct Form {
    std::string_view before, after;
    double weight;
  };
  for (const Form& form :
       {Form{"set(", ")", .4}, Form{"sorted(", ")", .4}, Form{"len(", ")", .4}, Form{"", ".lower()", .25}}) {
    if (a.starts_with(form.before) && a.ends_with(form.after)) continue;
    c.replace(node, base::cat(form.before, a, form.after, " ", mark, " ", form.before, b, form.after),
              MutationKind::kCall, form.weight * (1.06 - number));
  }
  if (number > .3) c.replace(node, base::cat("abs(", a, ") ", mark, " abs(", b, ")"), MutationKind::kCall, .2 * number);
}

}  // namespace

void mutate_elements(MutationContext& c, int node) {
  if (!c.nodes[node].named) return;
  exchange_elements(c, node);
  drop_elements(c, node);
  nest_empty(c, node);
  exchange_containment(c, node);
  change_chain(c, node);
  exchange_joined(c, node);
  wrap_both_sides(c, node);
}

}  // namespace agent
