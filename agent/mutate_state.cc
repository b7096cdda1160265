// SPDX-License-Identifier: Apache-2.0
// State that is set up and never moves: a counter of an object, the "previous" of a loop; parameters taken as they
// come.
#include <algorithm>
#include <set>

#include "agent/mutation_context.h"
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
}

}  // namespace agent
