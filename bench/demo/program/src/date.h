// SPDX-License-Identifier: Apache-2.0
// Calendar dates without time or zone, on the proleptic Gregorian calendar.
//
// Units   day numbers count from 1970-01-01, which is day 0; earlier days are negative
// Errors  functions that take a Date expect a valid one (is_valid); parse_date returns nothing else
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

namespace larder {

struct Date {
  int year = 1970;
  int month = 1;  // 1..12
  int day = 1;    // 1..days_in_month(year, month)

  auto operator<=>(const Date&) const = default;
};

bool is_leap_year(int year);
int days_in_month(int year, int month);
bool is_valid(const Date& date);

// Reads exactly YYYY-MM-DD; anything else, or a day that does not exist, gives nothing.
std::optional<Date> parse_date(std::string_view text);
std::string format_date(const Date& date);

long day_number(const Date& date);
Date date_from_day_number(long number);

Date add_days(const Date& date, long days);

// The same day `months` later, or the last day of that month where it is shorter:
// 31 January plus one month is 28 or 29 February.
Date add_months(const Date& date, int months);

// ISO 8601: Monday is 1, Sunday is 7.
int weekday(const Date& date);

// ISO 8601 week of the year, 1..53. The first days of January may belong to the last
// week of the year before.
int iso_week(const Date& date);

}  // namespace larder
