// SPDX-License-Identifier: Apache-2.0
#include "date.h"

#include <doctest/doctest.h>

using namespace larder;

TEST_CASE("date: centuries are leap years only every 400 years") {
  CHECK(is_leap_year(2024));
  CHECK(is_leap_year(2000));
  CHECK_FALSE(is_leap_year(1900));
  CHECK_FALSE(is_leap_year(2023));
  CHECK(days_in_month(2024, 2) == 29);
  CHECK(days_in_month(2023, 2) == 28);
  CHECK(days_in_month(2023, 9) == 30);
  CHECK(days_in_month(2023, 12) == 31);
}

TEST_CASE("date: only days that exist are read") {
  const auto date = parse_date("2024-02-29");
  REQUIRE(date.has_value());
  CHECK(*date == Date{2024, 2, 29});
  CHECK_FALSE(parse_date("2023-02-29").has_value());
  CHECK_FALSE(parse_date("2024-13-01").has_value());
  CHECK_FALSE(parse_date("2024-04-31").has_value());
  CHECK_FALSE(parse_date("2024-04-00").has_value());
  CHECK_FALSE(parse_date("2024-4-1").has_value());
  CHECK_FALSE(parse_date("2024/04/01").has_value());
  CHECK_FALSE(parse_date("2024-0x-01").has_value());
}

TEST_CASE("date: what is printed can be read again") {
  CHECK(format_date(Date{2024, 3, 7}) == "2024-03-07");
  CHECK(parse_date(format_date(Date{987, 12, 31})) == Date{987, 12, 31});
}

TEST_CASE("date: day numbers count from 1970 and come back") {
  CHECK(day_number(Date{1970, 1, 1}) == 0);
  CHECK(day_number(Date{2000, 3, 1}) == 11017);
  CHECK(day_number(Date{1969, 12, 31}) == -1);
  for (long number = -800000; number < 800000; number += 373) {
    const Date date = date_from_day_number(number);
    REQUIRE(is_valid(date));
    REQUIRE(day_number(date) == number);
  }
}

TEST_CASE("date: adding days crosses months and years") {
  CHECK(add_days(Date{2024, 2, 28}, 1) == Date{2024, 2, 29});
  CHECK(add_days(Date{2023, 12, 31}, 1) == Date{2024, 1, 1});
  CHECK(add_days(Date{2024, 3, 1}, -1) == Date{2024, 2, 29});
}

TEST_CASE("date: adding months keeps the day where it exists") {
  CHECK(add_months(Date{2024, 1, 31}, 1) == Date{2024, 2, 29});
  CHECK(add_months(Date{2023, 1, 31}, 1) == Date{2023, 2, 28});
  CHECK(add_months(Date{2024, 1, 15}, 1) == Date{2024, 2, 15});
  CHECK(add_months(Date{2024, 11, 30}, 3) == Date{2025, 2, 28});
  CHECK(add_months(Date{2024, 3, 31}, -3) == Date{2023, 12, 31});
}

TEST_CASE("date: weekdays start on Monday, also before 1970") {
  CHECK(weekday(Date{1970, 1, 1}) == 4);
  CHECK(weekday(Date{2024, 2, 26}) == 1);
  CHECK(weekday(Date{2024, 3, 3}) == 7);
  CHECK(weekday(Date{1969, 12, 28}) == 7);
}

TEST_CASE("date: a week belongs to the year of its Thursday") {
  CHECK(iso_week(Date{2024, 1, 1}) == 1);
  CHECK(iso_week(Date{2021, 1, 3}) == 53);
  CHECK(iso_week(Date{2019, 12, 30}) == 1);
  CHECK(iso_week(Date{2024, 7, 10}) == 28);
  CHECK(iso_week(Date{2016, 2, 18}) == 7);
}
