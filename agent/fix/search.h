// SPDX-License-Identifier: Apache-2.0
// agent/fix/search.h: tries candidates in the order of their scores until the check passes or the budget is spent.
//
// Learns   Each run tells something: a change that leaves the output as it was lies on a line that does not matter; one
//          that only changes the failure says little; one that repairs a part becomes the ground for further changes,
//          on which what is known of the lines still holds, and what repaired nothing before has little hope.
//          Kinds of edits that the compiler refuses here more often than not come later.
// Others   After the first pass it looks whether other changes pass as well, best first, within a bound of its own
//          (search.cc): they show how much the check says, and one of them may be the better repair.
// Time     Each run gets the short limit that the runs so far suggest (that it is no shorter than a compilation of its file
//          needs is measured where a first one of that file runs out of it), and never more than what is left when the proof
//          of a patch has its part. Of the candidates that ran out of time or memory, the best are tried again with
//          more of both at the end of the budget, where none has passed.
// Threads  The caller's.
#pragma once
#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <unordered_set>
#include <vector>

#include "agent/check/check_output.h"
#include "agent/check/check_runner.h"
#include "agent/check/run_limit.h"
#include "agent/code/code_base.h"
#include "agent/fix.h"
#include "agent/fix/candidate.h"

namespace agent {

struct SearchBudget {
  using Clock = std::chrono::steady_clock;
  int checks = 60;
  Clock::time_point started, deadline;  // of the whole repair: its proof has to fit in as well
  RunLimit limit;                       // of one run
  std::function<Clock::time_point()> now = [] { return Clock::now(); };
  std::set<std::string> rebuilt = {};  // files whose compilation the limit knows of
};

// A state of the tree that does not pass yet.
struct Ground {
  Overlay overlay;                 // against the work tree
  std::vector<Candidate> applied;  // what led here
  CheckReading reading;
  std::string output;
  double likely = 1;  // what led here beside the likeliest that could be tried there
};

struct Winner {
  Overlay overlay;
  std::vector<Candidate> applied;
  CheckResult result;
  double score = 0;
};

// Changes that repaired a part of what fails.
struct Partial {
  std::vector<std::string> changes;  // one on top of another
  CheckReading before, after;        // of the work tree, and of what the changes left
};

struct SearchResult {
  std::vector<Winner> winners;  // best first
  int checks = 0;               // runs on candidates
  int candidates = 0;           // proposed and parsed
  int others_tried = 0;         // of them: ended, after the first that passed
  int timed_out = 0;            // of the runs: ended by their limits, which says nothing about their tests
  std::chrono::milliseconds longest_limit{0};
  bool out_of_time = false;
  std::optional<Partial> best_partial;
  std::vector<std::string> hollow;  // the first changes with which the command ended well, but not its tests
};

class Search {
 public:
  // Candidates for a ground, best first. Called once for each ground.
  using Propose = std::function<base::Result<std::vector<Candidate>>(const Ground& ground, std::stop_token stop)>;
  using Progress = std::function<void(const std::string& detail, int checks, int candidates)>;

  Search(Checker& checker, const tools::FileSource& base, const PathResolver& resolver, Propose propose,
         Progress progress);

  ~Search();

  base::Result<SearchResult> run(Ground start, const SearchBudget& budget, std::stop_token stop);

 private:
  struct Pool;
  struct Pick;
  base::Status open_pool(Ground ground, double share, const Pool* parent, std::stop_token stop);
  Pick best_pick();
  base::Result<std::optional<Overlay>> overlay_of(const Pick& pick) const;
  void expect_others();
  struct Unended;
  base::Result<bool> try_pick(const Pick& pick, RunLimit& limit, std::chrono::milliseconds left, std::stop_token stop);
  base::Result<CheckResult> run_limited(const Overlay& overlay, const Candidate& last, RunBounds bounds,
                                        std::stop_token stop);
  base::Result<bool> was_compiling(const Pick& pick, RunLimit& limit, RunBounds had, std::chrono::milliseconds left,
                                   std::stop_token stop);
  std::chrono::milliseconds left_for_runs(const SearchBudget& budget, const RunLimit& limit) const;
  std::chrono::milliseconds time_to_look(const SearchBudget& budget, const RunLimit& limit) const;
  std::chrono::milliseconds time_for_second_tries(const SearchBudget& budget, const RunLimit& limit) const;
  int kept_for_second_tries(const RunLimit& limit) const;
  base::Status try_again(const SearchBudget& budget, const RunLimit& limit, std::stop_token stop);
  void keep_partial(const std::vector<Candidate>& applied, const CheckReading& after);
  void learn(Pool& pool, const Candidate& candidate, const CheckResult& result);
  double builds_likely(const Candidate& candidate) const;
  void rank_winners();

  Checker& checker_;
  const tools::FileSource& base_;
  const PathResolver& resolver_;
  Propose propose_;
  Progress progress_;
  std::vector<std::unique_ptr<Pool>> pools_;
  std::set<std::string> tried_trees_;
  std::unordered_set<uint64_t> vain_;  // keys of changes, on whatever ground, that repaired nothing
  std::vector<Unended> unended_;
  std::set<std::string> rebuilt_;  // files whose compilation the limit knows of
  struct Builds {
    int tried = 0, built = 0;
  };
  std::array<Builds, kMutationKinds> builds_;  // by kind: runs on code that built before
  SearchResult result_;
};

}  // namespace agent
