// SPDX-License-Identifier: Apache-2.0
#include "cli/last_words.h"

#include <doctest/doctest.h>

namespace {

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("last words: the end of the output, as a person would read it") {
  CHECK(cli::last_words("a\nb\n\n  c\n", 2) == Lines{"b", "  c"});
  CHECK(cli::last_words("\x1b[31mred\x1b[0m\r\n\x1b[0m\n", 5) == Lines{"red"});
  CHECK(cli::last_words("\tat\tb\n", 3) == Lines{"    at    b"});
  CHECK(cli::last_words("", 3).empty());
  CHECK(cli::last_words("a\nb", 0).empty());
}

TEST_CASE("last words: what a tool says of every failure is left out") {
  CHECK(cli::last_words("[ERROR]   CalcTest.adds:2 expected: <3> but was: <2>\n[INFO] \n[ERROR] \n"
                        "[ERROR] Failed to execute goal test: There are test failures.\n[ERROR] -> [Help 1]\n"
                        "[ERROR] To see the full stack trace of the errors, re-run Maven with the -e switch.\n"
                        "[ERROR] Re-run Maven using the -X switch to enable full debug logging.\n"
                        "[ERROR] For more information about the errors and possible solutions, please read:\n"
                        "[ERROR] [Help 1] http://example.org/MojoFailureException\n",
                        8) == Lines{"[ERROR]   CalcTest.adds:2 expected: <3> but was: <2>",
                                    "[ERROR] Failed to execute goal test: There are test failures."});
  CHECK(cli::last_words("not ok 2 - deep\n1..2\n# tests 3\n# suites 1\n# pass 1\n# fail 2\n# cancelled 0\n# skipped 0\n"
                        "# todo 0\n# duration_ms 80.5\n",
                        8) == Lines{"not ok 2 - deep", "1..2"});
  CHECK(cli::last_words("left: 1\nnote: run with `RUST_BACKTRACE=1` environment variable\n", 3) == Lines{"left: 1"});
}

TEST_CASE("last words: TAP from the first test that failed on") {
  CHECK(cli::last_words("    ok 1 - a\n    not ok 2 - known # TODO later\n    not ok 3 - 2.0.0 is outside\n      ---\n      at:\n"
                        "        line: 65\n      ...\n    1..3\n    # failed 1 of 3 tests\nnot ok 1 - range.js # time=6ms\n  ---\n"
                        "  stdio:\n    - 0\n    - pipe\n  exitCode: 1\n  ...\n1..1\n# failed 1 test\n# time=9ms\n",
                        4) == Lines{"    not ok 3 - 2.0.0 is outside", "      at:", "        line: 65", "    1..3"});
}

TEST_CASE("last words: an end that tells of no failure gives way to where one is told") {
  CHECK(cli::last_words("x.js:1172\n  else throw err\n       ^\n\nError: Cannot find module '../index'\nRequire stack:\n- /p/test/a.js\n"
                        "    at Module._load (node:internal/modules/cjs/loader:1091:12)\n    at load (/p/node_modules/mocha/lib/mocha.js:3:1)\n"
                        "    at Array.forEach (<anonymous>) {\n  code: 'MODULE_NOT_FOUND',\n  requireStack: [\n    '/p/test/a.js',\n"
                        "    '/p/node_modules/mocha/bin/mocha'\n  ]\n}\n\nNode.js v20.20.2\n",
                        4) == Lines{"Error: Cannot find module '../index'", "Require stack:", "- /p/test/a.js", "  code: 'MODULE_NOT_FOUND',"});
  CHECK(cli::last_words("AssertionError: 1 != 2\n\n-----\nRan 2 tests in 0.1s\n\nFAILED (failures=1)\n", 2) ==
        Lines{"Ran 2 tests in 0.1s", "FAILED (failures=1)"});
  CHECK(cli::last_words("one\ntwo\nthree\n", 2) == Lines{"two", "three"});
}

TEST_CASE("last words: what passed beside the failure is left out, and lines that only divide") {
  CHECK(cli::last_words("      Start 21: old_tests\n21/22 Test #21: old_tests ........***Failed    0.00 sec\n/p/old.c:218:first:PASS\n"
                        "/p/old.c:123:second:FAIL: Expected '0' Was '1'\n/p/old.c:220:third:PASS\n\n-----------\n"
                        "3 Tests 1 Failures 0 Ignored \nFAIL\n\n      Start 22: new_tests\n"
                        "22/22 Test #22: new_tests .................   Passed    0.00 sec\n\n95% tests passed, 1 tests failed out of 22\n\n"
                        "Total Test time (real) =   0.05 sec\n\nThe following tests FAILED:\n\t 21 - old_tests (Failed)\n"
                        "Errors while running CTest\n",
                        8) == Lines{"21/22 Test #21: old_tests ........***Failed    0.00 sec", "/p/old.c:123:second:FAIL: Expected '0' Was '1'",
                                    "3 Tests 1 Failures 0 Ignored ", "FAIL", "95% tests passed, 1 tests failed out of 22",
                                    "The following tests FAILED:", "     21 - old_tests (Failed)"});
  CHECK(cli::last_words("____ test_a ____\nE   assert 1 == 2\n====== 1 failed ======\n", 3) ==
        Lines{"____ test_a ____", "E   assert 1 == 2", "====== 1 failed ======"});
}
