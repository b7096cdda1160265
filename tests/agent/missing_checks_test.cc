// SPDX-License-Identifier: Apache-2.0
#include "agent/fix/missing_checks.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "agent/fix/expected_errors.h"
#include "base/strings.h"
#include "tests/support/temp_dir.h"
#include "tools/work_tree.h"

namespace {

struct Project {
  Project(const std::string& at, const std::string& program, const std::string& test_path = "",
          const std::string& test_text = "")
      : path(at), text(program) {
    folder.write(path, text);
    if (!test_path.empty()) folder.write(test_path, test_text);
    const auto tree = tools::WorkTree::open(folder.path());
    code.emplace(*agent::CodeBase::load(*tree, "check", {}, {}));
    resolver.emplace(tree->root(), std::vector<std::string>{path, test_path});
  }
  std::vector<agent::ExpectedError> errors(std::string_view output) const {
    return agent::expected_errors(*code, agent::read_check_output(output, *resolver));
  }
  // The file's text under each repair, best first.
  std::vector<std::string> repairs(std::string_view output) const {
    std::vector<std::string> texts;
    double score = 0;
    for (const agent::Candidate& one : agent::missing_checks(*code, agent::read_check_output(output, *resolver))) {
      CHECK(one.path == path);
      texts.push_back(agent::apply(text, one.replacements));
      score += one.score;
    }
    CHECK(score <= doctest::Approx(agent::kMissingCheckShare));
    return texts;
  }

  std::string path, text;
  test::TempDir folder;
  std::optional<agent::CodeBase> code;
  std::optional<agent::PathResolver> resolver;
};

bool has(const std::vector<std::string>& texts, const std::string& text) {
  return std::find(texts.begin(), texts.end(), text) != texts.end();
}

const std::string kArea = "def area(w, h):\n    \"\"\"Of a rectangle.\"\"\"\n    return w * h\n";

struct Asked {
  const char* tool;
  const char* test;
  const char* output;
  const char* type;
  const char* message;
};

// All of them hand -1 and 2 to area.
constexpr Asked kPython[] = {
    {"pytest", "def test_a():\n    with pytest.raises(ValueError, match=\"w is bad\"):\n        area(-1, 2)\n",
     "E       Failed: DID NOT RAISE <class 'ValueError'>\n\ntest_a.py:2: Failed\n", "ValueError", "w is bad"},
    {"pytest without words",
     "def test_a():\n    with pytest.raises(KeyError):\n        area(-1, 2)\n\n    assert area(1, 2) == 'x'\n",
     "E       Failed: DID NOT RAISE <class 'KeyError'>\n\ntest_a.py:2: Failed\n", "KeyError", ""},
    {"unittest",
     "class T(TestCase):\n    def test_a(self):\n        with self.assertRaisesRegex(ValueError, \"w is bad\"):\n      "
     "      area(-1, 2)\n",
     "  File \"test_a.py\", line 3, in test_a\n    with self.assertRaisesRegex(ValueError, \"w is "
     "bad\"):\nAssertionError: ValueError not raised\n",
     "ValueError", "w is bad"},
    {"unittest, the function handed over",
     "class T(TestCase):\n    def test_a(self):\n        self.assertRaises(TypeError, area, -1, 2)\n",
     "  File \"test_a.py\", line 3, in test_a\nAssertionError: TypeError not raised by area\n", "TypeError", ""},
};

}  // namespace

TEST_CASE("expected errors: what Python's tests ask for") {
  for (const Asked& asked : kPython) {
    CAPTURE(asked.tool);
    const Project p("shape.py", kArea, "test_a.py", asked.test);
    const auto errors = p.errors(asked.output);
    REQUIRE(errors.size() == 1);
    CHECK(errors[0].type == asked.type);
    CHECK(errors[0].message == asked.message);
    CHECK(errors[0].callee.symbol->name == "area");
    CHECK(errors[0].arguments == std::vector<std::string>{"-1", "2"});
  }
}

TEST_CASE("expected errors: an example in the documentation that should end in a backtrace") {
  const Project p("shape.py",
                  "def area(w, h):\n    \"\"\"\n    >>> area(-1, 2)\n    Traceback (most recent call last):\n        "
                  "...\n    ValueError: w: bad\n    >>> "
                  "area(1, 2)\n    2\n    \"\"\"\n    return w * h\n");
  const auto errors =
      p.errors("File \"shape.py\", line 3, in shape.area\nFailed example:\n    area(-1, 2)\nGot:\n    -2\n");
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].type == "ValueError");
  CHECK(errors[0].message == "w: bad");
  CHECK(p.errors("File \"shape.py\", line 7, in shape.area\nFailed example:\n    area(1, 2)\n").empty());
}

