// SPDX-License-Identifier: Apache-2.0
// A list or dictionary as the default of a parameter, which Python makes once and keeps through all calls.
#include "agent/mutations/mutation_context.h"
#include "base/strings.h"

namespace agent {
namespace {

using Words = std::vector<std::string_view>;

// Of those that the function itself does not change, others may.
constexpr double kOnlyRead = .3;

// Whether `use`, a name, is changed where it stands: `use.append(x)`, `use[k] = v`, `use += x`, `del use[k]`.
bool is_changed(const MutationContext& c, int use) {
  static const Words kChanging = {"append", "add",   "update",  "extend",  "insert",     "setdefault", "pop",
                                  "remove", "clear", "discard", "popitem", "appendleft", "sort",       "reverse"};
  const int parent = c.nodes.parent(use);
  if (parent < 0) return false;
  const std::string_view type = c.nodes[parent].type;
  if (type == "augmented_assignment") return c.nodes[use].field == "left";
  const int above = c.nodes.parent(parent);
  if (above < 0) return false;
  if (type == "subscript") return c.nodes[parent].field == "left" || c.nodes[above].type == "delete_statement";
  const int method = type == "attribute" ? c.nodes.child_of_field(parent, "attribute") : -1;
  return method >= 0 && method != use && c.nodes[above].type == "call" && is_one_of(c.nodes.text(method), kChanging);
}

bool changes(const MutationContext& c, int body, std::string_view name) {
  for (int i = body; i < c.nodes.size() && c.nodes[i].range.begin < c.nodes[body].range.end; ++i)
    if (c.nodes[i].type == "identifier" && c.nodes.text(i) == name && is_changed(c, i)) return true;
  return false;
}

// `type` or None, as the file says so; as it is where the file has no way to.
std::string or_none(const MutationContext& c, std::string_view type) {
  const std::string_view text = c.nodes.tree().text();
  if (type.find("None") != std::string_view::npos || type.starts_with("Optional[")) return std::string(type);
  if (text.find("| None") != std::string_view::npos ||
      text.find("from __future__ import annotations") != std::string_view::npos)
    return base::cat(type, " | None");
  return text.find("Optional[") != std::string_view::npos ? base::cat("Optional[", type, "]") : std::string(type);
}

// `first`: the function's first statement behind its documentation.
void made_anew(MutationContext& c, int body, int first, int parameter) {
  const int name = c.nodes.child_of_field(parameter, "name"), value = c.nodes.child_of_field(parameter, "value");
  if (name < 0 || value < 0) return;
  static const Words kEmpty = {"[]", "{}", "set()", "dict()", "list()"};
  const std::string_view old = c.nodes.text(value);
  if (!is_one_of(old, kEmpty)) return;
  const tools::Range line = c.nodes.line_of(c.nodes[first].range.begin);
  if (line.begin <= c.nodes[value].range.end) return;  // all of it in one line
  const int type = c.nodes.child_of_field(parameter, "type");
  const size_t begin = c.nodes[type >= 0 ? type : value].range.begin;
  const std::string declared = type < 0
                                   ? ""
                                   : base::cat(or_none(c, c.nodes.text(type)),
                                               c.nodes.text({c.nodes[type].range.end, c.nodes[value].range.begin}));
  const std::string_view between = c.nodes.text({c.nodes[value].range.end, line.begin}),
                         parameter_name = c.nodes.text(name);
  const std::string indent(c.nodes.indent_at(c.nodes[first].range.begin));
  c.replace(tools::Range{begin, line.begin},
            base::cat(declared, "None", between, indent, "if ", parameter_name, " is None:\n", indent, c.one_indent(),
                      parameter_name, " = ", old, "\n"),
            MutationKind::kDefault, changes(c, body, parameter_name) ? 1 : kOnlyRead,
            base::cat("default ", code(old), " of `", parameter_name, "` is made anew at each call"));
  c.found.back().acts_at = c.nodes[first].range.begin;
}

}  // namespace

void mutate_default(MutationContext& c, int node) {
  // At the first statement, which runs with each call: the head of a function runs once, as its module loads.
  const int body = c.nodes.parent(node), function = body < 0 ? -1 : c.nodes.parent(body);
  if (!c.python() || function < 0 || c.nodes[function].type != "function_definition" || c.body_of(function) != body)
    return;
  const std::vector<int> statements = c.statements_of(body);
  const size_t first = !statements.empty() && c.is_documentation(statements[0]) ? 1 : 0;
  if (first >= statements.size() || statements[first] != node) return;
  const int parameters = c.nodes.child_of_field(function, "parameters");
  if (parameters < 0) return;
  for (const int parameter : c.nodes.named_children(parameters))
    if (c.nodes[parameter].type == "default_parameter" || c.nodes[parameter].type == "typed_default_parameter")
      made_anew(c, body, node, parameter);
}

}  // namespace agent
