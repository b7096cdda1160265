// SPDX-License-Identifier: Apache-2.0
#include "agent/mutations/mutation_context.h"

#include <algorithm>
#include <set>

#include "base/strings.h"

namespace agent {
namespace {

bool is_word_node(std::string_view type) {
  return type == "identifier" || type == "shorthand_property_identifier";
}

}  // namespace

std::string code(std::string_view text) {
  text = base::trim(text);
  const size_t line_end = text.find('\n');
  size_t end = std::min({line_end, text.size(), size_t{60}});
  while (end > 0 && end < text.size() && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;  // whole characters
  std::string shown(text.substr(0, end));
  if (shown.size() < text.size()) shown += " ...";
  return base::cat("`", shown, "`");
}

void MutationContext::replace(tools::Range range, std::string text, MutationKind kind, double weight,
                              std::string description) {
  const std::string_view old = nodes.text(range);
  if (old == text) return;
  if (description.empty())
    description = text.empty() ? base::cat(code(old), " goes away") : base::cat(code(old), " becomes ", code(text));
  found.push_back({{range.begin, range.end, std::move(text)}, kind, weight, std::move(description)});
}

void MutationContext::insert_before(int node, std::string_view indent, std::string statement, MutationKind kind,
                                    double weight) {
  const size_t at = nodes.line_of(nodes[node].range.begin).begin;
  std::string description = base::cat("new line ", code(statement));
  replace({at, at}, base::cat(indent, statement, "\n"), kind, weight, std::move(description));
}

void MutationContext::insert_after(int node, std::string_view indent, std::string statement, MutationKind kind,
                                   double weight) {
  const size_t last = std::max(nodes[node].range.begin, nodes[node].range.end - 1);
  const size_t at = nodes.line_of(last).end;
  std::string description = base::cat("new line ", code(statement));
  replace({at, at}, base::cat("\n", indent, statement), kind, weight, std::move(description));
}

bool MutationContext::c_family() const {
  using tools::Language;
  const Language language = nodes.tree().language();
  return language == Language::kC || language == Language::kCpp || language == Language::kCuda;
}

bool MutationContext::is_declared_name(int node) const {
  const int parent = nodes.parent(node);
  if (parent < 0) return false;
  const std::string_view type = nodes[parent].type, field = nodes[node].field;
  if (field == "name" && !is_one_of(type, traits.calls)) return true;
  if (field == "declarator" || field == "alias" || field == "label") return true;
  if (is_one_of(type, traits.parameters)) return true;
  return type == "global_statement" || type == "nonlocal_statement" || type == "dotted_name" ||
         type == "aliased_import" || type == "parameter_declaration" || type == "catch_clause";
}

bool MutationContext::is_variable_use(int node) const {
  if (!is_word_node(nodes[node].type) || is_declared_name(node)) return false;
  const int parent = nodes.parent(node);
  if (parent < 0) return false;
  const std::string_view type = nodes[parent].type, field = nodes[node].field;
  if (is_one_of(type, traits.calls) && (field == "function" || field == "name")) return false;
  if (field == "attribute" || field == "field" || field == "property") return false;
  if (type == "keyword_argument" && field == "name") return false;
  if (nodes.ancestor_of_type(node, {"type", "type_annotation"}) >= 0) return false;
  if (type == "decorator" || type == "type" || type == "qualified_identifier" || type == "annotation") return false;
  return nodes.ancestor_of_type(node, traits.imports) < 0;
}

const FunctionNames& MutationContext::names_of(int function) {
  const auto known = names_.find(function);
  if (known != names_.end()) return known->second;
  FunctionNames names;
  std::set<std::string> seen;
  const tools::Range range = function < 0 ? tools::Range{0, nodes.tree().text().size()} : nodes[function].range;
  for (int i = std::max(function, 0); i < nodes.size() && nodes[i].range.begin < range.end; ++i) {
    if (!is_word_node(nodes[i].type)) continue;
    if (function >= 0 && nodes.parent(i) == function) continue;  // the function's own name
    const int above = nodes.parent(i);
    const bool declares = is_declared_name(i) && !is_one_of(above >= 0 ? nodes[above].type : "", traits.functions) &&
                          (above < 0 || nodes[above].type != "function_declarator");
    if (!declares && !is_variable_use(i)) continue;
    std::string name(nodes.text(i));
    ++names.n_uses[name];
    if (!seen.insert(name).second) continue;
    names.variables.push_back(name);
    if (nodes.ancestor_of_type(i, traits.parameters) >= 0) names.parameters.push_back(name);
  }
  for (int i = std::max(function, 0); i < nodes.size() && nodes[i].range.begin < range.end; ++i) {
    const int type = nodes.child_of_field(i, "type");
    if (type < 0 || nodes[type].type == "placeholder_type_specifier") continue;
    int name = nodes.child_of_field(i, "declarator");
    if (name < 0) name = nodes.child_of_field(i, "name");
    if (name < 0) name = nodes.child_of_field(i, "pattern");
    if (name < 0 && nodes[i].type == "typed_parameter" && !nodes.named_children(i).empty()) name = nodes.named_children(i)[0];
    if (name < 0 && nodes[i].type == "assignment") name = nodes.child_of_field(i, "left");
    for (int deeper = name; deeper >= 0 && nodes[deeper].type != "identifier";) {
      const int inner = nodes.child_of_field(deeper, "declarator");
      const std::vector<int> parts = nodes.named_children(deeper);
      name = deeper =
          inner >= 0
              ? inner
              : (parts.empty() || nodes[deeper].type.find("identifier") != std::string_view::npos ? -1 : parts[0]);
    }
    if (name >= 0) names.types.emplace(nodes.text(name), nodes.text(type));
  }
  return names_[function] = std::move(names);
}

bool MutationContext::is_comparison(int node) const {
  if (nodes[node].type == "comparison_operator") return true;
  if (nodes[node].type != "binary_expression") return false;
  static const Words kMarks = {"<", "<=", ">", ">=", "==", "!=", "===", "!=="};
  for (int child : nodes.children(node))
    if (!nodes[child].named && is_one_of(nodes[child].type, kMarks)) return true;
  return false;
}

bool MutationContext::may_be_number(int node) const {
  const std::string_view type = nodes[node].type;
  if (type == "identifier") {
    const std::string_view name = nodes.text(node);
    return name != "self" && name != "cls" && name != "this";
  }
  if (type == "binary_operator") return true;
  if (type == "binary_expression") {
    static const Words kArithmetic = {"+", "-", "*", "/", "%"};
    for (int child : nodes.children(node))
      if (!nodes[child].named && is_one_of(nodes[child].type, kArithmetic)) return true;
    return false;
  }
  return is_one_of(type, traits.members) || is_one_of(type, traits.calls) || is_one_of(type, traits.subscripts);
}

std::vector<int> MutationContext::statements_of(int block) const {
  const std::vector<int> inside = nodes.named_children(block);
  if (inside.size() == 1 && nodes[inside[0]].type == "statement_list") return nodes.named_children(inside[0]);  // Go
  return inside;
}

bool MutationContext::is_documentation(int statement) const {
  if (nodes[statement].type != "expression_statement") return false;
  const std::vector<int> parts = nodes.named_children(statement);
  return parts.size() == 1 && is_one_of(nodes[parts[0]].type, traits.strings);
}

bool MutationContext::inside_loop(int node) const {
  const int loop = nodes.ancestor_of_type(node, traits.loops);
  return loop >= 0 && function_of(loop) == function_of(node);
}

const std::vector<tools::Symbol>& MutationContext::symbols() {
  if (!symbols_) symbols_ = nodes.tree().symbols();
  return *symbols_;
}

std::string MutationContext::guard(std::string_view condition, std::string_view action, std::string_view indent) const {
  using tools::Language;
  if (python()) return base::cat("if ", condition, ":\n", indent, one_indent(), action);
  const Language language = nodes.tree().language();
  if (language == Language::kGo || language == Language::kRust)
    return base::cat("if ", condition, " {\n", indent, one_indent(), action, language == Language::kRust ? ";" : "", "\n", indent, "}");
  return base::cat("if (", condition, ") ", action, ";");
}

std::string MutationContext::one_indent() const {
  for (size_t row = 1; row < nodes.n_rows(); ++row) {
    const std::string_view indent = nodes.indent_at(nodes.row_range(row).begin);
    if (indent.empty()) continue;
    if (indent[0] == '\t') return "\t";
    if (indent.size() >= 2) return std::string(indent.size() > 8 ? 4 : indent.size(), ' ');
  }
  return python() ? "    " : "  ";
}

}  // namespace agent
