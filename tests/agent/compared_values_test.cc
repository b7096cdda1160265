// SPDX-License-Identifier: Apache-2.0
#include "agent/check/compared_values.h"

#include <doctest/doctest.h>

#include "base/strings.h"

namespace {

using Pairs = std::vector<agent::ComparedValues>;

Pairs compared(std::string_view output) {
  agent::ComparedValuesReader reader;
  for (const std::string_view line : base::split_lines(output)) reader.read(line);
  return reader.take();
}

struct Told {
  const char* tool;
  const char* output;
  bool sure;
};

// Each says that `a-b` came out where `a_b` was wanted, in the words of a real run.
constexpr Told kTexts[] = {
    {"pytest",
     "E       AssertionError: assert 'a-b' == 'a_b'\nE         \nE         - a_b\nE         ?  ^\nE         + a-b\nE   "
     "      ?  ^\n",
     true},
    {"unittest", "AssertionError: 'a-b' != 'a_b'\n- a-b\n?  ^\n+ a_b\n?  ^\n", false},
    {"unittest under pytest", "E   AssertionError: 'a-b' != 'a_b'\nE   - a-b\nE   ?  ^\nE   + a_b\nE   ?  ^\n", false},
    {"unittest with a note", "AssertionError: 'a-b' != 'a_b' : how they are joined\n", false},
    {"doctest of Python", "Failed example:\n    print(join())\nExpected:\n    a_b\nGot:\n    a-b\n", true},
    {"node:test",
     "    Expected values to be strictly equal:\n    \n    'a-b' !== 'a_b'\n    \n  expected: 'a_b'\n  actual: 'a-b'\n",
     true},
    {"node:assert, thrown", "Expected values to be strictly equal:\n+ actual - expected\n\n+ 'a-b'\n- 'a_b'\n", true},
    {"Mocha and Chai",
     "      AssertionError: expected 'a-b' to equal 'a_b'\n      + expected - actual\n\n      -a-b\n      +a_b\n",
     true},
    {"Jest",
     "    expect(received).toBe(expected) // Object.is equality\n\n    Expected: \"a_b\"\n    Received: \"a-b\"\n",
     true},
    {"Vitest", "AssertionError: expected 'a-b' to be 'a_b' // Object.is equality\n", true},
    {"tape", "    expected: |-\n      'a_b'\n    actual: |-\n      'a-b'\n", true},
    {"GoogleTest",
     "g.cc:4: Failure\nExpected equality of these values:\n  f()\n    Which is: \"a-b\"\n  \"a_b\"\n[  FAILED  ] "
     "A.text (0 ms)\n",
     false},
    {"Catch2", "c.cc:3: FAILED:\n  CHECK( x==\"a_b\" )\nwith expansion:\n  \"a-b\" == \"a_b\"\n", false},
    {"doctest", "d.cc:3: ERROR: CHECK( x==\"a_b\" ) is NOT correct!\n  values: CHECK( a-b == a_b )\n", false},
    {"doctest, CHECK_EQ", "  values: CHECK_EQ( a-b, a_b )\n", false},
    {"Rust", "assertion `left == right` failed\n  left: \"a-b\"\n right: \"a_b\"\n", false},
    {"Go", "    a_test.go:5: Join() = \"a-b\", want \"a_b\"\n", true},
    {"testify",
     "        Error:      \tNot equal: \n                    \texpected: \"a_b\"\n                    \tactual  : "
     "\"a-b\"\n",
     true},
    {"JUnit 5", "org.opentest4j.AssertionFailedError: expected: <a_b> but was: <a-b>\n", true},
    {"JUnit 4", "org.junit.ComparisonFailure: expected:<a[_]b> but was:<a[-]b>\n", true},
    {"TestNG", "java.lang.AssertionError: expected [a_b] but found [a-b]\n", true},
    {"Unity", "/p/t.c:90:joins:FAIL: Expected 'a_b' Was 'a-b'\n", true},
};

}  // namespace

TEST_CASE("compared values: every tool's words give the same pair, once") {
  for (const Told& told : kTexts) {
    CAPTURE(told.tool);
    const Pairs pairs = compared(told.output);
    REQUIRE(pairs.size() == 1);
    CHECK(pairs[0].actual == "a-b");
    CHECK(pairs[0].expected == "a_b");
    CHECK(pairs[0].sure == told.sure);
  }
}

