// SPDX-License-Identifier: Apache-2.0
// Missing statements: steps of loops, breaks, returns, attributes, copies of neighbours; missing references.
#include <algorithm>
#include <set>

#include "agent/code/words.h"
#include "agent/mutations/mutation_context.h"
#include "base/strings.h"

namespace agent {
namespace {

constexpr auto kInsert = MutationKind::kInsertion;

// `while (i < n)` that never moves i.
void step_loop(MutationContext& c, int node) {
  if (c.nodes[node].type != "while_statement" && c.nodes[node].type != "while_expression") return;
  const int body = c.body_of(node), condition = c.nodes.child_of_field(node, "condition");
  if (body < 0 || condition < 0) return;
  const std::vector<int> inside = c.nodes.named_children(body);
  if (inside.empty()) return;
  const std::string_view text = c.nodes.text(body);
  const std::string indent(c.nodes.indent_at(c.nodes[inside.back()].range.begin));
  for (int i = condition; i < c.nodes.size() && c.nodes[i].range.begin < c.nodes[condition].range.end; ++i) {
    if (!c.is_variable_use(i)) continue;
    const std::string name(c.nodes.text(i));
    bool moves = false;
    for (const char* sign : {" = ", " += ", " -= ", "++", "--", " *= ", " /= ", " //= ", " >>= "})
      moves |= text.find(name + sign) != std::string_view::npos;
    moves |= text.find("++" + name) != std::string_view::npos || text.find("--" + name) != std::string_view::npos;
    if (moves) continue;
    const std::string end(c.traits.statement_end);
    c.insert_after(inside.back(), indent, base::cat(name, " += 1", end), kInsert, .9);
    c.insert_after(inside.back(), indent, base::cat(name, " -= 1", end), kInsert, .5);
  }
}

// A case that falls into the next.
void break_case(MutationContext& c, int node) {
  const std::string_view type = c.nodes[node].type;
  if (type != "case_statement" && type != "switch_case" && type != "switch_block_statement_group") return;
  const std::vector<int> inside = c.nodes.named_children(node);
  if (inside.size() < 2) return;
  const std::string_view last = c.nodes[inside.back()].type;
  if (last == "break_statement" || last == "return_statement" || last == "continue_statement" ||
      last == "throw_statement")
    return;
  if (last == "compound_statement" || last == "statement_block" || last == "block") {
    const std::string_view body = c.nodes.text(inside.back());
    if (body.find("break;") != std::string_view::npos || body.find("return") != std::string_view::npos) return;
  }
  const std::string indent(c.nodes.indent_at(c.nodes[inside.back()].range.begin));
  const bool same_line =
      c.nodes.row_of(c.nodes[node].range.begin) == c.nodes.row_of(c.nodes[inside.back()].range.begin);
  const size_t end = c.nodes[inside.back()].range.end;
  if (same_line)
    c.replace({end, end}, " break;", kInsert, 1, "`break` at the end of the case");
  else
    c.insert_after(inside.back(), indent, "break;", kInsert, 1);
}

// A function that works out a value and keeps it to itself.
void return_result(MutationContext& c, int function) {
  if (c.nodes.tree().language() == tools::Language::kRust) return;  // the last expression is the result
  const int body = c.body_of(function);
  if (body < 0 || !is_one_of(c.nodes[body].type, c.traits.blocks)) return;
  const std::vector<int> inside = c.statements_of(body);
  if (inside.empty() || c.nodes[inside.back()].type == "return_statement") return;
  const std::string_view text = c.nodes.text(body);
  if (c.c_family()) {
    const int type = c.nodes.child_of_field(function, "type");
    if (type < 0 || c.nodes.text(type) == "void") return;
  }
  if (has_word(text, "yield")) return;
  const std::string indent(c.nodes.indent_at(c.nodes[inside.back()].range.begin));
  const FunctionNames& names = c.names_of(function);
  double weight = text.find("return ") == std::string_view::npos ? .8 : .35;
  int n = 0;
  for (const std::string& name : names.variables) {
    if (name == "self" || name == "this") continue;
    const bool parameter = std::find(names.parameters.begin(), names.parameters.end(), name) != names.parameters.end();
    const bool assigned = text.find(name + " = ") != std::string_view::npos;
    if ((!assigned && !parameter) || ++n > 5) continue;
    c.insert_after(inside.back(), indent, base::cat("return ", name, c.traits.statement_end), MutationKind::kReturn,
                   parameter ? weight * .4 : weight);
  }
}

// A constructor that drops one of its arguments.
void store_parameter(MutationContext& c, int function) {
  const int name = c.nodes.child_of_field(function, "name"), body = c.body_of(function);
  if (name < 0 || body < 0) return;
  const std::string_view called = c.nodes.text(name);
  const bool script = called == "constructor";
  if (called != "__init__" && !script) return;
  const std::vector<int> inside = c.nodes.named_children(body);
  if (inside.empty()) return;
  const FunctionNames& names = c.names_of(function);
  const std::string indent(c.nodes.indent_at(c.nodes[inside.back()].range.begin));
  for (const std::string& parameter : names.parameters) {
    if (parameter == "self" || names.n_uses.at(parameter) > 1) continue;
    const std::string_view self = script ? "this" : "self";
    c.insert_after(inside.back(), indent, base::cat(self, ".", parameter, " = ", parameter, c.traits.statement_end),
                   kInsert, 1);
  }
}

// A line that the same class or function has elsewhere and that may be missing here.
void copy_statement(MutationContext& c, int node) {
  const int block = c.nodes.parent(node);
  if (block < 0 || !is_one_of(c.nodes[block].type, c.traits.blocks)) return;
  const int function = c.function_of(node);
  if (function < 0 || !c.nodes[node].named) return;
  static const Words kExits = {"return_statement", "break_statement", "continue_statement", "raise_statement",
                               "throw_statement"};
  if (is_one_of(c.nodes[node].type, kExits)) return;
  const std::string indent(c.nodes.indent_at(c.nodes[node].range.begin));
  std::set<std::string> seen;
  const int scope = c.nodes.ancestor_of_type(function, c.traits.classes);
  const int from = scope >= 0 ? scope : function;
  for (int i = from; i < c.nodes.size() && c.nodes[i].range.begin < c.nodes[from].range.end; ++i) {
    if (c.nodes[i].type != "expression_statement" || i == node || c.is_documentation(i)) continue;
    const bool same_function = c.function_of(i) == function;
    const std::string text(c.nodes.text(i));
    if (text.size() > 60 || text.find('\n') != std::string::npos) continue;
    const std::vector<int> parts = c.nodes.named_children(i);
    if (parts.empty()) continue;
    const std::string_view type = c.nodes[parts[0]].type;
    const bool step = type == "augmented_assignment" || type == "update_expression" ||
                      text.find("+= ") != std::string::npos || text.find("-= ") != std::string::npos;
    // From another method only what works on the object alone makes sense here.
    if (!same_function && !(text.starts_with("self.") || text.starts_with("this.") ||
                            text.find("_ ") != std::string::npos || text.find("_.") != std::string::npos))
      continue;
    if (!seen.insert(text).second || seen.size() > 12) continue;
    const double weight = step ? .25 : .1;
    c.insert_after(node, indent, text, kInsert, same_function ? weight : weight * .7);
  }
  if (c.inside_loop(node) && c.nodes[block].range.end == c.nodes[node].range.end) {
    const int above = c.nodes.parent(block);
    if (above >= 0 && (c.nodes[above].type == "if_statement" || c.nodes[above].type == "elif_clause")) {
      c.insert_after(node, indent, base::cat("break", c.traits.statement_end), kInsert, .3);
      c.insert_after(node, indent, base::cat("continue", c.traits.statement_end), kInsert, .25);
    }
  }
}

void reference_types(MutationContext& c, int node) {
  if (!c.c_family() || c.traits.null_word != "nullptr") return;
  const std::string_view type = c.nodes[node].type;
  if (type == "for_range_loop") {
    const int declared = c.nodes.child_of_field(node, "type"), name = c.nodes.child_of_field(node, "declarator");
    if (declared >= 0 && name >= 0 && c.nodes[name].type == "identifier")
      c.replace({c.nodes[declared].range.end, c.nodes[declared].range.end}, "&", MutationKind::kType, .8,
                "the loop works on the elements, not on copies");
    return;
  }
  if (type == "parameter_declaration") {
    const int declared = c.nodes.child_of_field(node, "type"), name = c.nodes.child_of_field(node, "declarator");
    if (declared < 0 || name < 0 || c.nodes[name].type != "identifier" || c.nodes[declared].type == "primitive_type")
      return;
    if (c.nodes.text(node).find("const") != std::string_view::npos) return;
    c.replace({c.nodes[declared].range.end, c.nodes[declared].range.end}, "&", MutationKind::kType, .5,
              "the parameter is a reference, not a copy");
    return;
  }
  if (type != "primitive_type" && type != "sized_type_specifier") return;
  if (c.function_of(node) < 0) return;
  const std::string text(c.nodes.text(node));
  if (text == "int") {
    c.replace(node, "long long", MutationKind::kType, .4);
    c.replace(node, "double", MutationKind::kType, .4);
  } else if (text == "float" || text == "unsigned")
    c.replace(node, text == "float" ? "double" : "int", MutationKind::kType, .4);
  else if (text == "double")
    c.replace(node, "int", MutationKind::kType, .1);
  else if (text == "size_t")
    c.replace(node, "long", MutationKind::kType, .2);
}

}  // namespace

void mutate_insertion(MutationContext& c, int node) {
  if (!c.nodes[node].named) return;
  if (is_one_of(c.nodes[node].type, c.traits.functions)) {
    return_result(c, node);
    store_parameter(c, node);
  }
  reference_types(c, node);
  if (c.function_of(node) < 0) return;
  step_loop(c, node);
  break_case(c, node);
  copy_statement(c, node);
}

}  // namespace agent
