// SPDX-License-Identifier: Apache-2.0
// A set of whole numbers kept as half-open ranges [begin, end), here: the days on which no
// delivery comes.
//
// The ranges are always sorted, never empty, and never touch: neighbours are merged.
#pragma once

#include <map>
#include <utility>
#include <vector>

namespace larder {

class IntervalSet {
 public:
  // An empty range (end <= begin) changes nothing.
  void insert(long begin, long end);
  void erase(long begin, long end);

  bool contains(long value) const;

  // How many numbers are in the set.
  long size() const;

  // The first number at or after `value` that is not in the set.
  long next_free(long value) const;

  std::vector<std::pair<long, long>> ranges() const;

 private:
  std::map<long, long> end_of_;  // begin of a range -> its end
};

}  // namespace larder
