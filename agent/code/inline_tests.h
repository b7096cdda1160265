// SPDX-License-Identifier: Apache-2.0
// agent/code/inline_tests.h: tests that stand in the same file as the code they judge.
//
// Rust's `mod tests`, doctest's TEST_CASE beside a function, `if (import.meta.vitest)`, examples in a Python docstring and the
// names of what they stand in, an assertion anywhere: a repair may change the code around them, never what judges it.
#pragma once
#include <vector>

#include "tools/syntax.h"

namespace agent {

// By position, none inside another. Costs a pass over the text where no word speaks of tests.
std::vector<tools::Range> inline_tests(const tools::SyntaxTree& tree);

}  // namespace agent
