// SPDX-License-Identifier: Apache-2.0
// agent/mutations.h: small edits of a piece of code that undo, or make, the usual one-place mistakes.
//
// Two users: the search driver tries them as repairs, `graft test` uses them as mutants that a good test must kill.
// Errors   None: a language without a table, or a range without code, gives an empty list.
// Note     Every result differs from the old text, has one replacement, and none is listed twice. Whether it still
//          parses is for tools::parse_gate to say.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/edit.h"
#include "tools/syntax.h"

namespace agent {

enum class MutationKind {
  kComparison,
  kArithmetic,
  kBoolean,
  kBitwise,
  kAssignment,
  kNegation,  // operators
  kOffByOne,
  kConstant,
  kString,  // values
  kVariable,
  kArguments,
  kMember,
  kCall,
  kOpposite,  // names: `min` for `max`
  kGuard,
  kCondition,
  kDeletion,
  kInsertion,
  kMove,
  kControlFlow,
  kReturn,  // statements
  kAwait,
  kType,
  kDefault,
};
inline constexpr int kMutationKinds = static_cast<int>(MutationKind::kDefault) + 1;
std::string_view mutation_kind_name(MutationKind kind);  // "comparison", "off by one"

struct Mutation {
  tools::Replacement replacement;
  MutationKind kind = MutationKind::kComparison;
  double weight = 1;        // how likely among the edits of its kind at its place, in (0, 1]
  std::string description;  // "`<` becomes `<=`"
  std::optional<size_t> acts_at = std::nullopt;  // the byte where it changes what happens, where it does not begin there
};

struct MutationOptions {
  bool insertions = true;  // also add statements: guards, copies of neighbours
};

// The edits whose place begins in [range], by position.
std::vector<Mutation> enumerate_mutations(const tools::SyntaxTree& tree, tools::Range range,
                                          const MutationOptions& options = {});

}  // namespace agent
