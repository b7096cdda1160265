// SPDX-License-Identifier: Apache-2.0
// engine/load/checked_sizes.h: bounds of a configuration's numbers, in one table per family.
#pragma once
#include <initializer_list>

#include "base/result.h"

namespace engine {

struct IntBound {
  const char* name;
  int value, least, most;
};
struct FloatBound {
  const char* name;
  float value, above, most;  // above < value <= most
};

// kCorrupt naming the first number that is out of its bounds.
base::Status check_ints(std::initializer_list<IntBound> bounds);
base::Status check_floats(std::initializer_list<FloatBound> bounds);

}  // namespace engine
