// SPDX-License-Identifier: Apache-2.0
// base/threads.h: threads that help where the system grants them.
#pragma once
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace base {

// One thread more that runs `work(std::stop_token)` or `work()`. False, with nothing begun, where the system refuses
// it: a limit of processes, no memory for its stack.
template <typename Work>
[[nodiscard]] bool add_thread(std::vector<std::jthread>& threads, Work&& work) {
  try {
    threads.emplace_back(std::forward<Work>(work));
    return true;
  } catch (const std::system_error&) {
    return false;
  }
}

}  // namespace base
