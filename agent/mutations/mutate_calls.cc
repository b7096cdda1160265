// SPDX-License-Identifier: Apache-2.0
// Calls: order and number of arguments, a call wrapped around a value or taken away, await, keyed access with a
// default.
#include <algorithm>
#include <array>

#include "agent/mutations/mutation_context.h"
#include "base/strings.h"

namespace agent {
namespace {

constexpr auto kCall = MutationKind::kCall;

// The declared type of a name or the kind of a literal; empty where nothing is known.
std::string type_of(MutationContext& c, int node) {
  if (c.nodes[node].type == "identifier") {
    const auto& types = c.names_of(c.function_of(node)).types;
    const auto known = types.find(std::string(c.nodes.text(node)));
    return known == types.end() ? "" : known->second;
  }
  const bool literal = c.nodes[node].type.find("literal") != std::string_view::npos ||
                       is_one_of(c.nodes[node].type, c.traits.strings) ||
                       is_one_of(c.nodes[node].type, c.traits.integers);
  return literal ? std::string(c.nodes[node].type) : "";
}

// `receiver.name(list)`, in the grammar of whatever language; -1 where the call is none of a method.
struct MethodCall {
  int receiver = -1, list = -1;
};
MethodCall method_call(const MutationContext& c, int node) {
  const int list = c.nodes.child_of_field(node, "arguments");
  if (c.nodes[node].type == "method_invocation") return {c.nodes.child_of_field(node, "object"), list};
  const int callee = c.nodes.child_of_field(node, "function");
  if (callee < 0 || list < 0 || !is_one_of(c.nodes[callee].type, c.traits.members)) return {};
  const std::vector<int> parts = c.nodes.named_children(callee);
  return parts.size() < 2 ? MethodCall() : MethodCall{parts[0], list};
}

void change_arguments(MutationContext& c, int node) {
  if (!is_one_of(c.nodes[node].type, c.traits.calls)) return;
  const int list = c.nodes.child_of_field(node, "arguments");
  if (list < 0) return;
  const std::vector<int> args = c.nodes.named_children(list);
  if (args.empty() || args.size() > 8) return;
  auto is_keyword = [&](int arg) { return c.nodes[arg].type == "keyword_argument"; };
  for (size_t i = 0; i < args.size(); ++i)
    for (size_t j = i + 1; j < args.size(); ++j) {
      if (is_keyword(args[i]) || is_keyword(args[j])) continue;
      const tools::Range range{c.nodes[args[i]].range.begin, c.nodes[args[j]].range.end};
      const tools::Range between{c.nodes[args[i]].range.end, c.nodes[args[j]].range.begin};
      const std::string first = type_of(c, args[i]), second = type_of(c, args[j]);
      const double alike = first == second ? 1 : first.empty() || second.empty() ? .7 : .2;
      c.replace(range, base::cat(c.nodes.text(args[j]), c.nodes.text(between), c.nodes.text(args[i])),
                MutationKind::kArguments, alike * (j == i + 1 ? 1 : .5));
    }
  if (args.size() == 1 && (c.nodes[args[0]].type == "identifier" || is_one_of(c.nodes[args[0]].type, c.traits.subscripts))) {
    // `a.find(b)` for `b.find(a)`.
    const int receiver = method_call(c, node).receiver;
    if (receiver >= 0 && c.nodes[receiver].type == "identifier" && c.nodes.text(receiver) != "self" && c.nodes.text(receiver) != "this") {
      const tools::Range front = c.nodes[receiver].range, back = c.nodes[args[0]].range;
      c.replace({front.begin, back.end}, base::cat(c.nodes.text(back), c.nodes.text({front.end, back.begin}), c.nodes.text(front)),
                MutationKind::kArguments, .25);
    }
  }
  if (args.size() < 2) return;
  for (size_t i = 1; i < args.size(); ++i)  // one argument less
    c.replace({c.nodes[args[i - 1]].range.end, c.nodes[args[i]].range.end}, "", MutationKind::kArguments, .12);
}

enum class Of { kNumber, kOther, kAny };

struct Wrapper {
  std::string_view before, after;
  double weight;
  Of of = Of::kNumber;
};

constexpr std::array kPythonWrappers = {
    Wrapper{"sorted(", ")", .3, Of::kOther},  Wrapper{"list(", ")", .3, Of::kOther},    Wrapper{"len(", ")", .3, Of::kOther},
    Wrapper{"int(", ")", .3, Of::kAny},     Wrapper{"str(", ")", .2, Of::kAny},     Wrapper{"abs(", ")", .3},
    Wrapper{"float(", ")", .15, Of::kAny},  Wrapper{"set(", ")", .15, Of::kOther},    Wrapper{"round(", ")", .1},
    Wrapper{"max(0, ", ")", .25}, Wrapper{"min(1, ", ")", .05}, Wrapper{"reversed(", ")", .1, Of::kOther},
    Wrapper{"dict(", ")", .15, Of::kOther},   Wrapper{"", ".strip()", .25, Of::kOther}, Wrapper{"", ".lower()", .25, Of::kOther},
    Wrapper{"", ".copy()", .2, Of::kOther},   Wrapper{"", ".items()", .2, Of::kOther},  Wrapper{"", ".values()", .15, Of::kOther}};
constexpr std::array kCppWrappers = {Wrapper{"std::abs(", ")", .3}, Wrapper{"std::max(0, ", ")", .1},
                                     Wrapper{"std::move(", ")", .05, Of::kOther}, Wrapper{"static_cast<int>(", ")", .1},
                                     Wrapper{"static_cast<double>(", ")", .15}};
constexpr std::array kCWrappers = {Wrapper{"abs(", ")", .3}};
constexpr std::array kScriptWrappers = {
    Wrapper{"Math.abs(", ")", .3},     Wrapper{"Math.floor(", ")", .3},  Wrapper{"Number(", ")", .25, Of::kAny},
    Wrapper{"String(", ")", .2, Of::kAny},       Wrapper{"Math.max(0, ", ")", .2}, Wrapper{"", ".trim()", .2, Of::kOther},
    Wrapper{"", ".toLowerCase()", .2, Of::kOther}, Wrapper{"", ".slice()", .15, Of::kOther},     Wrapper{"[...", "]", .15, Of::kOther}};

std::pair<const Wrapper*, size_t> wrappers(const MutationContext& c) {
  using tools::Language;
  switch (c.nodes.tree().language()) {
    case Language::kPython:
      return {kPythonWrappers.data(), kPythonWrappers.size()};
    case Language::kC:
      return {kCWrappers.data(), kCWrappers.size()};
    case Language::kCpp:
    case Language::kCuda:
      return {kCppWrappers.data(), kCppWrappers.size()};
    case Language::kJavaScript:
    case Language::kTypeScript:
    case Language::kTsx:
      return {kScriptWrappers.data(), kScriptWrappers.size()};
    default:
      return {nullptr, 0};
  }
}

// A value given back, stored or iterated that lacks a conversion.
void wrap_value(MutationContext& c, int node) {
  if (!c.may_be_number(node)) return;
  const int parent = c.nodes.parent(node);
  if (parent < 0) return;
  const std::string_view above = c.nodes[parent].type, field = c.nodes[node].field;
  double place = 0;
  if (above == "return_statement") place = .8;
  if (above == "assignment" && field == "right") place = .6;
  if (above == "assignment_expression" && field == "right") place = .5;
  if (above == "variable_declarator" && field == "value") place = .5;
  if (above == "init_declarator" && field == "value") place = .4;
  if (is_one_of(above, c.traits.loops) && field == "right") place = .6;
  if (is_one_of(above, c.traits.arguments)) place = .4;
  if (c.is_comparison(parent)) place = .3;
  if (is_one_of(above, c.traits.subscripts) && field == "subscript") place = .3;
  if (place == 0) return;
  const std::string text(c.nodes.text(node));
  if (text.size() > 60 || text.find('\n') != std::string::npos) return;
  const auto [first, count] = wrappers(c);
  const double number = c.number_likelihood(node);
  const bool simple = c.nodes[node].type.find("binary") == std::string_view::npos;
  for (size_t i = 0; i < count; ++i) {
    const Wrapper& w = first[i];
    if (!w.after.empty() && w.before.empty() && (!simple || text.ends_with(w.after))) continue;
    if (!w.before.empty() && text.starts_with(w.before)) continue;
    const double fits = w.of == Of::kNumber ? number : w.of == Of::kOther ? 1.06 - number : .6;
    c.replace(node, base::cat(w.before, text, w.after), kCall, w.weight * place * fits);
  }
}

// `f(x)` to `x`, and `x.f()` to `x`.
void unwrap_call(MutationContext& c, int node) {
  if (!is_one_of(c.nodes[node].type, c.traits.calls)) return;
  const int parent = c.nodes.parent(node);
  if (parent >= 0 && c.nodes[parent].type == "expression_statement") return;
  const int callee = c.nodes.child_of_field(node, "function"), list = c.nodes.child_of_field(node, "arguments");
  if (callee < 0 || list < 0) return;
  const std::vector<int> args = c.nodes.named_children(list);
  if (c.nodes[callee].type == "identifier" && args.size() == 1 && c.nodes[args[0]].type != "keyword_argument")
    c.replace(node, std::string(c.nodes.text(args[0])), kCall, .2);
  if (is_one_of(c.nodes[callee].type, c.traits.members) && args.empty()) {
    const std::vector<int> parts = c.nodes.named_children(callee);
    if (parts.size() >= 2) c.replace(node, std::string(c.nodes.text(parts[0])), kCall, .12);
  }
  // `min(a, b)` to `a`, to `b`.
  const std::string_view name = c.nodes.text(callee);
  if (args.size() == 2 && (name.ends_with("min") || name.ends_with("max")))
    for (int arg : args) c.replace(node, std::string(c.nodes.text(arg)), kCall, .25);
}

// `x.f(a)` to `x`: one step of a chain too many, or the result of a method that works in place and gives nothing back.
void drop_method(MutationContext& c, int node) {
  if (!is_one_of(c.nodes[node].type, c.traits.calls)) return;
  const int parent = c.nodes.parent(node);
  const MethodCall call = method_call(c, node);
  if (parent < 0 || call.receiver < 0 || call.list < 0) return;
  if (c.nodes[parent].type == "expression_statement" || c.nodes.named_children(call.list).empty()) return;
  const bool chained = is_one_of(c.nodes[call.receiver].type, c.traits.calls);
  c.replace(node, std::string(c.nodes.text(call.receiver)), kCall, chained ? .3 : .1);
}

// Python's methods that change their object answer None: `return xs.sort()`.
void return_of_change(MutationContext& c, int node) {
  if (!c.python() || c.nodes[node].type != "return_statement") return;
  const std::vector<int> parts = c.nodes.named_children(node);
  if (parts.size() != 1 || c.nodes[parts[0]].type != "call") return;
  const int callee = c.nodes.child_of_field(parts[0], "function"), list = c.nodes.child_of_field(parts[0], "arguments");
  if (callee < 0 || list < 0 || c.nodes[callee].type != "attribute") return;
  const std::vector<int> names = c.nodes.named_children(callee);
  static const Words kInPlace = {"sort", "append", "extend", "reverse", "insert", "add", "update", "remove", "discard"};
  if (names.size() != 2 || !is_one_of(c.nodes.text(names[1]), kInPlace)) return;
  const std::string receiver(c.nodes.text(names[0])), text(c.nodes.text(parts[0]));
  const std::string indent(c.nodes.indent_at(c.nodes[node].range.begin));
  c.replace(node, base::cat(text, "\n", indent, "return ", receiver), MutationKind::kReturn, 1);
  c.replace(parts[0], receiver, MutationKind::kReturn, .8);
  if (c.nodes.text(names[1]) != "sort") return;
  const std::string_view arguments = c.nodes.text(list);
  c.replace(parts[0], base::cat("sorted(", receiver, arguments.size() > 2 ? ", " : "", arguments.substr(1)), MutationKind::kReturn, .8);
}

bool is_async(const MutationContext& c, int function) {
  return function >= 0 && c.nodes.text(function).starts_with("async");
}

void change_await(MutationContext& c, int node) {
  using tools::Language;
  const Language language = c.nodes.tree().language();
  const bool has_await = language == Language::kPython || language == Language::kJavaScript ||
                         language == Language::kTypeScript || language == Language::kTsx;
  if (!has_await) return;
  const std::string_view type = c.nodes[node].type;
  if (type == "await" || type == "await_expression") {
    const std::vector<int> parts = c.nodes.named_children(node);
    if (parts.size() == 1) c.replace(node, std::string(c.nodes.text(parts[0])), MutationKind::kAwait, .2);
    return;
  }
  if (!is_one_of(type, c.traits.calls)) return;
  const int parent = c.nodes.parent(node);
  if (parent < 0 || c.nodes[parent].type == "await" || c.nodes[parent].type == "await_expression") return;
  if (!is_async(c, c.function_of(node))) return;
  const int callee = c.nodes.child_of_field(node, "function");
  if (callee < 0) return;
  std::string_view name = c.nodes.text(callee);
  if (const size_t dot = name.rfind('.'); dot != std::string_view::npos) name.remove_prefix(dot + 1);
  bool known_async = false;
  for (const tools::Symbol& symbol : c.symbols())
    known_async |= symbol.name == name && c.nodes.text(symbol.range).starts_with("async");
  const bool operand = is_one_of(c.nodes[parent].type, c.traits.members) ||
                       is_one_of(c.nodes[parent].type, c.traits.binaries) ||
                       is_one_of(c.nodes[parent].type, c.traits.subscripts);
  const std::string text = base::cat("await ", c.nodes.text(node));
  c.replace(node, operand ? base::cat("(", text, ")") : text, MutationKind::kAwait, known_async ? 1 : .3);
}

// `d[k]` to `d.get(k, 0)`, `sorted(x)` to the other order.
void python_access(MutationContext& c, int node) {
  if (!c.python()) return;
  const std::string_view type = c.nodes[node].type;
  if (type == "subscript" && c.nodes[node].field != "left") {
    const int value = c.nodes.child_of_field(node, "value"), key = c.nodes.child_of_field(node, "subscript");
    if (value < 0 || key < 0 || c.nodes[key].type == "slice" || c.nodes[key].type == "integer") return;
    const std::string_view of = c.nodes.text(value), with = c.nodes.text(key);
    c.replace(node, base::cat(of, ".get(", with, ", 0)"), MutationKind::kDefault, .2);
    c.replace(node, base::cat(of, ".get(", with, ")"), MutationKind::kDefault, .15);
  }
  if (type != "call") return;
  const int callee = c.nodes.child_of_field(node, "function"), list = c.nodes.child_of_field(node, "arguments");
  if (callee < 0 || list < 0) return;
  const std::string_view name = c.nodes.text(callee);
  const std::string text(c.nodes.text(node));
  if ((name == "sorted" || name.ends_with(".sort")) && text.find("reverse") == std::string::npos) {
    const bool bare = c.nodes.named_children(list).empty();
    c.replace(node, base::cat(text.substr(0, text.size() - 1), bare ? "" : ", ", "reverse=True)"), kCall, .6);
  }
  const std::vector<int> args = c.nodes.named_children(list);
  if (name.ends_with(".get") && args.size() == 1)
    for (const char* fallback : {"0", "[]", "\"\""})
      c.replace(node, base::cat(text.substr(0, text.size() - 1), ", ", fallback, ")"), MutationKind::kDefault, .25);
  if ((name == "min" || name == "max") && text.find("default=") == std::string::npos)
    for (const char* fallback : {", default=0)", ", default=None)"})
      c.replace(node, base::cat(text.substr(0, text.size() - 1), fallback), MutationKind::kDefault, .3);
  if (name == "next" && args.size() == 1)
    c.replace(node, base::cat(text.substr(0, text.size() - 1), ", None)"), MutationKind::kDefault, .3);
}

}  // namespace

void mutate_call(MutationContext& c, int node) {
  if (!c.nodes[node].named) return;
  change_arguments(c, node);
  unwrap_call(c, node);
  drop_method(c, node);
  return_of_change(c, node);
  wrap_value(c, node);
  change_await(c, node);
  python_access(c, node);
}

}  // namespace agent
