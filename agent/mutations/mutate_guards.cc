// SPDX-License-Identifier: Apache-2.0
// Guards for nothing and zero: early ways out, divisions.
#include <algorithm>
#include <set>

#include "agent/code/words.h"
#include "agent/mutations/mutation_context.h"
#include "base/strings.h"

namespace agent {
namespace {

constexpr auto kGuard = MutationKind::kGuard;

// What the function gives back elsewhere when it has nothing to say; else what its result type suggests. Best first.
std::vector<std::string> empty_results(const MutationContext& c, int function) {
  std::vector<std::string> results;
  auto add = [&](std::string_view text) {
    if (std::find(results.begin(), results.end(), text) == results.end()) results.emplace_back(text);
  };
  bool returns_value = false, returns_list = false, returns_text = false, returns_map = false, returns_number = false;
  for (int i = function; i < c.nodes.size() && c.nodes[i].range.begin < c.nodes[function].range.end; ++i) {
    if (c.nodes[i].type != "return_statement" || c.function_of(i) != function) continue;
    const std::vector<int> parts = c.nodes.named_children(i);
    if (parts.empty()) continue;
    returns_value = true;
    const std::string_view type = c.nodes[parts[0]].type, text = c.nodes.text(parts[0]);
    if (text.size() <= 8 && type != "identifier" && type != "call") add(text);
    returns_list |= type.starts_with("list") || type == "array";
    returns_text |= is_one_of(type, c.traits.strings);
    returns_map |= type.starts_with("dictionary") || type == "object";
    returns_number |= type.starts_with("binary_");
  }
  if (c.c_family()) {
    const int type = c.nodes.child_of_field(function, "type");
    const std::string_view text = type < 0 ? "" : c.nodes.text(type);
    if (text == "void" || text.empty()) return {""};
    if (text == "bool") {
      add("false");
      add("true");
      return results;
    }
    if (text == "int" || text == "double" || text == "float" || text.ends_with("size_t") ||
        text.find("long") != std::string_view::npos)
      add("0");
    else if (c.traits.null_word == "nullptr")
      add("{}");
    else
      add("NULL");
    return results;
  }
  if (!returns_value) return {""};
  if (returns_number) add("0");
  if (returns_list) add("[]");
  if (returns_text) add("\"\"");
  if (returns_map) add("{}");
  if (c.python()) {
    add("0");
    add("None");
    add("[]");
    add("\"\"");
  } else if (c.nodes.tree().language() == tools::Language::kGo) {
    add("0");
    add("nil");
  } else {
    add("0");
    add(c.traits.null_word);
    if (c.nodes.tree().language() != tools::Language::kJava && c.nodes.tree().language() != tools::Language::kRust)
      add("[]");
  }
  if (results.size() > 4) results.resize(4);
  return results;
}

// Ways to say "there is nothing in it", by what the language and the declaration tell.
std::vector<std::string> emptiness_tests(const MutationContext& c, std::string_view name,
                                         std::string_view declaration) {
  auto tell = [&](std::string_view part) { return declaration.find(part) != std::string_view::npos; };
  if (c.python()) return {base::cat("not ", name)};
  if (c.c_family()) {
    if (tell("*")) return {base::cat(name, " == ", c.traits.null_word)};
    if (tell("vector") || tell("string") || tell("map") || tell("set") || tell("span") || tell("list") || tell("deque"))
      return {base::cat(name, ".empty()")};
    if (tell("optional") || tell("_ptr<")) return {base::cat("!", name)};
    if (tell("int") || tell("double") || tell("size_t") || tell("long") || tell("float"))
      return {base::cat(name, " == 0"), base::cat(name, " < 0"), base::cat(name, " <= 0")};
    return {};
  }
  using tools::Language;
  switch (c.nodes.tree().language()) {
    case Language::kGo:
      return {base::cat("len(", name, ") == 0"), base::cat(name, " == nil"), base::cat(name, " == 0")};
    case Language::kJava:
      return {base::cat(name, " == null"), base::cat(name, ".isEmpty()"), base::cat(name, " == 0")};
    case Language::kRust:
      return {base::cat(name, ".is_empty()"), base::cat(name, " == 0")};
    default:
      return {base::cat("!", name), base::cat(name, ".length === 0")};
  }
}

std::string return_text(const std::string& value) {
  return value.empty() ? "return" : base::cat("return ", value);
}

// At the front of a function, for each parameter.
void guard_parameters(MutationContext& c, int function) {
  const int body = c.body_of(function);
  if (body < 0 || !is_one_of(c.nodes[body].type, c.traits.blocks)) return;
  std::vector<int> inside = c.statements_of(body);
  if (!inside.empty() && c.is_documentation(inside[0])) inside.erase(inside.begin());
  if (inside.empty()) return;
  const std::string indent(c.nodes.indent_at(c.nodes[inside[0]].range.begin));
  const std::vector<std::string> parameters = c.names_of(function).parameters;
  const std::vector<std::string> results = empty_results(c, function);
  const std::string_view text = c.nodes.text(body);
  double share = 1.0 / static_cast<double>(std::max<size_t>(1, parameters.size()));
  for (const std::string& name : parameters) {
    if (name == "self" || name == "cls" || name == "this") continue;
    std::string_view declaration;
    for (int i = function; i < body; ++i)
      if (c.nodes[i].type == "parameter_declaration" && has_word(c.nodes.text(i), name)) declaration = c.nodes.text(i);
    if (text.find(base::cat("if not ", name, ":")) != std::string_view::npos) continue;
    double rank = .5;
    for (const std::string& test : emptiness_tests(c, name, declaration)) {
      for (const std::string& result : results) {
        c.insert_before(inside[0], indent, c.guard(test, return_text(result), indent), kGuard,
                        std::min(1.0, rank * (.4 + share)));
        rank *= .6;
      }
    }
    if (c.python())
      for (size_t i = 0; i < std::min<size_t>(2, results.size()); ++i)
        c.insert_before(inside[0], indent, c.guard(base::cat(name, " is None"), return_text(results[i]), indent),
                        kGuard, .15);
  }
}

// In front of a statement that divides, indexes or follows something that may be nothing.
void guard_statement(MutationContext& c, int node) {
  const int block = c.nodes.parent(node);
  if (block < 0 || !is_one_of(c.nodes[block].type, c.traits.blocks) || !c.nodes[node].named) return;
  const int function = c.function_of(node);
  if (function < 0) return;
  const bool is_simple = is_one_of(c.nodes[node].type, c.traits.statements) ||
                         c.nodes[node].type.find("declaration") != std::string_view::npos;
  if (!is_simple) return;
  const std::string indent(c.nodes.indent_at(c.nodes[node].range.begin));
  std::set<std::string> tests;
  std::vector<std::pair<std::string, double>> conditions;
  auto offer = [&](std::string condition, double weight) {
    if (tests.insert(condition).second) conditions.emplace_back(std::move(condition), weight);
  };
  for (int i = node; i < c.nodes.size() && c.nodes[i].range.begin < c.nodes[node].range.end; ++i) {
    const std::string_view type = c.nodes[i].type;
    if (is_one_of(type, c.traits.binaries)) {
      const int mark = c.nodes.child_of_field(i, "operator"), right = c.nodes.child_of_field(i, "right");
      if (mark < 0 || right < 0) continue;
      const std::string_view op = c.nodes.text(mark);
      if (op != "/" && op != "//" && op != "%") continue;
      if (is_one_of(c.nodes[right].type, c.traits.integers)) continue;
      const std::string divisor(c.nodes.text(right));
      if (divisor.size() > 40) continue;
      offer(base::cat(divisor, " == 0"), .6);
    } else if (c.python() && type == "call") {
      // min() and max() of nothing.
      const int callee = c.nodes.child_of_field(i, "function"), list = c.nodes.child_of_field(i, "arguments");
      if (callee < 0 || list < 0 || (c.nodes.text(callee) != "min" && c.nodes.text(callee) != "max")) continue;
      const std::vector<int> args = c.nodes.named_children(list);
      if (args.empty()) continue;
      std::string source(c.nodes.text(args[0]));
      for (std::string_view view : {".values()", ".items()", ".keys()"})
        if (source.ends_with(view)) source.resize(source.size() - view.size());
      if (source.size() < 40 && source.find_first_of("( ") == std::string::npos) offer(base::cat("not ", source), .6);
    } else if (is_one_of(type, c.traits.subscripts)) {
      const std::vector<int> parts = c.nodes.named_children(i);
      if (parts.size() < 2 || c.nodes[parts[0]].type != "identifier") continue;
      const std::string receiver(c.nodes.text(parts[0])), index(c.nodes.text(parts[1]));
      if (c.python()) {
        offer(base::cat("not ", receiver), .3);
        if (c.nodes[parts[1]].type == "identifier") offer(base::cat(index, " not in ", receiver), .3);
      } else if (c.traits.null_word == "nullptr") {
        offer(base::cat(receiver, ".empty()"), .3);
      }
    } else if (is_one_of(type, c.traits.members)) {
      const std::vector<int> parts = c.nodes.named_children(i);
      if (parts.size() < 2 || c.nodes[parts[0]].type != "identifier") continue;
      const std::string receiver(c.nodes.text(parts[0]));
      if (receiver == "self" || receiver == "this" || receiver == "cls") continue;
      const std::vector<std::string>& locals = c.names_of(function).variables;
      if (std::find(locals.begin(), locals.end(), receiver) == locals.end()) continue;
      if (c.python()) {
        offer(base::cat(receiver, " is None"), .3);
        offer(base::cat("not ", receiver), .3);
      } else if (c.nodes.text(i).find("->") != std::string_view::npos) {
        offer(base::cat(receiver, " == ", c.traits.null_word), .5);
      } else if (c.c_family()) {
        const std::string_view member = c.nodes.text(parts.back());
        if (member == "back" || member == "front" || member == "top" || member == "pop_back" || member == "pop")
          offer(base::cat(receiver, ".empty()"), .5);
      } else if (c.traits.null_word == "null") {
        offer(base::cat(receiver, " == null"), .25);
      }
    }
  }
  const std::vector<std::string> results = conditions.empty() ? std::vector<std::string>{} : empty_results(c, function);
  for (const auto& [condition, weight] : conditions) {
    double rank = weight;
    for (size_t i = 0; i < std::min<size_t>(2, results.size()); ++i, rank *= .6)
      c.insert_before(node, indent, c.guard(condition, return_text(results[i]), indent), kGuard, rank);
    if (c.inside_loop(node))
      c.insert_before(node, indent, c.guard(condition, "continue", indent), kGuard, weight);
  }
  // A text line or record that is blank: loops over input skip it.
  const int loop = c.nodes.parent(block);
  if (loop >= 0 && is_one_of(c.nodes[loop].type, c.traits.loops) && c.nodes.named_children(block).front() == node) {
    const int variable = c.nodes.child_of_field(loop, "left");
    if (variable >= 0 && c.nodes[variable].type == "identifier" && c.python()) {
      const std::string name(c.nodes.text(variable));
      for (const std::string& test :
           {base::cat("not ", name), base::cat("not ", name, ".strip()"), base::cat(name, " is None")})
        c.insert_before(node, indent, c.guard(test, "continue", indent), kGuard, .25);
    }
  }
  // After `x = ...`: nothing useful in x.
  if (c.python() && c.nodes[node].type == "expression_statement") {
    const std::vector<int> parts = c.nodes.named_children(node);
    if (parts.size() == 1 && c.nodes[parts[0]].type == "assignment") {
      const int left = c.nodes.child_of_field(parts[0], "left");
      if (left >= 0 && c.nodes[left].type == "identifier") {
        const std::string name(c.nodes.text(left));
        const std::string way_out = c.inside_loop(node) ? "continue" : return_text(empty_results(c, function)[0]);
        c.insert_after(node, indent, c.guard(base::cat("not ", name), way_out, indent), kGuard, .25);
        c.insert_after(node, indent, c.guard(base::cat(name, " is None"), way_out, indent), kGuard, .15);
      }
    }
  }
}

// An answer that nobody heeds: `account.take(n);` to `if (!account.take(n)) return false;` in a function that gives up
// with false elsewhere, or, by what it returns, to the next way up for the error in Go and Rust.
void heed_answer(MutationContext& c, int node) {
  using tools::Language;
  static const Words kSilent = {
      "append", "extend", "insert",  "sort",    "reverse", "print",  "log",   "warn",         "error",     "info",
      "debug",  "clear",  "update",  "write",   "printf",  "push",   "add",   "emplace_back", "push_back", "assert",
      "reset",  "swap",   "forEach", "println", "free",    "delete", "close", "join"};  // give nothing worth a test
  const Language language = c.nodes.tree().language();
  if (c.nodes[node].type != "expression_statement") return;
  const std::vector<int> parts = c.nodes.named_children(node);
  if (parts.size() != 1 || !is_one_of(c.nodes[parts[0]].type, c.traits.calls)) return;
  const int callee =
      c.nodes.child_of_field(parts[0], c.nodes.child_of_field(parts[0], "function") < 0 ? "name" : "function");
  const std::string_view called = callee < 0 ? "" : c.nodes.text(callee);
  if (is_one_of(called.substr(called.find_last_of(".>:") + 1), kSilent)) return;
  const std::string call(c.nodes.text(parts[0])), indent(c.nodes.indent_at(c.nodes[node].range.begin));
  const int function = c.function_of(node);
  const int result = c.nodes.child_of_field(function, language == Language::kGo ? "result" : "return_type");
  const std::string_view type = result < 0 ? "" : c.nodes.text(result);
  if (language == Language::kGo && type == "error")
    c.replace(node, c.guard(base::cat("err := ", call, "; err != nil"), "return err", indent), kGuard, .6);
  if (language == Language::kRust && (type.starts_with("Result") || type.starts_with("Option")))
    c.replace(parts[0], call + "?", kGuard, .6);
  for (int i = function; i < c.nodes.size() && c.nodes[i].range.begin < c.nodes[function].range.end; ++i) {
    const std::string_view text = c.nodes.text(i);
    const bool gives_up = text.starts_with("return") &&
                          (c.nodes[i].type == "return_statement" || c.nodes[i].type == "return_expression") &&
                          has_word(text, c.traits.false_word) && text.size() < 16;
    if (!gives_up || c.function_of(i) != function) continue;
    const std::string negated = c.python() ? "not " + call : "!" + call;
    c.replace(node, c.guard(negated, base::cat("return ", c.traits.false_word), indent), kGuard, .6);
    return;
  }
}

// `a / b` where b may be nothing: `a / b if b else 0`.
void guard_division(MutationContext& c, int node) {
  if (!is_one_of(c.nodes[node].type, c.traits.binaries)) return;
  const int mark = c.nodes.child_of_field(node, "operator"), right = c.nodes.child_of_field(node, "right");
  if (mark < 0 || right < 0 || is_one_of(c.nodes[right].type, c.traits.integers)) return;
  const std::string_view op = c.nodes.text(mark);
  if (op != "/" && op != "//" && op != "%") return;
  const std::string divisor(c.nodes.text(right)), text(c.nodes.text(node));
  if (text.size() > 80 || text.find('\n') != std::string::npos) return;
  const int parent = c.nodes.parent(node);
  const bool operand = parent >= 0 && is_one_of(c.nodes[parent].type, c.traits.binaries);
  if (c.python())
    c.replace(node,
              operand ? base::cat("(", text, " if ", divisor, " else 0)") : base::cat(text, " if ", divisor, " else 0"),
              kGuard, .5);
  else if (c.c_family() || c.traits.null_word == "null")
    c.replace(node, base::cat("(", divisor, " == 0 ? 0 : ", text, ")"), kGuard, .3);
}

}  // namespace

void mutate_guard(MutationContext& c, int node) {
  if (!c.nodes[node].named) return;
  if (is_one_of(c.nodes[node].type, c.traits.functions)) guard_parameters(c, node);
  if (c.function_of(node) < 0) return;
  guard_statement(c, node);
  heed_answer(c, node);
  guard_division(c, node);
}

}  // namespace agent
