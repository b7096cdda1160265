// SPDX-License-Identifier: Apache-2.0
// State that is set up and never moves: a counter of an object, the "previous" of a loop; parameters taken as they
// come.
#include <algorithm>
#include <set>

#include "agent/code/words.h"
#include "agent/mutations/mutation_context.h"
#include "base/strings.h"

namespace agent {
namespace {

constexpr auto kInsert = MutationKind::kInsertion;

// `name` is written somewhere in `text`, other than by the declaration that the caller left out.
bool is_written(std::string_view text, const std::string& name) {
  for (size_t at = text.find(name); at != std::string_view::npos; at = text.find(name, at + 1)) {
    std::string_view after = text.substr(at + name.size());
    if (!after.empty() && (std::isalnum(static_cast<unsigned char>(after[0])) != 0 || after[0] == '_')) continue;
    const std::string_view before = text.substr(0, at);
    if (before.ends_with("++") || before.ends_with("--") || after.starts_with("++") || after.starts_with("--"))
      return true;
    while (!after.empty() && after[0] == ' ') after.remove_prefix(1);
    const size_t equals = after.find('=');
    if (equals == 0 && !after.starts_with("==")) return true;
    if (equals != std::string_view::npos && equals <= 3 && after.find_first_not_of("+-*/%|&^<>") == equals &&
        equals > 0 && after[0] != '<' && after[0] != '>')
      return true;
  }
  return false;
}

// Before the loop `previous = None`; inside it is read and never set: at the end of a turn it takes the loop's value.
void carry_over(MutationContext& c, int loop) {
  if (!is_one_of(c.nodes[loop].type, c.traits.loops)) return;
  const int body = c.body_of(loop), function = c.function_of(loop);
  if (body < 0 || function < 0 || !is_one_of(c.nodes[body].type, c.traits.blocks)) return;
  const std::vector<int> inside = c.statements_of(body);
  if (inside.empty()) return;
  int variable = c.nodes.child_of_field(loop, "left");
  if (variable < 0) variable = c.nodes.child_of_field(loop, "declarator");
  std::string value = variable >= 0 ? std::string(c.nodes.text(variable)) : "";
  while (!value.empty() && (value[0] == '&' || value[0] == '*' || value[0] == ' ')) value.erase(0, 1);
  const std::string_view text = c.nodes.text(body),
                         before = c.nodes.text({c.nodes[function].range.begin, c.nodes[loop].range.begin});
  const std::string indent(c.nodes.indent_at(c.nodes[inside.back()].range.begin));
  const std::string end(c.traits.statement_end);
  for (const std::string& name : c.names_of(function).variables) {
    if (name == value || !has_word(text, name) || is_written(text, name)) continue;
    if (before.find(name + " = ") == std::string_view::npos) continue;
    // What only calls work on (a list, a stream) moves by them.
    if (text.find(name + ".") != std::string_view::npos || text.find(name + "[") != std::string_view::npos) continue;
    if (!value.empty() && value.find_first_of("(, [") == std::string::npos)
      c.insert_after(inside.back(), indent, base::cat(name, " = ", value, end), kInsert, .9);
    c.insert_after(inside.back(), indent, base::cat(name, " += 1", end), kInsert, .6);
  }
}

// `while` loops with a "previous": it takes another variable's value before that one moves on.
void follow(MutationContext& c, int loop) {
  if (c.nodes[loop].type != "while_statement" && c.nodes[loop].type != "while_expression") return;
  const int body = c.body_of(loop), function = c.function_of(loop);
  if (body < 0 || function < 0 || !is_one_of(c.nodes[body].type, c.traits.blocks)) return;
  const std::string_view text = c.nodes.text(body),
                         before = c.nodes.text({c.nodes[function].range.begin, c.nodes[loop].range.begin});
  for (const std::string& name : c.names_of(function).variables) {
    if (before.find(name + " = ") == std::string_view::npos || is_written(text, name) || !has_word(text, name)) continue;
    if (text.find(name + ".") != std::string_view::npos || text.find(name + "[") != std::string_view::npos) continue;
    for (const int statement : c.statements_of(body)) {
      const std::vector<int> parts = c.nodes.named_children(statement);
      if (parts.empty() || c.nodes[parts[0]].type.find("assignment") == std::string_view::npos) continue;
      const int left = c.nodes.child_of_field(parts[0], "left");
      if (left < 0 || c.nodes[left].type != "identifier" || c.nodes.text(left) == name) continue;
      c.insert_before(statement, c.nodes.indent_at(c.nodes[statement].range.begin),
                      base::cat(name, " = ", c.nodes.text(left), c.traits.statement_end), kInsert, .8);
    }
  }
}

// A second counter, set up before the loop and used behind it, that never moves: it counts what the `if` does not.
void count_the_others(MutationContext& c, int node) {
  if (!c.python() || c.nodes[node].type != "if_statement" || c.nodes.child_of_field(node, "alternative") >= 0) return;
  const int loop = c.nodes.ancestor_of_type(node, c.traits.loops), function = c.function_of(node),
            inside = c.nodes.child_of_field(node, "consequence");
  if (loop < 0 || function < 0 || inside < 0 || c.function_of(loop) != function) return;
  const std::string_view text = c.nodes.text(loop), then = c.nodes.text(inside),
                         before = c.nodes.text({c.nodes[function].range.begin, c.nodes[loop].range.begin});
  if (then.find("+=") == std::string_view::npos) return;
  const std::string indent(c.nodes.indent_at(c.nodes[node].range.begin));
  for (const std::string& name : c.names_of(function).variables)
    if (before.find(name + " = 0") != std::string_view::npos && !is_written(text, name))
      c.insert_after(node, indent, base::cat("else:\n", indent, c.one_indent(), name, " += 1"), kInsert, 1);
}

// "Have I been here?" is asked of a collection that nothing is ever put into.
void remember_visited(MutationContext& c, int node) {
  if (!c.python() || c.nodes[node].type != "comparison_operator") return;
  const std::vector<int> sides = c.nodes.named_children(node);
  const int function = c.function_of(node), question = c.nodes.ancestor_of_type(node, {"if_statement", "elif_clause"});
  if (sides.size() != 2 || function < 0 || question < 0 || c.nodes[sides[1]].type != "identifier") return;
  int outer = function;
  for (int above = c.function_of(outer); above >= 0; above = c.function_of(above)) outer = above;
  const std::string_view all = c.nodes.text(outer);
  const std::string name(c.nodes.text(sides[1])), value(c.nodes.text(sides[0]));
  std::string put;
  if (all.find(name + " = set()") != std::string_view::npos) put = base::cat(name, ".add(", value, ")");
  if (all.find(name + " = []") != std::string_view::npos) put = base::cat(name, ".append(", value, ")");
  if (put.empty() || value.size() > 40) return;
  for (const char* way : {".add(", ".append(", ".update(", ".extend(", ".insert(", " += ", " |= "})
    if (all.find(name + way) != std::string_view::npos) return;
  // Where it was not there yet: in the last other branch, else behind the question; for `not in`, in the first branch.
  const std::string_view mark = base::trim(c.nodes.text({c.nodes[sides[0]].range.end, c.nodes[sides[1]].range.begin}));
  int block = -1;
  if (mark == "not in") block = c.nodes.child_of_field(question, "consequence");
  if (mark == "in")
    for (const int child : c.nodes.children(c.nodes[question].type == "if_statement" ? question : c.nodes.parent(question)))
      if (c.nodes[child].type == "else_clause") block = c.nodes.child_of_field(child, "body");
  if (block >= 0 && !c.statements_of(block).empty()) {
    const int first = c.statements_of(block).front();
    c.insert_before(first, c.nodes.indent_at(c.nodes[first].range.begin), put, kInsert, 1);
  } else if (mark == "in" && c.nodes[question].type == "if_statement") {
    c.insert_after(question, c.nodes.indent_at(c.nodes[question].range.begin), put, kInsert, 1);
  }
}

// What is left over when a loop that collects has ended: `lines.append(text)` behind it.
void collect_the_rest(MutationContext& c, int loop) {
  if (!c.python() || !is_one_of(c.nodes[loop].type, c.traits.loops)) return;
  const int function = c.function_of(loop), body = c.body_of(loop);
  if (function < 0 || body < 0) return;
  const std::string_view text = c.nodes.text(body),
                         behind = c.nodes.text({c.nodes[loop].range.end, c.nodes[function].range.end});
  const std::string indent(c.nodes.indent_at(c.nodes[loop].range.begin));
  for (const std::string& name : c.names_of(function).variables) {
    const std::string call = name + ".append(";
    const size_t at = text.find(call);
    if (at == std::string_view::npos || !has_word(behind, name) || behind.find(call) != std::string_view::npos) continue;
    const std::string_view put = text.substr(at + call.size(), text.substr(at + call.size()).find_first_of(")\n"));
    int n = 0;
    for (const std::string& other : c.names_of(function).variables)
      if (other != name && other != put && is_written(text, other) && ++n <= 3)
        c.insert_after(loop, indent, base::cat(call, other, ")"), kInsert, .5);
  }
}

// Two loops, one in the other, and one of their variables is never looked at: they were to be compared.
void compare_loop_variables(MutationContext& c, int inner) {
  if (!c.python() || c.nodes[inner].type != "for_statement") return;
  const int outer = c.nodes.ancestor_of_type(inner, c.traits.loops), body = c.body_of(inner);
  if (outer < 0 || body < 0 || c.nodes[outer].type != "for_statement" || c.function_of(outer) != c.function_of(inner)) return;
  const int a = c.nodes.child_of_field(outer, "left"), b = c.nodes.child_of_field(inner, "left");
  const std::vector<int> inside = c.statements_of(body);
  if (a < 0 || b < 0 || inside.size() != 1 || c.nodes[a].type != "identifier" || c.nodes[b].type != "identifier") return;
  const std::string_view text = c.nodes.text(body);
  if (has_word(text, c.nodes.text(a)) == has_word(text, c.nodes.text(b)) || text.find('\n') != std::string_view::npos) return;
  const std::string indent(c.nodes.indent_at(c.nodes[inside[0]].range.begin));
  c.replace(inside[0], base::cat("if ", c.nodes.text(a), " == ", c.nodes.text(b), ":\n", indent, c.one_indent(), text), MutationKind::kGuard, 1);
}

// A member that the constructor sets to 0 and no method moves.
void count_up(MutationContext& c, int function) {
  if (!c.python() || !is_one_of(c.nodes[function].type, c.traits.functions)) return;
  const int owner = c.nodes.ancestor_of_type(function, c.traits.classes), body = c.body_of(function);
  const int called = c.nodes.child_of_field(function, "name");
  if (owner < 0 || body < 0 || called < 0 || c.nodes.text(called) == "__init__") return;
  const std::vector<int> inside = c.statements_of(body);
  if (inside.empty() || c.nodes[inside.back()].type == "return_statement") return;
  const std::string_view text = c.nodes.text(owner);
  const std::string indent(c.nodes.indent_at(c.nodes[inside.back()].range.begin));
  for (size_t at = text.find(" = 0\n"); at != std::string_view::npos; at = text.find(" = 0\n", at + 1)) {
    const size_t begin = text.rfind("self.", at);
    if (begin == std::string_view::npos ||
        text.substr(begin, at - begin).find_first_of(" \n([") != std::string_view::npos)
      continue;
    const std::string member(text.substr(begin, at - begin));
    std::string rest(text.substr(0, begin));
    rest += text.substr(at + 5);
    if (is_written(rest, member)) continue;
    const bool here = c.nodes.text(body).find(member) != std::string_view::npos;
    c.insert_after(inside.back(), indent, member + " += 1", kInsert, here ? 1 : .4);
  }
}

// `cents = abs(cents)`: a parameter that is first brought into form.
void prepare_parameter(MutationContext& c, int function) {
  if (!c.python() || c.nodes[function].type != "function_definition") return;
  const int body = c.body_of(function);
  if (body < 0) return;
  std::vector<int> inside = c.statements_of(body);
  if (!inside.empty() && c.is_documentation(inside[0])) inside.erase(inside.begin());
  if (inside.empty()) return;
  const std::string indent(c.nodes.indent_at(c.nodes[inside[0]].range.begin));
  for (const std::string& name : c.names_of(function).parameters) {
    if (name == "self" || name == "cls") continue;
    // After a first line that looks at it as it came, or at once.
    for (const char* form : {"abs(@)", "sorted(@)", "@.strip()", "@.lower()", "list(@)", "int(@)"}) {
      const std::string_view shape(form);
      const size_t at = shape.find('@');
      const std::string line = base::cat(name, " = ", shape.substr(0, at), name, shape.substr(at + 1));
      c.insert_before(inside[0], indent, line, kInsert, .12);
      if (c.nodes[inside[0]].type == "expression_statement" && has_word(c.nodes.text(inside[0]), name))
        c.insert_after(inside[0], indent, line, kInsert, .12);
    }
  }
}

}  // namespace

void mutate_state(MutationContext& c, int node) {
  if (!c.nodes[node].named) return;
  if (is_one_of(c.nodes[node].type, c.traits.functions)) {
    count_up(c, node);
    prepare_parameter(c, node);
  }
  carry_over(c, node);
  follow(c, node);
  count_the_others(c, node);
  remember_visited(c, node);
  collect_the_rest(c, node);
  compare_loop_variables(c, node);
}

}  // namespace agent
