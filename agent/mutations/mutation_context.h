// SPDX-License-Identifier: Apache-2.0
// agent/mutations/mutation_context.h: what the mutators of one file share. Used only inside agent/.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/code/language_traits.h"
#include "agent/code/syntax_nodes.h"
#include "agent/mutations.h"

namespace agent {

// The names that a function uses as variables, in order of first use.
struct FunctionNames {
  std::vector<std::string> variables;        // parameters and locals
  std::map<std::string, int> n_uses;         // occurrences of each
  std::vector<std::string> parameters;       // those of `variables` that stand in its parameter list
  std::map<std::string, std::string> types;  // as declared, where the language says
};

class MutationContext {
 public:
  MutationContext(const tools::SyntaxTree& tree, const LanguageTraits& language) : nodes(tree), traits(language) {}

  void replace(tools::Range range, std::string text, MutationKind kind, double weight, std::string description = "");
  void replace(int node, std::string text, MutationKind kind, double weight, std::string description = "") {
    replace(nodes[node].range, std::move(text), kind, weight, std::move(description));
  }
  // A new line in front of, or after, the line(s) of `node`, with the given indent.
  void insert_before(int node, std::string_view indent, std::string statement, MutationKind kind, double weight);
  void insert_after(int node, std::string_view indent, std::string statement, MutationKind kind, double weight);

  bool python() const { return !traits.braces; }
  bool c_family() const;
  int function_of(int node) const { return nodes.ancestor_of_type(node, traits.functions); }
  const FunctionNames& names_of(int function);
  int body_of(int node) const { return nodes.child_of_field(node, "body"); }
  std::vector<int> statements_of(int block) const;
  bool is_documentation(int statement) const;
  bool inside_loop(int node) const;  // of the same function
  // A name used as a value: not a callee, a member, a keyword, a type or a declared name.
  bool is_variable_use(int node) const;
  bool is_declared_name(int node) const;
  // An expression that could be a number: name, member, call, subscript or arithmetic.
  bool may_be_number(int node) const;
  // In (0, 1]: what its type and its uses in the function say (number_evidence.cc).
  double number_likelihood(int node);
  bool is_comparison(int node) const;
  // C++ has words for its marks as well.
  bool is_and(std::string_view mark) const { return mark == traits.and_word || (c_family() && mark == "and"); }
  bool is_or(std::string_view mark) const { return mark == traits.or_word || (c_family() && mark == "or"); }
  // The mark of the other kind, as the language or the word beside it spells it.
  std::string_view other_join(std::string_view mark) const {
    if (mark == "and" || mark == "or") return mark == "and" ? "or" : "and";
    return mark == traits.and_word ? traits.or_word : traits.and_word;
  }
  std::string one_indent() const;  // the file's step of indentation
  // `if (condition) action;` as the language has it, for a line of that indentation.
  std::string guard(std::string_view condition, std::string_view action, std::string_view indent) const;
  const std::vector<tools::Symbol>& symbols();

  const SyntaxNodes nodes;
  const LanguageTraits& traits;
  std::vector<Mutation> found;

 private:
  std::map<int, FunctionNames> names_;
  std::map<std::pair<int, std::string>, double> numbers_;  // by function and text
  std::optional<std::vector<tools::Symbol>> symbols_;
};

void mutate_operator(MutationContext& context, int node);   // mutate_operators.cc
void mutate_value(MutationContext& context, int node);      // mutate_values.cc
void mutate_operand(MutationContext& context, int node);    // mutate_operands.cc
void mutate_name(MutationContext& context, int node);       // mutate_names.cc
void mutate_expression(MutationContext& context, int node); // mutate_expressions.cc
void mutate_call(MutationContext& context, int node);       // mutate_calls.cc
void mutate_default(MutationContext& context, int node);    // mutate_defaults.cc
void mutate_elements(MutationContext& context, int node);   // mutate_elements.cc
void mutate_ingredient(MutationContext& context, int node); // mutate_ingredients.cc
void mutate_script(MutationContext& context, int node);     // mutate_script.cc
void mutate_statement(MutationContext& context, int node);  // mutate_statements.cc
void mutate_guard(MutationContext& context, int node);      // mutate_guards.cc
void mutate_condition(MutationContext& context, int node);  // mutate_conditions.cc
void mutate_insertion(MutationContext& context, int node);  // mutate_insertions.cc
void mutate_state(MutationContext& context, int node);      // mutate_state.cc
void mutate_twins(MutationContext& context, int node);      // mutate_twins.cc

std::string code(std::string_view text);  // `text`, shortened, for a description

}  // namespace agent
