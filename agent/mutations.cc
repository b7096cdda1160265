// SPDX-License-Identifier: Apache-2.0
#include "agent/mutations.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "agent/mutations/mutation_context.h"

namespace agent {

std::string_view mutation_kind_name(MutationKind kind) {
  switch (kind) {
    case MutationKind::kComparison:
      return "comparison";
    case MutationKind::kArithmetic:
      return "arithmetic";
    case MutationKind::kBoolean:
      return "boolean operator";
    case MutationKind::kBitwise:
      return "bitwise operator";
    case MutationKind::kAssignment:
      return "assignment operator";
    case MutationKind::kNegation:
      return "negation";
    case MutationKind::kOffByOne:
      return "off by one";
    case MutationKind::kConstant:
      return "constant";
    case MutationKind::kString:
      return "string";
    case MutationKind::kVariable:
      return "variable";
    case MutationKind::kArguments:
      return "arguments";
    case MutationKind::kMember:
      return "member";
    case MutationKind::kCall:
      return "call";
    case MutationKind::kOpposite:
      return "opposite";
    case MutationKind::kGuard:
      return "guard";
    case MutationKind::kCondition:
      return "condition";
    case MutationKind::kDeletion:
      return "deletion";
    case MutationKind::kInsertion:
      return "insertion";
    case MutationKind::kMove:
      return "move";
    case MutationKind::kControlFlow:
      return "control flow";
    case MutationKind::kReturn:
      return "return";
    case MutationKind::kAwait:
      return "await";
    case MutationKind::kType:
      return "type";
    case MutationKind::kDefault:
      return "default";
  }
  return "edit";
}

std::vector<Mutation> enumerate_mutations(const tools::SyntaxTree& tree, tools::Range range,
                                          const MutationOptions& options) {
  const LanguageTraits* traits = language_traits(tree.language());
  if (traits == nullptr) return {};
  MutationContext context(tree, *traits);
  const SyntaxNodes& nodes = context.nodes;
  for (int i = 0; i < nodes.size(); ++i) {
    const tools::Range at = nodes[i].range;
    if (at.begin >= range.end) break;
    if (at.begin < range.begin || nodes[i].error) continue;
    if (is_one_of(nodes[i].type, traits->imports) || nodes.ancestor_of_type(i, traits->imports) >= 0) continue;
    mutate_operator(context, i);
    mutate_value(context, i);
    mutate_operand(context, i);
    mutate_name(context, i);
    mutate_expression(context, i);
    mutate_call(context, i);
    mutate_default(context, i);
    mutate_elements(context, i);
    mutate_ingredient(context, i);
    mutate_script(context, i);
    mutate_statement(context, i);
    mutate_twins(context, i);
    if (options.insertions) {
      mutate_guard(context, i);
      mutate_condition(context, i);
      mutate_insertion(context, i);
      mutate_state(context, i);
    }
  }
  // The likelier of two that write the same comes first and stays.
  std::vector<Mutation>& found = context.found;
  std::stable_sort(found.begin(), found.end(),
                   [](const Mutation& a, const Mutation& b) { return a.weight > b.weight; });
  std::set<std::tuple<size_t, size_t, std::string>> seen;
  std::vector<Mutation> kept;
  for (Mutation& mutation : found)
    if (seen.emplace(mutation.replacement.begin, mutation.replacement.end, mutation.replacement.text).second)
      kept.push_back(std::move(mutation));
  std::stable_sort(kept.begin(), kept.end(),
                   [](const Mutation& a, const Mutation& b) { return a.replacement.begin < b.replacement.begin; });
  return kept;
}

}  // namespace agent
