// SPDX-License-Identifier: Apache-2.0
// Statements: taken away, moved into or out of a block, exchanged with the next, another way out.
#include <algorithm>

#include "agent/mutations/mutation_context.h"
#include "base/strings.h"

namespace agent {
namespace {

constexpr auto kDelete = MutationKind::kDeletion;
constexpr auto kMove = MutationKind::kMove;

bool in_block(const MutationContext& c, int node) {
  const int parent = c.nodes.parent(node);
  return parent >= 0 && is_one_of(c.nodes[parent].type, c.traits.blocks);
}

bool is_simple(const MutationContext& c, int node) {
  const std::string_view type = c.nodes[node].type;
  return is_one_of(type, c.traits.statements) || type == "declaration" || type == "lexical_declaration" ||
         type == "local_variable_declaration" || type == "short_var_declaration" || type == "let_declaration";
}

// The statement alone on its lines: from the first line's start to the next line's start.
bool whole_lines(const MutationContext& c, int node, tools::Range& lines) {
  const tools::Range range = c.nodes[node].range;
  const tools::Range first = c.nodes.line_of(range.begin), last = c.nodes.line_of(std::max(range.begin, range.end - 1));
  const std::string_view before = c.nodes.text({first.begin, range.begin});
  const std::string_view after = c.nodes.text({std::min(range.end, last.end), last.end});
  if (!base::trim(before).empty()) return false;
  const std::string_view rest = base::trim(after);
  if (!rest.empty() && rest != ";" && !rest.starts_with(c.traits.comment)) return false;
  const size_t row = c.nodes.row_of(last.begin);
  lines = {first.begin, row + 1 < c.nodes.n_rows() ? c.nodes.row_range(row + 1).begin : last.end};
  return true;
}

std::vector<int> siblings(const MutationContext& c, int node) {
  const int parent = c.nodes.parent(node);
  return parent < 0 ? std::vector<int>{} : c.nodes.named_children(parent);
}

int next_sibling(const MutationContext& c, int node) {
  const std::vector<int> all = siblings(c, node);
  const auto at = std::find(all.begin(), all.end(), node);
  return at == all.end() || at + 1 == all.end() ? -1 : *(at + 1);
}

int previous_sibling(const MutationContext& c, int node) {
  const std::vector<int> all = siblings(c, node);
  const auto at = std::find(all.begin(), all.end(), node);
  return at == all.end() || at == all.begin() ? -1 : *(at - 1);
}

// `text` with every line's indentation changed from `from` to `to`.
std::string reindent(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  for (std::string_view line : base::split_lines(text)) {
    if (line.starts_with(from)) line.remove_prefix(from.size());
    if (!base::trim(line).empty()) out += to;
    out += line;
    out += '\n';
  }
  return out;
}

double deletion_weight(const MutationContext& c, int node) {
  const std::string_view type = c.nodes[node].type;
  if (type == "break_statement" || type == "continue_statement") return .6;
  if (type == "return_statement") return next_sibling(c, node) >= 0 ? .5 : .15;
  if (type == "raise_statement" || type == "throw_statement") return .15;
  if (type != "expression_statement" && type != "assignment_statement") return .1;
  const std::vector<int> parts = c.nodes.named_children(node);
  if (parts.empty()) return 0;
  const std::string_view inner = c.nodes[parts[0]].type;
  if (is_one_of(inner, c.traits.strings)) return 0;  // documentation
  if (inner.find("augmented") != std::string_view::npos || inner == "update_expression") return .4;
  return is_one_of(inner, c.traits.calls) ? .4 : .25;
}

void delete_statement(MutationContext& c, int node) {
  tools::Range lines;
  if (!is_one_of(c.nodes[node].type, c.traits.statements) || !in_block(c, node) || !whole_lines(c, node, lines)) return;
  const double weight = deletion_weight(c, node);
  if (weight <= 0) return;
  const std::string description = base::cat("line ", code(c.nodes.text(node)), " goes away");
  if (c.python() && siblings(c, node).size() == 1) return c.replace(node, "pass", kDelete, weight * .5, description);
  c.replace(lines, "", kDelete, weight, description);
}

// `if (c) return x;` taken away, or its body run without the question.
void drop_condition(MutationContext& c, int node) {
  const std::string_view type = c.nodes[node].type;
  if ((type != "if_statement" && type != "if_expression") || c.nodes.child_of_field(node, "alternative") >= 0) return;
  const int body = c.nodes.child_of_field(node, "consequence");
  tools::Range lines;
  if (body < 0 || !in_block(c, node) || !whole_lines(c, node, lines)) return;
  const bool is_body_block = is_one_of(c.nodes[body].type, c.traits.blocks);
  const std::vector<int> inside = is_body_block ? c.nodes.named_children(body) : std::vector<int>{body};
  const std::string description = base::cat("condition ", code(c.nodes.text(node)), " goes away");
  if (inside.size() == 1 && siblings(c, node).size() > 1) c.replace(lines, "", kDelete, .35, description);
  if (inside.empty()) return;
  const tools::Range first = c.nodes.line_of(c.nodes[inside.front()].range.begin);
  const tools::Range last = c.nodes.line_of(c.nodes[inside.back()].range.end - 1);
  if (first.begin <= lines.begin) return;
  c.replace(
      lines,
      reindent(c.nodes.text({first.begin, last.end}), c.nodes.indent_at(first.begin), c.nodes.indent_at(lines.begin)),
      MutationKind::kCondition, .25, base::cat("the lines under ", code(c.nodes.text(node)), " always run"));
}

void swap_with_next(MutationContext& c, int node) {
  const int next = next_sibling(c, node);
  tools::Range a, b;
  if (next < 0 || !is_simple(c, node) || !in_block(c, node)) return;
  if (!is_simple(c, next) && c.nodes[next].type != "if_statement") return;
  if (!whole_lines(c, node, a) || !whole_lines(c, next, b) || a.end > b.begin) return;
  if (c.nodes[node].type == "return_statement") return;
  std::string first(c.nodes.text(a)), second(c.nodes.text(b));
  if (!second.ends_with('\n')) return;
  c.replace({a.begin, b.end}, base::cat(second, c.nodes.text({a.end, b.begin}), first), kMove, .35,
            base::cat(code(first), " and ", code(second), " change places"));
}

// Python: the last statement of a block moves one level out; the statement after a block moves in.
void change_indent(MutationContext& c, int node) {
  tools::Range lines;
  if (!c.python() || !in_block(c, node) || !whole_lines(c, node, lines)) return;
  if (!is_simple(c, node) && c.nodes[node].type != "if_statement") return;
  const int block = c.nodes.parent(node), compound = c.nodes.parent(block);
  if (compound < 0 || c.nodes[block].type != "block") return;
  const std::string indent(c.nodes.indent_at(lines.begin));
  const bool returns = c.nodes[node].type == "return_statement";
  const std::string_view above = c.nodes[compound].type;
  const bool in_compound = is_one_of(above, c.traits.loops) || above == "if_statement" || above == "else_clause" ||
                           above == "elif_clause" || above == "with_statement";
  if (in_compound && next_sibling(c, node) < 0 && siblings(c, node).size() > 1) {
    const std::string outer(c.nodes.indent_at(c.nodes[compound].range.begin));
    const bool loop = is_one_of(above, c.traits.loops);
    c.replace(lines, reindent(c.nodes.text(lines), indent, outer), kMove, returns ? (loop ? 1 : .5) : .4,
              base::cat(code(c.nodes.text(node)), " moves out of the block"));
  }
  const int before = previous_sibling(c, node);
  if (before < 0) return;
  const std::string_view type = c.nodes[before].type;
  if (is_one_of(type, c.traits.loops) || type == "if_statement" || type == "with_statement") {
    const std::string inner = indent + c.one_indent();
    c.replace(lines, reindent(c.nodes.text(lines), indent, inner), kMove, returns ? .2 : .4,
              base::cat(code(c.nodes.text(node)), " moves into the block before it"));
  }
}

// The first statement of a loop's body moves in front of the loop: an accumulator that is reset at each turn.
void hoist_from_loop(MutationContext& c, int node) {
  tools::Range lines, loop_lines;
  if (!is_simple(c, node) || !in_block(c, node) || !whole_lines(c, node, lines)) return;
  const int block = c.nodes.parent(node), loop = c.nodes.parent(block);
  if (loop < 0 || !is_one_of(c.nodes[loop].type, c.traits.loops) || previous_sibling(c, node) >= 0) return;
  const std::string_view text = c.nodes.text(node);
  if (text.find('=') == std::string_view::npos || siblings(c, node).size() < 2) return;
  if (!whole_lines(c, loop, loop_lines)) return;
  const std::string moved =
      reindent(c.nodes.text(lines), c.nodes.indent_at(lines.begin), c.nodes.indent_at(loop_lines.begin));
  c.replace({loop_lines.begin, lines.end}, moved + std::string(c.nodes.text({loop_lines.begin, lines.begin})), kMove,
            .4, base::cat(code(text), " moves in front of the loop"));
}

// With braces: the last statement of a block moves behind the block.
void sink_from_block(MutationContext& c, int node) {
  tools::Range lines, block_lines;
  if (c.python() || !is_simple(c, node) || !in_block(c, node) || !whole_lines(c, node, lines)) return;
  const int block = c.nodes.parent(node), compound = c.nodes.parent(block);
  if (compound < 0 || next_sibling(c, node) >= 0 || siblings(c, node).size() < 2) return;
  if (!is_one_of(c.nodes[compound].type, c.traits.loops) && c.nodes[compound].type != "if_statement") return;
  if (c.nodes[compound].range.end != c.nodes[block].range.end || !whole_lines(c, compound, block_lines)) return;
  if (lines.end >= block_lines.end) return;
  const std::string moved =
      reindent(c.nodes.text(lines), c.nodes.indent_at(lines.begin), c.nodes.indent_at(block_lines.begin));
  c.replace({lines.begin, block_lines.end}, std::string(c.nodes.text({lines.end, block_lines.end})) + moved, kMove,
            c.nodes[node].type == "return_statement" ? .5 : .25,
            base::cat(code(c.nodes.text(node)), " moves out of the block"));
}

void change_exit(MutationContext& c, int node) {
  const std::string_view type = c.nodes[node].type;
  std::string text(c.nodes.text(node));
  if (type == "break_statement" || type == "break_expression")
    c.replace(node, "continue" + text.substr(std::min(text.size(), size_t{5})), MutationKind::kControlFlow, .8);
  if (type == "continue_statement" || type == "continue_expression")
    c.replace(node, "break" + text.substr(std::min(text.size(), size_t{8})), MutationKind::kControlFlow, .8);
  // A loop that should end with its function: by the same way out that other places of it take.
  const int function = c.function_of(node);
  if (type == "continue_statement" || type == "break_statement") {
    std::vector<std::string> ways = {c.python() ? "return None" : base::cat("return", c.traits.statement_end)};
    for (int i = function; i < c.nodes.size() && c.nodes[i].range.begin < c.nodes[function].range.end && ways.size() < 4; ++i)
      if (c.nodes[i].type == "return_statement" && c.nodes.text(i).size() < 40) ways.emplace_back(c.nodes.text(i));
    for (const std::string& way : ways) c.replace(node, way, MutationKind::kControlFlow, .4);
  }
  if (c.python() && type == "pass_statement")
    for (const char* other : {"continue", "break", "raise"}) c.replace(node, other, MutationKind::kControlFlow, .4);
  if (c.python() && type == "elif_clause" && text.starts_with("elif"))
    c.replace({c.nodes[node].range.begin, c.nodes[node].range.begin + 4}, "if", MutationKind::kControlFlow, .4);
  if (c.python() && type == "if_statement") {
    const int before = previous_sibling(c, node);
    if (before >= 0 && c.nodes[before].type == "if_statement" && in_block(c, node))
      c.replace({c.nodes[node].range.begin, c.nodes[node].range.begin + 2}, "elif", MutationKind::kControlFlow, .4);
  }
}

void change_return(MutationContext& c, int node) {
  const std::string_view type = c.nodes[node].type;
  if (type == "expression_statement") {
    // The value of the function's last line was never given back.
    const int function = c.function_of(node);
    if (function < 0 || next_sibling(c, node) >= 0 || !in_block(c, node)) return;
    if (c.nodes.parent(c.nodes.parent(node)) != function) return;
    const std::vector<int> parts = c.nodes.named_children(node);
    if (parts.empty()) return;
    const std::string_view inner = c.nodes[parts[0]].type;
    if (inner.find("assign") != std::string_view::npos || is_one_of(inner, c.traits.strings) || inner == "await")
      return;
    const bool call = is_one_of(inner, c.traits.calls);
    const std::string text(c.nodes.text(node));
    if (c.nodes.tree().language() == tools::Language::kRust) {
      if (text.ends_with(';')) c.replace(node, text.substr(0, text.size() - 1), MutationKind::kReturn, .7);
    } else {
      c.replace(node, base::cat("return ", text), MutationKind::kReturn, call ? .3 : 1);
    }
    return;
  }
  if (type != "return_statement") return;
  const int function = c.function_of(node);
  if (function < 0) return;
  const std::vector<int> parts = c.nodes.named_children(node);
  const std::string end(c.traits.statement_end);
  const bool literal =
      !parts.empty() && (is_one_of(c.nodes[parts[0]].type, c.traits.integers) || c.nodes[parts[0]].type == "none" ||
                         c.nodes[parts[0]].type == "null" || c.nodes[parts[0]].type == "true" ||
                         c.nodes[parts[0]].type == "false" || is_one_of(c.nodes[parts[0]].type, c.traits.strings));
  if (parts.empty() || literal) {
    const std::vector<std::string>& names = c.names_of(function).variables;
    int n = 0;
    for (const std::string& name : names)
      if (name != "self" && name != "this" && ++n <= 4)
        c.replace(node, base::cat("return ", name, end), MutationKind::kReturn, .2);
  }
  if (parts.size() != 1) return;
  const std::string_view value = c.nodes[parts[0]].type;
  if (value == "identifier" || is_one_of(value, c.traits.calls) || is_one_of(value, c.traits.members) ||
      value == "boolean_operator") {
    const std::string text(c.nodes.text(parts[0]));
    c.replace(parts[0],
              value == "boolean_operator" ? base::cat(c.traits.not_prefix, "(", text, ")")
                                          : base::cat(c.traits.not_prefix, text),
              MutationKind::kNegation, .25);
    c.replace(parts[0], base::cat("-", text), MutationKind::kNegation, .2);
  }
}

}  // namespace

void mutate_statement(MutationContext& c, int node) {
  if (!c.nodes[node].named || c.function_of(node) < 0) return;
  delete_statement(c, node);
  drop_condition(c, node);
  swap_with_next(c, node);
  change_indent(c, node);
  hoist_from_loop(c, node);
  sink_from_block(c, node);
  change_exit(c, node);
  change_return(c, node);
}

}  // namespace agent