TEST_CASE("expected errors: JavaScript's and C++'s assertions") {
  const std::string js = "function area(w, h) {\n  return w * h;\n}\nmodule.exports = { area };\n";
  const auto node =
      Project(
          "shape.js", js, "shape.test.js",
          "test('x', () => {\n  assert.throws(() => area(-1, 2), { name: 'RangeError', message: 'w is bad' });\n});\n")
          .errors("  error: 'Missing expected exception (RangeError).'\n    at shape.test.js:2:10\n");
  REQUIRE(node.size() == 1);
  CHECK(node[0].type == "RangeError");
  CHECK(node[0].message == "w is bad");
  const auto jest = Project("shape.js", js, "shape.test.js",
                            "test('x', () => {\n  expect(() => area([1, 2], f(3, 4))).toThrow('w is bad');\n});\n")
                        .errors("    Received function did not throw\n      at Object.toThrow (shape.test.js:2:32)\n");
  REQUIRE(jest.size() == 1);
  CHECK(jest[0].type.empty());
  CHECK(jest[0].arguments == std::vector<std::string>{"[1, 2]", "f(3, 4)"});
  const auto cpp = Project("shape.h", "inline int area(int w, int h) { return w * h; }\n", "shape_test.cc",
                           "TEST_CASE(\"x\") {\n  CHECK_THROWS_AS(area(-1, 2), std::invalid_argument);\n}\n")
                       .errors(
                           "shape_test.cc:1:\nTEST CASE:  x\n\nshape_test.cc:2: ERROR: CHECK_THROWS_AS( area(-1, 2), "
                           "std::invalid_argument ) did NOT throw at all!\n");
  REQUIRE(cpp.size() == 1);
  CHECK(cpp[0].type == "std::invalid_argument");
  CHECK(cpp[0].message.empty());
}

TEST_CASE("expected errors: nothing where none was missing, where the call is unknown or the test says no such thing") {
  const Project p(
      "shape.py", kArea, "test_a.py",
      "def test_a():\n    with pytest.raises(ValueError):\n        other(-1)\n    assert area(1, 2) == 3\n");
  CHECK(p.errors("E       Failed: DID NOT RAISE <class 'ValueError'>\n\ntest_a.py:2: Failed\n").empty());
  CHECK(p.errors("E       Failed: DID NOT RAISE <class 'ValueError'>\n\ntest_a.py:4: Failed\n").empty());
  CHECK(p.errors("E       assert 2 == 3\n\ntest_a.py:4: AssertionError\n").empty());
  CHECK(p.errors("").empty());
}

TEST_CASE("missing checks: the check comes first in the function, behind its documentation, with the test's error") {
  const Project p("shape.py", kArea, "test_a.py", kPython[0].test);
  const auto repairs = p.repairs(kPython[0].output);
  REQUIRE_FALSE(repairs.empty());
  CHECK(repairs[0] ==
        "def area(w, h):\n    \"\"\"Of a rectangle.\"\"\"\n    if w < 0:\n        raise ValueError(\"w is bad\")\n    "
        "return w * h\n");
  CHECK(has(repairs,
            "def area(w, h):\n    \"\"\"Of a rectangle.\"\"\"\n    if w <= 0:\n        raise ValueError(\"w is "
            "bad\")\n    return w * h\n"));
}

TEST_CASE("missing checks: an example in the function's own documentation asks for one too") {
  const std::string head =
      "def area(w, h):\n    \"\"\"\n    >>> area(-1, 2)\n    Traceback (most recent call last):\n        ...\n    "
      "ValueError: w is bad\n    \"\"\"\n";
  const Project p("shape.py", head + "    return w * h\n");
  CHECK(has(p.repairs("File \"shape.py\", line 3, in shape.area\nFailed example:\n    area(-1, 2)\nGot:\n    -2\n"),
            head + "    if w < 0:\n        raise ValueError(\"w is bad\")\n    return w * h\n"));
}

