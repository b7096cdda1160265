// SPDX-License-Identifier: Apache-2.0
// Numbers of json_text.h: bounds are compared digit by digit, multiples by the remainder of the digits so far.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "engine/constrain/json_text.h"

namespace engine {
namespace {

constexpr uint64_t kMaxNumerator = 1'000'000'000;
constexpr size_t kMaxScale = 6;  // numerator * 10^scale stays below 2^53

// The digits of magnitudes: an integer part without leading zeros and, if `fractions`, a fraction.
class Magnitudes {
 public:
  Magnitudes(ExprStore& store, bool fractions) : store_(store) {
    digits_ = store.repeat(digit('0', '9'), 0, kNoLimit);
    tail_ = fractions ? store.optional(store.concat({store.byte('.'), digit('0', '9'), digits_})) : kEmptyText;
    fractions_ = fractions;
  }

  ExprId all() { return store_.concat(store_.alt(store_.byte('0'), store_.concat(digit('1', '9'), digits_)), tail_); }
  ExprId at_least(const NumberBound& bound) {
    const std::string& whole = bound.value.integer;
    const auto n = static_cast<uint32_t>(whole.size());
    // More digits; a greater digit after equal ones; equal ones, and then the fraction decides.
    std::vector<ExprId> parts{store_.concat({digit('1', '9'), any_digits(n), digits_, tail_})};
    add_whole_numbers(parts, whole, true);
    parts.push_back(store_.concat(store_.text(whole), fraction(bound, 0, true)));
    return store_.alt(std::move(parts));
  }
  ExprId at_most(const NumberBound& bound) {
    const std::string& whole = bound.value.integer;
    const auto n = static_cast<uint32_t>(whole.size());
    std::vector<ExprId> parts;
    if (n > 1) {
      parts.push_back(store_.concat(store_.byte('0'), tail_));
      parts.push_back(store_.concat({digit('1', '9'), store_.repeat(digit('0', '9'), 0, n - 2), tail_}));
    }
    add_whole_numbers(parts, whole, false);
    parts.push_back(store_.concat(store_.text(whole), fraction(bound, 0, false)));
    return store_.alt(std::move(parts));
  }

 private:
  ExprId digit(int first, int last) { return first > last ? kNothing : store_.bytes(ByteSet::range(first, last)); }
  ExprId any_digits(uint32_t n) { return store_.repeat(digit('0', '9'), n, n); }

  // As many digits as `whole`, greater or smaller than it.
  void add_whole_numbers(std::vector<ExprId>& parts, const std::string& whole, bool greater) {
    for (size_t i = 0; i < whole.size(); ++i) {
      const int lowest = i == 0 && whole.size() > 1 ? '1' : '0';
      const ExprId other = greater ? digit(whole[i] + 1, '9') : digit(lowest, whole[i] - 1);
      parts.push_back(store_.concat(
          {store_.text(whole.substr(0, i)), other, any_digits(static_cast<uint32_t>(whole.size() - i - 1)), tail_}));
    }
  }

