// SPDX-License-Identifier: Apache-2.0
// rpc/workers.h: a fixed number of threads that run jobs in order of arrival.
//
// Threads  submit() by one thread (the main one); it never waits: a full queue refuses. With 0 threads a job runs
//          inside submit(): the mode of most tests. finish() runs what is queued, so jobs must heed their stop tokens.
#pragma once
#include <thread>
#include <vector>

#include "base/bounded_queue.h"
#include "rpc/job.h"

namespace rpc {

class Workers {
 public:
  // More jobs wait only where a client sends requests faster than they are answered, without waiting for answers.
  static constexpr size_t kMaxQueued = 256;

  explicit Workers(int n_threads, size_t max_queued = kMaxQueued);
  ~Workers() { finish(); }
  int n_threads() const { return static_cast<int>(threads_.size()); }

  // False, and `job` stays with the caller, where the queue is full.
  bool submit(Job& job);
  // For a caller that has at most as many jobs here as there are threads (at least one): always finds room.
  void submit_reserved(Job job);
  // Runs what is queued and ends the threads; later jobs are dropped.
  void finish();

 private:
  const size_t max_queued_;
  base::BoundedQueue<Job> queue_;
  std::vector<std::thread> threads_;
};

}  // namespace rpc
