// SPDX-License-Identifier: Apache-2.0
#include "interval_set.h"

#include <doctest/doctest.h>

#include <set>

using namespace larder;

using Ranges = std::vector<std::pair<long, long>>;

TEST_CASE("interval_set: neighbours and overlaps are merged") {
  IntervalSet set;
  set.insert(10, 20);
  set.insert(30, 40);
  CHECK(set.ranges() == Ranges{{10, 20}, {30, 40}});
  set.insert(20, 25);
  CHECK(set.ranges() == Ranges{{10, 25}, {30, 40}});
  set.insert(5, 12);
  CHECK(set.ranges() == Ranges{{5, 25}, {30, 40}});
  set.insert(24, 30);
  CHECK(set.ranges() == Ranges{{5, 40}});
  set.insert(7, 7);
  set.insert(9, 3);
  CHECK(set.ranges() == Ranges{{5, 40}});
}

TEST_CASE("interval_set: a range inside another one does not shorten it") {
  IntervalSet set;
  set.insert(0, 100);
  set.insert(10, 20);
  CHECK(set.ranges() == Ranges{{0, 100}});
}

TEST_CASE("interval_set: erasing splits and trims") {
  IntervalSet set;
  set.insert(0, 10);
  set.erase(4, 6);
  CHECK(set.ranges() == Ranges{{0, 4}, {6, 10}});
  set.erase(3, 7);
  CHECK(set.ranges() == Ranges{{0, 3}, {7, 10}});
  set.erase(10, 20);
  CHECK(set.ranges() == Ranges{{0, 3}, {7, 10}});
  set.erase(-5, 50);
  CHECK(set.ranges().empty());
}

TEST_CASE("interval_set: the end of a range is outside of it") {
  IntervalSet set;
  set.insert(10, 20);
  CHECK_FALSE(set.contains(9));
  CHECK(set.contains(10));
  CHECK(set.contains(19));
  CHECK_FALSE(set.contains(20));
  CHECK(set.next_free(9) == 9);
  CHECK(set.next_free(10) == 20);
  CHECK(set.next_free(20) == 20);
  CHECK(set.next_free(25) == 25);
}

TEST_CASE("interval_set: agrees with a plain set over many operations") {
  IntervalSet set;
  std::set<long> plain;
  unsigned state = 12345;
  const auto next = [&state](unsigned bound) {
    state = state * 1664525u + 1013904223u;
    return static_cast<long>((state >> 16) % bound);
  };
  for (int step = 0; step < 400; ++step) {
    const long begin = next(60);
    const long end = begin + next(9);
    if (next(3) == 0) {
      set.erase(begin, end);
      for (long value = begin; value < end; ++value) plain.erase(value);
    } else {
      set.insert(begin, end);
      for (long value = begin; value < end; ++value) plain.insert(value);
    }
    REQUIRE(set.size() == static_cast<long>(plain.size()));
    for (long value = -1; value < 70; ++value) {
      REQUIRE(set.contains(value) == (plain.count(value) == 1));
    }
  }
}
