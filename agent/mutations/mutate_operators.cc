// SPDX-License-Identifier: Apache-2.0
// Operators: comparison, arithmetic, boolean, bitwise, assignment, negation, order and grouping of operands.
#include <array>

#include "agent/mutations/mutation_context.h"
#include "base/strings.h"

namespace agent {
namespace {

struct Swap {
  std::string_view from, to;
  MutationKind kind;
  double weight;
};

constexpr auto kCmp = MutationKind::kComparison;
constexpr auto kMath = MutationKind::kArithmetic;
constexpr auto kBits = MutationKind::kBitwise;
constexpr auto kSet = MutationKind::kAssignment;

// One mark for another. The boundary (`<` or `<=`) is the mistake people make most, then the direction.
constexpr std::array kSwaps = {
    Swap{"<", "<=", kCmp, 1},      Swap{"<", ">", kCmp, .6},      Swap{"<", ">=", kCmp, .3},
    Swap{"<=", "<", kCmp, 1},      Swap{"<=", ">=", kCmp, .6},    Swap{"<=", ">", kCmp, .3},
    Swap{">", ">=", kCmp, 1},      Swap{">", "<", kCmp, .6},      Swap{">", "<=", kCmp, .3},
    Swap{">=", ">", kCmp, 1},      Swap{">=", "<=", kCmp, .6},    Swap{">=", "<", kCmp, .3},
    Swap{"==", "!=", kCmp, 1},     Swap{"==", "<=", kCmp, .25},   Swap{"==", ">=", kCmp, .25},
    Swap{"==", ">", kCmp, .1},     Swap{"==", "<", kCmp, .1},     Swap{"!=", "==", kCmp, 1},
    Swap{"!=", "<", kCmp, .15},    Swap{"!=", ">", kCmp, .15},    Swap{"===", "!==", kCmp, 1},
    Swap{"!==", "===", kCmp, 1},   Swap{"==", "===", kCmp, .2},   Swap{"!=", "!==", kCmp, .2},
    Swap{"in", "not in", kCmp, 1}, Swap{"not in", "in", kCmp, 1}, Swap{"is", "is not", kCmp, 1},
    Swap{"is not", "is", kCmp, 1}, Swap{"is", "==", kCmp, .6},    Swap{"is not", "!=", kCmp, .6},
    Swap{"in", "==", kCmp, .1},    Swap{"==", "in", kCmp, .1},    Swap{"..", "..=", kCmp, .8},
    Swap{"..=", "..", kCmp, .8},   Swap{">", "==", kCmp, .15},    Swap{"<", "==", kCmp, .15},
    Swap{">=", "==", kCmp, .2},    Swap{"<=", "==", kCmp, .2},    Swap{">", "!=", kCmp, .08},
    Swap{"<", "!=", kCmp, .08},

    Swap{"+", "-", kMath, 1},      Swap{"-", "+", kMath, 1},      Swap{"*", "/", kMath, .7},
    Swap{"/", "*", kMath, .7},     Swap{"+", "*", kMath, .3},     Swap{"*", "+", kMath, .35},
    Swap{"/", "//", kMath, .7},    Swap{"//", "/", kMath, .8},    Swap{"%", "/", kMath, .4},
    Swap{"/", "%", kMath, .4},     Swap{"%", "//", kMath, .4},    Swap{"//", "%", kMath, .5},
    Swap{"**", "*", kMath, .7},    Swap{"*", "**", kMath, .2},    Swap{"-", "/", kMath, .05},
    Swap{"-", "*", kMath, .05},    Swap{"-", "%", kMath, .1},     Swap{"%", "-", kMath, .05},

    Swap{"&", "|", kBits, .8},     Swap{"|", "&", kBits, .8},     Swap{"^", "|", kBits, .5},
    Swap{"^", "&", kBits, .5},     Swap{"|", "^", kBits, .3},     Swap{"&", "^", kBits, .3},
    Swap{"<<", ">>", kBits, .9},   Swap{">>", "<<", kBits, .9},   Swap{"&", "&&", kBits, .3},
    Swap{"|", "||", kBits, .3},    Swap{"|", "-", kBits, .1},     Swap{"&", "-", kBits, .1},

    Swap{"+=", "-=", kSet, .8},    Swap{"-=", "+=", kSet, .8},    Swap{"*=", "/=", kSet, .5},
    Swap{"/=", "*=", kSet, .5},    Swap{"=", "+=", kSet, .5},     Swap{"+=", "=", kSet, .5},
    Swap{"=", "-=", kSet, .1},     Swap{"-=", "=", kSet, .2},     Swap{"*=", "+=", kSet, .3},
    Swap{"+=", "*=", kSet, .2},    Swap{"|=", "&=", kSet, .6},    Swap{"&=", "|=", kSet, .6},
    Swap{"^=", "|=", kSet, .4},    Swap{"^=", "&=", kSet, .4},    Swap{"|=", "^=", kSet, .3},    Swap{"/=", "//=", kSet, .5},
    Swap{"//=", "/=", kSet, .5},   Swap{"=", "|=", kSet, .15},    Swap{"|=", "=", kSet, .3},
    Swap{"++", "--", kSet, .8},    Swap{"--", "++", kSet, .8},    Swap{"<<=", ">>=", kSet, .8},
    Swap{">>=", "<<=", kSet, .8},  Swap{"%=", "/=", kSet, .3},    Swap{":=", "=", kSet, .4},
    Swap{"*=", "=", kSet, .3},     Swap{"/=", "=", kSet, .2},
};

// Marks that exist in no other language of ours; a swap to them elsewhere would only fail the parse gate.
bool exists(std::string_view mark, const MutationContext& c) {
  using tools::Language;
  const Language language = c.nodes.tree().language();
  const bool script =
      language == Language::kJavaScript || language == Language::kTypeScript || language == Language::kTsx;
  if (mark == "//" || mark == "//=" || mark == "in" || mark == "not in" || mark == "is" || mark == "is not")
    return c.python();
  if (mark == "===" || mark == "!==") return script;
  if (mark == "**") return c.python() || script;
  if (mark == "&&" || mark == "||") return c.traits.braces;
  return true;
}

void swap_marks(MutationContext& c, int node) {
  const std::string_view mark = c.nodes[node].type;
  const int parent = c.nodes.parent(node);
  if (parent < 0) return;
  const std::string_view above = c.nodes[parent].type;
  const bool plain_assignment = c.python() && above == "assignment" && mark == "=";
  const bool typed = plain_assignment && c.nodes.child_of_field(parent, "type") >= 0;
  if (typed) return;
  if (!is_one_of(above, c.traits.binaries) && !plain_assignment && above != "update_expression" &&
      above != "range_expression" && above != "inc_statement" && above != "dec_statement")
    return;
  for (const Swap& swap : kSwaps) {
    if (swap.from != mark || !exists(swap.to, c)) continue;
    double weight = swap.weight;
    if (mark == "=") {
      // `=` for `+=` is a mistake of accumulators: likelier inside a loop.
      // So is one on something that lives longer than the function.
      const int left = c.nodes.child_of_field(parent, "left");
      const bool lasting =
          left >= 0 && (is_one_of(c.nodes[left].type, c.traits.members) ||
                        is_one_of(c.nodes[left].type, c.traits.subscripts) || c.nodes.text(left).ends_with("_"));
      if (c.nodes.ancestor_of_type(node, c.traits.loops) < 0 && !lasting) weight *= .3;
    }
    c.replace(node, std::string(swap.to), swap.kind, weight);
  }
  if (c.is_and(mark) || c.is_or(mark)) c.replace(node, std::string(c.other_join(mark)), MutationKind::kBoolean, 1);
}

// `a and b` to `a`, to `b`; `a - b` to `b - a`; `a + b * c` to `(a + b) * c` and back.
void change_operands(MutationContext& c, int node) {
  const int left = c.nodes.child_of_field(node, "left"), right = c.nodes.child_of_field(node, "right");
  if (left < 0 || right < 0) return;
  const int mark_node = c.nodes.child_of_field(node, "operator");
  if (mark_node < 0) return;
  const std::string_view mark = c.nodes[mark_node].type;
  const std::string a(c.nodes.text(left)), b(c.nodes.text(right));
  if (c.is_and(mark) || c.is_or(mark)) {
    c.replace(node, a, MutationKind::kCondition, .4);
    c.replace(node, b, MutationKind::kCondition, .4);
    for (int side : {left, right}) {
      if (c.is_comparison(side) || c.nodes[side].type == "not_operator" || c.nodes[side].type == "unary_expression" ||
          is_one_of(c.nodes[side].type, c.traits.binaries))
        continue;
      c.replace(side, base::cat(c.traits.not_prefix, c.nodes.text(side)), MutationKind::kNegation, .6);
    }
    return;
  }
  if (mark == "-" || mark == "/" || mark == "%" || mark == "//" || mark == "<<")
    c.replace(node, base::cat(b, " ", mark, " ", a), MutationKind::kArguments, mark == "-" ? .6 : .4);
  const bool adds = mark == "+" || mark == "-", multiplies = mark == "*" || mark == "/" || mark == "//" || mark == "%";
  auto mark_of = [&](int side) -> std::string_view {
    const int inner = c.nodes.child_of_field(side, "operator");
    return is_one_of(c.nodes[side].type, c.traits.binaries) && inner >= 0 ? c.nodes[inner].type : std::string_view{};
  };
  auto part = [&](int side, const char* field) {
    return std::string(c.nodes.text(c.nodes.child_of_field(side, field)));
  };
  const std::string_view in_left = mark_of(left), in_right = mark_of(right);
  if (adds && (in_right == "*" || in_right == "/" || in_right == "//" || in_right == "%"))
    c.replace(node, base::cat("(", a, " ", mark, " ", part(right, "left"), ") ", in_right, " ", part(right, "right")),
              kMath, .4);
  if (adds && (in_left == "*" || in_left == "/" || in_left == "//" || in_left == "%"))
    c.replace(node, base::cat(part(left, "left"), " ", in_left, " (", part(left, "right"), " ", mark, " ", b, ")"),
              kMath, .4);
  if (multiplies || mark == "-")
    for (int side : {left, right})
      if (c.nodes[side].type == "parenthesized_expression" && c.nodes.text(side).size() > 2)
        c.replace(side, std::string(c.nodes.text(side).substr(1, c.nodes.text(side).size() - 2)), kMath, .4);
  // One operand too many: `a * b` was meant to be `a`.
  if (adds || multiplies) {
    c.replace(node, a, kMath, .15);
    c.replace(node, b, kMath, is_one_of(c.nodes[left].type, c.traits.integers) ? .25 : .1);
  }
  // Whole numbers divided where a fraction was meant.
  if (mark == "/" && c.c_family() && a.find("static_cast") == std::string::npos) {
    c.replace(left, base::cat("static_cast<double>(", a, ")"), MutationKind::kType, .6);
  }
  if (mark == "/" && c.nodes.tree().language() != tools::Language::kPython && !c.c_family() &&
      c.traits.null_word == "null")
    c.replace(node, base::cat("Math.floor(", a, " / ", b, ")"), MutationKind::kCall, .4);
}

void drop_negation(MutationContext& c, int node) {
  const std::string_view type = c.nodes[node].type;
  if (type != "not_operator" && type != "unary_expression" && type != "unary_operator") return;
  const std::vector<int> parts = c.nodes.children(node);
  if (parts.size() != 2) return;
  const std::string_view mark = c.nodes[parts[0]].type;
  if (mark == "not" || mark == "!") c.replace(node, std::string(c.nodes.text(parts[1])), MutationKind::kNegation, 1);
  if (mark == "-" || mark == "~") {
    c.replace(node, std::string(c.nodes.text(parts[1])), MutationKind::kNegation, .8);
  }
}

void negate_condition(MutationContext& c, int node) {
  if (!is_one_of(c.nodes[node].type, c.traits.conditionals)) return;
  int condition = c.nodes.child_of_field(node, "condition");
  if (condition < 0 && c.nodes[node].type == "conditional_expression" && c.python()) {
    const std::vector<int> parts = c.nodes.named_children(node);
    if (parts.size() == 3) condition = parts[1];
  }
  if (condition < 0 && c.nodes[node].type == "if_clause") {
    const std::vector<int> parts = c.nodes.named_children(node);
    if (parts.size() == 1) condition = parts[0];
  }
  if (condition < 0) return;
  // C and JavaScript keep the parentheses in the node.
  while ((c.nodes[condition].type == "parenthesized_expression" || c.nodes[condition].type == "condition_clause") &&
         c.nodes.named_children(condition).size() == 1)
    condition = c.nodes.named_children(condition)[0];
  const std::string_view type = c.nodes[condition].type;
  if (c.is_comparison(condition) || type == "not_operator") return;  // the mark itself is swapped
  if (type == "declaration" || type.find("literal") != std::string_view::npos || type == "integer") return;
  const std::string text(c.nodes.text(condition));
  if (text.starts_with("!")) return;
  const bool simple = type == "identifier" || is_one_of(type, c.traits.calls) || is_one_of(type, c.traits.members) ||
                      is_one_of(type, c.traits.subscripts);
  c.replace(condition, simple ? base::cat(c.traits.not_prefix, text) : base::cat(c.traits.not_prefix, "(", text, ")"),
            MutationKind::kNegation, simple ? .9 : .4);
  if (simple && c.python() && !is_one_of(type, c.traits.calls))
    c.replace(condition, base::cat(text, " is not None"), MutationKind::kCondition, .3);
}

}  // namespace

void mutate_operator(MutationContext& c, int node) {
  const std::string_view type = c.nodes[node].type;
  if (!c.nodes[node].named) return swap_marks(c, node);
  if (is_one_of(type, c.traits.binaries)) change_operands(c, node);
  drop_negation(c, node);
  negate_condition(c, node);
}

}  // namespace agent
