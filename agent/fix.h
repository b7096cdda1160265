// SPDX-License-Identifier: Apache-2.0
// agent/fix.h: the search driver's front door: repair a work tree until a check passes.
//
// Promise  A patch is offered only with its evidence: the check was seen to fail without it and to pass with it, in the
//          sandbox, both with the user's whole limit (what hung for that limit once need not do so again to its end).
//          Where the failure is a run that did not end, the repaired one ends in half of that limit at most: a slow run
//          is no bug. The work tree is never touched here.
// Others   Other changes that passed too are told with their patches and what was checked of them; they are not proven.
// Time     No run gets more than what is left of `budget_time`. Where a change passes and no time is left to prove it,
//          it is named among what was tried, and not offered.
// Threads  fix() runs on the caller's thread and calls `progress` there; cancel through the stop token.
// Errors   A broken environment (no isolation, no such folder). "No fix found" is a FixReport with status kNone.
#pragma once
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "agent/check/test_counts.h"
#include "agent/fix/patch_evidence.h"
#include "base/result.h"
#include "engine/engine.h"
#include "tools/edit.h"

namespace agent {

struct FixRequest {
  std::filesystem::path root;      // the work tree
  std::string check;               // shell text; exit 0 is success
  std::vector<std::string> focus;  // files or folders to look in first, relative; may be empty
  int budget_checks = 60;          // runs of the check on candidates, without the first run and re-runs of the winner
  std::chrono::seconds budget_time{600};  // for all of it, the proof as well
  std::chrono::milliseconds check_timeout{
      60'000};                                  // of the first run and of the proof; candidates get less (run_limit.h)
  int side_by_side = 0;                         // runs of the check on candidates at once; 0: what the machine bears
  std::shared_ptr<const engine::Engine> model;  // null: enumerators only
};

struct FixProgress {
  std::string phase;  // "running the check", "localising", "trying"
  std::string detail;
  int checks = 0, candidates = 0;
  double seconds = 0;
};

struct CheckRun {
  std::string tree;    // tree id; "base" for the work tree as it is
  std::string ending;  // sandbox::describe
  double seconds = 0;
  std::string output_tail;
  TestCounts tests = {};  // as the output tells them; empty where it does not, or its middle is missing
};

// Another change with which the check passed, once and in the search's copy: nothing more was done to prove it.
struct Alternative {
  std::string patch;  // git format
  std::string proposer;
  std::string summary;  // "a.py:7: `and` becomes `or`"
  PatchEvidence lines;
};

struct FixReport {
  enum class Status { kVerified, kNone, kAlreadyPasses } status = Status::kNone;
  tools::Edit edit;      // of kVerified
  std::string patch;     // git format
  std::string proposer;  // "mutation: comparison", "model: line", "diagnostic: missing include"
  std::string summary;   // one sentence for a person
  std::vector<CheckRun> evidence;
  std::vector<std::string> tried;      // what was looked at, for "nothing found"
  int candidates = 0;                  // proposed and parsed
  int checks = 0;                      // really run
  int timed_out = 0;                   // of them: ended by a candidate's limit of time or memory, not by their tests
  double candidate_limit_seconds = 0;  // the longest that a candidate was given; 0 where none ran
  double seconds = 0;
  // Of kVerified, how much the check says about the patch (evidence_words.h).
  PatchEvidence lines;
  int others_tried = 0;                   // other changes whose runs ended, after the first that passed
  int also_passed = 0;                    // of these: passed as well
  std::vector<Alternative> alternatives;  // the best of those
};

base::Result<FixReport> fix(const FixRequest& request, const std::function<void(const FixProgress&)>& progress,
                            std::stop_token stop);

}  // namespace agent
