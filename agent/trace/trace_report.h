// SPDX-License-Identifier: Apache-2.0
// agent/trace/trace_report.h: what a traced check left behind, read into its coverage.
//
// The files come out of the sandbox: whatever the traced process wrote, however damaged, adds what can be understood of
// it.
#pragma once
#include <string_view>

#include "agent/trace/coverage.h"

namespace agent {

// No file of a tree has more lines; numbers past it are left out, as are failures past this many.
inline constexpr int kMostTracedLine = 10'000'000;
inline constexpr size_t kMostTracedFailures = 1000;

// A tracer's own report (python_tracer.h, node_tracer.h): counts of tests, lines they ran, places of failures.
void read_trace_report(std::string_view text, const PathResolver& resolver, Coverage& coverage);

// The same report once more, where no test was seen in any: the run of its process counts as a test, if the report says
// how it ended. What ran outside of tests is then what this one ran.
void read_trace_run(std::string_view text, const PathResolver& resolver, Coverage& coverage);

// Go's profile of one test that ran by itself (go_tracer.h), which is one more that failed or passed. False, and
// nothing is counted, where it names no line of the tree.
bool read_go_profile(std::string_view text, bool failed, const PathResolver& resolver, Coverage& coverage);

// What faulthandler writes of a process whose interpreter never came back: a block for each thread, innermost frame
// first.
void read_trace_stack(std::string_view text, const PathResolver& resolver, Coverage& coverage);

// What a test program of Go says when its time is over: a block for each goroutine, innermost frame first. Of those
// that run tests, or run at all, each line of the tree may be in the loop that does not end. False: no such words.
bool read_go_stacks(std::string_view output, const PathResolver& resolver, Coverage& coverage);

}  // namespace agent
