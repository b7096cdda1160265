// SPDX-License-Identifier: Apache-2.0
// agent/check/ahead_checker.h: runs the check side by side on the states that the search asks for and on those it will likely
// ask for next.
//
// Why      A check keeps one core busy as a rule, and others idle. The search stays what it is, one run after another,
//          each teaching where to look next; it only finds some of the results there already.
// Owns     Runners, each with a sandbox workspace and a thread of its own. A workspace in which nothing has run yet may
//          have all to build: its first run gets the user's whole limit, and nobody waits for it where another is free.
// Guesses  Give way to what is asked for: at once where they have not begun, else once they have had a fair try.
// Results  Of a state asked for they are what its run gave, whoever asked first. One that was stopped by a shorter limit
//          than is allowed now runs again.
// Threads  One caller; tree_of() any.
#pragma once
#include <chrono>
#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "agent/check/check_runner.h"

namespace agent {

class AheadChecker final : public Checker {
 public:
  using Open = std::function<base::Result<std::unique_ptr<Checker>>()>;

  // `open` makes a further runner, on the thread that will use it.
  AheadChecker(std::unique_ptr<Checker> first, Open open) : first_(std::move(first)), open_(std::move(open)) {}
  ~AheadChecker() override { finish(); }

  // From now until finish() up to `n` states run side by side; fewer where no more runners can be had. `first_limit`: of
  // a runner's first run.
  void start(size_t n, std::chrono::milliseconds first_limit);
  // Ends what still runs, and waits for its end. Runs are those of the first runner alone again.
  void finish();

  base::Result<std::string> tree_of(const Overlay& overlay) override { return first_->tree_of(overlay); }
  base::Result<CheckResult> run(const Overlay& overlay, std::stop_token stop) override;
  base::Result<bool> put_first(const std::vector<std::string>& tests) override;
  size_t side_by_side() const override { return threads_.empty() ? 1 : threads_.size(); }
  void expect(const std::vector<Overlay>& overlays) override;
  base::Status reset() override;
  void set_bounds(RunBounds bounds) override;

 private:
  struct Job {
    Overlay overlay;
    RunBounds bounds;
    bool asked = false;      // by run(); the others are guesses
    bool running = false;
    bool first = false;      // it runs where nothing has run before
    std::chrono::steady_clock::time_point begun;
    std::stop_source stop;
    std::optional<base::Result<CheckResult>> result;
  };

  void work(std::stop_token stop, Checker* runner);
  std::shared_ptr<Job> next_job(bool fresh) const;
  void ask_for(const Overlay& overlay);
  std::optional<base::Result<CheckResult>> take(const Overlay& overlay);
  bool of_use(const Job& job) const;
  std::optional<std::chrono::steady_clock::time_point> make_way();

  const std::unique_ptr<Checker> first_;
  const Open open_;
  std::vector<std::string> first_tests_;
  RunBounds bounds_{};
  std::chrono::milliseconds first_limit_{0};

  std::mutex mutex_;                    // of what follows
  std::condition_variable_any changed_;  // a job was added or has ended
  std::list<std::shared_ptr<Job>> jobs_;  // in the order in which they are to run
  bool guessing_ = false;                // guesses may run: what comes before them has been asked for
  std::vector<std::jthread> threads_;    // none: all runs are the caller's own
};

// How many runs of a check the machine bears side by side, after its first: by the cores that it kept busy and the
// memory that is left. 1 where it filled its memory.
size_t runs_side_by_side(const CheckResult& first, size_t n_cores, uint64_t available_memory);

}  // namespace agent
