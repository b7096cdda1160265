// SPDX-License-Identifier: Apache-2.0
// agent/fix/missing_checks.h: checks of arguments that a function lacks, where a test wanted it to raise an error.
//
// What the test handed over says what to look for: -1 asks for `n < 0` or `n <= 0`, "" for what is empty, 2.5 for what is no
// whole number. The error and its words are the test's.
#pragma once
#include <vector>

#include "agent/check/check_output.h"
#include "agent/code/code_base.h"
#include "agent/fix/candidate.h"

namespace agent {

// Scores are shares of all other edits' together, and sum up to this at most.
inline constexpr double kMissingCheckShare = .6;

std::vector<Candidate> missing_checks(const CodeBase& code, const CheckReading& reading);

// Conditions that hold for `argument` and might be what is wrong with it, `name` standing for it, with what speaks for each;
// `message` are the error's words. Python, JavaScript and TypeScript, C++, Java; nothing for others.
std::vector<std::pair<std::string, double>> suspect_conditions(tools::Language language, std::string_view name,
                                                               std::string_view argument, std::string_view message);

}  // namespace agent
