// SPDX-License-Identifier: Apache-2.0
#include "agent/fix/syntax_ranking.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "agent/fix/ranking.h"
#include "tests/support/temp_dir.h"
#include "tools/work_tree.h"

namespace {

const std::string kPython =
    "import os\n\n\n"
    "class Shelf:\n    def __init__(self, size, label=\"\"):\n        self.size = size\n        self.label = label\n"
    "        self.books = []\n\n"
    "    def put(self, book):\n        if len(self.books) == self.size:\n            raise ValueError(\"full\", "
    "self.label)\n"
    "        self.books.append(book)\n\n"
    "    def find(self, title):\n        for book in self.books:\n            if book.title == title:\n"
    "                return book\n        return None\n\n\n"
    "def load(path, sizes):\n    with open(os.path.join(path, \"shelf.txt\")) as lines:\n"
    "        return [Shelf(sizes[line], label=line) for line in lines]\n";

const std::string kC =
    "#include <stdio.h>\n\n"
    "struct shelf {\n  int size;\n  const char *label;\n};\n\n"
    "static int count(const struct shelf *s, int n) {\n  int sum = 0;\n  for (int i = 0; i < n; i++) {\n"
    "    if (s[i].size > 0) {\n      sum += s[i].size;\n    }\n  }\n  return sum;\n}\n\n"
    "int main(void) {\n  struct shelf all[2] = {{1, \"a\"}, {2, \"b\"}};\n  int n = count(all, 2);\n"
    "  printf(\"%d %s\\n\", n, all[0].label);\n  return 0;\n}\n";

const std::string kJs =
    "const sizes = { small: 1, large: 9 };\n\n"
    "class Shelf {\n  constructor(label, size) {\n    this.label = label;\n    this.size = size;\n  }\n\n"
    "  fits(books) {\n    return books.every((book) => book.size <= this.size);\n  }\n}\n\n"
    "function make(labels) {\n  return labels.map((label) => {\n    return new Shelf(label, sizes.small);\n  });\n}\n\n"
    "module.exports = { Shelf, make };\n";

// One slip in a file: `typed` stands where `meant` should. The output is what the real tool said of it.
struct Slip {
  const char* name;
  const char* path;
  const std::string& right;
  const char *meant, *typed;
  const char* output;
  size_t within;  // the repair is among so many
};

const Slip kSlips[] = {
    {"lost opener between two names", "a.py", kPython, "Shelf(sizes[line], ", "Shelfsizes[line], ",
     "  File \"a.py\", line 22\n    return [Shelfsizes[line], label=line) for line in lines]\n"
     "                                 ^\nSyntaxError: invalid syntax\n",
     3},
    {"lost closer", "a.py", kPython, "self.books.append(book)\n", "self.books.append(book\n",
     "  File \"a.py\", line 13\n    self.books.append(book\n                     ^\nSyntaxError: '(' was never "
     "closed\n",
     1},
    {"lost comma", "a.py", kPython, "def put(self, book):", "def put(self book):",
     "  File \"a.py\", line 10\n    def put(self book):\n                 ^^^^\nSyntaxError: invalid syntax\n", 3},
    {"bracket of another kind", "a.py", kPython, "self.books = []", "self.books = [)",
     "  File \"a.py\", line 8\n    self.books = [)\n                  ^\n"
     "SyntaxError: closing parenthesis ')' does not match opening parenthesis '['\n",
     2},
    {"two neighbours swapped", "a.py", kPython, "def put(self, book):", "def put(self, book:)",
     "  File \"a.py\", line 10\n    def put(self, book:)\n                       ^\nSyntaxError: invalid syntax\n", 1},
    {"word of the language", "a.py", kPython, "return None", "retrun None",
     "  File \"a.py\", line 19\n    retrun None\n           ^^^^\nSyntaxError: invalid syntax\n", 1},
    {"typed twice", "a.py", kPython, "for book in self.books:", "for book in self..books:",
     "  File \"a.py\", line 16\n    for book in self..books:\n                     ^\nSyntaxError: invalid syntax\n",
     1},
    {"lost quote", "a.py", kPython, "ValueError(\"full\", self", "ValueError(\"full, self",
     "  File \"a.py\", line 12\n    raise ValueError(\"full, self.label)\n                     ^\n"
     "SyntaxError: unterminated string literal (detected at line 12)\n",
     2},
    {"lost semicolon", "a.c", kC, "int sum = 0;", "int sum = 0",
     "a.c:10:3: error: expected \xe2\x80\x98,\xe2\x80\x99 or \xe2\x80\x98;\xe2\x80\x99 before \xe2\x80\x98"
     "for\xe2\x80\x99\n",
     3},
    {"colon for semicolon", "a.c", kC, "i < n; i++", "i < n: i++",
     "a.c:10:24: error: expected \xe2\x80\x98;\xe2\x80\x99 before \xe2\x80\x98:\xe2\x80\x99 token\n", 3},
    {"block that nothing opens", "a.c", kC, "if (s[i].size > 0) {", "if (s[i].size > 0)",
     "a.c:16:1: error: expected identifier or \xe2\x80\x98(\xe2\x80\x99 before \xe2\x80\x98return\xe2\x80\x99\n", 2},
    {"block that nobody closes", "a.c", kC, "    }\n  }\n", "    }\n",
     "a.c:22:1: error: expected declaration or statement at end of input\n", 3},
    {"lost arrow", "a.js", kJs, "(label) => {", "(label)  {",
     "a.js:15\n  return labels.map((label)  {\n                             ^\n\nSyntaxError: missing ) after argument "
     "list\n",
     3},
    {"word of the language", "a.js", kJs, "function make", "funciton make",
     "a.js:14\nfunciton make(labels) {\n         ^^^^\n\nSyntaxError: Unexpected identifier 'make'\n", 1},
    {"comma for dot", "a.js", kJs, "this.label = label", "this,label = label",
     "a.js:5\n    this,label = label;\n    ^^^^\n\nSyntaxError: Invalid left-hand side in assignment\n", 3},
};

struct Ranked {
  std::string broken;
  std::vector<agent::RankedEdit> edits;
};

Ranked ranked_edits(const char* path, const std::string& broken, const std::string& output) {
  const test::TempDir folder;
  folder.write(path, broken);
  const auto tree = tools::WorkTree::open(folder.path());
  REQUIRE(tree);
  const auto code = agent::CodeBase::load(*tree, "make check", {}, {});
  REQUIRE(code);
  const agent::PathResolver resolver(tree->root(), {path});
  const auto faults = agent::faults_of(*code, agent::read_check_output(output, resolver));
  if (faults.empty()) return {broken, {}};
  return {broken, agent::rank_token_edits(*code, *faults[0].first, faults[0].second, {})};
}

}  // namespace

