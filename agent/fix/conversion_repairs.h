// SPDX-License-Identifier: Apache-2.0
// agent/fix/conversion_repairs.h: conversions that code lacks: `int(...)`, `len(...)`, `list(...)`, `sorted(...)`.
//
// By errors  A TypeError of Python says which types met; the line where it was raised, and what that line's names were made from, get
//            what makes one of the other.
// By values  What a function returns gets what makes the value that came out the one that the test wanted.
#pragma once
#include <vector>

#include "agent/check/check_output.h"
#include "agent/code/code_base.h"
#include "agent/fix/candidate.h"
#include "agent/fix/localise.h"

namespace agent {

// Scores are shares of all other edits' together, and sum up to this at most.
inline constexpr double kConversionShare = .6;

std::vector<Candidate> conversion_repairs(const CodeBase& code, const Suspects& suspects, const CheckReading& reading);

}  // namespace agent
