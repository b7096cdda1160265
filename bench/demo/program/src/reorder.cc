// SPDX-License-Identifier: Apache-2.0
#include "reorder.h"

#include <algorithm>
#include <cmath>

#include "statistics.h"

namespace larder {
namespace {

Amount from_double(double value) {
  return {static_cast<std::int64_t>(std::llround(value * 1000.0))};
}

double to_double(Amount amount) { return static_cast<double>(amount.thousandths) / 1000.0; }

}  // namespace

std::optional<int> days_of_cover(Amount on_hand, double use_per_day) {
  if (use_per_day <= 0.0) return std::nullopt;
  return static_cast<int>(std::floor(to_double(on_hand) / use_per_day));
}

Amount reorder_point(std::span<const double> daily_use, const ReorderPolicy& policy) {
  const double lead = policy.lead_days;
  const double expected = mean(daily_use) * lead;
  const double safety = policy.service_factor * standard_deviation(daily_use) * std::sqrt(lead);
  return from_double(expected + safety);
}

std::optional<Order> suggest_order(Amount on_hand, std::span<const double> daily_use,
                                   const Date& today, const IntervalSet& closed_days,
                                   const ReorderPolicy& policy) {
  const Amount point = reorder_point(daily_use, policy);
  if (on_hand >= point) return std::nullopt;

  const Amount wanted = point + from_double(mean(daily_use) * policy.cover_days);
  const Amount missing = std::max(wanted - on_hand, Amount{0});
  const long earliest = day_number(today) + policy.lead_days;

  Order order;
  order.quantity = round_up_to(missing, policy.pack_size);
  order.delivery = date_from_day_number(closed_days.next_free(earliest));
  return order;
}

}  // namespace larder
