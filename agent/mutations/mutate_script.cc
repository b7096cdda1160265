// SPDX-License-Identifier: Apache-2.0
// JavaScript and TypeScript: what their library and their looseness make people get wrong. Results that are dropped, arrays
// where single values are asked for, order and spread, loose comparison, absent members, loops over keys.
#include <algorithm>
#include <array>

#include "agent/mutations/mutation_context.h"
#include "base/strings.h"

namespace agent {
namespace {

constexpr auto kCall = MutationKind::kCall;
constexpr auto kMath = MutationKind::kArithmetic;

bool is_script(const MutationContext& c) {
  using tools::Language;
  const Language language = c.nodes.tree().language();
  return language == Language::kJavaScript || language == Language::kTypeScript || language == Language::kTsx;
}

struct MethodCall {
  int receiver = -1, name = -1, arguments = -1;
  std::string_view called;  // the method's name
};

// `x.f(...)`; the receiver is -1 for any other node.
MethodCall method_call(const MutationContext& c, int node) {
  MethodCall call;
  if (c.nodes[node].type != "call_expression") return call;
  const int callee = c.nodes.child_of_field(node, "function");
  call.arguments = c.nodes.child_of_field(node, "arguments");
  if (callee < 0 || call.arguments < 0 || c.nodes[callee].type != "member_expression") return {};
  call.name = c.nodes.child_of_field(callee, "property");
  if (call.name < 0) return {};
  call.receiver = c.nodes.child_of_field(callee, "object");
  call.called = c.nodes.text(call.name);
  return call;
}

// These answer a new value and leave the old one as it is: as a statement they do nothing.
void keep_result(MutationContext& c, int node) {
  static const Words kPure = {"filter", "map",   "slice",       "concat",      "trim",   "replace",  "replaceAll",
                              "split",  "join",  "toLowerCase", "toUpperCase", "flat",   "flatMap",  "padStart",
                              "padEnd", "substring", "trimStart", "trimEnd",   "repeat", "toSorted", "toReversed"};
  if (c.nodes[node].type != "expression_statement" || c.nodes.named_children(node).empty()) return;
  const int call_node = c.nodes.named_children(node)[0];
  const MethodCall call = method_call(c, call_node);
  if (call.receiver < 0 || !is_one_of(call.called, kPure)) return;
  const std::string receiver(c.nodes.text(call.receiver)), text(c.nodes.text(call_node));
  if (c.nodes[call.receiver].type == "identifier" || c.nodes[call.receiver].type == "member_expression")
    c.replace(call_node, base::cat(receiver, " = ", text), MutationKind::kReturn, 1);
  // `xs.filter(f); return xs;`: the call is the answer.
  const int block = c.nodes.parent(node);
  const std::vector<int> beside = block < 0 ? std::vector<int>{} : c.nodes.named_children(block);
  for (size_t i = 0; i + 1 < beside.size(); ++i) {
    if (beside[i] != node || c.nodes[beside[i + 1]].type != "return_statement") continue;
    const std::vector<int> answer = c.nodes.named_children(beside[i + 1]);
    if (answer.size() == 1 && c.nodes.text(answer[0]) == receiver)
      c.replace({c.nodes[node].range.begin, c.nodes[beside[i + 1]].range.end}, base::cat("return ", text, ";"),
                MutationKind::kReturn, 1);
  }
}

// An array where the function takes its elements, and back.
void spread_argument(MutationContext& c, int node) {
  const MethodCall call = method_call(c, node);
  static const Words kTakesElements = {"min", "max", "push", "unshift", "fromCharCode", "hypot"};
  if (call.receiver < 0 || !is_one_of(call.called, kTakesElements)) return;
  const std::vector<int> arguments = c.nodes.named_children(call.arguments);
  if (arguments.size() != 1) return;
  const bool extreme = c.nodes.text(call.receiver) == "Math";
  const std::string text(c.nodes.text(arguments[0]));
  if (c.nodes[arguments[0]].type == "spread_element" && text.starts_with("..."))
    c.replace(arguments[0], text.substr(3), kCall, .3);
  else
    c.replace(arguments[0], base::cat("...", text), kCall, extreme ? 1 : .3 * (1.06 - c.number_likelihood(arguments[0])));
}

// `sort()` compares texts; the other direction; an order that is not there, or not asked for.
void change_order(MutationContext& c, int node) {
  const MethodCall call = method_call(c, node);
  if (call.receiver < 0) return;
  const std::string text(c.nodes.text(node));
  const bool empty = c.nodes.named_children(call.arguments).empty();
  if ((call.called == "sort" || call.called == "toSorted") && empty)
    for (const char* order : {"(a, b) => a - b", "(a, b) => b - a"})
      c.replace(call.arguments, base::cat("(", order, ")"), kCall, .6);
  if (call.called == "sort") c.replace(node, text + ".reverse()", kCall, .3);
  static const Words kArrays = {"filter", "map", "sort", "slice", "concat", "split"};
  if (is_one_of(call.called, kArrays)) {
    c.replace(call.receiver, base::cat("[...new Set(", c.nodes.text(call.receiver), ")]"), kCall, .15);
    if (call.called == "filter" || call.called == "map" || call.called == "split")
      for (const char* more : {".sort()", ".reverse()"}) c.replace(node, text + more, kCall, .12);
  }
}

// The same is asked of both sides: `f(a) === f(b)` becomes `f(a.sort()) === f(b.sort())`.
void both_sides(MutationContext& c, int node) {
  if (!c.is_comparison(node)) return;
  const int left = c.nodes.child_of_field(node, "left"), right = c.nodes.child_of_field(node, "right");
  if (left < 0 || right < 0) return;
  auto target = [&](int side) {  // the only argument of a call of anything, else the side
    if (c.nodes[side].type != "call_expression") return side;
    const int list = c.nodes.child_of_field(side, "arguments");
    const std::vector<int> arguments = list < 0 ? std::vector<int>{} : c.nodes.named_children(list);
    return arguments.size() == 1 ? arguments[0] : side;
  };
  const int a = target(left), b = target(right);
  if ((a == left) != (b == right) || c.nodes[a].type != c.nodes[b].type) return;
  if (is_one_of(c.nodes[a].type, c.traits.strings) || c.nodes[a].type == "number") return;
  const bool array = c.nodes[a].type == "array";
  const double number = array ? 0 : std::max(c.number_likelihood(a), c.number_likelihood(b));
  if (number > .9 || c.nodes.text(node).size() > 160) return;
  const std::string_view before = c.nodes.text({c.nodes[node].range.begin, c.nodes[a].range.begin}),
                         between = c.nodes.text({c.nodes[a].range.end, c.nodes[b].range.begin}),
                         after = c.nodes.text({c.nodes[b].range.end, c.nodes[node].range.end});
  for (const char* way : {".sort()", ".length", ".toLowerCase()"})
    c.replace(node, base::cat(before, c.nodes.text(a), way, between, c.nodes.text(b), way, after), kCall,
              (array ? .6 : .25) * (1.06 - number));
}

// `for (x in xs)` counts keys; `of` gives the elements.
void keys_or_elements(MutationContext& c, int node) {
  if (c.nodes[node].type != "for_in_statement") return;
  const int mark = c.nodes.child_of_field(node, "operator");
  if (mark < 0) return;
  const bool keys = c.nodes.text(mark) == "in";
  c.replace(mark, keys ? "of" : "in", kCall, keys ? .9 : .2);
}

struct Swap {
  std::string_view from, to;
  MutationKind kind;
  double weight;
};

void loose_marks(MutationContext& c, int node) {
  static constexpr std::array kSwaps = {
      Swap{"===", "==", MutationKind::kComparison, .15},   Swap{"!==", "!=", MutationKind::kComparison, .15},
      Swap{"===", "<=", MutationKind::kComparison, .25},   Swap{"===", ">=", MutationKind::kComparison, .25},
      Swap{"!==", "<", MutationKind::kComparison, .15},    Swap{"!==", ">", MutationKind::kComparison, .15},
      Swap{">", "===", MutationKind::kComparison, .12},    Swap{"<", "===", MutationKind::kComparison, .12},
      Swap{">=", "===", MutationKind::kComparison, .15},   Swap{"<=", "===", MutationKind::kComparison, .15},
      Swap{"||", "??", MutationKind::kDefault, .8},        Swap{"??", "||", MutationKind::kDefault, .5},
      Swap{"&&=", "||=", MutationKind::kAssignment, .5},   Swap{"||=", "?\?=", MutationKind::kAssignment, .5},
      Swap{">>", ">>>", MutationKind::kBitwise, .2},       Swap{">>>", ">>", MutationKind::kBitwise, .4},
      Swap{"**", "^", MutationKind::kArithmetic, .05},     Swap{"^", "**", MutationKind::kArithmetic, .6}};
  const int parent = c.nodes.parent(node);
  if (parent < 0 || !is_one_of(c.nodes[parent].type, c.traits.binaries)) return;
  for (const Swap& swap : kSwaps)
    if (swap.from == c.nodes[node].type) {
      // `??` stands for values, not for conditions.
      const int above = c.nodes.parent(parent);
      const bool value = above >= 0 && c.nodes[above].type != "parenthesized_expression" &&
                         !is_one_of(c.nodes[above].type, c.traits.binaries);
      if (swap.to == "??" && !value) continue;
      c.replace(node, std::string(swap.to), swap.kind, swap.weight);
    }
}

// Members that stand in for one another in the library of the language.
void sibling_member(MutationContext& c, int node) {
  static constexpr std::array<std::array<std::string_view, 2>, 20> kPairs = {{
      {"find", "filter"},        {"find", "findIndex"},     {"find", "findLast"},        {"forEach", "map"},
      {"includes", "startsWith"}, {"includes", "indexOf"},  {"substring", "substr"},     {"substring", "slice"},
      {"trunc", "floor"},        {"trunc", "round"},        {"keys", "entries"},         {"values", "entries"},
      {"padStart", "padEnd"},    {"trimStart", "trimEnd"},  {"trim", "trimEnd"},         {"push", "concat"},
      {"charAt", "charCodeAt"},  {"replace", "replaceAll"}, {"reduce", "reduceRight"},   {"all", "allSettled"},
  }};
  const MethodCall call = method_call(c, node);
  if (call.receiver < 0) return;
  for (const auto& pair : kPairs)
    for (const size_t side : {size_t{0}, size_t{1}})
      if (pair[side] == call.called) c.replace(call.name, std::string(pair[1 - side]), MutationKind::kOpposite, .4);
}

// `a.b` of what may be absent; a first answer of `reduce` that an empty array needs; a radix.
void absent_values(MutationContext& c, int node) {
  if (c.nodes[node].type == "member_expression" && c.nodes[node].field != "left") {
    const int object = c.nodes.child_of_field(node, "object"), name = c.nodes.child_of_field(node, "property");
    if (object < 0 || name < 0 || c.nodes.text(object) == "this" || c.nodes.text(object) == "Math") return;
    const std::string_view between = c.nodes.text({c.nodes[object].range.end, c.nodes[name].range.begin});
    if (between == ".")
      c.replace({c.nodes[object].range.end, c.nodes[name].range.begin}, "?.", MutationKind::kDefault, .3,
                base::cat("`", c.nodes.text(object), "` may be absent"));
  }
  const MethodCall call = method_call(c, node);
  if (call.receiver >= 0 && call.called == "reduce" && c.nodes.named_children(call.arguments).size() == 1) {
    const std::string list(c.nodes.text(call.arguments));
    for (const char* first : {", 0)", ", 1)", ", '')"})
      c.replace(call.arguments, list.substr(0, list.size() - 1) + first, MutationKind::kDefault, .4);
  }
  if (c.nodes[node].type != "call_expression") return;
  const int callee = c.nodes.child_of_field(node, "function"), list = c.nodes.child_of_field(node, "arguments");
  if (callee < 0 || list < 0 || !c.nodes.text(callee).ends_with("parseInt")) return;
  const std::string text(c.nodes.text(list));
  if (c.nodes.named_children(list).size() == 1 && text.ends_with(")"))
    c.replace(list, text.substr(0, text.size() - 1) + ", 10)", MutationKind::kDefault, .5);
}

// `x * 2` for `x * x`; `a - 1 / b` for `a / b - 1`; the distance of two; a number that nothing multiplies by -1.
void change_product(MutationContext& c, int node) {
  if (c.nodes[node].type != "binary_expression") return;
  const int left = c.nodes.child_of_field(node, "left"), right = c.nodes.child_of_field(node, "right"),
            mark = c.nodes.child_of_field(node, "operator");
  if (left < 0 || right < 0 || mark < 0) return;
  const std::string_view sign = c.nodes.text(mark), a = c.nodes.text(left), b = c.nodes.text(right);
  if (sign == "*" && c.nodes[right].type == "number" && c.nodes[left].type != "binary_expression")
    c.replace(right, std::string(a), kMath, .4);
  if (sign == "*" && a == b) c.replace(right, "2", kMath, .3);
  if (sign == "*" && b == "-1") c.replace(node, std::string(a), kMath, .8);
  if (sign == "-" && c.nodes[left].type == c.nodes[right].type && c.nodes[left].type != "call_expression")
    c.replace(node, base::cat("Math.abs(", c.nodes.text(node), ")"), kCall, .4);
  if ((sign == "-" || sign == "+") && c.nodes[right].type == "binary_expression") {
    const int inner = c.nodes.child_of_field(right, "operator"), first = c.nodes.child_of_field(right, "left"),
              second = c.nodes.child_of_field(right, "right");
    if (inner >= 0 && first >= 0 && second >= 0 && c.nodes.text(inner) == "/")
      c.replace(node, base::cat(a, " / ", c.nodes.text(second), " ", sign, " ", c.nodes.text(first)), kMath, .4);
  }
}

// `p *= p * y`: what the mark does already is done twice.
void said_twice(MutationContext& c, int node) {
  if (c.nodes[node].type != "augmented_assignment_expression") return;
  const int left = c.nodes.child_of_field(node, "left"), right = c.nodes.child_of_field(node, "right"),
            mark = c.nodes.child_of_field(node, "operator");
  if (left < 0 || right < 0 || mark < 0 || c.nodes[right].type != "binary_expression") return;
  const int a = c.nodes.child_of_field(right, "left"), b = c.nodes.child_of_field(right, "right"),
            inner = c.nodes.child_of_field(right, "operator");
  if (a < 0 || b < 0 || inner < 0 || base::cat(c.nodes.text(inner), "=") != c.nodes.text(mark)) return;
  if (c.nodes.text(a) == c.nodes.text(left)) c.replace(right, std::string(c.nodes.text(b)), kMath, 1);
  if (c.nodes.text(b) == c.nodes.text(left)) c.replace(right, std::string(c.nodes.text(a)), kMath, 1);
}

// The same method of another receiver, as this function asks it elsewhere; `/ mean` for `/ numbers.length`.
void other_receiver(MutationContext& c, int node) {
  const int function = c.function_of(node), parent = c.nodes.parent(node);
  if (function < 0 || parent < 0) return;
  const MethodCall call = method_call(c, node);
  const bool operand = c.is_variable_use(node) && c.nodes[parent].type == "binary_expression";
  if (call.receiver < 0 && !operand) return;
  const std::string_view text = c.nodes.text(node);
  const tools::Range own = c.nodes[node].range;
  std::vector<std::string_view> seen;
  int outer = function;
  for (int above = c.function_of(outer); above >= 0; above = c.function_of(above)) outer = above;
  for (int i = outer; i < c.nodes.size() && c.nodes[i].range.begin < c.nodes[outer].range.end && seen.size() < 4; ++i) {
    const tools::Range range = c.nodes[i].range;
    const std::string_view other = c.nodes.text(i);
    if ((range.begin < own.end && own.begin < range.end) || other == text || other.size() > 40) continue;
    if (operand) {
      if (c.nodes[i].type != "member_expression" || !other.ends_with(".length")) continue;
    } else {
      const MethodCall like = method_call(c, i);
      if (like.receiver < 0 || like.called != call.called || c.nodes[c.nodes.parent(i)].type == "expression_statement") continue;
    }
    if (std::find(seen.begin(), seen.end(), other) != seen.end()) continue;
    seen.push_back(other);
    c.replace(node, std::string(other), operand ? MutationKind::kVariable : MutationKind::kArguments, operand ? .25 : .3);
  }
}

// Long chains of `||` that were meant to be `&&`, whatever their length; two texts of one condition exchanged.
void change_condition(MutationContext& c, int node) {
  const int parent = c.nodes.parent(node);
  if (c.nodes[node].type != "binary_expression" || c.nodes[node].range.end - c.nodes[node].range.begin > 600) return;
  const int mark = c.nodes.child_of_field(node, "operator");
  if (mark < 0) return;
  const std::string_view sign = c.nodes.text(mark);
  if (sign != c.traits.and_word && sign != c.traits.or_word) return;
  if (parent >= 0 && c.nodes[parent].type == "binary_expression" && c.nodes[node].field == "left") return;
  std::vector<int> marks, texts;
  for (int i = node; i < c.nodes.size() && c.nodes[i].range.begin < c.nodes[node].range.end; ++i) {
    if (!c.nodes[i].named && c.nodes[i].type == sign) marks.push_back(i);
    if (is_one_of(c.nodes[i].type, c.traits.strings)) texts.push_back(i);
  }
  if (marks.size() >= 2) {
    const std::string_view other = sign == c.traits.and_word ? c.traits.or_word : c.traits.and_word;
    std::string text;
    size_t at = c.nodes[node].range.begin;
    for (const int each : marks) {
      text.append(c.nodes.text({at, c.nodes[each].range.begin})).append(other);
      at = c.nodes[each].range.end;
    }
    c.replace(node, text.append(c.nodes.text({at, c.nodes[node].range.end})), MutationKind::kBoolean, .8);
  }
  if (texts.size() == 2 && c.nodes.text(texts[0]) != c.nodes.text(texts[1]))
    c.replace({c.nodes[texts[0]].range.begin, c.nodes[texts[1]].range.end},
              base::cat(c.nodes.text(texts[1]), c.nodes.text({c.nodes[texts[0]].range.end, c.nodes[texts[1]].range.begin}),
                        c.nodes.text(texts[0])),
              MutationKind::kArguments, .5);
}

// One round too few: `f(x)` for `f(f(x))`. What says that nothing was found.
void answer(MutationContext& c, int node) {
  if (c.nodes[node].type != "return_statement") return;
  const std::vector<int> parts = c.nodes.named_children(node);
  if (parts.size() != 1) return;
  if (c.nodes[parts[0]].type == "identifier") {
    for (const char* none : {"-1", "null"}) c.replace(parts[0], none, MutationKind::kReturn, .15);
    c.replace(parts[0], base::cat(c.nodes.text(parts[0]), ".length"), MutationKind::kReturn, .1);
  }
  if (c.nodes[parts[0]].type != "call_expression") return;
  const int callee = c.nodes.child_of_field(parts[0], "function"), list = c.nodes.child_of_field(parts[0], "arguments");
  if (callee >= 0 && list >= 0 && c.nodes[callee].type == "identifier" && c.nodes.named_children(list).size() == 1)
    c.replace(parts[0], base::cat(c.nodes.text(callee), "(", c.nodes.text(parts[0]), ")"), kCall, .2);
}

}  // namespace

void mutate_script(MutationContext& c, int node) {
  if (!is_script(c)) return;
  if (!c.nodes[node].named) return loose_marks(c, node);
  keep_result(c, node);
  spread_argument(c, node);
  change_order(c, node);
  both_sides(c, node);
  keys_or_elements(c, node);
  sibling_member(c, node);
  absent_values(c, node);
  change_product(c, node);
  said_twice(c, node);
  other_receiver(c, node);
  change_condition(c, node);
  answer(c, node);
}

}  // namespace agent
