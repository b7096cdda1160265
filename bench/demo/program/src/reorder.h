// SPDX-License-Identifier: Apache-2.0
// When to order again, and how much.
//
// Units   use is in units of the item per day, cover in days
// Source  the textbook reorder point: expected use during the lead time plus a safety stock
#pragma once

#include <optional>
#include <span>

#include "amount.h"
#include "date.h"
#include "interval_set.h"

namespace larder {

struct ReorderPolicy {
  int lead_days = 3;
  int cover_days = 14;          // an order should last this long
  double service_factor = 1.65; // standard deviations kept as safety stock: 95 % service
  Amount pack_size{1000};       // only whole packs can be ordered
};

struct Order {
  Amount quantity;
  Date delivery;
};

// How many whole days the stock lasts at this use; nothing when nothing is used.
std::optional<int> days_of_cover(Amount on_hand, double use_per_day);

// Below this quantity it is time to order.
Amount reorder_point(std::span<const double> daily_use, const ReorderPolicy& policy);

// Nothing when there is enough. The delivery falls on the first day after the lead time that is
// not in `closed_days` (day numbers).
std::optional<Order> suggest_order(Amount on_hand, std::span<const double> daily_use,
                                   const Date& today, const IntervalSet& closed_days,
                                   const ReorderPolicy& policy);

}  // namespace larder