  // What may follow an equal integer part and `i` equal digits of the fraction.
  ExprId fraction(const NumberBound& bound, size_t i, bool greater) {
    const std::string& f = bound.value.fraction;
    const bool equal_ends = i == f.size();
    // To stop here is to write zeros: equal to the bound, or below it.
    const bool may_stop = greater ? equal_ends && !bound.exclusive : !equal_ends || !bound.exclusive;
    if (!fractions_) return may_stop ? kEmptyText : kNothing;
    ExprId more;
    const ExprId zeros = store_.repeat(store_.byte('0'), 0, kNoLimit);
    if (!equal_ends) {
      const ExprId other = greater ? digit(f[i] + 1, '9') : digit('0', f[i] - 1);
      more = store_.alt(store_.concat(other, digits_),
                        store_.concat(store_.byte(f[i]), fraction_digits(bound, i + 1, greater)));
    } else if (greater) {
      more =
          bound.exclusive ? store_.concat({zeros, digit('1', '9'), digits_}) : store_.concat(digit('0', '9'), digits_);
    } else {
      more = bound.exclusive ? kNothing : store_.concat(store_.byte('0'), zeros);
    }
    more = store_.concat(store_.byte('.'), more);
    return may_stop ? store_.optional(more) : more;
  }
  // The same behind the point, where i > 0 digits were read.
  ExprId fraction_digits(const NumberBound& bound, size_t i, bool greater) {
    const std::string& f = bound.value.fraction;
    ExprId rest;
    const ExprId zeros = store_.repeat(store_.byte('0'), 0, kNoLimit);
    if (greater)
      rest = bound.exclusive ? store_.concat({zeros, digit('1', '9'), digits_}) : digits_;
    else
      rest = bound.exclusive ? kNothing : zeros;
    for (size_t k = f.size(); k-- > i;) {
      const ExprId other = greater ? digit(f[k] + 1, '9') : digit('0', f[k] - 1);
      rest = store_.alt(store_.concat(other, digits_), store_.concat(store_.byte(f[k]), rest));
      if (!greater) rest = store_.optional(rest);
    }
    return rest;
  }

  ExprStore& store_;
  ExprId digits_ = kNothing, tail_ = kNothing;
  bool fractions_ = false;
};

// Digits of multiples of numerator / 10^scale, the integer part first; leading zeros are others' business.
class Multiples : public Unfolding {
 public:
  Multiples(uint64_t numerator, size_t scale, uint32_t family) : numerator_(numerator), scale_(scale), family_(family) {
    state({});
  }

  bool nullable(uint32_t id) const override {
    const State s = states_[id];
    return s.n_behind != 0 &&
           s.remainder * power(s.n_behind < 0 ? scale_ : scale_ - static_cast<size_t>(s.n_behind)) % numerator_ == 0;
  }
  ExprId unfold(ExprStore& store, uint32_t id) override {
    const State s = states_[id];
    std::vector<ExprId> parts;
    if (nullable(id)) parts.push_back(kEmptyText);
    if (s.n_behind < 0 && scale_ > 0 && can_finish({s.remainder, 0}))
      parts.push_back(store.concat(store.byte('.'), member(store, {s.remainder, 0})));
    if (s.n_behind < 0 || static_cast<size_t>(s.n_behind) < scale_)
      for (uint64_t digit = 0; digit < 10; ++digit) {
        const State next{(s.remainder * 10 + digit) % numerator_, s.n_behind < 0 ? s.n_behind : s.n_behind + 1};
        if (can_finish(next))
          parts.push_back(store.concat(store.byte('0' + static_cast<int>(digit)), member(store, next)));
      }
    return store.alt(std::move(parts));
  }

 private:
  struct State {
    uint64_t remainder = 0;
    int n_behind = -1;  // digits behind the point; -1: before it
    auto operator<=>(const State&) const = default;
  };
  static uint64_t power(size_t n) {
    uint64_t p = 1;
    for (; n > 0; --n) p *= 10;
    return p;
  }
  // Whether digits that are left can make it a multiple; before the point there is no end of them.
  bool can_finish(const State& s) const {
    if (s.n_behind < 0) return true;
    const uint64_t room = power(scale_ - static_cast<size_t>(s.n_behind));
    return (numerator_ - s.remainder * room % numerator_) % numerator_ < room;
  }
  uint32_t state(const State& s) {
    const auto [at, fresh] = ids_.try_emplace(s, static_cast<uint32_t>(states_.size()));
    if (fresh) states_.push_back(s);
    return at->second;
  }
  ExprId member(ExprStore& store, const State& s) { return store.unfolding(family_, state(s), false); }

