// SPDX-License-Identifier: Apache-2.0
// Traced checks of real Python programs that do not end; skipped, with a word, where there is no isolation.
#include "agent/trace/coverage.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "agent/fix.h"
#include "sandbox/sandbox.h"
#include "tests/support/temp_dir.h"

namespace {

using Lines = std::vector<std::pair<std::string, int>>;

bool isolated() {
  if (sandbox::probe_isolation().available) return true;
  MESSAGE("skipped: no isolation here. " << sandbox::probe_isolation().fix);
  return false;
}

// Line 5 is run by the test that hangs alone: 3 leaves n as it is.
constexpr const char* kCount =
    "def count(n):\n    done = 0\n    while n > 0:\n        if n % 7 == 3:\n            continue\n        n -= one(n)\n"
    "        done += 1\n    return done\n\n\ndef one(n):\n    return 1 if n else 0\n";
constexpr const char* kTests =
    "import unittest\nfrom count import count\n\n\nclass CountTest(unittest.TestCase):\n"
    "    def test_a(self):\n        self.assertEqual(count(2), 2)\n\n    def test_b(self):\n        "
    "self.assertEqual(count(11), 11)\n\n"
    "    def test_c(self):\n        self.assertEqual(count(1), 1)\n\n    def test_d(self):\n        "
    "self.assertEqual(count(0), 0)\n\n"
    "    def test_e(self):\n        self.assertEqual(count(-1), 0)\n";

agent::Coverage trace(const test::TempDir& folder, const std::string& check, int seconds, bool hangs = true) {
  const agent::PathResolver resolver(folder.path(), {"count.py", "test_count.py", "check.py"});
  return agent::trace_check(folder.path(), check, std::chrono::seconds(seconds), hangs, resolver, {});
}

const agent::TracedFailure* hang_in(const agent::Coverage& coverage, std::string_view path) {
  for (const agent::TracedFailure& failure : coverage.failures)
    if (failure.hung && !failure.frames.empty() && failure.frames.back().first == path) return &failure;
  return nullptr;
}

}  // namespace

TEST_CASE(
    "trace_check: of five tests the one that loops is ended, its loop is known, and the tests after it are seen") {
  if (!isolated()) return;
  const test::TempDir folder;
  folder.write("count.py", kCount);
  folder.write("test_count.py", kTests);
  const agent::Coverage found = trace(folder, "python3 -m unittest -q", 20);
  CHECK(found.n_failed == 1);
  CHECK(found.n_passed == 4);
  CHECK_FALSE(found.cut);
  const agent::TracedFailure* hang = hang_in(found, "count.py");
  REQUIRE(hang != nullptr);
  CHECK(hang->test.find("test_b") != std::string::npos);
  CHECK(hang->loop == Lines{{"count.py", 3}, {"count.py", 4}, {"count.py", 5}});
  CHECK(hang->frames.front() == std::pair<std::string, int>{"test_count.py", 10});
  CHECK(found.ochiai("count.py", 5) == doctest::Approx(1));
  CHECK(found.ochiai("count.py", 3) < .6);
  CHECK(found.output.find("test_b") != std::string::npos);
}

TEST_CASE("trace_check: what the endless loop calls is told apart from the loop; pytest's tests are seen as well") {
  if (!isolated()) return;
  if (std::system("python3 -m pytest --version >/dev/null 2>&1") != 0) {
    MESSAGE("skipped: no pytest");
    return;
  }
  const test::TempDir folder;
  folder.write("count.py",
               "def rest(n):\n    while n > 0:\n        try:\n            n += one(n)\n        except:\n            "
               "pass\n    return n\n\n\n"
               "def one(n):\n    return 1 if n else 0\n");
  folder.write("test_count.py",
               "from count import rest\n\n\ndef test_one():\n    assert rest(1) == 0\n\n\ndef test_none():\n    assert "
               "rest(0) == 0\n");
  const agent::Coverage found = trace(folder, "python3 -m pytest -q -p no:cacheprovider", 20);
  const agent::TracedFailure* hang = hang_in(found, "count.py");
  REQUIRE(hang != nullptr);
  CHECK(hang->test == "test_count.py::test_one");
  CHECK(hang->loop == Lines{{"count.py", 2}, {"count.py", 3}, {"count.py", 4}});
  CHECK(std::find(hang->called.begin(), hang->called.end(), std::pair<std::string, int>{"count.py", 11}) !=
        hang->called.end());
  CHECK(std::find(hang->called.begin(), hang->called.end(), std::pair<std::string, int>{"count.py", 4}) ==
        hang->called.end());
  CHECK(found.n_failed == 1);
}

