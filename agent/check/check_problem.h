// SPDX-License-Identifier: Apache-2.0
// agent/check/check_problem.h: tells a check that cannot do its work from one that finds a mistake.
//
// A command that is not there, a script or target without that name, a test file that does not exist, a network that
// the sandbox does not give: no edit of the code mends these, and trying would only cost the user's time.
#pragma once
#include <optional>
#include <string>

#include "agent/check/check_output.h"
#include "agent/check/check_runner.h"

namespace agent {

// What is wrong with the check and what to do, for a person; nothing where it may have looked at the code. Cautious: a
// run that names a failing test or a line of the work tree is never taken for such. A run that passed is one where its test
// tools say that they ran nothing.
std::optional<std::string> check_problem(const CheckResult& first, const CheckReading& reading);

}  // namespace agent
