// SPDX-License-Identifier: Apache-2.0
#include "statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace larder {

double mean(std::span<const double> values) {
  if (values.empty()) return 0.0;
  const double sum = std::accumulate(values.begin(), values.end(), 0.0);
  return sum / static_cast<double>(values.size());
}

double median(std::span<const double> values) { return quantile(values, 0.5); }

double standard_deviation(std::span<const double> values) {
  if (values.size() < 2) return 0.0;
  const double center = mean(values);
  double sum_sq = 0.0;
  for (const double value : values) sum_sq += (value - center) * (value - center);
  return std::sqrt(sum_sq / static_cast<double>(values.size() - 1));
}

double quantile(std::span<const double> values, double fraction) {
  if (values.empty()) return 0.0;
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());

  const double position = std::clamp(fraction, 0.0, 1.0) * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  const double weight = position - static_cast<double>(below);
  return sorted[below] * (1.0 - weight) + sorted[above] * weight;
}

std::vector<double> moving_average(std::span<const double> values, std::size_t window) {
  std::vector<double> averages;
  averages.reserve(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t count = std::max<std::size_t>(1, std::min(window, i + 1));
    averages.push_back(mean(values.subspan(i + 1 - count, count)));
  }
  return averages;
}

Trend linear_trend(std::span<const double> values) {
  if (values.size() < 2) return {mean(values), 0.0};
  const double center_x = static_cast<double>(values.size() - 1) / 2.0;
  const double center_y = mean(values);
  double covariance = 0.0;
  double variance = 0.0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double dx = static_cast<double>(i) - center_x;
    covariance += dx * (values[i] - center_y);
    variance += dx * dx;
  }
  const double slope = covariance / variance;
  return {center_y - slope * center_x, slope};
}

}  // namespace larder