TEST_CASE("compared values: numbers, lists and members of objects stay as they are printed") {
  CHECK(compared("  120 == 7200 (0x1c20)\n") == Pairs{{"120", "7200", false}});
  CHECK(compared("t.c:5:n:FAIL: Expected 7200 Was 120. the sum\n") == Pairs{{"120", "7200", true}});
  CHECK(compared("AssertionError: Lists differ: ['x', 1] != ['y', 1]\n") == Pairs{{"['x', 1]", "['y', 1]", false}});
  CHECK(compared("- Expected  - 1\n+ Received  + 1\n\n  Object {\n-   \"a\": \"x-y\",\n+   \"a\": \"x y\",\n") ==
        Pairs{{"\"a\": \"x y\"", "\"a\": \"x-y\"", true}});
  CHECK(compared("    a_test.go:9: got 120, want 7200\n    a_test.go:10: got 1; want 2\n") ==
        Pairs{{"120", "7200", true}, {"1", "2", true}});
}

TEST_CASE("compared values: escapes are resolved, and a mark inside of quotes divides nothing") {
  CHECK(compared("E  AssertionError: assert 'a\\n\\'b\\'' == 'a\\tb'\n") == Pairs{{"a\n'b'", "a\tb", false}});
  CHECK(compared("E  assert 'a == b' == 'a != b'\n") == Pairs{{"a == b", "a != b", false}});
}

TEST_CASE("compared values: a message that had to match an expression, or hold a text") {
  const Pairs wanted = {{"Step must be positiev", "must be positive", true, true}};
  CHECK(compared("E   AssertionError: Regex pattern did not match.\nE     Expected regex: 'must be positive'\nE     "
                 "Actual message: 'Step must be positiev'\n") == wanted);
  CHECK(compared("AssertionError: \"must be positive\" does not match \"Step must be positiev\"\n") == wanted);
  CHECK(compared("    Expected substring: \"must be positive\"\n    Received message:   \"Step must be positiev\"\n") ==
        wanted);
  CHECK(compared("      panic message: \"Step must be positiev\"\n expected substring: \"must be positive\"\n") ==
        wanted);
  CHECK(compared(" Regex: 'a\\.b$'\n Input: 'a.c'\n") == Pairs{{"a.c", "a.b", true, true}});
  CHECK(compared(" Regex: 'a.*b'\n Input: 'a.c'\n").empty());
}

TEST_CASE("compared values: values of several lines, and what was raised at the end of a backtrace") {
  CHECK(compared("Expected:\n    a\n    b: c\nGot:\n    a\n    b - c\n***\n") == Pairs{{"a\nb - c", "a\nb: c", true}});
  CHECK(compared("Expected:\n    Traceback (most recent call last):\n        ...\n    ValueError: x y\nGot:\n    "
                 "Traceback (most recent call last):\n"
                 "      File \"a.py\", line 1, in f\n        f()\n        ^^^\n      File \"b.py\", line 2, in g\n     "
                 "   g()\n        ^^^\n    ValueError: x-y\n") == Pairs{{"ValueError: x-y", "ValueError: x y", true}});
}

TEST_CASE("compared values: source, a text that is cut off and comparisons of other kinds are no pairs") {
  for (const char* line :
       {">       assert join(x) == 'a_b'", "  CHECK( f(2) == 3 )", "d.cc:3: ERROR: CHECK( f(2) == 3 ) is NOT correct!",
        "E       AssertionError: assert 'one two' == 'one...", "AssertionError: expected 5 to be above 6",
        "E        +  where 5 = f(2)", "if (a == b) return;", "Expected: 'a", "left: 5", "+ 'a'", "", "x == "}) {
    CAPTURE(line);
    CHECK(compared(line).empty());
  }
}

TEST_CASE("compared values: what is long, equal, or comes after many is left out") {
  const std::string most(agent::ComparedValuesReader::kMaxValue, '1');
  CHECK(compared(base::cat("got ", most, ", want 2\n")).size() == 1);
  CHECK(compared(base::cat("got ", most, "1, want 2\n")).empty());
  CHECK(compared("got 2, want 2\n").empty());
  std::string many;
  for (int i = 0; i < 100; ++i) many += base::cat("got ", i, ", want x\n");
  CHECK(compared(many).size() == agent::ComparedValuesReader::kMost);
}

TEST_CASE("compared values: two sides that stand far apart do not belong together") {
  CHECK(compared("Expected: 1\n\n\nReceived: 2\n").size() == 1);
  CHECK(compared("Expected: 1\na\nb\nc\nd\ne\nf\ng\nReceived: 2\n").empty());
}
