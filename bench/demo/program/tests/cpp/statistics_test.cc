// SPDX-License-Identifier: Apache-2.0
#include "statistics.h"

#include <doctest/doctest.h>

using namespace larder;
using doctest::Approx;

namespace {

using Series = std::vector<double>;

}  // namespace

TEST_CASE("statistics: an empty series has no size to divide by") {
  CHECK(mean(Series{}) == 0.0);
  CHECK(median(Series{}) == 0.0);
  CHECK(standard_deviation(Series{}) == 0.0);
  CHECK(moving_average(Series{}, 3).empty());
}

TEST_CASE("statistics: mean and deviation") {
  const Series series = {2, 4, 4, 4, 5, 5, 7, 9};
  CHECK(mean(series) == Approx(5.0));
  CHECK(mean(Series{0.25, 0.5, 1.5}) == Approx(0.75));
  CHECK(standard_deviation(series) == Approx(2.13809));
  CHECK(standard_deviation(Series{3}) == 0.0);
}

TEST_CASE("statistics: median and quantiles do not need a sorted series") {
  CHECK(median(Series{9, 1, 5}) == Approx(5));
  CHECK(median(Series{4, 1, 3, 2}) == Approx(2.5));
  const Series series = {50, 10, 40, 20, 30};
  CHECK(quantile(series, 0.0) == Approx(10));
  CHECK(quantile(series, 0.25) == Approx(20));
  CHECK(quantile(series, 0.9) == Approx(46));
  CHECK(quantile(series, 1.0) == Approx(50));
  CHECK(quantile(series, 7.0) == Approx(50));
}

TEST_CASE("statistics: a moving average starts with the values there are") {
  CHECK(moving_average(Series{2, 4, 6, 8}, 2) == Series{2, 3, 5, 7});
  CHECK(moving_average(Series{2, 4, 6}, 10) == Series{2, 3, 4});
  CHECK(moving_average(Series{2, 4}, 0) == Series{2, 4});
}

TEST_CASE("statistics: the trend of a line is the line") {
  const Trend trend = linear_trend(Series{3, 5, 7, 9});
  CHECK(trend.slope == Approx(2));
  CHECK(trend.intercept == Approx(3));
  const Trend noisy = linear_trend(Series{1, 2, 4, 3});
  CHECK(noisy.slope == Approx(0.8));
  CHECK(noisy.intercept == Approx(1.3));
  CHECK(linear_trend(Series{4}).slope == 0.0);
  CHECK(linear_trend(Series{4}).intercept == 4.0);
}
