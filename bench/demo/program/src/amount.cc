// SPDX-License-Identifier: Apache-2.0
#include "amount.h"

#include <cstdlib>

namespace larder {
namespace {

constexpr std::int64_t kOne = 1000;
constexpr int kMaxDecimals = 3;
constexpr std::size_t kMaxIntegerDigits = 12;  // keeps every product of two amounts inside 64 bits

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// numerator / denominator, rounded half away from zero; denominator is positive.
std::int64_t divide_rounded(std::int64_t numerator, std::int64_t denominator) {
  const std::int64_t half = denominator / 2;
  return numerator >= 0 ? (numerator + half) / denominator : (numerator - half) / denominator;
}

std::string group_thousands(const std::string& digits) {
  std::string grouped;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) grouped += ',';
    grouped += digits[i];
  }
  return grouped;
}

}  // namespace

std::optional<Amount> parse_amount(std::string_view text) {
  std::size_t at = 0;
  bool negative = false;
  if (at < text.size() && (text[at] == '-' || text[at] == '+')) {
    negative = text[at] == '-';
    ++at;
  }

  const std::size_t first_digit = at;
  std::int64_t value = 0;
  while (at < text.size() && is_digit(text[at])) {
    value = value * 10 + (text[at] - '0');
    ++at;
    if (at - first_digit > kMaxIntegerDigits) return std::nullopt;
  }
  if (at == first_digit) return std::nullopt;

  int decimals = 0;
  if (at < text.size() && text[at] == '.') {
    ++at;
    while (at < text.size() && is_digit(text[at])) {
      if (decimals == kMaxDecimals) return std::nullopt;
      value = value * 10 + (text[at] - '0');
      ++decimals;
      ++at;
    }
    if (decimals == 0) return std::nullopt;
  }
  if (at != text.size()) return std::nullopt;

  for (; decimals < kMaxDecimals; ++decimals) value *= 10;
  return Amount{negative ? -value : value};
}

std::string format_amount(Amount amount, int decimals) {
  std::int64_t scale = 1;
  for (int i = decimals; i < kMaxDecimals; ++i) scale *= 10;
  const std::int64_t rounded = divide_rounded(amount.thousandths, scale);

  std::string digits = std::to_string(std::llabs(rounded));
  const auto width = static_cast<std::size_t>(decimals);
  if (digits.size() <= width) digits.insert(0, width + 1 - digits.size(), '0');

  std::string text = group_thousands(digits.substr(0, digits.size() - width));
  if (width > 0) text += "." + digits.substr(digits.size() - width);
  return rounded < 0 ? "-" + text : text;
}

Amount multiply(Amount a, Amount b) {
  return {divide_rounded(a.thousandths * b.thousandths, kOne)};
}

Amount divide(Amount a, Amount b) {
  const std::int64_t sign = b.thousandths < 0 ? -1 : 1;
  return {divide_rounded(sign * a.thousandths * kOne, sign * b.thousandths)};
}

Amount round_up_to(Amount amount, Amount step) {
  const std::int64_t rest = amount.thousandths % step.thousandths;
  const std::int64_t below = amount.thousandths - rest;
  return {rest > 0 ? below + step.thousandths : below};
}

}  // namespace larder
