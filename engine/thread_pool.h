// SPDX-License-Identifier: Apache-2.0
// engine/thread_pool.h: a team of threads that run one function together and meet at barriers.
//
// A decode step of a small model is a few hundred microseconds with six meetings per layer, so a meeting must cost well
// under one: waiting threads spin for a bounded time, then sleep. Between steps they do the same, so an idle engine costs
// no CPU.
//
// Threads  run() is for one caller at a time and does not nest; the caller works as member 0. The function must reach
//          the same barriers on every member.
// Results  split() depends only on its arguments: callers split outputs, never a sum, so results do not depend on size().
#pragma once
#include <atomic>
#include <cstdint>
#include <thread>
#include <utility>
#include <vector>

namespace engine {

class ThreadPool;

// One thread's place in the team while run() lasts.
struct Worker {
  ThreadPool* pool;
  int index, count;

  void barrier() const;
  // This worker's part [begin, end) of n items; the parts differ by at most one item.
  std::pair<int64_t, int64_t> split(int64_t n) const { return {n * index / count, n * (index + 1) / count}; }
};

class ThreadPool {
 public:
  explicit ThreadPool(int n_threads);  // at least 1; the caller is one of them
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int size() const { return n_threads_; }

  // Calls body(Worker) once on every member; returns when all have returned. The body may not throw.
  // `alone`: the caller works by itself as a team of one; the others stay as they are.
  template <typename Body>
  void run(Body&& body, bool alone = false) {
    if (alone || n_threads_ == 1) return void(body(Worker{this, 0, 1}));
    run_erased([](void* context, const Worker& worker) { (*static_cast<std::remove_reference_t<Body>*>(context))(worker); },
               &body);
  }

 private:
  friend struct Worker;
  using Erased = void (*)(void*, const Worker&);

  void run_erased(Erased body, void* context);
  void worker_loop(int index);
  void meet();

  const int n_threads_;
  const int spins_;  // tries before a thread sleeps
  // Written by the caller before it raises step_; read by workers after they saw it raised.
  Erased body_ = nullptr;
  void* context_ = nullptr;
  bool ending_ = false;
  alignas(64) std::atomic<uint32_t> step_{0};
  alignas(64) std::atomic<uint32_t> arrived_{0};
  alignas(64) std::atomic<uint32_t> meeting_{0};  // counts finished barriers
  std::vector<std::thread> threads_;
};

// Learns by measurement whether the team or one thread alone is faster. On a machine whose cores are busy with other work
// (a build, a test run) a meeting waits until the system schedules the last member, and one thread alone wins by far; so it
// does on models whose layers take less time than a meeting. In a long step meetings are rare and the team always wins: one
// thread is never tried there, as a try would cost a user seconds.
class TeamChoice {
 public:
  bool alone();
  // How long the step took that the last alone() was asked for, and how many tokens it was for.
  void took(double seconds, int64_t n_tokens);

 private:
  static constexpr double kLongStep = 0.02;  // seconds
  static constexpr int kProbeEvery = 64;  // steps; a probe costs two steps of the slower kind, so at most a few percent
  static constexpr double kForgets = 1.1;
  double team_step_ = kLongStep;          // seconds of a step of the team, the best of late
  double seconds_[2] = {0.0, 0.0};        // moving averages per token: team, alone
  int samples_[2] = {0, 0};
  int step_ = 0, probe_left_ = 0;
  bool alone_ = false, counts_ = true;
};

// Cores this process may run on.
int available_cores();

}  // namespace engine
