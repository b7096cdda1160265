// SPDX-License-Identifier: Apache-2.0
#include "sandbox/launcher.h"

#include <unistd.h>

#include <csignal>
#include <optional>

namespace sandbox {

Launcher::Launcher(const std::vector<int>& tasks_fds) {
  thread_ = std::thread([this, &tasks_fds] { work(tasks_fds); });
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return ready_; });
}

Launcher::~Launcher() {
  {
    std::lock_guard lock(mutex_);
    ends_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

base::Result<Launched> Launcher::launch(const RunPlan& plan, const LaunchOptions& options) {
  std::optional<base::Result<Launched>> launched;
  std::unique_lock lock(mutex_);
  job_ = [&] { launched.emplace(sandbox::launch(plan, options)); };
  busy_ = true;
  changed_.notify_all();
  changed_.wait(lock, [&] { return !busy_; });
  return std::move(*launched);
}

void Launcher::work(const std::vector<int>& tasks_fds) {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);  // signals are for the program's own threads
  bool joined = true;
  for (const int fd : tasks_fds) joined &= ::write(fd, "0", 1) == 1;

  std::unique_lock lock(mutex_);
  joined_ = joined;
  ready_ = true;
  changed_.notify_all();
  for (;;) {
    changed_.wait(lock, [&] { return busy_ || ends_; });
    if (ends_) return;
    job_();
    busy_ = false;
    changed_.notify_all();
  }
}

}  // namespace sandbox
