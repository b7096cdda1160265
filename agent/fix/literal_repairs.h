// SPDX-License-Identifier: Apache-2.0
// agent/fix/literal_repairs.h: literals changed by what a failed assertion got and what it wanted.
//
// Texts    Where a literal, or a part of it between placeholders, stands in the value that came out, it becomes what
//          stands there in the one that was expected: '/m~1n' for '/m~0n' makes '1' of '0'.
// Numbers  A literal that is the value becomes the other one; else it moves by their difference or ratio.
// Bounds   At most kMostLiteralRepairs.
#pragma once
#include <vector>

#include "agent/check/compared_values.h"
#include "agent/code/code_base.h"
#include "agent/fix/candidate.h"
#include "agent/fix/localise.h"

namespace agent {

inline constexpr size_t kMostLiteralRepairs = 60;

// Scores are shares of all other edits' together, and sum up to kLiteralShare at most.
inline constexpr double kLiteralShare = .5;

std::vector<Candidate> literal_repairs(const CodeBase& code, const Suspects& suspects,
                                       const std::vector<ComparedValues>& compared);

}  // namespace agent
