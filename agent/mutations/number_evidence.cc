// SPDX-License-Identifier: Apache-2.0
// How likely an expression is a number: by its declared type, or by what the code around does with it. Most edits of values
// make sense for numbers alone; tried on names of texts, records and lists they would only use the budget up.
#include <algorithm>
#include <array>

#include "agent/code/words.h"
#include "agent/mutations/mutation_context.h"
#include "base/strings.h"

namespace agent {
namespace {

constexpr double kSurely = 1, kUnknown = .45, kHardly = .06;

bool any_word(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(), [&](std::string_view word) { return has_word(text, word); });
}

// By a declared type; kUnknown where it says nothing (`auto`, a type parameter).
double of_type(std::string_view type) {
  if (type.empty() || any_word(type, {"auto", "Any", "any", "var", "let", "T"})) return kUnknown;
  if (any_word(type, {"string", "str", "String", "bool", "vector", "list", "dict", "set", "map", "List", "Map", "optional",
                      "Optional", "span", "tuple", "object"}) ||
      type.find("[]") != std::string_view::npos)
    return kHardly;
  if (any_word(type, {"int", "long", "short", "unsigned", "char", "float", "double", "size_t", "ptrdiff_t", "number", "Fraction",
                      "Decimal", "Integer", "Long", "Double"}))
    return kSurely;
  for (const std::string_view front : {"int", "uint", "std::int", "std::uint", "std::size_t", "i", "u", "f"})
    if (type.starts_with(front) && type.size() > front.size() && std::isdigit(static_cast<unsigned char>(type[front.size()])))
      return kSurely;
  return kHardly;  // a record of the program's own
}

// By the name of what is called: lengths, counts and positions are numbers in every library.
double of_call(std::string_view name) {
  static constexpr std::array<std::string_view, 26> kNumbers = {
      "len",   "int",  "float", "abs",     "round",       "sum",   "ord",   "index", "count", "find",     "rfind", "size", "length",
      "floor", "ceil", "sqrt",  "indexOf", "lastIndexOf", "trunc", "rindex", "pow",   "hash",  "distance", "stoi",  "ssize", "parseInt"};
  if (std::find(kNumbers.begin(), kNumbers.end(), name) != kNumbers.end()) return kSurely;
  static constexpr std::array<std::string_view, 18> kOthers = {"str",  "list",  "dict", "sorted", "join", "strip", "format", "repr",  "lower",
                                                               "upper", "split", "set",  "tuple",  "items", "keys",  "string", "c_str", "to_string"};
  return std::find(kOthers.begin(), kOthers.end(), name) != kOthers.end() ? kHardly : kUnknown;
}

// By what stands around one use of a name: +1 for a number, -1 against, 0 for nothing.
int around(const MutationContext& c, int use) {
  const int parent = c.nodes.parent(use);
  if (parent < 0) return 0;
  const std::string_view above = c.nodes[parent].type, field = c.nodes[use].field;
  if (is_one_of(above, c.traits.members)) return c.nodes.named_children(parent).front() == use ? -1 : 0;
  if (is_one_of(above, c.traits.subscripts)) {
    if (field == "value" || field == "argument" || field == "object" || field == "array" || field == "operand") return -1;
    return 0;  // an index or a key
  }
  if (is_one_of(above, c.traits.loops) && field == "right") return -1;
  const bool compares = c.is_comparison(parent);
  if (!compares && !is_one_of(above, c.traits.binaries) && above != "augmented_assignment" && above != "update_expression") return 0;
  if (above == "update_expression") return 1;
  const int mark = c.nodes.child_of_field(parent, "operator");
  const std::string_view sign = mark >= 0 ? c.nodes.text(mark) : std::string_view{};
  bool beside_number = false, beside_text = false;
  for (const int other : c.nodes.named_children(parent)) {
    if (other == use) continue;
    const std::string_view type = c.nodes[other].type;
    beside_number |= is_one_of(type, c.traits.integers) || type == "number_literal" || type == "number" || type == "float";
    beside_text |= is_one_of(type, c.traits.strings);
  }
  if (beside_text) return -1;
  if (beside_number) return 1;
  if (sign == "-" || sign == "*" || sign == "/" || sign == "//" || sign == "%" || sign == "-=" || sign == "*=") return 1;
  return 0;
}

}  // namespace

double MutationContext::number_likelihood(int node) {
  const std::string_view type = nodes[node].type;
  if (is_one_of(type, traits.integers) || type == "number_literal" || type == "number" || type == "float") return kSurely;
  if (type == "parenthesized_expression") {
    const std::vector<int> inside = nodes.named_children(node);
    return inside.size() == 1 ? number_likelihood(inside[0]) : kUnknown;
  }
  if (type == "binary_operator" || type == "binary_expression") {
    double best = 0;
    for (const int part : nodes.named_children(node)) best = std::max(best, number_likelihood(part));
    return best;
  }
  if (is_one_of(type, traits.calls)) {
    const int callee = nodes.child_of_field(node, "function");
    std::string_view name = callee >= 0 ? nodes.text(callee) : std::string_view{};
    if (const size_t end = name.find_last_of(".:>"); end != std::string_view::npos) name.remove_prefix(end + 1);
    return of_call(name);
  }
  const int function = function_of(node);
  const std::string text(nodes.text(node));
  const auto [known, is_new] = numbers_.try_emplace({function, text}, kUnknown);
  if (!is_new) return known->second;
  if (type == "identifier") {
    for (int scope = function; scope >= 0; scope = function_of(scope)) {
      const auto& types = names_of(scope).types;
      if (const auto declared = types.find(text); declared != types.end() && of_type(declared->second) != kUnknown)
        return known->second = of_type(declared->second);
    }
  }
  int votes = 0;
  const tools::Range range = function < 0 ? tools::Range{0, nodes.tree().text().size()} : nodes[function].range;
  for (int i = std::max(function, 0); i < nodes.size() && nodes[i].range.begin < range.end; ++i)
    if (nodes[i].type == type && nodes.text(i) == text) votes += around(*this, i);
  return known->second = votes > 0 ? kSurely : votes < 0 ? kHardly : kUnknown;
}

}  // namespace agent
