// SPDX-License-Identifier: Apache-2.0
#include "agent/test_writer/test_inputs.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "base/strings.h"

namespace agent {
namespace {

constexpr size_t kMaxCombinations = 24;

// Deterministic, well spread: Numerical Recipes' 32-bit generator, upper bits.
class Sequence {
 public:
  size_t below(size_t bound) {
    state_ = state_ * 1664525u + 1013904223u;
    return (state_ >> 16) % bound;
  }

 private:
  uint32_t state_ = 2463534242u;
};

void add_case(std::vector<TestCase>& cases, TestCase proposed, size_t at_most) {
  if (cases.size() < at_most && std::find(cases.begin(), cases.end(), proposed) == cases.end())
    cases.push_back(std::move(proposed));
}

TestCase usual(const std::vector<ArgumentPool>& pools, size_t n) {
  TestCase made;
  for (size_t i = 0; i < n; ++i) made.arguments.push_back(pools[i].prefix + pools[i].values.front());
  return made;
}

}  // namespace

std::vector<std::string> number_neighbours(std::string_view number) {
  std::vector<std::string> found;
  int64_t value = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (error != std::errc{} || end != number.data() + number.size()) return {std::string(number)};
  constexpr int64_t kLargest = int64_t{1} << 31;  // beyond it, neighbours cost more time than they teach
  add_unique(found, std::string(number));
  if (value > kLargest || value < -kLargest) return found;
  for (const int64_t near : {value + 1, value - 1, -value, value * 2}) add_unique(found, std::to_string(near));
  return found;
}

std::vector<std::string> string_neighbours(std::string_view value) {
  std::vector<std::string> found{std::string(value)};
  if (value.empty()) return found;
  add_unique(found, std::string(value.substr(0, value.size() - 1)));
  add_unique(found, std::string(value.substr(1)));
  add_unique(found, base::cat(value, value.back()));
  add_unique(found, base::cat(" ", value, " "));
  std::string other(value);
  std::transform(other.begin(), other.end(), other.begin(), [](unsigned char c) {
    return static_cast<char>(std::islower(c) != 0 ? std::toupper(c) : std::tolower(c));
  });
  add_unique(found, other);
  other = value;
  for (char& c : other)
    if (std::isdigit(static_cast<unsigned char>(c)) != 0) c = c == '9' ? '0' : static_cast<char>(c + 1);
  add_unique(found, other);
  return found;
}

void combine(const std::vector<ArgumentPool>& pools, size_t n_required, size_t at_most, std::vector<TestCase>& cases) {
  if (pools.empty()) {
    add_case(cases, {}, at_most);
    return;
  }
  if (std::any_of(pools.begin(), pools.begin() + static_cast<ptrdiff_t>(n_required),
                  [](const ArgumentPool& pool) { return pool.values.empty(); }))
    return;
  add_case(cases, usual(pools, n_required), at_most);

  // One parameter at a time; all pools advance together, so that a short budget reaches every parameter.
  size_t longest = 0;
  for (const ArgumentPool& pool : pools) longest = std::max(longest, pool.values.size());
  for (size_t step = 0; step < longest; ++step) {
    for (size_t i = 0; i < pools.size(); ++i) {
      if (step >= pools[i].values.size()) continue;
      TestCase varied = usual(pools, std::min(n_required, pools.size()));
      const std::string value = pools[i].prefix + pools[i].values[step];
      if (i < n_required) {
        varied.arguments[i] = value;
      } else if (!pools[i].prefix.empty()) {
        varied.arguments.push_back(value);
      } else {  // positional arguments in front of an optional one have to be there
        bool complete = true;
        for (size_t k = n_required; k < i && complete; ++k) {
          complete = !pools[k].values.empty() && pools[k].prefix.empty();
          if (complete) varied.arguments.push_back(pools[k].values.front());
        }
        if (!complete) continue;
        varied.arguments.push_back(value);
      }
      add_case(cases, std::move(varied), at_most);
    }
  }

  if (n_required < 2) return;
  Sequence sequence;
  for (size_t n = 0; n < kMaxCombinations; ++n) {
    TestCase mixed;
    for (size_t i = 0; i < n_required; ++i)
      mixed.arguments.push_back(pools[i].prefix + pools[i].values[sequence.below(pools[i].values.size())]);
    add_case(cases, std::move(mixed), at_most);
  }
}

}  // namespace agent
