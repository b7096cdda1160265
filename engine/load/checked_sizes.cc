// SPDX-License-Identifier: Apache-2.0
#include "engine/load/checked_sizes.h"

#include <cmath>

#include "base/strings.h"

namespace engine {

base::Status check_ints(std::initializer_list<IntBound> bounds) {
  for (const IntBound& b : bounds)
    if (b.value < b.least || b.value > b.most)
      return base::corrupt(base::cat("configuration: ", b.name, " is ", b.value, ", must lie in ", b.least, "..", b.most));
  return base::ok();
}

base::Status check_floats(std::initializer_list<FloatBound> bounds) {
  for (const FloatBound& b : bounds)
    if (!std::isfinite(b.value) || b.value <= b.above || b.value > b.most)
      return base::corrupt(base::cat("configuration: ", b.name, " is ", b.value, ", which is out of range"));
  return base::ok();
}

}  // namespace engine
