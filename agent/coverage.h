// SPDX-License-Identifier: Apache-2.0
// agent/coverage.h: which lines the failing tests ran and the passing ones did not (spectrum-based localisation).
//
// Python only: the check runs once more in a view of its own with a tracer that PYTHONPATH brings in. Nothing of it
// stays. Errors   None that matter: a check that cannot be traced gives an empty Coverage, and the driver goes on
// without. Source   Ochiai: Abreu et al., "On the accuracy of spectrum-based fault localization", 2007, section 2.
#pragma once
#include <chrono>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "agent/check_output.h"
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
};

struct Coverage {
  int n_failed = 0, n_passed = 0;
  std::map<std::string, std::map<int, LineCount>> lines;
  std::vector<TracedFailure> failures;

  bool empty() const { return lines.empty(); }
  // In [0, 1]; 0 for a line that no failing test ran.
  double ochiai(const std::string& path, int line) const;
};

// Empty where no Python process of the check could be traced.
Coverage trace_check(const std::filesystem::path& root, const std::string& check, std::chrono::milliseconds timeout,
                     const PathResolver& resolver, std::stop_token stop);

}  // namespace agent
