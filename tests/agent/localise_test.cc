// SPDX-License-Identifier: Apache-2.0
#include "agent/fix/localise.h"

#include <doctest/doctest.h>

#include "agent/code/file_roles.h"
#include "agent/fix/proposals.h"
#include "agent/fix/ranking.h"
#include "tests/support/temp_dir.h"
#include "tools/work_tree.h"

namespace {

struct Project {
  Project() {
    folder.write("shop/price.py",
                 "def tax(x):\n    return x * 2\n\n\ndef total(xs):\n    s = 0\n    for x in xs:\n        s += "
                 "tax(x)\n    return s\n\n\ndef unused(x):\n    return x - 1\n");
    folder.write("tests/test_price.py",
                 "from shop.price import total\n\n\ndef test_total():\n    assert total([1]) == 3\n");
    folder.write("vendor/lib.py", "def total():\n    pass\n");
    tree.emplace(*tools::WorkTree::open(folder.path()));
    code.emplace(*agent::CodeBase::load(*tree, check, {}, {}));
  }
  agent::Suspects suspects(std::string_view output, const agent::Coverage& coverage = {},
                           const std::vector<std::string>& focus = {}) {
    const agent::PathResolver resolver(tree->root(), {"shop/price.py", "tests/test_price.py", "vendor/lib.py"});
    reading = agent::read_check_output(output, resolver);
    return agent::localise({*code, reading, coverage, {}, focus, check});
  }

  const std::string check = "python3 -m pytest";
  test::TempDir folder;
  std::optional<tools::WorkTree> tree;
  std::optional<agent::CodeBase> code;
  agent::CheckReading reading;
};

}  // namespace

TEST_CASE("localise: what the failing test names is suspect, then what that calls, and hardly anything else") {
  Project p;
  const agent::Suspects found = p.suspects("tests/test_price.py:5: AssertionError\n");
  CHECK(found.weight("shop/price.py", 8) > found.weight("shop/price.py", 2));
  CHECK(found.weight("shop/price.py", 2) > .02);
  CHECK(found.weight("shop/price.py", 13) > 0);
  CHECK(found.weight("shop/price.py", 13) < .02);
  CHECK(found.lines.count("tests/test_price.py") == 0);
  CHECK(found.lines.count("vendor/lib.py") == 0);
}

TEST_CASE("localise: a test beside the code it judges leads to the code, and is not suspect itself") {
  test::TempDir folder;
  folder.write("src/lib.rs",
               "pub fn area(a: i32, b: i32) -> i32 {\n    a + b\n}\n\npub fn unused() -> i32 {\n    "
               "1\n}\n\n#[cfg(test)]\nmod tests {\n    use super::*;\n\n"
               "    #[test]\n    fn squares() {\n        assert_eq!(area(2, 3), 6);\n    }\n}\n");
  const auto tree = tools::WorkTree::open(folder.path());
  const auto code = agent::CodeBase::load(*tree, "cargo test", {}, {});
  REQUIRE(code);
  CHECK(code->find("area").size() == 1);
  CHECK(code->find("squares").empty());  // nothing that a test names leads into another test
  const agent::CodeFile& file = *code->file("src/lib.rs");
  REQUIRE(file.tests.size() == 1);
  const auto [begin, end] = file.tests[0];
  CHECK(file.is_test({begin, end}));
  CHECK(file.is_test({begin - 1, begin + 1}));
  CHECK(file.is_test({end - 1, end + 1}));
  CHECK(file.is_test({begin + 1, begin + 1}));
  CHECK_FALSE(file.is_test({begin, begin}));  // what is put in front of it or behind it
  CHECK_FALSE(file.is_test({end, end}));
  CHECK_FALSE(file.is_test({begin - 5, begin}));
  CHECK_FALSE(file.is_test({end, end + 1}));
  const agent::PathResolver resolver(tree->root(), {"src/lib.rs"});
  for (const char* output : {"---- tests::squares stdout ----\n\nthread 'tests::squares' panicked at "
                             "src/lib.rs:15:9:\nassertion `left == right` failed\n  left: 5\n right: 6\n",
                             "test tests::squares ... FAILED\n"}) {
    CAPTURE(output);
    const agent::CheckReading reading = agent::read_check_output(output, resolver);
    const agent::Suspects found = agent::localise({*code, reading, {}, {}, {}, "cargo test"});
    CHECK(found.weight("src/lib.rs", 2) > 0);
    CHECK(found.weight("src/lib.rs", 6) < .02);
    for (int line = 9; line <= 17; ++line) CHECK(found.weight("src/lib.rs", line) == 0);
  }
}