TEST_CASE("syntax_ranking: one slip of the hand is undone among the first") {
  for (const Slip& slip : kSlips) {
    CAPTURE(std::string(slip.path));
    CAPTURE(std::string(slip.name));
    const size_t at = slip.right.find(slip.meant);
    REQUIRE(at != std::string::npos);
    const std::string broken =
        slip.right.substr(0, at) + slip.typed + slip.right.substr(at + std::string_view(slip.meant).size());
    const Ranked ranked = ranked_edits(slip.path, broken, slip.output);
    size_t rank = 0;
    while (rank < ranked.edits.size() && agent::apply(broken, {ranked.edits[rank].edit.replacement}) != slip.right)
      ++rank;
    CAPTURE(rank);
    CHECK(rank < slip.within);
  }
}

TEST_CASE("syntax_ranking: no edit silences a line by making a comment of it") {
  const std::string broken = "def f(a b):\n    return a\n";
  const Ranked ranked = ranked_edits(
      "a.py", broken, "  File \"a.py\", line 1\n    def f(a b):\n            ^\nSyntaxError: invalid syntax\n");
  REQUIRE(ranked.edits.size() > 3);
  for (size_t i = 0; i < 3; ++i)
    CHECK(agent::apply(broken, {ranked.edits[i].edit.replacement}).find('#') == std::string::npos);
}

