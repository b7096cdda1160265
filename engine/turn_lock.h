// SPDX-License-Identifier: Apache-2.0
// engine/turn_lock.h: a mutex that serves its callers in the order in which they came, those who are in a hurry first.
//
// A long prefill lets go after each chunk and asks again; with std::mutex it would mostly win against the one who waits. An answer that
// somebody waits for is many short passes: while one holds the right of way, nobody else begins between two of them.
#pragma once
#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>

namespace engine {

class TurnLock {  // BasicLockable
 public:
  // `first`: before all that are not, and whoever holds the right of way.
  void lock(bool first = false) {
    std::unique_lock guard(mutex_);
    Queue& queue = queues_[first ? 1 : 0];
    const uint64_t turn = queue.next++;
    const auto its_turn = [&] { return !busy_ && queue.serving == turn && (first || queues_[1].empty()); };
    // Right of way is given up by one who makes no use of it, as if he waited for the one who waits here.
    while (!its_turn() || (!first && n_holders_ > 0 && std::chrono::steady_clock::now() < last_first_ + kPatience)) {
      if (!first && n_holders_ > 0)
        changed_.wait_for(guard, kPatience);
      else
        changed_.wait(guard);
    }
    ++queue.serving;
    busy_ = true;
  }
  void unlock() {
    {
      const std::lock_guard guard(mutex_);
      busy_ = false;
      last_first_ = std::chrono::steady_clock::now();
    }
    changed_.notify_all();
  }

  // Until what it returns is gone, those that are not `first` wait.
  std::shared_ptr<void> right_of_way() {
    const std::lock_guard guard(mutex_);
    ++n_holders_;
    last_first_ = std::chrono::steady_clock::now();
    return {this, [](TurnLock* lock) {
              {
                const std::lock_guard inner(lock->mutex_);
                --lock->n_holders_;
              }
              lock->changed_.notify_all();
            }};
  }
  // Callers that wait now.
  uint64_t n_waiting() {
    const std::lock_guard guard(mutex_);
    return queues_[0].n_waiting() + queues_[1].n_waiting();
  }

 private:
  static constexpr std::chrono::seconds kPatience{1};
  struct Queue {
    uint64_t next = 0, serving = 0;
    uint64_t n_waiting() const { return next - serving; }
    bool empty() const { return next == serving; }
  };

  std::mutex mutex_;
  std::condition_variable changed_;
  std::array<Queue, 2> queues_;                         // guarded by mutex_, as what follows; the second goes first
  bool busy_ = false;
  int n_holders_ = 0;                                   // of the right of way
  std::chrono::steady_clock::time_point last_first_{};  // when a pass ended, or the right of way began
};

}  // namespace engine