TEST_CASE("localise: a test that bears the name of its file, as ctest has it, leads to what that file names") {
  Project p;
  p.folder.write("src/calc.c",
                 "int add(int a, int b) {\n  return a - b;\n}\nint take(int a, int b) {\n  return a - b;\n}\n");
  p.folder.write("tests/add_test.c", "int add(int a, int b);\nint main(void) {\n  return add(1, 2) == 3 ? 0 : 1;\n}\n");
  p.folder.write("tests/take_test.c",
                 "int take(int a, int b);\nint main(void) {\n  return take(3, 2) == 1 ? 0 : 1;\n}\n");
  p.code.emplace(*agent::CodeBase::load(*p.tree, "ctest", {}, {}));
  const agent::Suspects suspects = p.suspects("The following tests FAILED:\n\t  1 - add_test (SEGFAULT)\n");
  CHECK(suspects.weight("src/calc.c", 2) > .02);
  CHECK(suspects.weight("src/calc.c", 5) < .02);
  CHECK(suspects.weight("shop/price.py", 2) < .02);
}

TEST_CASE("localise: what a language calls without its name is reached over the type it is called on") {
  test::TempDir folder;
  folder.write("src/kebab.rs",
               "pub struct Kebab<'a>(&'a str);\n\nimpl<'a> fmt::Display for Kebab<'a> {\n    fn fmt(&self, f: &mut "
               "fmt::Formatter) -> fmt::Result {\n        join(self.0, '-', f)\n    }\n}\n\npub fn kebab(s: &str) -> "
               "String {\n    Kebab(s).to_string()\n}\n");
  folder.write("src/join.rs",
               "pub fn join(s: &str, mark: char, f: &mut fmt::Formatter) -> fmt::Result {\n    write!(f, \"{}\", "
               "s)\n}\n\npub fn other(a: i32) -> i32 {\n    a + 1\n}\n");
  folder.write("tests/all.rs", "#[test]\nfn dashes() {\n    assert_eq!(kebab(\"a b\"), \"a-b\");\n}\n");
  const auto tree = tools::WorkTree::open(folder.path());
  REQUIRE(tree);
  const auto code = agent::CodeBase::load(*tree, "cargo test", {}, {});
  REQUIRE(code);
  const agent::PathResolver resolver(tree->root(), {"src/kebab.rs", "src/join.rs", "tests/all.rs"});
  const agent::CheckReading reading = agent::read_check_output("test dashes ... FAILED\n", resolver);
  const agent::Suspects found = agent::localise({*code, reading, {}, {}, {}, "cargo test"});
  CHECK(found.weight("src/join.rs", 2) > .02);
  CHECK(found.weight("src/join.rs", 6) < .02);
}

TEST_CASE("localise: the rest of much code weighs little beside what is suspect, all of it together") {
  Project p;
  std::string much;
  for (int i = 0; i < 400; ++i) much += "def f" + std::to_string(i) + "(x):\n    return x + 1\n";
  p.folder.write("shop/much.py", much);
  p.code.emplace(*agent::CodeBase::load(*p.tree, "python3 -m pytest", {}, {}));
  const agent::Suspects found = p.suspects("tests/test_price.py:5: AssertionError\n");
  double all = 0, rest = 0;
  for (const auto& [path, lines] : found.lines)
    for (const auto& [line, weight] : lines) (path == "shop/much.py" ? rest : all) += weight;
  CHECK(rest > 0);
  CHECK(rest < .1 * all);
}

TEST_CASE("localise: an assertion that fails leads to the function it stands in and to what it calls") {
  test::TempDir folder;
  folder.write("a.py",
               "def half(x):\n    return x / 3\n\n\ndef quarter(x):\n    y = half(x)\n    assert 2 * y == x\n    "
               "return half(y)\n");
  const auto tree = tools::WorkTree::open(folder.path());
  const auto code = agent::CodeBase::load(*tree, "python3 run.py", {}, {});
  REQUIRE(code);
  const agent::PathResolver resolver(tree->root(), {"a.py"});
  const agent::CheckReading reading = agent::read_check_output(
      "Traceback (most recent call last):\n  File \"a.py\", line 7, in quarter\n    assert 2 * y == "
      "x\nAssertionError\n",
      resolver);
  const agent::Suspects found = agent::localise({*code, reading, {}, {}, {}, "python3 run.py"});
  CHECK(found.weight("a.py", 2) > 0);
  CHECK(found.weight("a.py", 6) > 0);
  CHECK(found.weight("a.py", 7) == 0);
}

