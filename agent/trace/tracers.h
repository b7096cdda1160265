// SPDX-License-Identifier: Apache-2.0
// agent/trace/tracers.h: what a traced run of a check brings along, for each language that has a tracer.
//
// A tracer is a few modules of its language, written into the sandbox's view, and the variables that make the
// language's programs load them. All are there in each traced run: a check may run programs of several languages.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace agent {

inline constexpr std::string_view kTraceFolder = ".graft-trace";

struct TraceTask {
  std::string check, root;
  std::string folder;                       // where the modules lie, and reports go
  double until = 0;                         // steady_clock's seconds: then a tracer writes what it knows
  int64_t until_date = 0;                   // the same moment, in seconds since 1970
  double seconds = 0;                       // from the start of the run to that moment
  bool hangs = false;                       // tests that take too long are ended
  const std::vector<std::string>& failing;  // tests that failed before, as the check named them
  // Of a check that builds C or C++: files that are built once more if they were built before, one a line.
  std::optional<std::string> sources = {};
};

struct TraceFile {
  std::string_view name, text;
  unsigned mode = 0644;
};

struct TraceKit {
  std::vector<TraceFile> files;
  std::map<std::string, std::string> environment;
  // For a run of its own in the same view, once the traced one left paths that end in `leaves`; empty: none.
  std::string report, leaves;
  std::string check;  // the task's, with the folders and modules of the tracers in the variables that it sets itself
};

TraceKit trace_kit(const TraceTask& task);

// Languages with a tracer that a check runs, as far as its words, its output and the files of the tree tell.
struct TracedLanguages {
  bool python = false, node = false, go = false, cpp = false;
  bool any() const { return python || node || go || cpp; }
};
TracedLanguages traced_languages(const std::vector<std::string>& paths, std::string_view check,
                                 std::string_view output);

}  // namespace agent
