// SPDX-License-Identifier: Apache-2.0
#include "price_book.h"

namespace larder {

PriceBook::PriceBook(const Journal& journal, std::size_t cache_entries)
    : journal_(journal), cache_(cache_entries) {}

std::optional<Amount> PriceBook::average(const std::string& item, const Date& date, int days) {
  const std::string key = item + '\n' + format_date(date) + '\n' + std::to_string(days);
  if (const auto* known = cache_.find(key)) return *known;
  const std::optional<Amount> price = compute(item, date, days);
  cache_.put(key, price);
  return price;
}

std::optional<Amount> PriceBook::compute(const std::string& item, const Date& date,
                                         int days) const {
  const Date first = add_days(date, 1 - days);
  Amount quantity;
  Amount paid;
  for (const Entry& entry : journal_.entries) {
    if (entry.movement != Movement::kReceive || entry.item != item) continue;
    if (entry.date < first || entry.date > date) continue;
    quantity = quantity + entry.quantity;
    paid = paid + multiply(entry.quantity, *entry.unit_price);
  }
  if (quantity == Amount{0}) return std::nullopt;
  return divide(paid, quantity);
}

}  // namespace larder
