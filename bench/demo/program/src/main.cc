// SPDX-License-Identifier: Apache-2.0
// larder JOURNAL stock [--csv]        what is on the shelves
// larder JOURNAL expired DATE         what should have been used before DATE
// larder JOURNAL reorder DATE         what to order, judged by the four weeks before DATE
#include <cstdio>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "journal.h"
#include "price_book.h"
#include "reorder.h"
#include "statistics.h"
#include "table.h"

namespace {

using namespace larder;

constexpr int kUseDays = 28;

int usage() {
  std::cerr << "usage: larder JOURNAL stock [--csv] | expired DATE | reorder DATE\n";
  return 2;
}

void print_stock(const Stock& stock, bool csv) {
  Table table({{"item", Align::kLeft, 24},
               {"on hand", Align::kRight},
               {"unit", Align::kLeft},
               {"value", Align::kRight}});
  for (const auto& [name, item] : stock.items()) {
    table.add_row({name, format_amount(stock.on_hand(name), 3), item.unit,
                   format_amount(stock.value(name))});
  }
  std::cout << (csv ? table.render_csv() : table.render());
}

void print_expired(const Stock& stock, const Date& date) {
  Table table({{"item", Align::kLeft, 24}, {"quantity", Align::kRight}, {"best before"}});
  for (const auto& [name, lot] : stock.expired(date)) {
    table.add_row({name, format_amount(lot.quantity, 3), format_date(*lot.best_before)});
  }
  std::cout << table.render();
}

void print_reorder(const Journal& journal, const Stock& stock, const Date& today) {
  PriceBook prices(journal);
  Table table({{"item", Align::kLeft, 24},
               {"order", Align::kRight},
               {"delivery"},
               {"about", Align::kRight}});
  for (const auto& [name, item] : stock.items()) {
    const auto use = daily_use(journal, name, add_days(today, 1 - kUseDays), today);
    const auto order = suggest_order(stock.on_hand(name), use, today, IntervalSet{}, ReorderPolicy{});
    if (!order) continue;
    const auto price = prices.average(name, today);
    table.add_row({name, format_amount(order->quantity, 3) + " " + item.unit,
                   format_date(order->delivery),
                   price ? format_amount(multiply(*price, order->quantity)) : "?"});
  }
  std::cout << table.render();
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  if (args.size() < 2) return usage();

  std::ifstream file(args[0], std::ios::binary);
  if (!file) {
    std::cerr << "larder: cannot open " << args[0] << "\n";
    return 1;
  }
  std::ostringstream text;
  text << file.rdbuf();

  const Journal journal = parse_journal(text.str());
  std::vector<Problem> problems = journal.problems;
  const Stock stock = replay(journal, problems);
  for (const Problem& problem : problems) {
    std::cerr << args[0] << ':' << problem.line << ": " << problem.message << "\n";
  }

  if (args[1] == "stock") {
    print_stock(stock, args.size() > 2 && args[2] == "--csv");
  } else {
    const auto date = args.size() > 2 ? parse_date(args[2]) : std::nullopt;
    if (!date) return usage();
    if (args[1] == "expired") {
      print_expired(stock, *date);
    } else if (args[1] == "reorder") {
      print_reorder(journal, stock, *date);
    } else {
      return usage();
    }
  }
  return problems.empty() ? 0 : 1;
}
