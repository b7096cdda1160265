// SPDX-License-Identifier: Apache-2.0
#include "date.h"

#include <array>
#include <cstdio>

namespace larder {
namespace {

// Days before the given month in a year that is not a leap year.
constexpr std::array<int, 12> kDaysBefore = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};

constexpr long kDaysPerEra = 146097;  // 400 years

bool read_digits(std::string_view text, std::size_t from, std::size_t count, int& value) {
  value = 0;
  for (std::size_t i = from; i < from + count; ++i) {
    if (text[i] < '0' || text[i] > '9') return false;
    value = value * 10 + (text[i] - '0');
  }
  return true;
}

int day_of_year(const Date& date) {
  int days = kDaysBefore[static_cast<std::size_t>(date.month - 1)] + date.day;
  if (date.month > 2 && is_leap_year(date.year)) ++days;
  return days;
}

}  // namespace

bool is_leap_year(int year) {
  return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

int days_in_month(int year, int month) {
  if (month == 2) return is_leap_year(year) ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

bool is_valid(const Date& date) {
  if (date.month < 1 || date.month > 12) return false;
  return date.day >= 1 && date.day <= days_in_month(date.year, date.month);
}

std::optional<Date> parse_date(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  Date date;
  if (!read_digits(text, 0, 4, date.year) || !read_digits(text, 5, 2, date.month) ||
      !read_digits(text, 8, 2, date.day)) {
    return std::nullopt;
  }
  if (!is_valid(date)) return std::nullopt;
  return date;
}

std::string format_date(const Date& date) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%04d-%02d-%02d", date.year, date.month, date.day);
  return buffer;
}

long day_number(const Date& date) {
  // Years are counted from March, so that the leap day is the last day of its year.
  const long year = date.month <= 2 ? date.year - 1 : date.year;
  const long era = (year >= 0 ? year : year - 399) / 400;
  const long year_of_era = year - era * 400;
  const long month = (date.month + 9) % 12;
  const long day_of_march_year = (153 * month + 2) / 5 + date.day - 1;
  const long day_of_era =
      year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_march_year;
  return era * kDaysPerEra + day_of_era - 719468;  // 719468: 0000-03-01 to 1970-01-01
}

Date date_from_day_number(long number) {
  number += 719468;
  const long era = (number >= 0 ? number : number - (kDaysPerEra - 1)) / kDaysPerEra;
  const long day_of_era = number - era * kDaysPerEra;
  const long year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const long day_of_march_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const long month = (5 * day_of_march_year + 2) / 153;

  Date date;
  date.day = static_cast<int>(day_of_march_year - (153 * month + 2) / 5 + 1);
  date.month = static_cast<int>(month < 10 ? month + 3 : month - 9);
  date.year = static_cast<int>(year_of_era + era * 400);
  if (date.month <= 2) ++date.year;
  return date;
}

Date add_days(const Date& date, long days) {
  return date_from_day_number(day_number(date) + days);
}

Date add_months(const Date& date, int months) {
  const int count = date.year * 12 + (date.month - 1) + months;
  Date result;
  result.year = count / 12;
  result.month = count % 12 + 1;
  const int last = days_in_month(result.year, result.month);
  result.day = date.day < last ? date.day : last;
  return result;
}

int weekday(const Date& date) {
  const long shifted = (day_number(date) + 3) % 7;  // 1970-01-01 was a Thursday
  return static_cast<int>(shifted < 0 ? shifted + 7 : shifted) + 1;
}

int iso_week(const Date& date) {
  // A week belongs to the year that its Thursday lies in.
  const Date thursday = add_days(date, 4 - weekday(date));
  return (day_of_year(thursday) - 1) / 7 + 1;
}

}  // namespace larder
