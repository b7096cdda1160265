// SPDX-License-Identifier: Apache-2.0
// What lies on the shelves: lots of each item, taken out in the order in which they spoil.
//
// Errors  a quantity must be positive; issue() and count() say whether they could be done, and a
//         refused operation changes nothing
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "amount.h"
#include "date.h"

namespace larder {

struct Lot {
  Amount quantity;
  Amount unit_price;
  Date received;
  std::optional<Date> best_before;  // items without one keep for good
};

struct Item {
  std::string unit;
  std::vector<Lot> lots;  // the next one to use first
};

class Stock {
 public:
  // False if the item is already kept in another unit.
  bool receive(const std::string& name, const std::string& unit, const Lot& lot);

  // Takes `quantity` out of the lots that spoil first and returns what was paid for it.
  // Nothing when there is less than that on the shelf.
  std::optional<Amount> issue(const std::string& name, Amount quantity);

  // After a stock-taking: corrects the quantity on hand. A surplus goes to the newest lot, a loss
  // is issued. False for an item that was never received.
  bool count(const std::string& name, Amount quantity);

  Amount on_hand(const std::string& name) const;
  Amount value(const std::string& name) const;

  // Lots whose best-before date lies before `date`, as (item, lot), by item name.
  std::vector<std::pair<std::string, Lot>> expired(const Date& date) const;

  const std::map<std::string, Item>& items() const { return items_; }

 private:
  std::map<std::string, Item> items_;
};

}  // namespace larder
