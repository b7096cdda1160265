// SPDX-License-Identifier: Apache-2.0
#include "journal.h"

#include <doctest/doctest.h>

#include "price_book.h"

using namespace larder;

namespace {

constexpr std::string_view kJournal =
    "# March\n"
    "2024-03-01 receive flour 25 kg @ 0.80 best-before 2024-09-01\n"
    "\n"
    "2024-03-04 issue flour 3.5 kg\n"
    "2024-03-04 issue flour 1.5 kg  # buns\n"
    "2024-03-10 receive flour 75 kg @ 1.20\n"
    "2024-03-12 issue flour 30 kg\n"
    "2024-03-31 count flour 64 kg";

std::string error_of(std::string_view line) {
  const auto parsed = parse_entry(line);
  const auto* message = std::get_if<std::string>(&parsed);
  return message != nullptr ? *message : "";
}

}  // namespace

TEST_CASE("journal: every field of an entry is read") {
  const auto parsed =
      parse_entry("2024-03-01 receive \"olive oil\" 2.5 l best-before 2025-01-31 @ 9.90");
  REQUIRE(std::holds_alternative<Entry>(parsed));
  const Entry& entry = std::get<Entry>(parsed);
  CHECK(entry.date == Date{2024, 3, 1});
  CHECK(entry.movement == Movement::kReceive);
  CHECK(entry.item == "olive oil");
  CHECK(entry.quantity == Amount{2500});
  CHECK(entry.unit == "l");
  CHECK(entry.unit_price == Amount{9900});
  CHECK(entry.best_before == Date{2025, 1, 31});
}

TEST_CASE("journal: a bad line says what is wrong with it") {
  CHECK(error_of("2024-03-01 issue flour 3") == "expected: DATE MOVEMENT ITEM QUANTITY UNIT");
  CHECK(error_of("2024-03-99 issue flour 3 kg") == "'2024-03-99' is no date");
  CHECK(error_of("2024-03-01 steal flour 3 kg") == "unknown movement 'steal'");
  CHECK(error_of("2024-03-01 issue flour -3 kg") == "'-3' is no quantity");
  CHECK(error_of("2024-03-01 receive flour 3 kg") == "a receipt needs '@ PRICE'");
  CHECK(error_of("2024-03-01 receive flour 3 kg @") == "'@' needs a value");
  CHECK(error_of("2024-03-01 receive flour 3 kg @ x") == "'x' is no price");
  CHECK(error_of("2024-03-01 receive flour 3 kg for 3") == "unknown option 'for'");
  CHECK(error_of("2024-03-01 issue flour 3 kg @ 1") ==
        "only a receipt has a price or a best-before date");
  CHECK(error_of("2024-03-01 issue \"flour 3 kg") == "column 18: the quote is never closed");
}

TEST_CASE("journal: problems carry the number of their line") {
  const Journal journal = parse_journal(
      "2024-03-02 receive tea 1 kg @ 5\n\nnonsense\n2024-03-01 issue tea 1 kg\n"
      "2024-03-02 issue tea 0.5 kg\n");
  CHECK(journal.entries.size() == 2);
  REQUIRE(journal.problems.size() == 2);
  CHECK(journal.problems[0].line == 3);
  CHECK(journal.problems[1].line == 4);
  CHECK(journal.problems[1].message == "earlier than the line before it");
}

TEST_CASE("journal: replaying it gives the stock") {
  const Journal journal = parse_journal(kJournal);
  REQUIRE(journal.problems.empty());
  REQUIRE(journal.entries.size() == 6);
  std::vector<Problem> problems;
  const Stock stock = replay(journal, problems);
  CHECK(problems.empty());
  CHECK(stock.on_hand("flour") == Amount{64000});
  CHECK(stock.value("flour") == Amount{76800});
}

TEST_CASE("journal: what the stock refuses is reported") {
  const Journal journal = parse_journal("2024-03-01 receive tea 1 kg @ 5\n2024-03-02 issue tea 2 kg");
  std::vector<Problem> problems;
  const Stock stock = replay(journal, problems);
  REQUIRE(problems.size() == 1);
  CHECK(problems[0].message == "2024-03-02: refused for tea");
  CHECK(stock.on_hand("tea") == Amount{1000});
}

TEST_CASE("journal: daily use adds up what one day issued") {
  const Journal journal = parse_journal(kJournal);
  const auto use = daily_use(journal, "flour", {2024, 3, 3}, {2024, 3, 12});
  REQUIRE(use.size() == 10);
  CHECK(use[0] == 0.0);
  CHECK(use[1] == doctest::Approx(5.0));
  CHECK(use[9] == doctest::Approx(30.0));
  CHECK(daily_use(journal, "flour", {2024, 3, 5}, {2024, 3, 11}) == std::vector<double>(7, 0.0));
  CHECK(daily_use(journal, "flour", {2024, 3, 5}, {2024, 3, 4}).empty());
}

TEST_CASE("price_book: receipts in the window are weighted by quantity") {
  const Journal journal = parse_journal(kJournal);
  PriceBook prices(journal);
  CHECK(prices.average("flour", {2024, 3, 31}) == Amount{1100});
  CHECK(prices.average("flour", {2024, 3, 9}) == Amount{800});
  CHECK(prices.average("flour", {2024, 3, 10}, 9) == Amount{1200});
  CHECK(prices.average("flour", {2024, 3, 10}, 10) == Amount{1100});
  CHECK_FALSE(prices.average("flour", {2024, 2, 29}).has_value());
  CHECK_FALSE(prices.average("tea", {2024, 3, 31}).has_value());
}

TEST_CASE("price_book: the same question is answered from the cache") {
  const Journal journal = parse_journal(kJournal);
  PriceBook prices(journal, 2);
  prices.average("flour", {2024, 3, 31});
  CHECK(prices.cache_hits() == 0);
  CHECK(prices.average("flour", {2024, 3, 31}) == Amount{1100});
  CHECK(prices.cache_hits() == 1);
  CHECK(prices.average("flour", {2024, 3, 31}, 22) == Amount{1200});
  CHECK(prices.cache_hits() == 1);
}
