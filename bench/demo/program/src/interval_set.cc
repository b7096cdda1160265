// SPDX-License-Identifier: Apache-2.0
#include "interval_set.h"

#include <algorithm>
#include <iterator>

namespace larder {

void IntervalSet::insert(long begin, long end) {
  if (begin >= end) return;

  auto it = end_of_.upper_bound(begin);
  if (it != end_of_.begin() && std::prev(it)->second >= begin) {
    --it;
    begin = it->first;
  }
  while (it != end_of_.end() && it->first <= end) {
    end = std::max(end, it->second);
    it = end_of_.erase(it);
  }
  end_of_[begin] = end;
}

void IntervalSet::erase(long begin, long end) {
  if (begin >= end) return;

  auto it = end_of_.lower_bound(begin);
  if (it != end_of_.begin() && std::prev(it)->second > begin) --it;
  while (it != end_of_.end() && it->first < end) {
    const auto [range_begin, range_end] = *it;
    it = end_of_.erase(it);
    if (range_begin < begin) end_of_[range_begin] = begin;
    if (range_end > end) end_of_[end] = range_end;
  }
}

bool IntervalSet::contains(long value) const {
  const auto after = end_of_.upper_bound(value);
  return after != end_of_.begin() && value < std::prev(after)->second;
}

long IntervalSet::size() const {
  long total = 0;
  for (const auto& [begin, end] : end_of_) total += end - begin;
  return total;
}

long IntervalSet::next_free(long value) const {
  const auto after = end_of_.upper_bound(value);
  if (after == end_of_.begin()) return value;
  return std::max(value, std::prev(after)->second);
}

std::vector<std::pair<long, long>> IntervalSet::ranges() const {
  return {end_of_.begin(), end_of_.end()};
}

}  // namespace larder
