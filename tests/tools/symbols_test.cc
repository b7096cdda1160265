// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <filesystem>

#include "base/file.h"
#include "tools/syntax.h"

namespace {

constexpr const char* kKinds[] = {"file",     "module", "class", "struct",   "enum",    "interface",
                                  "function", "method", "field", "variable", "constant"};

// "class Stack > method push": one line per symbol.
std::string outline_of(const std::string& file) {
  const auto path = std::filesystem::path(GRAFT_SOURCE_DIR) / "tests/data/tools/syntax" / file;
  const auto tree = tools::SyntaxTree::parse(*tools::language_of_path(file), *base::read_file(path, 1 << 20));
  const auto symbols = tree->symbols();
  std::string out;
  for (const auto& symbol : symbols) {
    std::string line = symbol.name;
    for (int up = symbol.parent; up >= 0; up = symbols[static_cast<size_t>(up)].parent)
      line = symbols[static_cast<size_t>(up)].name + " > " + line;
    out += std::string(kKinds[static_cast<size_t>(symbol.kind)]) + " " + line + "\n";
    CHECK(symbol.range.begin <= symbol.name_range.begin);
    CHECK(symbol.name_range.end <= symbol.range.end);
  }
  return out;
}

}  // namespace

TEST_CASE("symbols: C") {
  CHECK(outline_of("sample.c") ==
        "constant LIMIT\n"
        "function SQUARE\n"
        "struct point\n"
        "field point > x\n"
        "field point > y\n"
        "struct complex_t\n"
        "field complex_t > re\n"
        "field complex_t > im\n"
        "enum colour\n"
        "constant colour > RED\n"
        "constant colour > GREEN\n"
        "variable names\n"
        "function add\n"
        "function add\n"
        "variable handler\n");
}
TEST_CASE("symbols: C++") {
  CHECK(outline_of("sample.cc") ==
        "module geometry\n"
        "class geometry > Shape\n"
        "method geometry > Shape > ~Shape\n"
        "method geometry > Shape > area\n"
        "field geometry > Shape > id_\n"
        "struct geometry > Square\n"
        "method geometry > Square > Square\n"
        "method geometry > Square > area\n"
        "field geometry > Square > side_\n"
        "enum geometry > Kind\n"
        "constant geometry > Kind > kRound\n"
        "constant geometry > Kind > kFlat\n"
        "class geometry > Name\n"
        "function geometry > largest\n"
        "function geometry > total\n"
        "method geometry::total\n");
}
TEST_CASE("symbols: CUDA") {
  CHECK(outline_of("sample.cu") == "function scale_kernel\nfunction scale\n");
}
TEST_CASE("symbols: Python") {
  CHECK(outline_of("sample.py") ==
        "constant LIMIT\n"
        "variable cache\n"
        "class Stack\n"
        "field Stack > size\n"
        "method Stack > push\n"
        "function Stack > push > helper\n"
        "method Stack > top\n"
        "function fetch\n");
}
TEST_CASE("symbols: JavaScript") {
  CHECK(outline_of("sample.js") ==
        "variable limit\n"
        "function twice\n"
        "function outer\n"
        "function outer > inner\n"
        "class Queue\n"
        "field Queue > count\n"
        "method Queue > push\n"
        "method Queue > of\n"
        "function numbers\n");
}
TEST_CASE("symbols: TypeScript") {
  CHECK(outline_of("sample.ts") ==
        "interface Point\n"
        "field Point > x\n"
        "method Point > move\n"
        "class Name\n"
        "enum Colour\n"
        "constant Colour > Red\n"
        "constant Colour > Green\n"
        "module inner\n"
        "variable inner > depth\n"
        "class Base\n"
        "field Base > value\n"
        "method Base > constructor\n"
        "method Base > run\n"
        "method Base > current\n"
        "function identity\n"
        "function arrow\n");
}
TEST_CASE("symbols: TSX") {
  CHECK(outline_of("sample.tsx") == "function View\n");
}
TEST_CASE("symbols: Rust") {
  CHECK(outline_of("sample.rs") ==
        "constant LIMIT\n"
        "variable NAME\n"
        "module inner\n"
        "function inner > helper\n"
        "struct Point\n"
        "field Point > x\n"
        "field Point > y\n"
        "enum Shape\n"
        "constant Shape > Round\n"
        "constant Shape > Flat\n"
        "field Shape > w\n"
        "interface Area\n"
        "method Area > area\n"
        "class Point\n"
        "method Point > area\n"
        "function twice\n"
        "function main\n");
}
TEST_CASE("symbols: Go") {
  CHECK(outline_of("sample.go") ==
        "constant Limit\n"
        "constant Low\n"
        "constant High\n"
        "variable name\n"
        "struct Point\n"
        "field Point > X\n"
        "field Point > Y\n"
        "interface Area\n"
        "method Area > Area\n"
        "method Move\n"
        "function main\n");
}
TEST_CASE("symbols: Java") {
  CHECK(outline_of("Sample.java") ==
        "class Sample\n"
        "field Sample > a\n"
        "field Sample > b\n"
        "field Sample > NAME\n"
        "method Sample > Sample\n"
        "method Sample > sum\n"
        "enum Sample > Kind\n"
        "constant Sample > Kind > ROUND\n"
        "constant Sample > Kind > FLAT\n"
        "interface Sample > Area\n"
        "method Sample > Area > area\n"
        "class Sample > Pair\n");
}
TEST_CASE("symbols: JSON") {
  CHECK(outline_of("sample.json") ==
        "field name\n"
        "field nested\n"
        "field nested > a\n"
        "field nested > b\n"
        "field list\n"
        "field list > c\n");
}
TEST_CASE("symbols: Bash") {
  CHECK(outline_of("sample.sh") ==
        "variable name\n"
        "function greet\n");
}
