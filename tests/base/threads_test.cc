// SPDX-License-Identifier: Apache-2.0
#include "base/threads.h"

#include <doctest/doctest.h>

#include <atomic>

namespace {

// What std::jthread does where the system refuses a thread, at the moment at which it takes its work.
struct Refused {
  Refused() = default;
  Refused(const Refused&) { throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again)); }
  void operator()() const {}
};

}  // namespace

TEST_CASE("threads: those that are granted run, one that is refused leaves the others as they are") {
  std::atomic<int> n_run = 0, n_told_to_stop = 0;
  {
    std::vector<std::jthread> threads;
    CHECK(base::add_thread(threads, [&] { ++n_run; }));
    CHECK(base::add_thread(threads, [&](std::stop_token stop) {
      while (!stop.stop_requested()) std::this_thread::yield();
      ++n_told_to_stop;
    }));
    const Refused refused;
    CHECK_FALSE(base::add_thread(threads, refused));
    CHECK(threads.size() == 2);
  }
  CHECK(n_run == 1);
  CHECK(n_told_to_stop == 1);
}
