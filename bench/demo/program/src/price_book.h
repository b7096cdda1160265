// SPDX-License-Identifier: Apache-2.0
// What was paid for an item lately, looked up again and again while reports are written.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "amount.h"
#include "date.h"
#include "journal.h"
#include "lru_cache.h"

namespace larder {

class PriceBook {
 public:
  // The journal is borrowed and must outlive the book.
  explicit PriceBook(const Journal& journal, std::size_t cache_entries = 64);

  // The mean price per unit, weighted by quantity, of the receipts in the `days` days that end on
  // `date`. Nothing when there was no receipt.
  std::optional<Amount> average(const std::string& item, const Date& date, int days = 90);

  std::size_t cache_hits() const { return cache_.hits(); }

 private:
  std::optional<Amount> compute(const std::string& item, const Date& date, int days) const;

  const Journal& journal_;
  LruCache<std::string, std::optional<Amount>> cache_;
};

}  // namespace larder