TEST_CASE("localise: the innermost frame outweighs its callers") {
  Project p;
  const agent::Suspects found = p.suspects(
      "Traceback (most recent call last):\n  File \"tests/test_price.py\", line 5, in test_total\n"
      "  File \"shop/price.py\", line 8, in total\n  File \"shop/price.py\", line 2, in tax\nTypeError: bad\n");
  CHECK(found.weight("shop/price.py", 2) == doctest::Approx(1));
  CHECK(found.weight("shop/price.py", 8) < 1);
  CHECK(found.weight("shop/price.py", 8) > found.weight("shop/price.py", 13));
}

TEST_CASE("localise: a message may name a line far behind the end of the file") {
  Project p;
  const agent::Suspects found =
      p.suspects("shop/price.py:2147483647: error: expected ':'\nshop/price.py:15: error: unexpected end of file\n");
  CHECK(found.weight("shop/price.py", 13) > 0);  // two lines below stand for it
  CHECK(found.lines.at("shop/price.py").rbegin()->first <= 14);
}

TEST_CASE("localise: lines that only failing tests ran outweigh lines that passing tests ran as well") {
  Project p;
  agent::Coverage coverage;
  coverage.n_failed = 1;
  coverage.n_passed = 9;
  coverage.lines["shop/price.py"] = {{2, {1, 0, false}}, {6, {1, 9, false}}, {8, {1, 9, false}}, {13, {0, 3, false}}};
  const agent::Suspects found = p.suspects("tests/test_price.py:5: AssertionError\n", coverage);
  CHECK(found.weight("shop/price.py", 2) > 2 * found.weight("shop/price.py", 8));
  CHECK(found.weight("shop/price.py", 13) == 0);
  CHECK(coverage.ochiai("shop/price.py", 2) == doctest::Approx(1));
  CHECK(coverage.ochiai("shop/price.py", 6) == doctest::Approx(0.316).epsilon(0.01));
}

TEST_CASE("localise: of a file of which all code is known a line without any is neither run nor left out") {
  Project p;
  agent::Coverage coverage;
  coverage.n_failed = 1;
  coverage.n_passed = 9;
  // 8 may go on in the statement of 7.
  coverage.lines["shop/price.py"] = {{2, {0, 1, false}}, {7, {1, 0, false}}};
  const char* const output = "tests/test_price.py:5: AssertionError\n";
  const agent::Suspects some = p.suspects(output, coverage);
  coverage.all_code = {"shop/price.py"};
  const agent::Suspects all = p.suspects(output, coverage);
  const auto share = [](const agent::Suspects& found, int line) {
    return found.weight("shop/price.py", line) / found.weight("shop/price.py", 7);
  };
  CHECK(share(all, 8) > 10 * share(some, 8));
  CHECK(share(all, 2) == doctest::Approx(share(some, 2)));
}

TEST_CASE("localise: where no failing test was seen under the tracer what passing tests run takes nothing away") {
  Project p;
  agent::Coverage coverage;
  coverage.n_passed = 9;
  coverage.lines["shop/price.py"] = {{2, {0, 9, false}}, {6, {0, 9, false}}};
  const char* const output = "tests/test_price.py:5: AssertionError\n";
  const agent::Suspects found = p.suspects(output, coverage), plain = p.suspects(output);
  CHECK(plain.weight("shop/price.py", 2) > 0);
  CHECK(found.weight("shop/price.py", 2) == doctest::Approx(plain.weight("shop/price.py", 2)));
  CHECK(found.weight("shop/price.py", 8) == doctest::Approx(plain.weight("shop/price.py", 8)));
}

TEST_CASE("localise: without any clue every line of the code is suspect, those in focus most") {
  Project p;
  const agent::Suspects found = p.suspects("something went wrong\n");
  CHECK(found.weight("shop/price.py", 13) > 0);
  CHECK(found.lines.count("tests/test_price.py") == 0);
}

TEST_CASE("rank_mutations: the kind that the symptoms speak for comes first") {
  Project p;
  const agent::Suspects found = p.suspects("tests/test_price.py:5: AssertionError\n");
  const auto share = [&](agent::MutationKind kind, std::set<agent::Symptom> symptoms) {
    double sum = 0, all = 0;
    for (const agent::Candidate& candidate : agent::rank_mutations(*p.code, found, symptoms, 10000)) {
      all += candidate.score;
      if (candidate.kind == kind) sum += candidate.score;
    }
    return sum / all;
  };
  CHECK(share(agent::MutationKind::kGuard, {agent::Symptom::kDivisionByZero}) >
        2 * share(agent::MutationKind::kGuard, {}));
  CHECK(agent::symptom_factor(agent::MutationKind::kAwait, {agent::Symptom::kCoroutine}) > 10);
}

