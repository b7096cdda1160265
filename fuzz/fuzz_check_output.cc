// SPDX-License-Identifier: Apache-2.0
// What a check wrote: places, failing tests, how many ran, and whether it could do its work.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "agent/check/check_problem.h"
#include "agent/check/test_counts.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const agent::PathResolver resolver("/w", {"shelf.py", "test_shelf.py", "src/shelf.c", "src/a.js", "a/b.go"});
  agent::CheckResult result;
  result.output.assign(reinterpret_cast<const char*>(data), size);
  result.ending = "exit 1";
  const agent::CheckReading reading = agent::read_check_output(result.output, resolver);
  for (const agent::Place& place : reading.places)
    if (place.path.empty() || place.line < 0 || place.column < 0 || place.frames_below < 0) std::abort();
  (void)agent::check_problem(result, reading);
  const agent::TestCounts counts = agent::read_test_counts(result.output);
  for (const auto& [tool, count] : counts)
    if (count.passed < 0 || count.failed < 0 || count.skipped < 0) std::abort();
  // What a run says is not less than what itself says.
  if (agent::hollow_pass(counts, counts, "pytest")) std::abort();
  result.passed = true;
  (void)agent::check_problem(result, {});
  return 0;
}
