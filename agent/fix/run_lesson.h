// SPDX-License-Identifier: Apache-2.0
// agent/fix/run_lesson.h: what a candidate's run says, beside what the check said before it.
#pragma once
#include "agent/check/check_output.h"
#include "agent/check/check_runner.h"
#include "agent/fix/candidate.h"

namespace agent {

// What the output of a run says, and how the check itself ended.
CheckReading reading_of(const CheckResult& result, const PathResolver& resolver);

// Factors on what further changes of the same line, and of the function around it, are worth.
struct Lesson {
  double line, function;
};
Lesson lesson_of(const CheckReading& before, const CheckReading& after, bool endless);

// Whether a part is repaired: it builds, has fewer errors, or some of the failing tests pass and no other fails.
// Not where a program crashes that did not before: tests that it does not come to are not told of.
bool is_partial(const CheckReading& before, const CheckReading& after);

// Compilers work in phases: what a repair of the last message of one brings up is the first of the next. Only of
// repairs that answer a message: any other damage changes what a compiler says, too.
bool is_next_message(const Candidate& candidate, const CheckReading& before, const CheckReading& after);

}  // namespace agent
