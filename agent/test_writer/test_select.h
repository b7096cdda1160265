// SPDX-License-Identifier: Apache-2.0
// agent/test_writer/test_select.h: which recorded calls become tests: the few that tell most mutants apart. Used inside agent/.
#pragma once
#include <cstddef>
#include <vector>

#include "agent/code/syntax_nodes.h"
#include "agent/mutations.h"

namespace agent {

// kills[c][m]: case c behaves differently under mutant m. Returns indices of cases, ascending, that together kill every
// mutant that any case kills, each of which is needed for that. Cheap cases go first. `costs`: characters of each case.
std::vector<size_t> select_cases(const std::vector<std::vector<bool>>& kills, const std::vector<size_t>& costs);

// At most `at_most` mutants of [body] that still parse, spread over its lines and the kinds of mutation.
std::vector<Mutation> choose_mutants(const tools::SyntaxTree& tree, std::string_view path, tools::Range body,
                                     size_t at_most);

}  // namespace agent
