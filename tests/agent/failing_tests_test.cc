// SPDX-License-Identifier: Apache-2.0
#include "agent/check/failing_tests.h"

#include <doctest/doctest.h>

#include "base/strings.h"

namespace {

using Names = std::vector<std::string>;

Names failing(std::string_view output) {
  agent::FailingTests tests;
  for (const std::string_view line : base::split_lines(output)) tests.read(line);
  return tests.names();
}

}  // namespace

TEST_CASE("failing tests: unittest and pytest, each by its own name, and no name for their sums") {
  CHECK(failing("ERROR: test_b (m.T.test_b)\nFAIL: test_a (m.T.test_a)\nFAILED (failures=1, errors=1)\n") ==
        Names{"test_a (m.T.test_a)", "test_b (m.T.test_b)"});
  CHECK(failing("FAILED tests/t.py::test_a - assert 1 == 2\nERROR tests/u.py - ImportError\nERROR in setup\n") ==
        Names{"tests/t.py::test_a", "tests/u.py"});
  CHECK(failing("FAILED tests/t.py::test_a[3 (x)] - no\n") == Names{"tests/t.py::test_a[3 (x)]"});
}

TEST_CASE("failing tests: of Python's doctest the docstrings in its sums; other counts are none") {
  CHECK(failing("2 items had failures:\n   1 of   1 in shop.cheapest\n  12 of  30 in shop.Cart.total\n***Test "
                "Failed*** 13 failures.") == Names{"shop.Cart.total", "shop.cheapest"});
  CHECK(failing("2 items had failures:\n 1 of 2 in shop\n") == Names{"shop"});
  CHECK(
      failing("File \"shop.py\", line 16, in shop.cheapest\n3 of 4 in all of them\n0 of 2 in shop\n5 of us\n").empty());
}

TEST_CASE("failing tests: TAP's numbers and times are no part of a name; what is meant to fail is no failure") {
  CHECK(failing("not ok 1 - adds - two\n    not ok 3 - muls (fast) # time=0.4ms\nnot ok 4 - later # TODO some day\n"
                "not ok 5 - here # SKIP no such machine\nok 6 - fine\n") == Names{"adds - two", "muls (fast)"});
  CHECK(failing("not ok 1 - a\nnot ok 2 - b\n") == Names{"a", "b"});
}

TEST_CASE("failing tests: node's and jest's lines, without their times and headings") {
  CHECK(failing("\xe2\x9c\x96 adds (1.301771ms)\n\xe2\x9c\x96 muls (fast) (0.1ms)\n\n\xe2\x9c\x96 failing tests:\n") ==
        Names{"adds", "muls (fast)"});
  CHECK(failing("  \xe2\x9c\x95 adds (5 ms)\n  \xe2\x97\x8f calc \xe2\x80\xba adds\n") ==
        Names{"adds", "calc \xe2\x80\xba adds"});
  CHECK(failing(" FAIL  test/a.test.ts > calc > adds\n") == Names{"test/a.test.ts > calc > adds"});
}

TEST_CASE("failing tests: mocha numbers its failures; other lists with numbers are none") {
  const std::string_view mocha =
      "  calc\n    1) adds two\n    \xe2\x9c\x94 subs\n\n  1 passing (3ms)\n  1 failing\n\n  1) calc\n       adds "
      "two:\n";
  CHECK(failing(mocha) == Names{"adds two", "calc"});
  CHECK(failing("To do:\n  1) wash up\n  2) dry\n").empty());
}

TEST_CASE("failing tests: Maven, Gradle and JUnit's two consoles") {
  CHECK(failing("[ERROR] Tests run: 3, Failures: 1, Errors: 1, Skipped: 0, Time elapsed: 0.079 s <<< FAILURE! -- in T\n"
                "[ERROR] CalcTest.thrown -- Time elapsed: 0.018 s <<< ERROR!\n"
                "[ERROR] adds(CalcTest)  Time elapsed: 0.008 s  <<< FAILURE!\n") ==
        Names{"CalcTest.thrown", "adds(CalcTest)"});
  CHECK(failing("CalcTest > adds() FAILED\n") == Names{"CalcTest > adds()"});
  CHECK(failing("1) adds(CalcTest)\n") == Names{"adds(CalcTest)"});
  CHECK(failing("|   '-- adds() [X] expected: <3> but was: <2>\n") == Names{"adds()"});
}

TEST_CASE("failing tests: Go, Rust, and the frameworks of C and C++") {
  CHECK(failing(
            "--- FAIL: TestAdds (0.00s)\n    --- FAIL: TestAdds/two (1.20s)\nFAIL\texample.com/calc\t0.01s\nFAIL\n") ==
        Names{"TestAdds", "TestAdds/two"});
  CHECK(failing("test tests::adds ... FAILED\ntest result: FAILED. 1 passed; 1 failed\n") == Names{"tests::adds"});
  CHECK(failing("[  FAILED  ] Calc.Adds (0 ms)\n[  FAILED  ] 1 test, listed below:\n[  FAILED  ] Calc.Adds\n") ==
        Names{"Calc.Adds"});
  CHECK(failing("TEST CASE:  calc: adds (twice)\n") == Names{"calc: adds (twice)"});
  const std::string dashes(79, '-'), dots(79, '.');
  CHECK(failing("~~~\ncalc_test is a Catch v2.13.11 host application.\n\n" + dashes + "\nCalc adds\n  When negative\n" +
                dashes + "\na.cpp:5\n" + dots + "\n\na.cpp:7: FAILED:\n  CHECK( 1 == 2 )\n\na.cpp:8: FAILED:\n\n" +
                dashes + "\nCalc warns\n" + dashes + "\na.cpp:9\n" + dots + "\n\na.cpp:10: warning:\n  odd\n") ==
        Names{"Calc adds/When negative"});
  CHECK(failing(dashes + "\nsome text\n\nb.cpp:7: FAILED:\n") == Names{});
  CHECK(failing("tests/calc.c:12:test_adds:FAIL: Expected 3 Was 2\n") == Names{"test_adds"});
  CHECK(failing("a.cpp(5): error: in \"calc/adds\": check 1 == 2 has failed\n") == Names{"calc/adds"});
  CHECK(failing("\t  3 - calc_test (Failed)\n") == Names{"calc_test"});
  CHECK(failing("\t 14 - calc_test (SEGFAULT)\n\t 15 - sum (two) (Subprocess aborted)     slow unit\n") ==
        Names{"calc_test", "sum (two)"});
  CHECK(failing("\t  4 - calc_test (Disabled)\n 4 - of (Fail) all\n") == Names{});
}
