// SPDX-License-Identifier: Apache-2.0
// sandbox/launcher.h: a thread that starts the runs of one workspace from inside its control group.
//
// Why      Moving a process into a group waits for every CPU (an RCU grace period): ten milliseconds and more per run. A child
//          is born in the group of the thread that starts it, so one thread joins once. Version 1 lets single threads join
//          ("cgroup-v1/cgroups", tasks file); in version 2 the child joins by itself.
// Threads  launch() from any thread, one call at a time. The started process dies with this object's thread.
#pragma once
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "base/result.h"
#include "sandbox/launch.h"

namespace sandbox {

class Launcher {
 public:
  // The thread writes "0" to each of the `tasks` files.
  explicit Launcher(const std::vector<int>& tasks_fds);
  Launcher(const Launcher&) = delete;
  Launcher& operator=(const Launcher&) = delete;
  ~Launcher();

  bool joined() const { return joined_; }
  base::Result<Launched> launch(const RunPlan& plan, const LaunchOptions& options);

 private:
  void work(const std::vector<int>& tasks_fds);

  bool joined_ = false;  // fixed after construction
  std::mutex mutex_;
  std::condition_variable changed_;  // with mutex_
  std::function<void()> job_;        // guarded by mutex_
  bool ready_ = false, busy_ = false, ends_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace sandbox
