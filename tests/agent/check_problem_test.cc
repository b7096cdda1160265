// SPDX-License-Identifier: Apache-2.0
#include "agent/check/check_problem.h"

#include <doctest/doctest.h>

namespace {

std::optional<std::string> problem(const std::string& ending, const std::string& output) {
  const agent::PathResolver resolver("/repo", {"src/a.py", "tests/test_a.py", "a.c", "run.sh"});
  agent::CheckResult first;
  first.ending = ending;
  first.output = output;
  return agent::check_problem(first, agent::read_check_output(output, resolver));
}

}  // namespace

TEST_CASE("check problem: a command, script, target or file that is not there is no mistake of the code") {
  const std::pair<const char*, const char*> said[] = {
      {"exit 127", "sh: 1: nosuchcmd: not found\n"},
      {"exit 127", "bash: line 1: nosuchcmd: command not found\n"},
      {"exit 126", "sh: 1: ./run.sh: Permission denied\n"},
      {"exit 2", "make: *** No rule to make target 'test'.  Stop.\n"},
      {"exit 2", "make: *** No targets specified and no makefile found.  Stop.\n"},
      {"exit 1",
       "npm error Missing script: \"nothing\"\nnpm error\nnpm error To see a list of scripts, run:\nnpm error   npm "
       "run\n"},
      {"exit 1", "npm ERR! missing script: nothing\n"},
      {"exit 101", "error: could not find `Cargo.toml` in `/repo` or any parent directory\n"},
      {"exit 1", "pattern ./...: directory prefix . does not contain main module or its selected dependencies\n"},
      {"exit 2", "/usr/bin/python3: can't open file '/repo/nosuch.py': [Errno 2] No such file or directory\n"},
      {"exit 1", "/usr/bin/python3: No module named pytest\n"},
      {"exit 4", "\nno tests ran in 0.01s\nERROR: file or directory not found: nosuch.py\n\n"},
      {"exit 5", "\n3 deselected in 0.01s\n"},
      {"exit 1", "pattern ./nosuch/...: lstat ./nosuch/: no such file or directory\n"},
      {"exit 1", "stat /repo/nosuch: directory not found\n"},
      {"exit 1", "no Go files in /repo/docs\n"},
      {"exit 101", "error: no test target named `nope` in default-run packages\n"},
      {"exit 101", "error: package ID specification `nope` did not match any packages\n"},
      {"exit 101", "error: no matching package named `left` found\nlocation searched: crates.io index\n"},
      {"exit 1",
       "[ERROR] The goal you specified requires a project to execute but there is no POM in this directory (/repo).\n"},
      {"exit 1", "[ERROR] Unknown lifecycle phase \"tst\". You must specify a valid lifecycle phase\n"},
      {"exit 1",
       "[ERROR] Failed to execute goal x:test on project y: No tests matching pattern \"Nope\" were executed! (Set "
       "z)\n"},
      {"exit 1",
       "[ERROR] Could not resolve dependencies: Cannot access central in offline mode and the artifact a:b:jar:1 has "
       "not been downloaded from it before.\n"},
      {"exit 8", "Test project /repo/build\nNo tests were found!!!\nErrors while running CTest\n"},
      {"exit 1", "Failed to change working directory to \"/repo/nobuild\" : No such file or directory\n"},
      {"exit 1", "Error: could not load cache\n"},
      {"exit 1", "No test files found, exiting with code 1\n\nfilter: nosuch\ninclude: **/*.test.ts\n"},
      {"exit 1",
       "npm error code EAI_AGAIN\nnpm error request to https://example.org/x failed, reason: getaddrinfo EAI_AGAIN "
       "example.org\n"},
  };
  for (const auto& [ending, output] : said) {
    CAPTURE(output);
    const auto found = problem(ending, output);
    REQUIRE(found);
    CHECK(found->find(ending) != std::string::npos);
  }
  CHECK(problem("exit 127", "sh: 1: nosuchcmd: not found\n")->ends_with("said: sh: 1: nosuchcmd: not found"));
}