TEST_CASE("trace_check: what a check did beside hanging is known: its seconds, and the memory held before") {
  if (!isolated()) return;
  const test::TempDir folder;
  folder.write(
      "count.py",
      "def fill():\n    out = []\n    while True:\n        out.append([0] * 100)\n\n\ndef rest(n):\n    import time\n"
      "    time.sleep(n)\n    return 0\n");
  folder.write(
      "test_count.py",
      "import unittest\nfrom count import fill, rest\n\n\nclass CountTest(unittest.TestCase):\n"
      "    def test_a(self):\n        self.assertEqual(rest(1), 0)\n\n    def test_b(self):\n        fill()\n\n"
      "    def test_c(self):\n        self.assertEqual(rest(0), 0)\n");
  const agent::Coverage found = trace(folder, "python3 -m unittest -q", 12);
  REQUIRE(hang_in(found, "count.py") != nullptr);
  CHECK(found.n_passed == 2);
  CHECK(found.calm.seconds >= 1);
  CHECK(found.calm.seconds < 3.5);  // the test that hangs was given four seconds
  CHECK(found.calm.memory_bytes > 1u << 20);
  CHECK(found.calm.memory_bytes < 200u << 20);
}

TEST_CASE("trace_check: of a script without tests that hangs what came before its loop is known") {
  if (!isolated()) return;
  const test::TempDir folder;
  folder.write("count.py", kCount);
  folder.write("check.py", "import time\nfrom count import count\ntime.sleep(1)\ncount(11)\n");
  const agent::Coverage found = trace(folder, "python3 check.py", 8);
  REQUIRE(hang_in(found, "count.py") != nullptr);
  CHECK(found.calm.seconds >= 1);
  CHECK(found.calm.seconds < 3);
}

TEST_CASE("trace_check: a loop that takes every Exception is left as well, and the tests after it are seen") {
  if (!isolated()) return;
  const test::TempDir folder;
  folder.write("count.py",
               "def rest(n):\n    while n > 0:\n        try:\n            while n > 0:\n                n += 1\n"
               "        except Exception:\n            pass\n    return n\n");
  folder.write("test_count.py",
               "import unittest\nfrom count import rest\n\n\nclass RestTest(unittest.TestCase):\n    def test_a(self):\n"
               "        self.assertEqual(rest(1), 0)\n\n    def test_b(self):\n        self.assertEqual(rest(0), 0)\n");
  const agent::Coverage found = trace(folder, "python3 -m unittest -q", 12);
  CHECK(found.n_failed == 1);
  CHECK(found.n_passed == 1);
  CHECK(hang_in(found, "count.py") != nullptr);
}

TEST_CASE("trace_check: a test that nothing ends has failed") {
  if (!isolated()) return;
  const test::TempDir folder;
  folder.write("count.py",
               "def rest(n):\n    while True:\n        try:\n            while n > 0:\n                n += 1\n"
               "        except BaseException:\n            pass\n");
  folder.write("test_count.py",
               "import unittest\nfrom count import rest\n\n\nclass RestTest(unittest.TestCase):\n    def test_a(self):\n"
               "        rest(1)\n");
  const agent::Coverage found = trace(folder, "python3 -m unittest -q", 5);
  CHECK(found.n_failed == 1);
  CHECK(found.n_passed == 0);
  CHECK(hang_in(found, "count.py") != nullptr);
}

