// SPDX-License-Identifier: Apache-2.0
#include "table.h"

#include <doctest/doctest.h>

using namespace larder;

TEST_CASE("table: columns are as wide as their widest cell") {
  Table table({{"item"}, {"kg", Align::kRight}, {"note"}});
  table.add_row({"flour", "3.5", "buns"});
  table.add_row({"tea", "12.25"});
  CHECK(table.rows() == 2);
  CHECK(table.render() ==
        "item      kg  note\n"
        "-----  -----  ----\n"
        "flour    3.5  buns\n"
        "tea    12.25\n");
}

TEST_CASE("table: long cells are cut, cells without a column are dropped") {
  Table table({{"item", Align::kLeft, 6}});
  table.add_row({"mascarpone", "dropped"});
  table.add_row({"butter"});
  CHECK(table.render() == "item\n------\nmasca~\nbutter\n");
}

TEST_CASE("table: CSV quotes only what needs it") {
  Table table({{"a"}, {"b,c"}});
  table.add_row({"say \"hi\"", "plain"});
  table.add_row({"two\nlines"});
  CHECK(table.render_csv() ==
        "a,\"b,c\"\r\n\"say \"\"hi\"\"\",plain\r\n\"two\nlines\",\r\n");
}