TEST_CASE("check problem: what failed in the code is never taken for one") {
  CHECK_FALSE(problem("exit 1", "AssertionError: 3 != 4\n"));
  CHECK_FALSE(problem("exit 1", ""));
  // A line of the work tree, a failing test.
  CHECK_FALSE(problem("exit 127", "/repo/run.sh:3: pyhton3: command not found\n"));
  CHECK_FALSE(problem("exit 1", "FAILED tests/test_a.py::test_get - OSError: Temporary failure in name resolution\n"));
  CHECK_FALSE(problem("exit 1",
                      "Traceback (most recent call last):\n  File \"/repo/src/a.py\", line 1, in <module>\n    import "
                      "nosuch\nModuleNotFoundError: No module named 'nosuch'\n"));
  CHECK_FALSE(problem("exit 1", "FAILED tests/test_a.py::test_open - Error: /tmp/x is not a directory\n"));
  CHECK_FALSE(problem("exit 1", "[ERROR] Tests run: 618, Failures: 0, Errors: 1\n"));
  // The words belong to another ending, or to a header that a source asks for.
  CHECK_FALSE(problem("exit 1", "user 7: not found\n"));
  CHECK_FALSE(problem("exit 1", "no tests ran in 0.01s\n"));
  CHECK_FALSE(problem("exit 2", "make: *** No rule to make target 'b.h', needed by 'a.o'.  Stop.\n"));
}

TEST_CASE("check problem: a check that passes or does not end has none") {
  const std::string said = "make: *** No rule to make target 'test'.  Stop.\n";
  agent::CheckResult first;
  first.ending = "exit 0";
  first.output = said;
  first.passed = true;
  CHECK_FALSE(agent::check_problem(first, {}));
  first.passed = false;
  first.timed_out = true;
  CHECK_FALSE(agent::check_problem(first, {}));
}

TEST_CASE("check problem: a build that outlasts the run is no loop of the code") {
  const auto cut = [](const std::string& output) {
    agent::CheckResult first;
    first.ending = "timed out after 60.0 s";
    first.timed_out = true;
    first.output = output;
    return agent::check_problem(first, {});
  };
  for (const char* output :
       {"[1/35] Building CXX object a.o\n[12/35] Building CXX object b.o\n", "[ 12%] Building CXX object b.o\n\n",
        "   Compiling syn v2.0.1\n   Compiling shelf v0.1.0 (/repo)\n",
        "\x1b[32m[ 97%] \x1b[32mLinking CXX executable tests\x1b[0m\n"}) {
    CAPTURE(output);
    const auto found = cut(output);
    REQUIRE(found);
    CHECK(found->find("timed out after 60.0 s") != std::string::npos);
    CHECK(found->find("--check-timeout") != std::string::npos);
  }
  // What comes behind the last step is the tests' own time.
  for (const char* output :
       {"", "[12/35] Building CXX object b.o\n[35/35] Linking CXX executable tests\n", "[100%] Built target tests\n",
        "[ 97%] Building CXX object b.o\nStart 1: sums\n", "   Compiling shelf v0.1.0\n    Finished test profile\n",
        "[3] waits\n", "[1/2\n", "[99999999999999/2] x\n"}) {
    CAPTURE(output);
    CHECK_FALSE(cut(output));
  }
}

TEST_CASE("check problem: a check that passes without a test is told, one that ran some or does not tell is not") {
  const auto passed = [](const std::string& output) {
    agent::CheckResult first;
    first.passed = true;
    first.ending = "exit 0";
    first.output = output;
    return agent::check_problem(first, {});
  };
  const std::string none =
      "running 0 tests\n\ntest result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 2 filtered out; finished in "
      "0.00s\n";
  REQUIRE(passed(none));
  CHECK(passed(none)->find("ran no test") != std::string::npos);
  CHECK(passed("Internal ctest changing into directory: /p/b\nNo tests were found!!!\n"));
  CHECK(passed("ok  \tx\t0.001s [no tests to run]\n?   \tx/y\t[no test files]\n"));
  CHECK_FALSE(
      passed(none + "test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n"));
  CHECK_FALSE(passed("all good\n"));
  CHECK_FALSE(passed(""));
}