TEST_CASE("trace_check: a child process that hangs shows its loop, and counts none of its parent's tests again") {
  if (!isolated()) return;
  const test::TempDir folder;
  folder.write("count.py", kCount);
  folder.write("test_count.py",
               "import multiprocessing, unittest\nfrom count import count\n\n\nclass CountTest(unittest.TestCase):\n"
               "    def test_a(self):\n        self.assertEqual(count(2), 2)\n\n    def test_b(self):\n"
               "        child = multiprocessing.get_context(\"fork\").Process(target=count, args=(11,))\n"
               "        child.start()\n        child.join()\n        self.assertEqual(child.exitcode, 0)\n");
  const agent::Coverage found = trace(folder, "python3 -m unittest -q", 12);
  CHECK(found.n_passed == 1);
  const agent::TracedFailure* hang = hang_in(found, "count.py");
  REQUIRE(hang != nullptr);
  CHECK(hang->loop == Lines{{"count.py", 3}, {"count.py", 4}, {"count.py", 5}});
}

TEST_CASE("trace_check: a script that waits for a thread that loops shows both") {
  if (!isolated()) return;
  const test::TempDir folder;
  folder.write("count.py", kCount);
  folder.write("check.py",
               "import threading\nfrom count import count\nwork = threading.Thread(target=count, "
               "args=(11,))\nwork.start()\nwork.join()\n");
  const agent::Coverage found = trace(folder, "python3 check.py", 6);
  const agent::TracedFailure *looping = hang_in(found, "count.py"), *waiting = hang_in(found, "check.py");
  REQUIRE(looping != nullptr);
  REQUIRE(waiting != nullptr);
  CHECK(looping->loop.size() == 3);
  CHECK(waiting->loop.empty());
  CHECK(waiting->frames.back().second == 5);
}

TEST_CASE("trace_check: what never gives the interpreter back leaves its stack, within the limit") {
  if (!isolated()) return;
  const test::TempDir folder;
  folder.write("count.py", "def big():\n    x = 7 ** (3 ** 18)\n    return str(x)\n");
  folder.write("check.py", "from count import big\nbig()\n");
  const auto started = std::chrono::steady_clock::now();
  const agent::Coverage found = trace(folder, "python3 check.py", 5);
  CHECK(std::chrono::steady_clock::now() - started < std::chrono::seconds(60));
  const agent::TracedFailure* hang = hang_in(found, "count.py");
  REQUIRE(hang != nullptr);
  CHECK(hang->frames == Lines{{"check.py", 2}, {"count.py", 2}});
  CHECK(found.calm.seconds == 0);  // not known
}

TEST_CASE(
    "trace_check: where the check is only slow under the tracer no test is ended, and what it ran until the end is "
    "known") {
  if (!isolated()) return;
  const test::TempDir folder;
  folder.write("count.py", "def wait():\n    import time\n    time.sleep(1000)\n");
  folder.write(
      "test_count.py",
      "import unittest\nfrom count import wait\n\n\nclass CountTest(unittest.TestCase):\n    def test_a(self):\n"
      "        self.assertEqual(1, 1)\n\n    def test_b(self):\n        wait()\n");
  const agent::Coverage found = trace(folder, "python3 -m unittest -q", 4, false);
  CHECK(found.n_passed == 1);
  CHECK(found.n_failed == 0);
  CHECK(found.failures.empty());
  CHECK(found.cut);
  CHECK(found.lines.contains("count.py"));
}

TEST_CASE("fix: the loop that does not end is found where the failing test names many other functions") {
  if (!isolated()) return;
  const test::TempDir folder;
  // Nothing but the trace tells the one loop that hangs from eleven others that the test runs before it.
  std::string program, test = "from count import *\n";
  for (int i = 0; i < 12; ++i) {
    const std::string name = "total_" + std::to_string(i), step = i == 7 ? "n += 1" : "n -= 1";
    program += "def " + name + "(n):\n    done = 0\n    while n > 0:\n        " + step +
               "\n        done += 1\n    return done\n\n\n";
    test += "assert " + name + "(3) == 3\n";
  }
  folder.write("count.py", program);
  folder.write("check.py", test);
  agent::FixRequest request;
  request.root = folder.path();
  request.check = "python3 check.py";
  request.check_timeout = std::chrono::seconds(6);
  request.budget_checks = 12;
  const auto report = agent::fix(request, {}, {});
  REQUIRE(report);
  CHECK(report->status == agent::FixReport::Status::kVerified);
  CHECK(report->patch.find("total_7") != std::string::npos);
}
