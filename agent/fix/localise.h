// SPDX-License-Identifier: Apache-2.0
// agent/fix/localise.h: where the mistake may be: every line of the editable files with a weight.
//
// Evidence, strongest first: compiler and interpreter diagnostics; the innermost frames of backtraces; lines that
// failing tests ran and passing ones did not; functions that the failing test names, and what those call; files changed
// in git.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "agent/check/check_output.h"
#include "agent/code/code_base.h"
#include "agent/trace/coverage.h"

namespace agent {

struct LocaliseInput {
  const CodeBase& code;
  const CheckReading& reading;
  const Coverage& coverage;                 // may be empty
  const std::vector<std::string>& changed;  // per git, newest first
  const std::vector<std::string>& focus;    // what the user named
  const std::string& check;
};

struct Suspects {
  std::map<std::string, std::map<int, double>> lines;  // path -> 1-based line -> weight; the largest weight is 1
  std::vector<std::string> evidence;                   // for a person: "3 frames of the backtrace", ...
  std::vector<std::string> expected_names;             // names that the failing tests use

  double weight(const std::string& path, int line) const;
  bool empty() const { return lines.empty(); }
};

Suspects localise(const LocaliseInput& input);

}  // namespace agent
