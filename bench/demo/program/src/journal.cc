// SPDX-License-Identifier: Apache-2.0
#include "journal.h"

#include "tokenizer.h"

namespace larder {
namespace {

constexpr std::size_t kFixedWords = 5;  // date, movement, item, quantity, unit

std::optional<Movement> parse_movement(std::string_view word) {
  if (word == "receive") return Movement::kReceive;
  if (word == "issue") return Movement::kIssue;
  if (word == "count") return Movement::kCount;
  return std::nullopt;
}

// Reads `@ PRICE` and `best-before DATE`, in any order. Returns what is wrong, or nothing.
std::string parse_options(const std::vector<Token>& tokens, Entry& entry) {
  for (std::size_t i = kFixedWords; i < tokens.size(); i += 2) {
    const std::string& option = tokens[i].text;
    if (i + 1 == tokens.size()) return "'" + option + "' needs a value";
    const std::string& value = tokens[i + 1].text;
    if (option == "@") {
      entry.unit_price = parse_amount(value);
      if (!entry.unit_price || *entry.unit_price < Amount{0}) return "'" + value + "' is no price";
    } else if (option == "best-before") {
      entry.best_before = parse_date(value);
      if (!entry.best_before) return "'" + value + "' is no date";
    } else {
      return "unknown option '" + option + "'";
    }
  }
  return "";
}

}  // namespace

std::variant<Entry, std::string> parse_entry(std::string_view line) {
  const TokenizedLine words = tokenize(line);
  if (!words.error.empty()) return words.error;
  if (words.tokens.size() < kFixedWords) return "expected: DATE MOVEMENT ITEM QUANTITY UNIT";

  Entry entry;
  const auto date = parse_date(words.tokens[0].text);
  if (!date) return "'" + words.tokens[0].text + "' is no date";
  entry.date = *date;

  const auto movement = parse_movement(words.tokens[1].text);
  if (!movement) return "unknown movement '" + words.tokens[1].text + "'";
  entry.movement = *movement;

  entry.item = words.tokens[2].text;
  const auto quantity = parse_amount(words.tokens[3].text);
  if (!quantity || *quantity < Amount{0}) return "'" + words.tokens[3].text + "' is no quantity";
  entry.quantity = *quantity;
  entry.unit = words.tokens[4].text;

  const std::string wrong = parse_options(words.tokens, entry);
  if (!wrong.empty()) return wrong;
  if (entry.movement == Movement::kReceive && !entry.unit_price) return "a receipt needs '@ PRICE'";
  if (entry.movement != Movement::kReceive && (entry.unit_price || entry.best_before)) {
    return "only a receipt has a price or a best-before date";
  }
  return entry;
}

Journal parse_journal(std::string_view text) {
  Journal journal;
  std::size_t line_number = 0;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    ++line_number;

    const TokenizedLine words = tokenize(line);
    if (words.error.empty() && words.tokens.empty()) continue;

    const auto parsed = parse_entry(line);
    if (const auto* message = std::get_if<std::string>(&parsed)) {
      journal.problems.push_back({line_number, *message});
      continue;
    }
    const Entry& entry = std::get<Entry>(parsed);
    if (!journal.entries.empty() && entry.date < journal.entries.back().date) {
      journal.problems.push_back({line_number, "earlier than the line before it"});
      continue;
    }
    journal.entries.push_back(entry);
  }
  return journal;
}

Stock replay(const Journal& journal, std::vector<Problem>& problems) {
  Stock stock;
  for (const Entry& entry : journal.entries) {
    bool done = false;
    switch (entry.movement) {
      case Movement::kReceive:
        done = stock.receive(entry.item, entry.unit,
                             {entry.quantity, *entry.unit_price, entry.date, entry.best_before});
        break;
      case Movement::kIssue:
        done = stock.issue(entry.item, entry.quantity).has_value();
        break;
      case Movement::kCount:
        done = stock.count(entry.item, entry.quantity);
        break;
    }
    if (!done) problems.push_back({0, format_date(entry.date) + ": refused for " + entry.item});
  }
  return stock;
}

std::vector<double> daily_use(const Journal& journal, const std::string& item, const Date& first,
                              const Date& last) {
  if (last < first) return {};
  const long begin = day_number(first);
  std::vector<double> use(static_cast<std::size_t>(day_number(last) - begin + 1), 0.0);
  for (const Entry& entry : journal.entries) {
    if (entry.movement != Movement::kIssue || entry.item != item) continue;
    if (entry.date < first || entry.date > last) continue;
    const auto day = static_cast<std::size_t>(day_number(entry.date) - begin);
    use[day] += static_cast<double>(entry.quantity.thousandths) / 1000.0;
  }
  return use;
}

}  // namespace larder
