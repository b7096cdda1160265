// SPDX-License-Identifier: Apache-2.0
#include "agent/check/output_fingerprint.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace agent {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// A unit of time behind a number. What has one is a time: 0.12s, 5 ms, 1.3 secs.
bool is_time_unit(std::string_view after) {
  return after.starts_with("s ") || after == "s" || after.starts_with("s)") || after.starts_with("s,") ||
         after.starts_with(" s ") || after == " s" || after.starts_with(" s)") || after.starts_with(" sec") ||
         after.starts_with("ms") || after.starts_with(" ms") || after.starts_with("\xc2\xb5s");
}

// Words right before a number that is a time without a unit, or a number that the system gave.
constexpr std::array kBeforeVolatile = {
    std::string_view("duration_ms: "),  // TAP of node:test
    std::string_view("duration_ms "),
    std::string_view("time="),   // tap
    std::string_view("Time: "),  // JUnit's console
    std::string_view("pid "),          std::string_view("PID "),
    std::string_view("PID: "),         std::string_view("goroutine "),
};

// thread 'adds' (31892) panicked (Rust 1.91 and later); ==4711==ERROR (sanitizers, valgrind)
bool is_task_number(std::string_view before, std::string_view after) {
  return (before.ends_with("' (") && after.starts_with(") panicked")) ||
         (before.ends_with("==") && after.starts_with("=="));
}

// 2026-11-29T14:06:31Z, 14:06:31, 2026-11-29
bool is_date(std::string_view number) {
  const auto count = [&](char c) { return std::count(number.begin(), number.end(), c); };
  return count(':') == 2 || (number.size() == 10 && count('-') == 2 && number[4] == '-' && number[7] == '-');
}

}  // namespace

void OutputFingerprint::add(std::string_view line) {
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '0' && i + 1 < line.size() && line[i + 1] == 'x') {
      i += 2;
      while (i < line.size() && std::isxdigit(static_cast<unsigned char>(line[i])) != 0) ++i;
      if (i >= line.size()) break;
    }
    // In the middle of a number every end of it would have been a number, too.
    if (is_digit(line[i]) && (i == 0 || !is_digit(line[i - 1]))) {
      size_t end = i, date = i;
      while (end < line.size() && (is_digit(line[end]) || line[end] == '.')) ++end;
      while (date < line.size() && (is_digit(line[date]) || line[date] == ':' || line[date] == '-')) ++date;
      const std::string_view before = line.substr(0, i), after = line.substr(end);
      if (is_date(line.substr(i, date - i)))
        i = date;
      else if (is_time_unit(after) || is_task_number(before, after) ||
               std::any_of(kBeforeVolatile.begin(), kBeforeVolatile.end(),
                           [&](std::string_view word) { return before.ends_with(word); }))
        i = end;
      if (i >= line.size()) break;
    }
    add_byte(line[i]);
  }
  add_byte('\n');
}

}  // namespace agent
