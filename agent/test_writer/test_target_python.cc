// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "agent/test_writer/test_target.h"

namespace agent {
namespace {

// ``code`` in a docstring is an example more often than not.
void add_docstring_examples(std::string_view docstring, std::vector<std::string>& strings) {
  for (size_t at = docstring.find('`'); at != std::string_view::npos; at = docstring.find('`', at)) {
    const size_t begin = docstring.find_first_not_of('`', at);
    if (begin == std::string_view::npos) return;
    const size_t end = docstring.find('`', begin);
    if (end == std::string_view::npos) return;
    const std::string_view code = docstring.substr(begin, end - begin);
    if (code.size() <= 40 && code.find('\n') == std::string_view::npos) add_unique(strings, std::string(code));
    at = docstring.find_first_not_of('`', end);
    if (at == std::string_view::npos) return;
  }
}

// The docstring's statement, or -1.
int docstring_of(const SyntaxNodes& nodes, int block) {
  const std::vector<int> statements = nodes.named_children(block);
  if (statements.empty() || nodes[statements[0]].type != "expression_statement") return -1;
  const std::vector<int> parts = nodes.named_children(statements[0]);
  return parts.size() == 1 && nodes[parts[0]].type == "string" ? statements[0] : -1;
}

void collect_literals(const SyntaxNodes& nodes, int from, tools::Range range, TestTarget& target) {
  for (int i = from; i < nodes.size() && nodes[i].range.begin < range.end; ++i) {
    if (nodes[i].range.begin < range.begin) continue;
    const std::string_view type = nodes[i].type;
    if (type == "string") add_unique(target.strings, unquote(nodes.text(i)));
    if (type == "integer" || type == "float") add_unique(target.numbers, std::string(nodes.text(i)));
  }
}

Parameter read_parameter(const SyntaxNodes& nodes, int node) {
  Parameter parameter;
  const std::string_view type = nodes[node].type;
  if (type == "identifier") {
    parameter.name = nodes.text(node);
    return parameter;
  }
  if (const int annotation = nodes.child_of_field(node, "type"); annotation >= 0)
    parameter.type = nodes.text(annotation);
  if (const int value = nodes.child_of_field(node, "value"); value >= 0) parameter.default_value = nodes.text(value);
  int name = nodes.child_of_field(node, "name");
  if (name < 0 && !nodes.named_children(node).empty()) name = nodes.named_children(node)[0];
  if (name >= 0) parameter.name = nodes.text(name);
  return parameter;
}

void read_parameters(const SyntaxNodes& nodes, int list, TestTarget& target) {
  bool keyword_only = false;
  for (const int child : nodes.children(list)) {
    const std::string_view type = nodes[child].type;
    const bool plain = type == "identifier" || type == "typed_parameter" || type == "default_parameter" ||
                       type == "typed_default_parameter";
    if (type == "keyword_separator" || type == "list_splat_pattern") keyword_only = true;
    if (!plain) continue;
    Parameter parameter = read_parameter(nodes, child);
    if (parameter.name.starts_with("**")) continue;
    if (parameter.name.starts_with("*")) {  // an annotated *args
      keyword_only = true;
      continue;
    }
    parameter.keyword_only = keyword_only;
    target.parameters.push_back(std::move(parameter));
  }
}

std::vector<std::string_view> decorators_of(const SyntaxNodes& nodes, int function) {
  std::vector<std::string_view> found;
  const int parent = nodes.parent(function);
  if (parent < 0 || nodes[parent].type != "decorated_definition") return found;
  for (const int child : nodes.children(parent))
    if (nodes[child].type == "decorator") found.push_back(nodes.text(child));
  return found;
}

TestTarget read_function(const SyntaxNodes& nodes, int function, std::string class_name) {
  TestTarget target;
  target.name = nodes.text(nodes.child_of_field(function, "name"));
  target.scope = std::move(class_name);
  target.range = nodes[function].range;
  target.is_async = nodes.text(function).starts_with("async");
  if (const int result = nodes.child_of_field(function, "return_type"); result >= 0)
    target.result_type = nodes.text(result);
  if (const int list = nodes.child_of_field(function, "parameters"); list >= 0) read_parameters(nodes, list, target);

  if (!target.scope.empty()) target.call = TestTarget::Call::kMethod;
  bool bound = !target.scope.empty();  // has self or cls
  for (const std::string_view decorator : decorators_of(nodes, function)) {
    if (decorator == "@property" || decorator.ends_with("cached_property")) target.call = TestTarget::Call::kProperty;
    if (decorator == "@classmethod" || decorator == "@staticmethod") target.call = TestTarget::Call::kClassMethod;
    if (decorator == "@staticmethod") bound = false;
    if (decorator.find("fixture") != std::string_view::npos || decorator.find(".setter") != std::string_view::npos ||
        decorator.find("contextmanager") != std::string_view::npos || decorator == "@overload" ||
        decorator.find("abstractmethod") != std::string_view::npos)
      target.unsupported = "it is decorated with " + std::string(decorator) + ", which is not supported";
  }
  if (bound && !target.parameters.empty()) target.parameters.erase(target.parameters.begin());

  const int block = nodes.child_of_field(function, "body");
  target.body = block >= 0 ? nodes[block].range : target.range;
  if (block >= 0) {
    if (const int docstring = docstring_of(nodes, block); docstring >= 0) {
      add_docstring_examples(nodes.text(docstring), target.strings);
      target.body.begin = nodes[docstring].range.end;
    }
    collect_literals(nodes, block, target.body, target);
  }
  if (target.unsupported.empty() && target.name.starts_with("__") && target.name.ends_with("__"))
    target.unsupported = "it is called by an operator, not by its name";
  else if (target.unsupported.empty() && target.name.starts_with("_"))
    target.unsupported = "it is private; test what calls it";
  else if (target.unsupported.empty() && reads_clock(nodes.text(target.body)))
    target.unsupported = "it reads the clock";
  return target;
}

}  // namespace

std::vector<TestTarget> python_targets(const SyntaxNodes& nodes) {
  std::vector<TestTarget> targets;
  for (int i = 0; i < nodes.size(); ++i) {
    if (nodes[i].type != "function_definition") continue;
    const int outer = nodes.ancestor_of_type(i, {"function_definition", "class_definition", "lambda"});
    std::string class_name;
    if (outer >= 0) {
      if (nodes[outer].type != "class_definition") continue;  // a function inside a function
      if (nodes.ancestor_of_type(outer, {"function_definition", "class_definition"}) >= 0) continue;
      class_name = nodes.text(nodes.child_of_field(outer, "name"));
    }
    targets.push_back(read_function(nodes, i, std::move(class_name)));
  }
  return targets;
}

bool reads_clock(std::string_view code) {
  for (const std::string_view call : {".now(", ".today(", ".utcnow(", "time.time(", "monotonic(", "perf_counter(",
                                      "localtime()", "_clock::now", "time(nullptr)", "time(NULL)", "time(0)"})
    if (code.find(call) != std::string_view::npos) return true;
  return false;
}

void add_unique(std::vector<std::string>& list, std::string text) {
  if (std::find(list.begin(), list.end(), text) == list.end()) list.push_back(std::move(text));
}

std::string unquote(std::string_view literal) {
  size_t prefix = 0;
  bool raw = false;
  while (prefix < literal.size() && literal[prefix] != '"' && literal[prefix] != '\'') {
    raw = raw || literal[prefix] == 'r' || literal[prefix] == 'R';
    ++prefix;
  }
  literal.remove_prefix(prefix);
  size_t quotes = 1;
  if (literal.size() >= 6 && literal[0] == literal[1] && literal[1] == literal[2]) quotes = 3;
  if (literal.size() < 2 * quotes) return "";
  literal = literal.substr(quotes, literal.size() - 2 * quotes);

  std::string text;
  for (size_t i = 0; i < literal.size(); ++i) {
    if (raw || literal[i] != '\\' || i + 1 == literal.size()) {
      text += literal[i];
      continue;
    }
    const char escaped = literal[++i];
    text += escaped == 'n' ? '\n' : escaped == 't' ? '\t' : escaped == 'r' ? '\r' : escaped;
  }
  return text;
}

}  // namespace agent
