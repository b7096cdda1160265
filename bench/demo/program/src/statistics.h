// SPDX-License-Identifier: Apache-2.0
// Descriptive statistics over short series, such as the use of an item per day.
//
// Errors  an empty series has mean, median and deviation 0; nothing here throws
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace larder {

double mean(std::span<const double> values);
double median(std::span<const double> values);

// Sample standard deviation (n - 1); 0 for fewer than two values.
double standard_deviation(std::span<const double> values);

// The value below which `fraction` (clamped to 0..1) of the series lies, linear between neighbours.
double quantile(std::span<const double> values, double fraction);

// Mean of each value and the up to `window` - 1 values before it; as long as the series.
std::vector<double> moving_average(std::span<const double> values, std::size_t window);

struct Trend {
  double intercept = 0.0;  // at position 0
  double slope = 0.0;      // per position
};

// Least squares over positions 0, 1, 2, ...; fewer than two values have slope 0.
Trend linear_trend(std::span<const double> values);

}  // namespace larder
