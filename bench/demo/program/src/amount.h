// SPDX-License-Identifier: Apache-2.0
// Fixed-point numbers with three decimals, for quantities and for money.
//
// Units   one Amount is a thousandth: 2.5 kg is Amount{2500}
// Errors  parse_amount returns nothing for text that is not a number or has a fourth decimal
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace larder {

struct Amount {
  std::int64_t thousandths = 0;

  auto operator<=>(const Amount&) const = default;
};

inline Amount operator+(Amount a, Amount b) { return {a.thousandths + b.thousandths}; }
inline Amount operator-(Amount a, Amount b) { return {a.thousandths - b.thousandths}; }

std::optional<Amount> parse_amount(std::string_view text);

// With `decimals` 0 to 3, rounded half away from zero, and the thousands grouped by commas.
std::string format_amount(Amount amount, int decimals = 2);

// a * b, rounded half away from zero.
Amount multiply(Amount a, Amount b);

// a / b, rounded half away from zero; b must not be zero.
Amount divide(Amount a, Amount b);

// The smallest multiple of `step` that is at least `amount`; step must be positive.
Amount round_up_to(Amount amount, Amount step);

}  // namespace larder