TEST_CASE("propose: what turns a whole condition round is told apart, unless only failing tests run its line") {
  test::TempDir folder;
  folder.write("room.py",
               "def room(a, b, free):\n    if a < b and free:\n        return a is b\n    return not free\n");
  const auto tree = tools::WorkTree::open(folder.path());
  REQUIRE(tree);
  auto code = agent::CodeBase::load(*tree, "pytest", {}, {});
  REQUIRE(code);
  const agent::PathResolver resolver(tree->root(), {"room.py"});
  agent::Coverage coverage;
  const auto turned = [&](std::string_view description) {
    agent::Ground ground;
    ground.reading = agent::read_check_output("room.py:2: AssertionError\n", resolver);
    const agent::FixRequest request;
    const auto found = agent::propose({*code, coverage, {}, request, nullptr}, ground, {});
    REQUIRE(found);
    for (const agent::Candidate& candidate : found->candidates)
      if (candidate.description == description) return candidate.turns_condition;
    FAIL("not proposed: " << description);
    return false;
  };
  for (const char* round : {"`<` becomes `>`", "`<` becomes `>=`", "`and` becomes `or`",
                            "`a < b and free` becomes `free`", "`is` becomes `is not`", "`not free` becomes `free`"}) {
    CAPTURE(round);
    CHECK(turned(round));
  }
  for (const char* narrow : {"`<` becomes `<=`", "`b` becomes `b - 1`"}) {
    CAPTURE(narrow);
    CHECK_FALSE(turned(narrow));
  }
  coverage.has_tests = true;
  coverage.n_failed = 1;
  coverage.n_passed = 1;
  coverage.lines["room.py"] = {{2, {1, 0, false}}, {3, {1, 1, false}}};
  CHECK_FALSE(turned("`<` becomes `>`"));
  CHECK(turned("`is` becomes `is not`"));
}

TEST_CASE("rank: where an error is raised on purpose, what led there comes before the words of the error") {
  for (const auto& [path, text] : std::vector<std::pair<std::string, std::string>>{
           {"last.py",
            "def last(xs, n):\n    end = len(xs) + n\n    if end > len(xs):\n        raise ValueError(n + 1)\n    "
            "return xs[end]\n"},
           {"last.js",
            "function last(xs, n) {\n  const end = xs.length + n;\n  if (end > xs.length)\n    throw new Error(n + "
            "1);\n  return xs[end];\n}\n"}}) {
    CAPTURE(path);
    const test::TempDir folder;
    folder.write(path, text);
    const auto tree = tools::WorkTree::open(folder.path());
    REQUIRE(tree);
    const auto code = agent::CodeBase::load(*tree, "check", {}, {});
    REQUIRE(code);
    agent::Suspects suspects;
    suspects.lines[path] = {{2, 1}, {3, 1}, {4, 1}};
    double raised = 0, before = 0;
    for (const agent::Candidate& candidate : agent::rank_mutations(*code, suspects, {}, 1000))
      if (candidate.description.starts_with("`+` becomes")) (candidate.line == 4 ? raised : before) += candidate.score;
    CHECK(raised > 0);
    CHECK(raised < .5 * before);
  }
}

TEST_CASE("rank: a way out for what is nothing is hardly turned round") {
  const test::TempDir folder;
  folder.write("a.go",
               "package a\n\nfunc f(s string) (int, error) {\n\tv, err := g(s)\n\tif err != nil {\n\t\treturn 0, "
               "err\n\t}\n\tif v != 3 {\n\t\treturn 1, nil\n\t}\n\treturn v, nil\n}\n");
  folder.write(
      "a.c",
      "int f(int *p, int n) {\n    if (p == NULL) return 0;\n    if ((n > 1) || (p->next == NULL))\n    {\n        "
      "return 0;\n    }\n    if (n == 2) return 1;\n    if (p == NULL) n = 1;\n    return n;\n}\n");
  const auto tree = tools::WorkTree::open(folder.path());
  REQUIRE(tree);
  const auto code = agent::CodeBase::load(*tree, "make check", {}, {});
  REQUIRE(code);
  const auto score = [&](const std::string& path, int line) {
    agent::Suspects suspects;
    for (int i = 1; i <= 12; ++i) suspects.lines[path][i] = 1;
    for (const agent::Candidate& candidate : agent::rank_mutations(*code, suspects, {}, 1000))
      if (candidate.line == line && (candidate.description.starts_with("`!=` becomes `==`") ||
                                     candidate.description.starts_with("`==` becomes `!=`")))
        return candidate.score;
    return 0.;
  };
  CHECK(score("a.go", 5) > 0);
  CHECK(score("a.go", 5) < .5 * score("a.go", 8));
  CHECK(score("a.c", 2) < .5 * score("a.c", 7));
  CHECK(score("a.c", 3) < .5 * score("a.c", 7));
  CHECK(score("a.c", 8) == doctest::Approx(score("a.c", 7)));
}

