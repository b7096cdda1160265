// SPDX-License-Identifier: Apache-2.0
// agent/check/check_runner.h: runs the user's check on a state of the work tree, in the sandbox, once per tree.
//
// Owns     A sandbox workspace with the build outputs of the last run: a candidate's files are written into it, the
//          check runs, and the next state puts back what differs. The work tree itself is never written.
// Errors   A broken sandbox or file; kCancelled. A check that fails is a result.
#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "tools/work_tree.h"

namespace agent {

// Files that differ from the work tree: relative path -> whole text.
using Overlay = std::map<std::string, std::string>;

struct CheckResult {
  std::string tree;  // tree id; "base" for the work tree as it is
  bool passed = false;
  bool timed_out = false, out_of_memory = false;
  // It would not have ended by itself, as far as can be seen: a loop may fill the memory before its time is over.
  bool endless() const { return timed_out || out_of_memory; }
  std::string ending;  // sandbox::describe
  // Why it does not count that the command ended well (agent/check/counting_checker.h); `passed` is false then.
  std::string hollow;
  double seconds = 0;
  double cpu_seconds = 0;  // of its processes
  uint64_t largest_process_bytes = 0;
  double last_output_seconds = 0;  // from the start to the last output; 0 where there was none
  std::string output;
  bool output_cut = false;  // its middle is missing
};

// Of one run. `memory_bytes` is kept where the memory of the whole process tree can be bounded, and 0 is the sandbox's
// own. After `fair` a run that comes to an end mostly has; 0: not known.
struct RunBounds {
  std::chrono::milliseconds wall;
  uint64_t memory_bytes = 0;
  std::chrono::milliseconds fair{0};
};

// What the search needs of a check; tests put a table in its place.
class Checker {
 public:
  virtual ~Checker() = default;
  // An id that two overlays share exactly when they lead to the same bytes. Any thread, also during a run.
  virtual base::Result<std::string> tree_of(const Overlay& overlay) = 0;
  // Runs the check on the state, also if it has run on it before.
  virtual base::Result<CheckResult> run(const Overlay& overlay, std::stop_token stop) = 0;
  // From now until reset() these tests, which failed before, run first, and end a run in which they still fail. False:
  // the check's test tool cannot be told.
  virtual base::Result<bool> put_first(const std::vector<std::string>&) { return false; }
  // Up to how many states may run side by side; with more than 1, what is expected runs in advance.
  virtual size_t side_by_side() const { return 1; }
  // States that run() will likely be asked for, likeliest first, in place of what was expected before. A hint: no result
  // depends on it.
  virtual void expect(const std::vector<Overlay>&) {}
  // Forgets what earlier runs built or left behind.
  virtual base::Status reset() = 0;
  virtual void set_bounds(RunBounds bounds) = 0;
};

base::Result<std::unique_ptr<Checker>> open_check_runner(const tools::WorkTree& tree, const std::string& check,
                                                         std::chrono::milliseconds timeout);

// The edit that leads from the work tree to the overlay, as replacements of whole lines.
base::Result<tools::Edit> edit_of(const tools::FileSource& base, const Overlay& overlay);

}  // namespace agent
