// SPDX-License-Identifier: Apache-2.0
#include "engine/thread_pool.h"

#include <sched.h>

#include <algorithm>

namespace engine {
namespace {

// A pause is about 40 cycles on the CPUs measured, so this is roughly 100 microseconds: longer than the caller needs
// between two decode steps, shorter than a person can notice as load.
constexpr int kSpins = 8000;

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Returns once `value` differs from `old`.
void wait_for_change(const std::atomic<uint32_t>& value, uint32_t old, int spins) {
  for (int i = 0; i < spins; ++i) {
    if (value.load(std::memory_order_acquire) != old) return;
    pause();
  }
  value.wait(old, std::memory_order_acquire);
}

}  // namespace

void Worker::barrier() const {
  if (count > 1) pool->meet();
}

// With more threads than cores, those that spin keep the core from the one that they wait for.
ThreadPool::ThreadPool(int n_threads) : n_threads_(std::max(1, n_threads)), spins_(n_threads_ <= available_cores() ? kSpins : 0) {
  threads_.reserve(static_cast<size_t>(n_threads_ - 1));
  for (int i = 1; i < n_threads_; ++i) threads_.emplace_back([this, i] { worker_loop(i); });
}

ThreadPool::~ThreadPool() {
  ending_ = true;
  step_.fetch_add(1, std::memory_order_release);
  step_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ThreadPool::run_erased(Erased body, void* context) {
  body_ = body;
  context_ = context;
  step_.fetch_add(1, std::memory_order_release);
  step_.notify_all();
  body(context, Worker{this, 0, n_threads_});
  meet();
}

void ThreadPool::worker_loop(int index) {
  for (uint32_t seen = 0;; ++seen) {
    wait_for_change(step_, seen, spins_);
    if (ending_) return;
    body_(context_, Worker{this, index, n_threads_});
    meet();
  }
}

void ThreadPool::meet() {
  const uint32_t meeting = meeting_.load(std::memory_order_relaxed);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == static_cast<uint32_t>(n_threads_)) {
    arrived_.store(0, std::memory_order_relaxed);  // nobody arrives again before the meeting is counted
    meeting_.fetch_add(1, std::memory_order_release);
    meeting_.notify_all();
  } else {
    wait_for_change(meeting_, meeting, spins_);
  }
}

bool TeamChoice::alone() {
  constexpr int kFirstSamples = 4;
  // On a free machine the two can lie close together for long; the team's good moments are then the better ones.
  const bool better = seconds_[1] < 0.85 * seconds_[0];
  if (team_step_ > kLongStep) {
    alone_ = false;
    counts_ = true;
  } else if (probe_left_ > 0) {
    --probe_left_;  // the second step of a probe; in the first the others had to wake up
    counts_ = true;
  } else if (samples_[0] < kFirstSamples || samples_[1] < kFirstSamples) {
    alone_ = samples_[0] >= kFirstSamples;
    counts_ = true;
  } else if (++step_ % kProbeEvery == 0) {
    alone_ = !better;
    probe_left_ = 1;
    counts_ = false;
  } else {
    alone_ = better;
    counts_ = true;
  }
  return alone_;
}

void TeamChoice::took(double seconds, int64_t n_tokens) {
  // The best of late: a step during which others had the cores is no long one.
  if (!alone_) team_step_ = std::min(kForgets * team_step_, seconds);
  seconds /= static_cast<double>(n_tokens);
  if (!counts_) return;
  // The first step of each kind meets cold caches and does not count; the next few count alike.
  const size_t kind = alone_ ? 1 : 0;
  const int n = samples_[kind]++;
  if (n <= 1) seconds_[kind] = seconds;
  else seconds_[kind] += (n < 4 ? 1.0 / n : 0.25) * (seconds - seconds_[kind]);
}

int available_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1U, std::thread::hardware_concurrency());
}

}  // namespace engine