  const uint64_t numerator_;
  const size_t scale_;
  const uint32_t family_;
  std::vector<State> states_;
  std::map<State, uint32_t> ids_;
};

}  // namespace

std::optional<Decimal> decimal_of(const base::Json& number) {
  char text[512];
  std::to_chars_result end{text, std::errc()};
  if (number.is_number_unsigned()) {
    end = std::to_chars(text, text + sizeof text, number.get<uint64_t>());
  } else if (number.is_number_integer()) {
    end = std::to_chars(text, text + sizeof text, number.get<int64_t>());
  } else {
    if (!number.is_number() || !std::isfinite(number.get<double>())) return std::nullopt;
    end = std::to_chars(text, text + sizeof text, number.get<double>(), std::chars_format::fixed);
  }
  if (end.ec != std::errc()) return std::nullopt;
  std::string digits(text, end.ptr);
  Decimal decimal;
  decimal.negative = digits[0] == '-';
  if (decimal.negative) digits.erase(0, 1);
  const size_t point = std::min(digits.find('.'), digits.size());
  decimal.integer = digits.substr(0, point);
  if (point < digits.size()) decimal.fraction = digits.substr(point + 1);
  while (!decimal.fraction.empty() && decimal.fraction.back() == '0') decimal.fraction.pop_back();
  if (decimal.is_zero()) decimal.negative = false;
  return decimal;
}

int compare(const Decimal& a, const Decimal& b) {
  if (a.negative != b.negative) return a.negative ? -1 : 1;
  const auto sign = [](auto order) { return order < 0 ? -1 : order > 0 ? 1 : 0; };
  int order = a.integer.size() != b.integer.size() ? (a.integer.size() < b.integer.size() ? -1 : 1)
                                                   : sign(a.integer.compare(b.integer));
  if (order == 0) order = sign(a.fraction.compare(b.fraction));
  return a.negative ? -order : order;
}

std::optional<ExprId> numbers_in(ExprStore& store, const NumberRange& range) {
  Magnitudes magnitudes(store, !range.integers);
  const auto opposite = [](const std::optional<NumberBound>& bound) {
    std::optional<NumberBound> other = bound;
    if (other && !other->value.is_zero()) other->value.negative = !other->value.negative;
    return other;
  };
  // Magnitudes m with low <= m <= high; bounds below zero say nothing, or exclude all.
  const auto between = [&](const std::optional<NumberBound>& low, const std::optional<NumberBound>& high) {
    if (high && high->value.negative) return kNothing;
    ExprId expr = magnitudes.all();
    if (low && !low->value.negative) expr = store.both(expr, magnitudes.at_least(*low));
    if (high) expr = store.both(expr, magnitudes.at_most(*high));
    return expr;
  };
  const NumberBound above_zero{Decimal{}, true};
  auto negative_low = opposite(range.high);
  if (!negative_low || negative_low->value.negative || negative_low->value.is_zero()) negative_low = above_zero;
  ExprId positive = between(range.low, range.high), negative = between(negative_low, opposite(range.low));
  if (range.multiple) {
    uint64_t numerator = 0;
    const std::string digits = range.multiple->integer + range.multiple->fraction;
    if (digits.size() > 10 || range.multiple->fraction.size() > kMaxScale) return std::nullopt;
    for (const char c : digits) numerator = numerator * 10 + static_cast<uint64_t>(c - '0');
    if (numerator > kMaxNumerator || numerator == 0) return std::nullopt;
    // Integers that are multiples of 0.5 or 1.5: what the fraction adds must be whole.
    size_t scale = range.multiple->fraction.size();
    const uint32_t family = store.add_family(nullptr);
    store.set_family(family, std::make_unique<Multiples>(numerator, scale, family));
    const ExprId multiples = store.unfolding(family, 0, false);
    positive = store.both(positive, multiples);
    negative = store.both(negative, multiples);
  }
  return store.alt(store.alive(positive) ? positive : kNothing,
                   store.alive(negative) ? store.concat(store.byte('-'), negative) : kNothing);
}

}  // namespace engine
