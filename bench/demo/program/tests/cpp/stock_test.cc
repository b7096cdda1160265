// SPDX-License-Identifier: Apache-2.0
#include "stock.h"

#include <doctest/doctest.h>

using namespace larder;

namespace {

Lot lot(std::int64_t quantity, std::int64_t price, Date received,
        std::optional<Date> best_before = {}) {
  return {Amount{quantity}, Amount{price}, received, best_before};
}

Stock two_lots_of_milk() {
  Stock stock;
  stock.receive("milk", "l", lot(5000, 1000, {2024, 3, 1}, Date{2024, 3, 20}));
  stock.receive("milk", "l", lot(4000, 1500, {2024, 3, 2}, Date{2024, 3, 10}));
  return stock;
}

}  // namespace

TEST_CASE("stock: what spoils first is used first") {
  Stock stock = two_lots_of_milk();
  CHECK(stock.issue("milk", Amount{1000}) == Amount{1500});
  CHECK(stock.issue("milk", Amount{4000}) == Amount{5500});
  CHECK(stock.on_hand("milk") == Amount{4000});
  CHECK(stock.value("milk") == Amount{4000});
}

TEST_CASE("stock: lots that keep for good are used last, and the older of two first") {
  Stock stock;
  stock.receive("salt", "kg", lot(1000, 300, {2024, 1, 2}));
  stock.receive("salt", "kg", lot(1000, 200, {2024, 1, 1}));
  stock.receive("salt", "kg", lot(1000, 100, {2024, 1, 3}, Date{2030, 1, 1}));
  CHECK(stock.issue("salt", Amount{1000}) == Amount{100});
  CHECK(stock.issue("salt", Amount{1000}) == Amount{200});
  CHECK(stock.issue("salt", Amount{1000}) == Amount{300});
}

TEST_CASE("stock: more than there is cannot be issued") {
  Stock stock = two_lots_of_milk();
  CHECK_FALSE(stock.issue("milk", Amount{9001}).has_value());
  CHECK_FALSE(stock.issue("milk", Amount{0}).has_value());
  CHECK_FALSE(stock.issue("tea", Amount{1}).has_value());
  CHECK(stock.on_hand("milk") == Amount{9000});
  CHECK(stock.issue("milk", Amount{9000}) == Amount{11000});
  CHECK(stock.on_hand("milk") == Amount{0});
}

TEST_CASE("stock: an item has one unit") {
  Stock stock = two_lots_of_milk();
  CHECK_FALSE(stock.receive("milk", "kg", lot(1000, 1, {2024, 3, 3})));
  CHECK(stock.on_hand("milk") == Amount{9000});
}

TEST_CASE("stock: a count adds to the newest lot or issues the loss") {
  Stock stock = two_lots_of_milk();
  CHECK(stock.count("milk", Amount{10000}));
  CHECK(stock.value("milk") == Amount{12500});
  CHECK(stock.count("milk", Amount{3000}));
  CHECK(stock.on_hand("milk") == Amount{3000});
  CHECK(stock.value("milk") == Amount{3000});
  CHECK(stock.count("milk", Amount{3000}));
  CHECK_FALSE(stock.count("tea", Amount{1000}));
  CHECK(stock.count("milk", Amount{0}));
  CHECK_FALSE(stock.count("milk", Amount{1}));
}

TEST_CASE("stock: a lot is good through its best-before date") {
  const Stock stock = two_lots_of_milk();
  CHECK(stock.expired({2024, 3, 10}).empty());
  const auto expired = stock.expired({2024, 3, 11});
  REQUIRE(expired.size() == 1);
  CHECK(expired[0].first == "milk");
  CHECK(expired[0].second.quantity == Amount{4000});
  CHECK(stock.expired({2024, 4, 1}).size() == 2);
}
