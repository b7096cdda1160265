// SPDX-License-Identifier: Apache-2.0
#include "stock.h"

#include <algorithm>

namespace larder {
namespace {

// By best-before date, lots without one last; among equals the older delivery first.
bool use_before(const Lot& a, const Lot& b) {
  if (a.best_before != b.best_before) {
    if (!a.best_before) return false;
    if (!b.best_before) return true;
    return *a.best_before < *b.best_before;
  }
  return a.received < b.received;
}

}  // namespace

bool Stock::receive(const std::string& name, const std::string& unit, const Lot& lot) {
  Item& item = items_[name];
  if (item.unit.empty()) item.unit = unit;
  if (item.unit != unit) return false;
  item.lots.insert(std::upper_bound(item.lots.begin(), item.lots.end(), lot, use_before), lot);
  return true;
}

std::optional<Amount> Stock::issue(const std::string& name, Amount quantity) {
  if (quantity <= Amount{0} || on_hand(name) < quantity) return std::nullopt;

  std::vector<Lot>& lots = items_[name].lots;
  Amount cost;
  while (quantity > Amount{0}) {
    Lot& lot = lots.front();
    const Amount taken = std::min(lot.quantity, quantity);
    cost = cost + multiply(taken, lot.unit_price);
    lot.quantity = lot.quantity - taken;
    quantity = quantity - taken;
    if (lot.quantity == Amount{0}) lots.erase(lots.begin());
  }
  return cost;
}

bool Stock::count(const std::string& name, Amount quantity) {
  const auto found = items_.find(name);
  if (found == items_.end() || quantity < Amount{0}) return false;

  const Amount difference = quantity - on_hand(name);
  if (difference < Amount{0}) return issue(name, Amount{0} - difference).has_value();
  if (difference == Amount{0}) return true;

  std::vector<Lot>& lots = found->second.lots;
  if (lots.empty()) return false;  // no price is known for what was found
  const auto newest = std::max_element(lots.begin(), lots.end(), [](const Lot& a, const Lot& b) {
    return a.received < b.received;
  });
  newest->quantity = newest->quantity + difference;
  return true;
}

Amount Stock::on_hand(const std::string& name) const {
  Amount total;
  const auto found = items_.find(name);
  if (found == items_.end()) return total;
  for (const Lot& lot : found->second.lots) total = total + lot.quantity;
  return total;
}

Amount Stock::value(const std::string& name) const {
  Amount total;
  const auto found = items_.find(name);
  if (found == items_.end()) return total;
  for (const Lot& lot : found->second.lots) total = total + multiply(lot.quantity, lot.unit_price);
  return total;
}

std::vector<std::pair<std::string, Lot>> Stock::expired(const Date& date) const {
  std::vector<std::pair<std::string, Lot>> found;
  for (const auto& [name, item] : items_) {
    for (const Lot& lot : item.lots) {
      if (lot.best_before && *lot.best_before < date) found.emplace_back(name, lot);
    }
  }
  return found;
}

}  // namespace larder
