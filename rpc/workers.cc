// SPDX-License-Identifier: Apache-2.0
#include "rpc/workers.h"

#include <exception>

#include "base/log.h"
#include "base/strings.h"

namespace rpc {
namespace {

// The last catch of a worker thread. The job's Reply, destroyed on the way here, has answered the client.
void run_job(Job job) {
  try {
    job();
  } catch (const std::exception& e) {
    base::log(base::LogLevel::kError, base::cat("internal error in a worker: ", e.what()));
  }
}

}  // namespace

Workers::Workers(int n_threads, size_t max_queued)
    : max_queued_(max_queued), queue_(max_queued + static_cast<size_t>(n_threads)) {
  for (int i = 0; i < n_threads; ++i)
    threads_.emplace_back([this] {
      while (auto job = queue_.pop()) run_job(std::move(*job));
    });
}

void Workers::finish() {
  queue_.close();
  for (auto& thread : threads_)
    if (thread.joinable()) thread.join();
}

bool Workers::submit(Job& job) {
  if (!threads_.empty() && queue_.size() >= max_queued_) return false;
  submit_reserved(std::move(job));
  return true;
}

void Workers::submit_reserved(Job job) {
  if (threads_.empty()) return run_job(std::move(job));
  queue_.try_push(job);
}

}  // namespace rpc
