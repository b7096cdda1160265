// SPDX-License-Identifier: Apache-2.0
#include "agent/next_edit/edit_context.h"

#include <algorithm>
#include <cctype>

#include "base/strings.h"

namespace agent {
namespace {

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// Node types above which a place says little about what stands in it.
bool ends_statement(std::string_view type) {
  return contains(type, "statement") || contains(type, "block") || contains(type, "body") ||
         contains(type, "definition") || type == "module" || type == "program" || type == "translation_unit" ||
         type == "source_file";
}

bool is_member_node(std::string_view type) {
  return type == "attribute" || type == "member_expression" || type == "field_expression" ||
         type == "selector_expression" || type == "field_access" || type == "qualified_identifier" ||
         type == "scoped_identifier";
}

bool is_pair(std::string_view type) {
  return type == "pair" || type == "keyword_argument" || type == "field_initializer" || type == "keyed_element" ||
         type == "initializer_pair" || type == "default_parameter" || type == "property_assignment" ||
         contains(type, "assignment") || type == "init_declarator" || type == "variable_declarator";
}

}  // namespace

bool is_bracketed(const CodeText& text, int node) {
  const auto& children = text.nodes.children(node);
  if (children.size() < 2) return false;
  const std::string_view first = text.nodes[children.front()].type, last = text.nodes[children.back()].type;
  return (first == "(" && last == ")") || (first == "[" && last == "]") || (first == "{" && last == "}");
}

std::string_view name_before(const CodeText& text, int list) {
  const int first = text.token_after(text.nodes[list].range.begin);
  if (first <= 0 || !text.at(first - 1).word || text.at(first - 1).zone != Zone::kCode) return {};
  // `return (a, b)`: a keyword is no name.
  const tools::Node& before = text.nodes[text.at(first - 1).node];
  return before.named && text.gap(first).begin == text.gap(first).end ? text.token(first - 1) : std::string_view();
}

TokenRole token_role(const CodeText& text, int i) {
  const CodeToken& token = text.at(i);
  const SyntaxNodes& nodes = text.nodes;
  if (token.zone != Zone::kCode) return TokenRole::kText;
  if (!token.word) return TokenRole::kMark;
  const tools::Node& leaf = nodes[token.node];
  if (std::isdigit(static_cast<unsigned char>(text.token(i).front())) != 0) return TokenRole::kLiteral;
  static const std::vector<std::string_view> kLiterals = {"true", "false",     "none",         "null",
                                                          "nil",  "undefined", "null_literal", "boolean_literal"};
  if (is_one_of(leaf.type, kLiterals)) return TokenRole::kLiteral;
  const bool type_name = contains(leaf.type, "type_identifier") || contains(leaf.type, "primitive_type") ||
                         contains(leaf.type, "predefined_type");
  const int above = nodes.parent(token.node);
  if (type_name || leaf.field == "type" ||
      (above >= 0 &&
       (nodes[above].type == "type" || nodes[above].type == "predefined_type" || nodes[above].field == "type")))
    return TokenRole::kType;
  if (!leaf.named) return TokenRole::kMark;  // a keyword
  if (text.token(i + 1) == "(" && above >= 0) {
    const auto is_call = [&](int n) {
      return n >= 0 && (contains(nodes[n].type, "call") || contains(nodes[n].type, "invocation") ||
                        nodes[n].type == "new_expression");
    };
    if (is_call(above) || is_call(nodes.parent(above))) return TokenRole::kCallee;
  }
  if (above < 0) return TokenRole::kVariable;
  const std::string_view type = nodes[above].type;
  if (is_member_node(type))
    return nodes.children(above).front() == token.node ? TokenRole::kVariable : TokenRole::kMember;
  if ((type == "pair" || type == "keyword_argument" || type == "field_initializer" || type == "keyed_element") &&
      nodes.children(above).front() == token.node)
    return TokenRole::kKey;
  if (contains(leaf.type, "property_identifier") || contains(leaf.type, "field_identifier")) return TokenRole::kMember;
  return TokenRole::kVariable;
}

bool is_declaring(const CodeText& text, int i) {
  const SyntaxNodes& nodes = text.nodes;
  if (text.at(i).zone != Zone::kCode || !text.at(i).word) return false;
  int at = text.at(i).node;
  const TokenRole role = token_role(text, i);
  constexpr int kMostLevels = 4;
  for (int level = 0; level < kMostLevels && at > 0; ++level, at = nodes.parent(at)) {
    const std::string_view field = nodes[at].field;
    const int above = nodes.parent(at);
    const std::string_view type = nodes[above].type;
    if (contains(type, "import") || type == "using_declaration" || type == "use_declaration" ||
        type == "aliased_import")
      return true;
    const bool names =
        field == "name" || field == "declarator" || field == "pattern" || field == "parameters" || field == "alias";
    const bool defines = contains(type, "definition") || contains(type, "declarat") || contains(type, "specifier") ||
                         contains(type, "parameter") || contains(type, "_item") || type == "enumerator" ||
                         type == "class";
    if (names && defines && role != TokenRole::kType) return true;
    if (names && (contains(type, "class") || contains(type, "struct") || contains(type, "enum") ||
                  contains(type, "type_alias") || contains(type, "interface")))
      return true;
    if (type == "parameters" || type == "lambda_parameters" || type == "formal_parameters")
      return role != TokenRole::kType && field != "value" && field != "right";
    if (field == "left" &&
        (type == "assignment" || type == "for_statement" || type == "for_in_clause" || type == "for_in_statement"))
      return role == TokenRole::kVariable;
    if (field == "value" || field == "right" || field == "body" || field == "arguments" || contains(type, "call"))
      return false;
    // Of `T* name[3]` and such, the name is the innermost declarator.
    if (!(contains(type, "declarator") || contains(type, "pattern") || contains(type, "identifier") ||
          type == "dotted_name" || contains(type, "parameter") || contains(type, "specifier") ||
          contains(type, "clause")))
      return false;
  }
  return false;
}

tools::Range scope_of(const CodeText& text, int i, const LanguageTraits* traits) {
  const tools::Range all{0, text.text().size()};
  const TokenRole role = token_role(text, i);
  if (traits == nullptr || role == TokenRole::kMember || role == TokenRole::kType) return all;
  const SyntaxNodes& nodes = text.nodes;
  int function = nodes.ancestor_of_type(text.at(i).node, traits->functions);
  if (function < 0) return all;
  // The function's own name is meant where the function stands.
  const auto in_signature = [&](int node) {
    for (int at = node; at > 0 && at != function; at = nodes.parent(at)) {
      const std::string_view type = nodes[at].type;
      if (nodes[at].field == "body" || contains(type, "parameter") || contains(type, "statement") ||
          contains(type, "block"))
        return false;
    }
    return true;
  };
  if (in_signature(text.at(i).node)) {
    function = nodes.ancestor_of_type(function, traits->functions);
    if (function < 0) return all;
  }
  return nodes[function].range;
}

EditContext edit_context(const CodeText& text, CodeText::Run run) {
  const SyntaxNodes& nodes = text.nodes;
  EditContext context;
  const bool gap = run.first >= run.last;
  for (int k = 0; k < 2; ++k) {
    context.left[k] = text.token(run.first - 1 - k);
    context.right[k] = text.token(run.last + k);
  }
  const size_t begin = gap ? text.gap(run.first).begin : text.at(run.first).range.begin;
  const size_t end = gap ? begin : text.at(run.last - 1).range.end;
  const std::string_view all = text.text();
  const size_t line = begin == 0                                             ? 0
                      : all.rfind('\n', begin - 1) == std::string_view::npos ? 0
                                                                             : all.rfind('\n', begin - 1) + 1;
  const size_t line_end = std::min(all.size(), all.find('\n', end));
  context.line_before = base::trim(all.substr(line, begin - line));
  context.line_after = base::trim(all.substr(end, line_end - end));

  int node = -1;
  if (gap) {
    if (run.first > 0 && run.first < text.size())
      node = text.common_node(text.at(run.first - 1).node, text.at(run.first).node);
  } else {
    context.zone = text.at(run.first).zone;
    context.role = run.last - run.first == 1 ? token_role(text, run.first) : TokenRole::kMany;
    node = text.node_of(run.first, run.last);
    if (node < 0) node = text.at(run.first).node;
  }
  if (node < 0) return context;
  context.parent_type = nodes[gap ? node : std::max(0, nodes.parent(node))].type;
  context.field = gap ? std::string_view() : nodes[node].field;
  constexpr int kMostLevels = 12;
  int below = node;
  // Some of a node's children: the node itself is around them.
  const bool inside = gap || nodes[node].range != tools::Range{begin, end};
  for (int level = 0, at = inside ? node : nodes.parent(node); level < kMostLevels && at > 0;
       ++level, below = at, at = nodes.parent(at)) {
    const tools::Node& above = nodes[at];
    if (context.key.empty() && is_pair(above.type) && !nodes.children(at).empty()) {
      const int first = nodes.children(at).front();
      if (nodes[first].range.end <= begin) context.key = nodes.text(first);
    }
    if (is_bracketed(text, at) && above.range.begin < begin) {
      if (const std::string_view name = name_before(text, at); !name.empty()) {
        context.callee = name;
        context.argument = 0;
        for (int child : nodes.named_children(at))
          if (nodes[child].range.end <= begin && child != below) ++context.argument;
        break;
      }
    }
    if (ends_statement(above.type)) break;
  }
  return context;
}

}  // namespace agent
