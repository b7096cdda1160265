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
