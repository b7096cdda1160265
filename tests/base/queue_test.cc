// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <string>
#include <thread>

#include "base/bounded_queue.h"

TEST_CASE("BoundedQueue: what was queued before close is still handed out, then nothing") {
  base::BoundedQueue<int> queue(4);
  CHECK(queue.push(1));
  CHECK(queue.push(2));
  queue.close();
  CHECK_FALSE(queue.push(3));
  CHECK(queue.pop() == 1);
  CHECK(queue.pop() == 2);
  CHECK(queue.pop() == std::nullopt);
}

TEST_CASE("BoundedQueue: a producer waits while full and every value arrives in order") {
  base::BoundedQueue<int> queue(2);
  std::jthread producer([&] {
    for (int i = 0; i < 1000; ++i) queue.push(i);
    queue.close();
  });
  int expected = 0;
  while (auto value = queue.pop()) CHECK(*value == expected++);
  CHECK(expected == 1000);
}

TEST_CASE("BoundedQueue: try_push leaves the value with the caller when full or closed") {
  base::BoundedQueue<std::string> queue(1);
  std::string value = "one";
  CHECK(queue.try_push(value));
  value = "two";
  CHECK_FALSE(queue.try_push(value));
  CHECK(value == "two");
  CHECK(queue.pop() == "one");
  queue.close();
  CHECK_FALSE(queue.try_push(value));
}
