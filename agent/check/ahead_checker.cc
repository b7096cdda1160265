// SPDX-License-Identifier: Apache-2.0
#include "agent/check/ahead_checker.h"

#include <algorithm>

#include "base/log.h"
#include "base/strings.h"
#include "base/threads.h"

namespace agent {
namespace {

constexpr size_t kMostSideBySide = 8;
constexpr size_t kMostKept = 24;                       // results that nobody has asked for yet
constexpr double kNearlyAsMuch = .9;                   // of the time that a run may have now
constexpr double kShared = .1;                         // of a core, that a run may lack: what starts beside its compiler
constexpr uint64_t kLeastMemory = uint64_t{1} << 30;   // for each run
// Times the largest process of the first run: it has others beside it, and candidates may take more.
constexpr uint64_t kMemoryFactor = 4;

}  // namespace

size_t runs_side_by_side(const CheckResult& first, size_t n_cores, uint64_t available_memory) {
  if (first.out_of_memory) return 1;
  const double busy = first.seconds > 0 ? std::max(1., first.cpu_seconds / first.seconds) : 1.;
  const auto by_cores = static_cast<size_t>(static_cast<double>(n_cores) / std::max(1., busy - kShared));
  const uint64_t each = std::max(kLeastMemory, std::min(first.largest_process_bytes, available_memory) * kMemoryFactor);
  const auto by_memory = static_cast<size_t>(available_memory / each);
  return std::clamp<size_t>(std::min(by_cores, by_memory), 1, kMostSideBySide);
}

void AheadChecker::start(size_t n, std::chrono::milliseconds first_limit) {
  if (n < 2 || !threads_.empty()) return;
  first_limit_ = first_limit;
  for (size_t i = 0; i < n; ++i)
    if (!base::add_thread(threads_, [this, runner = i == 0 ? first_.get() : nullptr](std::stop_token stop) { work(stop, runner); })) break;
}

// What is asked for comes before guesses. Where nothing has run yet only guesses do.
std::shared_ptr<AheadChecker::Job> AheadChecker::next_job(bool fresh) const {
  std::shared_ptr<Job> guess;
  for (const auto& job : jobs_) {
    if (job->running || job->result) continue;
    if (!job->asked && !guess && guessing_) guess = job;
    if (job->asked && !fresh) return job;
  }
  return guess;
}

void AheadChecker::work(std::stop_token stop, Checker* runner) {
  std::unique_ptr<Checker> own;
  bool fresh = runner == nullptr;
  if (fresh) {
    auto opened = open_();
    base::Result<bool> told = true;
    if (opened && !first_tests_.empty()) told = (*opened)->put_first(first_tests_);
    if (!opened || !told) {
      const base::Error& why = opened ? told.error() : opened.error();
      base::log(base::LogLevel::kDebug, base::cat("no further copy for checks: ", why.message));
      return;
    }
    own = std::move(*opened);
    runner = own.get();
  }
  std::unique_lock lock(mutex_);
  while (changed_.wait(lock, stop, [&] { return next_job(fresh) != nullptr; }) && !stop.stop_requested()) {
    const std::shared_ptr<Job> job = next_job(fresh);
    job->running = true;
    job->begun = std::chrono::steady_clock::now();
    job->first = fresh;
    if (fresh) job->bounds = {std::max(job->bounds.wall, first_limit_)};
    lock.unlock();
    runner->set_bounds(job->bounds);
    auto result = runner->run(job->overlay, job->stop.get_token());
    lock.lock();
    fresh &= !result;
    job->running = false;
    job->result.emplace(std::move(result));
    changed_.notify_all();
  }
}

// Whether a result says what a run that is asked for now would.
bool AheadChecker::of_use(const Job& job) const {
  if (!job.result) return false;
  const base::Result<CheckResult>& result = *job.result;
  if (!result) return job.asked;
  if (!result->endless()) return true;
  const bool as_long = job.bounds.wall.count() >= kNearlyAsMuch * static_cast<double>(bounds_.wall.count());
  const uint64_t had = job.bounds.memory_bytes, may = bounds_.memory_bytes;  // 0: all
  const bool as_large = had == 0 || (may != 0 && had >= may);
  return as_long && as_large;
}

void AheadChecker::expect(const std::vector<Overlay>& overlays) {
  if (threads_.empty()) return;
  const std::lock_guard lock(mutex_);
  std::erase_if(jobs_, [](const auto& job) { return !job->running && !job->result && !job->asked; });
  guessing_ = false;
  for (const Overlay& overlay : overlays) {
    if (std::any_of(jobs_.begin(), jobs_.end(), [&](const auto& job) { return job->overlay == overlay; })) continue;
    jobs_.push_back(std::make_shared<Job>());
    jobs_.back()->overlay = overlay;
    jobs_.back()->bounds = bounds_;
  }
  size_t n_kept = 0;
  for (auto job = jobs_.end(); job != jobs_.begin();)
    if ((*--job)->result && ++n_kept > kMostKept) job = jobs_.erase(job);
}

// The result of a run on the state, where there is one of use; those that are of none go.
std::optional<base::Result<CheckResult>> AheadChecker::take(const Overlay& overlay) {
  std::optional<base::Result<CheckResult>> taken;
  std::erase_if(jobs_, [&](const auto& job) {
    if (job->overlay != overlay || !job->result) return false;
    if (!taken && of_use(*job)) taken = std::move(job->result);
    return true;
  });
  if (!taken) return taken;
  std::erase_if(jobs_, [&](const auto& job) {
    if (job->overlay != overlay) return false;
    if (!job->first) job->stop.request_stop();  // a first run goes on: the next one there builds on it
    return true;
  });
  return taken;
}

// Sees to it that the state runs where it need not wait for a first run to end.
void AheadChecker::ask_for(const Overlay& overlay) {
  for (const auto& job : jobs_) {
    if (job->overlay != overlay || (job->running && job->first)) continue;
    if (!job->running) {
      job->asked = true;
      job->bounds = bounds_;
    }
    return;
  }
  jobs_.push_front(std::make_shared<Job>());
  jobs_.front()->overlay = overlay;
  jobs_.front()->bounds = bounds_;
  jobs_.front()->asked = true;
}

// Where what is asked for waits for a runner, the guess that has run longest gives way once it has had a fair try: it
// may hang, and would hold its runner for the whole of a limit. Tells when to look again, where that is yet to come.
std::optional<std::chrono::steady_clock::time_point> AheadChecker::make_way() {
  const auto waits = [](const auto& job) { return job->asked && !job->running && !job->result; };
  if (std::none_of(jobs_.begin(), jobs_.end(), waits)) return std::nullopt;
  Job* soonest = nullptr;
  const auto fair_end = [](const Job& job) { return job.begun + job.bounds.fair; };
  for (const auto& job : jobs_) {
    if (!job->running || job->bounds.fair.count() == 0) continue;  // a first run has no fair time
    if (job->stop.stop_requested()) return std::nullopt;  // its runner is free in a moment
    if (soonest == nullptr || fair_end(*job) < fair_end(*soonest)) soonest = job.get();
  }
  if (soonest == nullptr) return std::nullopt;
  if (fair_end(*soonest) > std::chrono::steady_clock::now()) return fair_end(*soonest);
  soonest->stop.request_stop();
  return std::nullopt;
}

base::Result<CheckResult> AheadChecker::run(const Overlay& overlay, std::stop_token stop) {
  if (threads_.empty()) return first_->run(overlay, stop);
  std::unique_lock lock(mutex_);
  for (;;) {
    if (stop.stop_requested()) return base::cancelled();
    auto result = take(overlay);
    if (!result) ask_for(overlay);
    guessing_ = true;
    changed_.notify_all();
    if (result) return std::move(*result);
    const auto there = [&] {
      return std::any_of(jobs_.begin(), jobs_.end(), [&](const auto& job) { return job->overlay == overlay && job->result; });
    };
    if (const auto look_again = make_way())
      changed_.wait_until(lock, stop, *look_again, there);
    else
      changed_.wait(lock, stop, there);
  }
}

base::Result<bool> AheadChecker::put_first(const std::vector<std::string>& tests) {
  finish();
  auto told = first_->put_first(tests);
  if (told && *told) first_tests_ = tests;
  return told;
}

void AheadChecker::set_bounds(RunBounds bounds) {
  const std::lock_guard lock(mutex_);
  bounds_ = bounds;
  if (threads_.empty()) first_->set_bounds(bounds);
}

base::Status AheadChecker::reset() {
  finish();
  first_tests_.clear();
  return first_->reset();
}

void AheadChecker::finish() {
  for (std::jthread& thread : threads_) thread.request_stop();
  {
    const std::lock_guard lock(mutex_);
    for (const auto& job : jobs_) job->stop.request_stop();
  }
  if (threads_.empty()) return;
  threads_.clear();  // waits for them
  first_->set_bounds(bounds_);
  jobs_.clear();
}

}  // namespace agent
