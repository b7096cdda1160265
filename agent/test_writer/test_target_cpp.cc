// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "agent/test_writer/test_target.h"
#include "base/strings.h"

namespace agent {
namespace {

// The function_declarator inside pointers and references, or -1.
int function_declarator(const SyntaxNodes& nodes, int definition) {
  int at = nodes.child_of_field(definition, "declarator");
  while (at >= 0 && nodes[at].type != "function_declarator") {
    int inner = nodes.child_of_field(at, "declarator");
    if (inner < 0 && (nodes[at].type == "reference_declarator" || nodes[at].type == "pointer_declarator")) {
      const std::vector<int> parts = nodes.named_children(at);
      inner = parts.empty() ? -1 : parts.back();
    }
    at = inner;
  }
  return at;
}

bool has_child_text(const SyntaxNodes& nodes, int node, std::string_view type, std::string_view text) {
  const std::vector<int>& children = nodes.children(node);
  return std::any_of(children.begin(), children.end(),
                     [&](int child) { return nodes[child].type == type && nodes.text(child) == text; });
}

// "larder::Stock" for what stands in `namespace larder { class Stock {`; sets `problem` for what no other file can name.
std::string scope_of(const SyntaxNodes& nodes, int definition, std::string& problem) {
  std::string scope;
  for (int at = nodes.parent(definition); at >= 0; at = nodes.parent(at)) {
    const std::string_view type = nodes[at].type;
    const bool space = type == "namespace_definition";
    if (type == "template_declaration") problem = "it is a template; name a function that uses it";
    if (!space && type != "class_specifier" && type != "struct_specifier") continue;
    const int name = nodes.child_of_field(at, "name");
    if (name < 0)
      problem = "it is in an unnamed scope, which only its own file can call";
    else
      scope = base::cat(nodes.text(name), scope.empty() ? "" : "::", scope);
  }
  return scope;
}

Parameter read_parameter(const SyntaxNodes& nodes, int node) {
  Parameter parameter;
  const tools::Range range = nodes[node].range;
  size_t type_end = range.end;
  std::string marks;
  for (int at = nodes.child_of_field(node, "declarator"); at >= 0;) {
    const std::string_view type = nodes[at].type;
    if (nodes.parent(at) == node) type_end = nodes[at].range.begin;
    if (type == "identifier") {
      parameter.name = nodes.text(at);
      break;
    }
    if (type.find("reference") != std::string_view::npos) marks += nodes.text(at).starts_with("&&") ? "&&" : "&";
    if (type.find("pointer") != std::string_view::npos) marks += "*";
    if (type.find("array") != std::string_view::npos) marks += "[]";
    if (type.find("function") != std::string_view::npos) marks += "()";
    int inner = nodes.child_of_field(at, "declarator");
    if (inner < 0 && !nodes.named_children(at).empty()) inner = nodes.named_children(at).back();
    at = inner;
  }
  if (const int value = nodes.child_of_field(node, "default_value"); value >= 0) {
    parameter.default_value = nodes.text(value);
    if (type_end == range.end) type_end = nodes[value].range.begin;
  }
  parameter.type = base::trim(nodes.text({range.begin, type_end}));
  if (parameter.type.ends_with('=')) parameter.type.pop_back();
  parameter.type += marks;
  return parameter;
}

void collect_literals(const SyntaxNodes& nodes, int body, TestTarget& target) {
  const tools::Range range = nodes[body].range;
  for (int i = body; i < nodes.size() && nodes[i].range.begin < range.end; ++i) {
    const std::string_view type = nodes[i].type;
    if (type == "string_literal" || type == "char_literal") add_unique(target.strings, unquote(nodes.text(i)));
    if (type == "number_literal") add_unique(target.numbers, std::string(nodes.text(i)));
  }
}

TestTarget read_function(const SyntaxNodes& nodes, int definition, int declarator) {
  TestTarget target;
  target.range = nodes[definition].range;
  const int name = nodes.child_of_field(declarator, "declarator");
  std::string full = name >= 0 ? std::string(nodes.text(name)) : "";
  target.scope = scope_of(nodes, definition, target.unsupported);
  if (const size_t colons = full.rfind("::"); colons != std::string::npos && full.find('<') == std::string::npos) {
    target.scope += (target.scope.empty() ? "" : "::") + full.substr(0, colons);
    full.erase(0, colons + 2);
    target.call = TestTarget::Call::kMethod;  // unless the scope turns out to be a namespace, or the method static
  }
  target.name = full;
  const int type = nodes.child_of_field(definition, "type");
  if (nodes.ancestor_of_type(definition, {"class_specifier", "struct_specifier"}) >= 0)
    target.call = TestTarget::Call::kMethod;
  const bool is_static = has_child_text(nodes, definition, "storage_class_specifier", "static");
  if (is_static && target.call == TestTarget::Call::kMethod) target.call = TestTarget::Call::kClassMethod;
  if (is_static && target.call == TestTarget::Call::kFunction)
    target.unsupported = "it is static, which only its own file can call";
  if (type >= 0) {
    target.result_type = nodes.text({nodes[type].range.begin, nodes[declarator].range.begin});
    target.result_type = base::trim(target.result_type);
  }
  if (const int list = nodes.child_of_field(declarator, "parameters"); list >= 0) {
    for (const int child : nodes.named_children(list)) {
      const std::string_view kind = nodes[child].type;
      if (kind == "parameter_declaration" || kind == "optional_parameter_declaration") {
        target.parameters.push_back(read_parameter(nodes, child));
      } else if (target.unsupported.empty()) {
        target.unsupported = "it takes a variable number of arguments";
      }
    }
  }
  if (target.parameters.size() == 1 && target.parameters[0].type == "void") target.parameters.clear();
  // `const` behind the parameters: the object stays as it is.
  const bool is_const = has_child_text(nodes, declarator, "type_qualifier", "const");
  target.may_change_object = target.call == TestTarget::Call::kMethod && !is_const;

  const int body = nodes.child_of_field(definition, "body");
  target.body = body >= 0 ? nodes[body].range : target.range;
  if (body >= 0) collect_literals(nodes, body, target);
  if (!target.unsupported.empty()) return target;
  const std::string last_scope = target.scope.substr(target.scope.rfind(':') + 1);
  if (full.empty() || full.starts_with("operator") || full.starts_with('~') ||
      (target.call == TestTarget::Call::kMethod && full == last_scope))
    target.unsupported = "operators, constructors and destructors are not supported";
  else if (full == "main")
    target.unsupported = "main() is the program itself";
  else if (body < 0)
    target.unsupported = "it has no body of its own here";
  else if (reads_clock(nodes.text(target.body)))
    target.unsupported = "it reads the clock";
  return target;
}

}  // namespace

std::vector<TestTarget> cpp_targets(const SyntaxNodes& nodes) {
  std::vector<TestTarget> targets;
  for (int i = 0; i < nodes.size(); ++i) {
    if (nodes[i].type != "function_definition") continue;
    if (nodes.ancestor_of_type(i, {"function_definition", "lambda_expression"}) >= 0) continue;
    const int declarator = function_declarator(nodes, i);
    if (declarator >= 0) targets.push_back(read_function(nodes, i, declarator));
  }
  return targets;
}

}  // namespace agent
