// SPDX-License-Identifier: Apache-2.0
// agent/evidence_words.h: how much the check says about a verified patch, for a person and for programs.
//
// Verified means that the check failed without the patch and passes with it. Whether the check looks at what the patch
// changes is another question; these words answer it as far as it is known.
#pragma once
#include <string>
#include <string_view>

#include "agent/fix.h"
#include "base/json.h"

namespace agent {

// kWeak: another change passes as well; or one test alone runs the changed lines, or none that failed does; or the
// patch turns a condition round, and tests pass with it either way. kFair: several tests run them, and of several other
// changes that were run none passes. kUnclear: neither, or not known. None says "good": on real projects most of
// the fair ones are wrong as well (docs/evaluation.md).
enum class Strength { kWeak, kUnclear, kFair };
Strength strength_of(const FixReport& report);
std::string_view strength_name(Strength strength);  // "weak", "unclear", "fair"

// "3 tests run the changed line, 1 of them failed before; 2 of 9 other changes pass as well: read them"
std::string evidence_words(const FixReport& report);

// Of an alternative: what was checked, and what not.
inline constexpr std::string_view kAlternativeChecked = "passed the check once, was not run again: not proven";

// "exit 1; pytest: 23 passed, 1 failed"
std::string run_words(const CheckRun& run);

// [{"tree", "ending", "seconds", "output_tail", "words", "tests": [{"tool", "passed", "failed", "skipped"}]}]
base::Json runs_json(const std::vector<CheckRun>& runs);

// Adds "strength", "words", "tests", "turns_condition", "others_tried", "also_passed" and "alternatives" to a verified
// report's object.
void add_evidence(base::Json& object, const FixReport& report);

}  // namespace agent
