// SPDX-License-Identifier: Apache-2.0
// agent/trace/coverage.h: which lines the failing tests ran and the passing ones did not (spectrum-based localisation).
//
// Python, JavaScript run by Node, Go's tests, and what gcc builds of C and C++: the check runs once more in a view of
// its own, with tracers that environment variables bring in (tracers.h). Nothing of it stays. Where the check did not
// end, Python's tracer ends each test that hangs and says where (hang_tracer.h).
// Errors   None that matter: a check that cannot be traced gives an empty Coverage, and the driver goes on without.
// Source   Ochiai: Abreu et al., "On the accuracy of spectrum-based fault localization", 2007, section 2.
#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "agent/check/check_output.h"
#include "sandbox/sandbox.h"

namespace agent {

struct LineCount {
  int failed = 0, passed = 0;  // tests that ran the line
  bool loaded = false;         // also, or only, outside of any test: while modules load
};

struct TracedFailure {
  std::string test;
  std::string message;
  std::vector<std::pair<std::string, int>> frames;  // file of the tree and 1-based line, outermost first
  // Of a test that did not end: the frames are those that stayed while it was looked at.
  bool hung = false;
  std::vector<std::pair<std::string, int>> loop;    // lines that the innermost of them ran meanwhile; empty: it waited
  std::vector<std::pair<std::string, int>> called;  // lines of the tree that ran meanwhile below it
};

// What the traced run did beside hanging, where it was seen to hang; nothing is known where `seconds` is 0.
struct Calm {
  double seconds = 0;         // under the tracer, of all its processes together
  uint64_t memory_bytes = 0;  // held at most before a test hung, likewise
};

struct Coverage {
  int n_failed = 0, n_passed = 0;
  // False: runs of whole programs stand for tests, or tests ran side by side and could not be told apart. Then the
  // counts say where to look, and nothing of a patch.
  bool has_tests = false;
  bool mixed = false;  // tests of one process ran side by side
  bool cut = false;    // its time ended before the check did: not all tests were seen
  std::map<std::string, std::map<int, LineCount>> lines;
  std::set<std::string> all_code;  // files of which every line that has code is in `lines`, also where none ran it
  std::vector<TracedFailure> failures;
  Calm calm;
  std::string output;  // of the traced run

  bool empty() const { return lines.empty(); }
  // In [0, 1]; 0 for a line that no failing test ran.
  double ochiai(const std::string& path, int line) const;
  double ochiai(const LineCount& count) const;
};

// Empty where no process of the check could be traced. `hangs`: the check did not end, so tests that take too
// long of `timeout` are ended; without it they have all of it, and what is known at its end is returned. `sources`: it
// builds C or C++, and these files are built once more to be traced, if they were built before.
Coverage trace_check(const std::filesystem::path& root, const std::string& check, std::chrono::milliseconds timeout,
                     bool hangs, const PathResolver& resolver, std::stop_token stop,
                     const std::vector<std::string>& first = {},
                     const std::optional<std::vector<std::string>>& sources = {});

}  // namespace agent