TEST_CASE("missing checks: of values they come behind the checks there are, of types before them") {
  const std::string head = "def area(w, h):\n", known = "    if h < 0:\n        raise ValueError(\"h is bad\")\n",
                    tail = "    return w * h\n";
  const Project values("shape.py", head + known + tail, "test_a.py", kPython[0].test);
  CHECK(values.repairs(kPython[0].output).at(0) ==
        head + known + "    if w < 0:\n        raise ValueError(\"w is bad\")\n" + tail);
  const Project types("shape.py", head + known + tail, "test_a.py",
                      "def test_a():\n    with pytest.raises(TypeError):\n        area('1', 2)\n");
  CHECK(types.repairs("E       Failed: DID NOT RAISE <class 'TypeError'>\n\ntest_a.py:2: Failed\n").at(0) ==
        head + "    if not isinstance(w, int):\n        raise TypeError(\"w must be a number\")\n" + known + tail);
}

TEST_CASE("missing checks: where the test leaves the words open the check says what it looks for") {
  const Project p("shape.py", kArea, "test_a.py", kPython[1].test);
  CHECK(p.repairs(kPython[1].output).at(0) ==
        "def area(w, h):\n    \"\"\"Of a rectangle.\"\"\"\n    if w < 0:\n        raise KeyError(\"w must not be "
        "negative\")\n    return w * h\n");
}

TEST_CASE(
    "missing checks: two arguments that are wrong in the same way share a condition; by name they are known too") {
  const Project p("shape.py", kArea, "test_a.py",
                  "def test_a():\n    with pytest.raises(ValueError):\n        area(-1, 2)\n\n\ndef test_b():\n    "
                  "with pytest.raises(ValueError):\n        area(1, h=-2)\n");
  const auto repairs =
      p.repairs("E  Failed: DID NOT RAISE\ntest_a.py:2: Failed\nE  Failed: DID NOT RAISE\ntest_a.py:7: Failed\n");
  CHECK(has(repairs,
            "def area(w, h):\n    \"\"\"Of a rectangle.\"\"\"\n    if h < 0 or w < 0:\n        raise ValueError(\"h "
            "must not be negative\")\n    return w * h\n"));
}

TEST_CASE("missing checks: a method of C++ on one line keeps to it, and its header knows the error") {
  const Project p("shape.h", "#pragma once\n#include <string>\n\nstruct Shape {\n  int area(int w) { return w; }\n};\n",
                  "shape_test.cc",
                  "TEST_CASE(\"x\") {\n  CHECK_THROWS_AS(shape.area(-1), std::invalid_argument);\n}\n");
  CHECK(p.repairs(
             "shape_test.cc:2: ERROR: CHECK_THROWS_AS( shape.area(-1), std::invalid_argument ) did NOT throw at all!\n")
            .at(0) ==
        "#pragma once\n#include <stdexcept>\n#include <string>\n\nstruct Shape {\n  int area(int w) { if (w < 0) throw "
        "std::invalid_argument(\"w must not be "
        "negative\"); return w; }\n};\n");
}

TEST_CASE("suspect conditions: what may be wrong with an argument, in each language") {
  const auto best = [](tools::Language language, std::string_view argument, std::string_view message = "") {
    auto all = agent::suspect_conditions(language, "n", argument, message);
    std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
    return all.empty() ? std::string() : all[0].first;
  };
  using tools::Language;
  CHECK(best(Language::kPython, "-1") == "n < 0");
  CHECK(best(Language::kPython, "0") == "n <= 0");
  CHECK(best(Language::kPython, "''") == "not n");
  CHECK(best(Language::kPython, "'abc'") == "not isinstance(n, int)");
  CHECK(best(Language::kPython, "2.5") == "not isinstance(n, int)");
  CHECK(best(Language::kPython, "None") == "n is None");
  CHECK(best(Language::kPython, "[]") == "not n");
  CHECK(best(Language::kPython, "[3, -1]") == "any(x < 0 for x in n)");
  CHECK(best(Language::kPython, "101", "between 0 and 100") == "n > 100");
  CHECK(best(Language::kPython, "3", "at least 5") == "n < 5");
  CHECK(best(Language::kJavaScript, "\"\"") == "n.length === 0");
  CHECK(best(Language::kJavaScript, "2.5") == "!Number.isInteger(n)");
  CHECK(best(Language::kJavaScript, "undefined") == "n == null");
  CHECK(best(Language::kCpp, "\"\"") == "n.empty()");
  CHECK(best(Language::kCpp, "nullptr") == "n == nullptr");
  CHECK(best(Language::kJava, "\"\"") == "n.isEmpty()");
  CHECK(best(Language::kPython, "other") == "");
  CHECK(best(Language::kPython, "") == "");
  CHECK(best(Language::kGo, "-1") == "");
}
