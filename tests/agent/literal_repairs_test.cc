// SPDX-License-Identifier: Apache-2.0
#include "agent/fix/literal_repairs.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "agent/fix/text_difference.h"
#include "tests/support/temp_dir.h"
#include "tools/work_tree.h"

namespace {

// The file's text under each repair, best first, where every line is suspect.
struct Repairs {
  Repairs(const std::string& path, const std::string& text, const std::vector<agent::ComparedValues>& compared) {
    test::TempDir folder;
    folder.write(path, text);
    const auto tree = tools::WorkTree::open(folder.path());
    const auto code = agent::CodeBase::load(*tree, "check", {}, {});
    REQUIRE(code);
    agent::Suspects suspects;
    for (int line = 1; line <= code->file(path)->n_lines(); ++line) suspects.lines[path][line] = 1;
    for (const agent::Candidate& one : agent::literal_repairs(*code, suspects, compared)) {
      texts.push_back(agent::apply(text, one.replacements));
      score += one.score;
    }
  }
  bool has(const std::string& text) const { return std::find(texts.begin(), texts.end(), text) != texts.end(); }

  std::vector<std::string> texts;
  double score = 0;
};

std::optional<std::string> became(const agent::TextDifference& difference, std::string_view part) {
  const size_t at = difference.before().find(part);
  REQUIRE(at != std::string::npos);
  return difference.became(at, at + part.size());
}

}  // namespace

TEST_CASE("text difference: a part becomes what stands in its place") {
  const agent::TextDifference moved("total: 5 pcs, done", "total = 5 items, done");
  CHECK(became(moved, ": ") == " = ");
  CHECK(became(moved, "pcs") == "items");
  CHECK(became(moved, " pcs,") == " items,");
  CHECK(became(moved, "done") == std::nullopt);
  CHECK(became(agent::TextDifference("/m~1n", "/m~0n"), "1") == "0");
  CHECK(became(agent::TextDifference("xaby", "xcdy"), "xa") == std::nullopt);  // ends inside of what changed
}

TEST_CASE("text difference: what was put in at an end of a part belongs to it, what was replaced beside it does not") {
  const agent::TextDifference put_in("a,b", "a, b");
  CHECK(became(put_in, ",") == ", ");
  CHECK(became(put_in, "b") == " b");
  const agent::TextDifference beside("x-1", "x+1");
  CHECK(became(beside, "x") == std::nullopt);
  CHECK(became(beside, "1") == std::nullopt);
  CHECK(became(agent::TextDifference("x-1 a", "x+1 b"), "1 a") == "1 b");
  CHECK(agent::TextDifference("same", "same").changes().empty());
  CHECK(agent::TextDifference("", "all").became(0, 0) == "all");
}

TEST_CASE("literal repairs: a character becomes the one that was wanted in its place") {
  const Repairs repairs("a.c", "void f(char* to) { to[0] = '~'; to[1] = '1'; to[2] = 'x'; }\n",
                        {{"/m~1n", "/m~0n", true}});
  REQUIRE_FALSE(repairs.texts.empty());
  CHECK(repairs.texts[0] == "void f(char* to) { to[0] = '~'; to[1] = '0'; to[2] = 'x'; }\n");
}

TEST_CASE("literal repairs: of a text with placeholders the part that differs changes") {
  const std::vector<agent::ComparedValues> shown = {{"anna: 3 items", "anna has 3 items", true}};
  CHECK(Repairs("a.py", "def f(n, k):\n    return f'{n}: {k} items'\n", shown).texts.at(0) ==
        "def f(n, k):\n    return f'{n} has {k} items'\n");
  CHECK(Repairs("a.py", "def f(n, k):\n    return '%s: %d items' % (n, k)\n", shown).texts.at(0) ==
        "def f(n, k):\n    return '%s has %d items' % (n, k)\n");
  CHECK(Repairs("a.js", "const f = (n, k) => `${n}: ${k} items`;\n", shown).texts.at(0) ==
        "const f = (n, k) => `${n} has ${k} items`;\n");
  CHECK(Repairs("a.rs", "fn f(n: &str, k: u8) -> String { format!(\"{}: {} items\", n, k) }\n", shown)
            .has("fn f(n: &str, k: u8) -> String { format!(\"{} has {} items\", n, k) }\n"));
}

TEST_CASE("literal repairs: what is put into a literal is escaped as its language wants") {
  CHECK(Repairs("a.py", "x = 'yes no'\n", {{"yes no", "yes 'n\\o'\n", true}}).texts.at(0) ==
        "x = 'yes \\'n\\\\o\\'\\n'\n");
}

TEST_CASE("literal repairs: what would be read as a placeholder is not put between placeholders") {
  for (const std::string& text :
       Repairs("a.py", "def f(n):\n    return f'{n} items'\n", {{"3 items", "3 {items}", true}}).texts)
    CHECK(text.find("{items}") == std::string::npos);
  CHECK(Repairs("a.py", "def f(n):\n    return 'all items'\n", {{"all items", "all {items}", true}})
            .has("def f(n):\n    return 'all {items}'\n"));
}

