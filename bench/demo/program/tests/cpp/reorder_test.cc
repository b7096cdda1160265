// SPDX-License-Identifier: Apache-2.0
#include "reorder.h"

#include <doctest/doctest.h>

#include <vector>

using namespace larder;

namespace {

const std::vector<double> kSteady = {2, 2, 2, 2};
const std::vector<double> kUneven = {1, 3, 1, 3};

}  // namespace

TEST_CASE("reorder: cover is counted in whole days") {
  CHECK(days_of_cover(Amount{7000}, 2.0) == 3);
  CHECK(days_of_cover(Amount{8000}, 2.0) == 4);
  CHECK_FALSE(days_of_cover(Amount{8000}, 0.0).has_value());
}

TEST_CASE("reorder: uneven use keeps a safety stock") {
  CHECK(reorder_point(kSteady, {}) == Amount{6000});
  CHECK(reorder_point(kUneven, {}) == Amount{9300});
}

TEST_CASE("reorder: nothing is ordered while there is enough") {
  CHECK_FALSE(suggest_order(Amount{6000}, kSteady, {2024, 3, 1}, {}, {}).has_value());
  CHECK(suggest_order(Amount{5999}, kSteady, {2024, 3, 1}, {}, {}).has_value());
}

TEST_CASE("reorder: an order fills up to cover in whole packs") {
  ReorderPolicy policy;
  policy.pack_size = Amount{25000};
  const auto order = suggest_order(Amount{4000}, kSteady, {2024, 3, 1}, {}, policy);
  REQUIRE(order.has_value());
  CHECK(order->quantity == Amount{50000});
  const auto loose = suggest_order(Amount{4000}, kSteady, {2024, 3, 1}, {}, {});
  REQUIRE(loose.has_value());
  CHECK(loose->quantity == Amount{30000});
}

TEST_CASE("reorder: nobody delivers on a closed day") {
  IntervalSet closed;
  closed.insert(day_number({2024, 3, 4}), day_number({2024, 3, 6}));
  const auto order = suggest_order(Amount{1000}, kSteady, {2024, 3, 1}, closed, {});
  REQUIRE(order.has_value());
  CHECK(order->delivery == Date{2024, 3, 6});
  const auto earlier = suggest_order(Amount{1000}, kSteady, {2024, 2, 29}, closed, {});
  REQUIRE(earlier.has_value());
  CHECK(earlier->delivery == Date{2024, 3, 3});
}
