// SPDX-License-Identifier: Apache-2.0
#include "lru_cache.h"

#include <doctest/doctest.h>

#include <string>

using larder::LruCache;

TEST_CASE("lru_cache: the entry used longest ago goes first") {
  LruCache<std::string, int> cache(2);
  cache.put("a", 1);
  cache.put("b", 2);
  REQUIRE(cache.find("a") != nullptr);
  cache.put("c", 3);
  CHECK(cache.find("b") == nullptr);
  REQUIRE(cache.find("a") != nullptr);
  CHECK(*cache.find("a") == 1);
  REQUIRE(cache.find("c") != nullptr);
  CHECK(cache.size() == 2);
}

TEST_CASE("lru_cache: writing an entry again counts as a use") {
  LruCache<int, int> cache(2);
  cache.put(1, 10);
  cache.put(2, 20);
  cache.put(1, 11);
  cache.put(3, 30);
  CHECK(cache.find(2) == nullptr);
  REQUIRE(cache.find(1) != nullptr);
  CHECK(*cache.find(1) == 11);
}

TEST_CASE("lru_cache: hits and misses are counted") {
  LruCache<int, int> cache(4);
  CHECK(cache.find(1) == nullptr);
  cache.put(1, 10);
  CHECK(cache.find(1) != nullptr);
  CHECK(cache.find(1) != nullptr);
  CHECK(cache.hits() == 2);
  CHECK(cache.misses() == 1);
}

TEST_CASE("lru_cache: no capacity keeps nothing, clear forgets everything") {
  LruCache<int, int> none(0);
  none.put(1, 10);
  CHECK(none.size() == 0);
  CHECK(none.find(1) == nullptr);

  LruCache<int, int> cache(2);
  cache.put(1, 10);
  cache.clear();
  CHECK(cache.size() == 0);
  CHECK(cache.find(1) == nullptr);
}