TEST_CASE("literal repairs: an empty text joins with what the test wants between") {
  CHECK(Repairs("a.py", "def f(xs):\n    return ''.join(xs)\n", {{"abc", "a-b-c", true}})
            .texts.empty());  // one word: no seam is seen
  CHECK(Repairs("a.py", "def f(xs):\n    return ''.join(xs)\n", {{"[a][b][c]", "[a] [b] [c]", true}}).texts.at(0) ==
        "def f(xs):\n    return ' '.join(xs)\n");
}

TEST_CASE("literal repairs: numbers become the expected one, or move as the result has to") {
  const Repairs same("a.py", "def f(x):\n    return 404 if x else 200\n", {{"404", "410", true}});
  CHECK(same.texts.at(0) == "def f(x):\n    return 410 if x else 200\n");
  const Repairs scaled("a.py", "def f(h):\n    return h * 60\n", {{"120", "7200", true}, {"60", "3600", true}});
  CHECK(scaled.has("def f(h):\n    return h * 3600\n"));
  const Repairs rate("a.js", "const tax = (x) => x * 0.2;\n", {{"20", "15", true}});
  CHECK(rate.has("const tax = (x) => x * 0.15;\n"));
  CHECK_FALSE(rate.has("const tax = (x) => x * -4.8;\n"));
}

TEST_CASE("literal repairs: where only a part of a message was asked for, the rest of it stays") {
  CHECK(Repairs("a.py", "def f():\n    raise ValueError('Step size must be positiev.')\n",
                {{"Step size must be positiev.", "must be positive", true, true}})
            .texts.at(0) == "def f():\n    raise ValueError('Step size must be positive.')\n");
}

TEST_CASE("literal repairs: numbers are printed with the zeros and decimals that were wanted") {
  const std::vector<agent::ComparedValues> zeros = {{"9:5", "9:05", true}},
                                           decimals = {{"cost 3.14159", "cost 3.14", true}};
  CHECK(
      Repairs("a.py", "def f(h, m):\n    return f'{h}:{m}'\n", zeros).has("def f(h, m):\n    return f'{h}:{m:02}'\n"));
  CHECK(Repairs("a.c", "int f(char* s, int h, int m) { return sprintf(s, \"%d:%d\", h, m); }\n", zeros)
            .has("int f(char* s, int h, int m) { return sprintf(s, \"%d:%02d\", h, m); }\n"));
  CHECK(Repairs("a.js", "const f = (h, m) => `${h}:${m}`;\n", zeros)
            .has("const f = (h, m) => `${h}:${String(m).padStart(2, \"0\")}`;\n"));
  CHECK(Repairs("a.rs", "fn f(h: u8, m: u8) -> String { format!(\"{}:{}\", h, m) }\n", zeros)
            .has("fn f(h: u8, m: u8) -> String { format!(\"{}:{:02}\", h, m) }\n"));
  CHECK(
      Repairs("a.py", "def f(x):\n    return f'cost {x}'\n", decimals).has("def f(x):\n    return f'cost {x:.2f}'\n"));
  CHECK(Repairs("a.py", "def f(x):\n    return 'cost %.5f' % x\n", decimals)
            .has("def f(x):\n    return 'cost %.2f' % x\n"));
  CHECK(Repairs("a.js", "const f = (x) => `cost ${x.toFixed(5)}`;\n", decimals)
            .has("const f = (x) => `cost ${x.toFixed(2)}`;\n"));
  // Another number is no other format.
  for (const std::string& text :
       Repairs("a.py", "def f(x):\n    return f'cost {x}'\n", {{"cost 7", "cost 12", true}}).texts)
    CHECK(text.find("{x}") != std::string::npos);
}

TEST_CASE("literal repairs: where nobody said which value was wanted both ways are tried, the usual one first") {
  const Repairs repairs("a.py", "a = 'left'\nb = 'right'\n", {{"left", "right", false}});
  REQUIRE(repairs.texts.size() == 2);
  CHECK(repairs.texts[0] == "a = 'right'\nb = 'right'\n");
  CHECK(repairs.texts[1] == "a = 'left'\nb = 'left'\n");
}

TEST_CASE("literal repairs: a text that another value shows otherwise comes behind one that all values agree on") {
  CHECK(Repairs("a.py", "x = 'one'\ny = 'two'\n", {{"one two", "uno dos", true}, {"one", "four", true}}).texts.at(0) ==
        "x = 'one'\ny = 'dos'\n");
}

TEST_CASE(
    "literal repairs: nothing without a failed comparison, nothing in documentation and raw texts, a bounded share") {
  const std::string text = "def f():\n    'one two'\n    return r'one two', 'one two'\n";
  CHECK(Repairs("a.py", text, {}).texts.empty());
  const Repairs repairs("a.py", text, {{"one two", "one three", true}});
  REQUIRE(repairs.texts.size() == 1);
  CHECK(repairs.texts[0] == "def f():\n    'one two'\n    return r'one two', 'one three'\n");
  std::string many;
  for (int i = 0; i < 200; ++i) many += "print('one two', 'two', 'one')\n";
  const Repairs flood("a.py", many, {{"one two", "two three", true}, {"one two", "one one", false}});
  CHECK(flood.texts.size() == agent::kMostLiteralRepairs);
  CHECK(flood.score <= doctest::Approx(agent::kLiteralShare));
}