TEST_CASE("file roles: tests, other people's code and judges are never edited") {
  for (const char* path :
       {"tests/a.py", "src/a_test.cc", "a.test.ts", "conftest.py", "src/__tests__/a.js", "AppTest.java", "test_a.py"}) {
    CAPTURE(path);
    CHECK(agent::is_test_path(path));
    CHECK_FALSE(agent::is_editable_path(path, "make check"));
  }
  for (const char* path : {"node_modules/a/b.js", "vendor/x.go", "build/gen.cc", "src/a_pb2.py", "third_party/z.c"}) {
    CAPTURE(path);
    CHECK_FALSE(agent::is_editable_path(path, "make check"));
  }
  CHECK_FALSE(agent::is_editable_path("verify.py", "python3 verify.py"));
  CHECK(agent::is_editable_path("main.py", "python3 main.py"));
  // "shortest" holds "test", and the test's name ends with the program's.
  CHECK(agent::is_editable_path("src/shortest_path.py", "python3 -m pytest checks/test_shortest_path.py"));
  CHECK(agent::is_editable_path("shortest_path.py", "python3 shortest_path.py"));
  CHECK_FALSE(agent::is_editable_path("runtests.py", "python3 runtests.py"));
  CHECK_FALSE(agent::is_editable_path("python_testcases/load.py", "python3 -m pytest"));
  CHECK(agent::is_editable_path("src/latest.cc", "make check"));
  CHECK_FALSE(agent::is_editable_path("README.md", "make check"));
}

TEST_CASE("file roles: a check's own program is its judge, and no part of a repair; names that end alike are not") {
  CHECK(agent::is_judge_path("check.py", "python3 check.py"));
  CHECK(agent::is_judge_path("tools/run_test.sh", "sh tools/run_test.sh total.py"));
  CHECK_FALSE(agent::is_judge_path("tools/run_test.sh", "sh total.sh"));
  CHECK_FALSE(agent::is_judge_path("check.py", "python3 precheck.py"));
  CHECK_FALSE(agent::is_judge_path("check.py", "python3 check.pyx"));
  CHECK_FALSE(agent::is_judge_path("total.py", "python3 total.py"));
  // "test" that ends another word; one that only begins as such a word does.
  CHECK_FALSE(agent::is_judge_path("shortest_path.py", "python3 shortest_path.py"));
  CHECK(agent::is_judge_path("latestest.py", "python3 latestest.py"));
  CHECK(agent::is_judge_path("latests.py", "python3 latests.py"));
}

TEST_CASE("rank: a default that is made anew acts where the function begins to run, not at its head") {
  const test::TempDir folder;
  folder.write(
      "bag.py",
      "def put(x, bag=[]):\n    \"\"\"Puts it in.\"\"\"\n    bag.append(x)\n    return bag\n\n\ndef take(bag):\n"
      "    return bag[0]\n");
  const auto tree = tools::WorkTree::open(folder.path());
  REQUIRE(tree);
  const auto code = agent::CodeBase::load(*tree, "check", {}, {});
  REQUIRE(code);
  const auto is_offered = [&](std::map<int, double> lines) {
    agent::Suspects suspects;
    suspects.lines["bag.py"] = std::move(lines);
    const auto found = agent::rank_mutations(*code, suspects, {}, 1000);
    CHECK_FALSE(found.empty());
    return std::any_of(found.begin(), found.end(), [](const agent::Candidate& candidate) {
      const bool anew = candidate.description == "default `[]` of `bag` is made anew at each call";
      CHECK(candidate.two_places == anew);
      return candidate.line == 1 && anew;
    });
  };
  CHECK(is_offered({{3, 1}, {4, 1}}));
  CHECK_FALSE(is_offered({{8, 1}}));
}
