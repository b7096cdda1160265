// SPDX-License-Identifier: Apache-2.0
// agent/fix/failing_regions.h: where the tests that fail stand: by the places that the output and the traces name; where
// these lead to no test, by the tests' names.
#pragma once
#include <vector>

#include "agent/check/check_output.h"
#include "agent/code/code_base.h"
#include "agent/trace/coverage.h"

namespace agent {

struct TestRegion {  // a failing test's body
  const CodeFile* file;
  int begin, end;  // 1-based lines
  int at;          // the line that failed, 0 where unknown
};

// Of `code`, which outlives them: files that may not be edited, and tests inside those that may.
std::vector<TestRegion> failing_regions(const CodeBase& code, const CheckReading& reading, const Coverage& coverage);

}  // namespace agent
