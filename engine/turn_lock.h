// SPDX-License-Identifier: Apache-2.0
// engine/turn_lock.h: a mutex that serves its callers in the order in which they came.
//
// A long prefill lets go after each chunk and asks again; with std::mutex it would mostly win against the one who waits.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace engine {

class TurnLock {  // BasicLockable
 public:
  void lock() {
    std::unique_lock guard(mutex_);
    const uint64_t turn = next_++;
    changed_.wait(guard, [&] { return serving_ == turn; });
  }
  void unlock() {
    {
      const std::lock_guard guard(mutex_);
      ++serving_;
    }
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t next_ = 0, serving_ = 0;  // guarded by mutex_
};

}  // namespace engine