TEST_CASE("syntax_ranking: a test is touched only where it cannot be read") {
  const std::string broken = "def test_f():\n    assert (1 == 1\n";
  CHECK_FALSE(ranked_edits(
                  "test_a.py", broken,
                  "  File \"test_a.py\", line 2\n    assert (1 == 1\n           ^\nSyntaxError: '(' was never closed\n")
                  .edits.empty());
  CHECK(ranked_edits("test_a.py", "def test_f():\n    assert 1 == 2\n",
                     "  File \"test_a.py\", line 2, in test_f\n    assert 1 == 2\nAssertionError\n")
            .edits.empty());
}

TEST_CASE("faults_of: a fault begins where the message says: at its column, under its marks, or where the line's code begins") {
  const test::TempDir folder;
  folder.write("a.c", "int f(int *g) {\n  return (g;\n}\n");
  folder.write("b.py", "def f(x):\n    return g x\n");
  const auto tree = tools::WorkTree::open(folder.path());
  REQUIRE(tree);
  const auto code = agent::CodeBase::load(*tree, "make check", {}, {});
  REQUIRE(code);
  const agent::PathResolver resolver(tree->root(), {"a.c", "b.py"});
  const auto faults_in = [&](const char* output) {
    const auto all = agent::faults_of(*code, agent::read_check_output(output, resolver));
    REQUIRE(all.size() == 1);
    return all[0].second;
  };
  const auto column = faults_in("a.c:2:12: error: expected ')' before ';' token\na.c:2:10: note: to match this '('\n");
  REQUIRE(column.size() == 2);
  CHECK(column[0].exact);
  CHECK(column[0].begin == 16 + 11);
  CHECK(column[0].end == column[0].begin);
  CHECK(column[1].begin == 16 + 9);
  const auto past = faults_in("a.c:2:99: error: expected ')'\n");
  CHECK(past[0].begin == 16 + 12);
  const auto bare = faults_in("a.c:2: error: expected ')'\n");
  CHECK_FALSE(bare[0].exact);
  CHECK(bare[0].begin == 16 + 2);
  CHECK(bare[0].end == 16 + 12);
  const auto marked = faults_in("  File \"b.py\", line 2\n    return g x\n           ^^^\nSyntaxError: invalid syntax\n");
  CHECK(marked[0].exact);
  CHECK(marked[0].begin == 10 + 11);
  CHECK(marked[0].end == marked[0].begin + 2);
  // No error above it: the note belongs to nothing.
  CHECK(agent::faults_of(*code, agent::read_check_output("a.c:2:10: note: to match this '('\n", resolver)).empty());
}

TEST_CASE("faults_of: an error inside a macro is blamed on where the macro is used") {
  const test::TempDir folder;
  folder.write("a.h", "#define G(L) (L->g)\n");
  folder.write("a.c", "#include \"a.h\"\nint f(int *g) { return G(g) }\n");
  const auto tree = tools::WorkTree::open(folder.path());
  REQUIRE(tree);
  const auto code = agent::CodeBase::load(*tree, "make check", {}, {});
  REQUIRE(code);
  const agent::PathResolver resolver(tree->root(), {"a.h", "a.c"});
  const auto faults =
      agent::faults_of(*code, agent::read_check_output("a.h:1:15: error: called object is not a function\n"
                                                       "a.c:2:24: note: in expansion of macro 'G'\n",
                                                       resolver));
  REQUIRE(faults.size() == 1);
  CHECK(faults[0].first->path == "a.c");
  CHECK(faults[0].second[0].line == 2);
  CHECK(faults[0].second[0].message.find("called object") != std::string::npos);
}
