// SPDX-License-Identifier: Apache-2.0
// What a traced check left behind. Input: an `s` for the stack of a process that never came back, an `r` for a report
// of a run without tests, a `g` for a profile of Go, anything else for a report, then the text. It is read twice, as
// two processes of one check may say the same.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "agent/trace/trace_report.h"

namespace {

void check_places(const std::vector<std::pair<std::string, int>>& places) {
  for (const auto& [path, line] : places)
    if (path.empty() || line < 1 || line > agent::kMostTracedLine) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const agent::PathResolver resolver("/w", {"count.py", "a.py", "pkg/a.py"});
  if (size < 1) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  agent::Coverage coverage;
  for (int process = 0; process < 2; ++process) {
    if (data[0] == 'g')
      agent::read_go_profile(text, process == 0, resolver, coverage);
    else if (data[0] == 's')
      agent::read_trace_stack(text, resolver, coverage);
    else
      agent::read_trace_report(text, resolver, coverage);
    if (data[0] == 'r') agent::read_trace_run(text, resolver, coverage);
  }
  if (coverage.n_failed < 0 || coverage.n_passed < 0) std::abort();
  for (const auto& [path, lines] : coverage.lines)
    for (const auto& [line, count] : lines) {
      const double ochiai = coverage.ochiai(path, line);
      if (line < 1 || line > agent::kMostTracedLine || count.failed < 0 || count.passed < 0 ||
          !(ochiai >= 0 && ochiai <= 1))
        std::abort();
    }
  if (coverage.failures.size() > agent::kMostTracedFailures) std::abort();
  for (const agent::TracedFailure& failure : coverage.failures) {
    check_places(failure.frames);
    check_places(failure.loop);
    check_places(failure.called);
  }
  return 0;
}
