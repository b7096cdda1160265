// SPDX-License-Identifier: Apache-2.0
// The journal: a text file with one movement of stock on each line, oldest first.
//
//   2024-03-01 receive flour 25 kg @ 0.80 best-before 2024-09-01
//   2024-03-04 issue   flour 3.5 kg
//   2024-03-31 count   "olive oil" 7 l
//
// Errors  one Problem for each line that could not be read or carried out; the others still count
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "amount.h"
#include "date.h"
#include "stock.h"

namespace larder {

enum class Movement { kReceive, kIssue, kCount };

struct Entry {
  Date date;
  Movement movement = Movement::kReceive;
  std::string item;
  Amount quantity;
  std::string unit;
  std::optional<Amount> unit_price;  // only, and always, for kReceive
  std::optional<Date> best_before;
};

struct Problem {
  std::size_t line = 0;  // counted from 1
  std::string message;
};

struct Journal {
  std::vector<Entry> entries;
  std::vector<Problem> problems;
};

// The entry on one line, or what is wrong with it.
std::variant<Entry, std::string> parse_entry(std::string_view line);

// Blank lines and comments are skipped. A date earlier than the one before it is a problem.
Journal parse_journal(std::string_view text);

// Carries the entries out in order and adds to `problems` what the stock refused.
Stock replay(const Journal& journal, std::vector<Problem>& problems);

// The quantity issued on each day from `first` to `last`, both included.
std::vector<double> daily_use(const Journal& journal, const std::string& item, const Date& first,
                              const Date& last);

}  // namespace larder
