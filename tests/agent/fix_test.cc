// SPDX-License-Identifier: Apache-2.0
// Whole repairs in the real sandbox; skipped, with a word, where there is no isolation.
#include "agent/fix.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>

#include "agent/check/check_runner.h"
#include "agent/evidence_words.h"
#include "sandbox/sandbox.h"
#include "tests/support/temp_dir.h"

namespace {

using Status = agent::FixReport::Status;

bool isolated() {
  if (sandbox::probe_isolation().available) return true;
  MESSAGE("skipped: no isolation here. " << sandbox::probe_isolation().fix);
  return false;
}

agent::FixReport repair(const test::TempDir& folder, const std::string& check, int budget = 40) {
  agent::FixRequest request;
  request.root = folder.path();
  request.check = check;
  request.budget_checks = budget;
  request.check_timeout = std::chrono::seconds(30);
  auto report = agent::fix(request, {}, {});
  REQUIRE_MESSAGE(report, (report ? "" : report.error().message));
  return *report;
}

constexpr const char* kTests =
    "import unittest\nfrom shelf import Shelf\n\n\nclass ShelfTest(unittest.TestCase):\n"
    "    def test_room(self):\n        s = Shelf(2)\n        s.put('a')\n        self.assertTrue(s.has_room())\n       "
    " s.put('b')\n"
    "        self.assertFalse(s.has_room())\n\n    def test_empty(self):\n        self.assertEqual(Shelf(1).things, "
    "[])\n";

}  // namespace

TEST_CASE("fix: a wrong comparison behind a failing unittest is repaired, and the work tree stays as it was") {
  if (!isolated()) return;
  const test::TempDir folder;
  const std::string broken =
      "class Shelf:\n    def __init__(self, size):\n        self.size = size\n        self.things = []\n\n"
      "    def put(self, thing):\n        self.things.append(thing)\n\n    def has_room(self):\n        return "
      "len(self.things) <= self.size\n";
  folder.write("shelf.py", broken);
  folder.write("test_shelf.py", kTests);
  const agent::FixReport report = repair(folder, "python3 -m unittest -q");
  REQUIRE(report.status == Status::kVerified);
  CHECK(report.patch.find("+        return len(self.things) < self.size") != std::string::npos);
  CHECK(report.proposer == "mutation: comparison");
  CHECK(report.evidence.size() >= 3);
  CHECK(report.evidence.front().tree == "base");
  CHECK(report.checks >= 1);
  CHECK(folder.read("shelf.py") == broken);
}

TEST_CASE("fix: a test in the file of the code it judges is not edited, though that would make the check pass") {
  if (!isolated()) return;
  const test::TempDir folder;
  // A test that no small edit of the code satisfies: only without it, or with another number in it, would the check
  // pass.
  folder.write(
      "shelf.py",
      "import unittest\n\n\ndef size(things):\n    return len(things)\n\n\nclass SizeTest(unittest.TestCase):\n"
      "    def test_size(self):\n        self.assertEqual(size([1]), 1)\n        self.assertEqual(size([1]), "
      "2)\n\n\nif __name__ == '__main__':\n    unittest.main()\n");
  const agent::FixReport report = repair(folder, "python3 shelf.py", 60);
  CHECK(report.status == Status::kNone);
  CHECK(report.patch.empty());
}

TEST_CASE("fix: a C program that lacks an include is repaired through the compiler's message") {
  if (!isolated()) return;
  if (std::system("cc --version >/dev/null 2>&1") != 0) {
    MESSAGE("skipped: no C compiler");
    return;
  }
  const test::TempDir folder;
  folder.write("len.c",
               "#include <stdio.h>\n\nint main(void) {\n  printf(\"%zu\\n\", strlen(\"abc\"));\n  return 0;\n}\n");
  const agent::FixReport report = repair(folder, "cc -Werror len.c -o len && test \"$(./len)\" = 3");
  REQUIRE(report.status == Status::kVerified);
  CHECK(report.patch.find("+#include <string.h>") != std::string::npos);
  CHECK(report.proposer == "diagnostic: missing include");
}

TEST_CASE("fix: in a work tree that is built already a candidate gets the time that its compilation takes") {
  if (!isolated()) return;
  const test::TempDir folder;
  folder.write("Makefile", "test: larger.c test_larger.c\n\tsleep 3.2\n\tcc -g -o test larger.c test_larger.c\n");
  folder.write("larger.c", "int larger(int a, int b) {\n  if (a < b) return a;\n  return b;\n}\n");
  folder.write("test_larger.c",
               "#include <assert.h>\n\nint larger(int a, int b);\n\n"
               "int main(void) {\n  assert(larger(1, 2) == 2);\n  assert(larger(3, 2) == 3);\n  return 0;\n}\n");
  REQUIRE(std::system(("make -s -C " + folder.path().string()).c_str()) == 0);
  const agent::FixReport report = repair(folder, "make -s test && ./test", 4);
  REQUIRE(report.status == Status::kVerified);
  CHECK(report.patch.find("+  if (a > b) return a;") != std::string::npos);
  CHECK(report.timed_out == 0);
  CHECK(report.evidence.front().seconds < 3);  // there was nothing to build
}

TEST_CASE("fix: what passes once it is built again is out of date, and nothing is changed for it") {
  if (!isolated()) return;
  const test::TempDir folder;
  folder.write("Makefile", "prog: prog.c\n\tcc -g -o prog prog.c\n");
  folder.write("prog.c", "#include <assert.h>\n\nint main(void) {\n  int n = 1;\n  assert(n == 2);\n  return 0;\n}\n");
  REQUIRE(std::system(("make -s -C " + folder.path().string()).c_str()) == 0);
  folder.write("prog.c", "#include <assert.h>\n\nint main(void) {\n  int n = 2;\n  assert(n == 2);\n  return 0;\n}\n");
  std::filesystem::last_write_time(folder.path() / "prog.c", std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
  agent::FixRequest request;
  request.root = folder.path();
  request.check = "make -s prog && ./prog";
  const auto report = agent::fix(request, {}, {});
  REQUIRE_FALSE(report);
  CHECK(report.error().message.find("passes once prog.c is built again, unchanged: what is built is out of date") != std::string::npos);
}

TEST_CASE("fix: a change that has the failing test skipped is no repair") {
  if (!isolated()) return;
  const test::TempDir folder;
  // No small edit satisfies the test; one in `supported` has it skipped, and the check then passes.
  folder.write("shelf.py",
               "def supported(version):\n    return version > 2\n\n\ndef size(things):\n    return len(things)\n");
  folder.write("test_shelf.py",
               "import unittest\nfrom shelf import size, supported\n\n\nclass ShelfTest(unittest.TestCase):\n"
               "    def test_other(self):\n        self.assertEqual(size([]), 0)\n\n"
               "    def test_size(self):\n        if not supported(3):\n            self.skipTest('too old')\n"
               "        self.assertEqual(size([1]), 1)\n        self.assertEqual(size([1]), 2)\n");
  const agent::FixReport report = repair(folder, "python3 -m unittest -q", 60);
  CHECK(report.status == Status::kNone);
  CHECK(report.patch.empty());
  CHECK(std::any_of(report.tried.begin(), report.tried.end(), [](const std::string& said) {
    return said.starts_with("no repair: with shelf.py:2") && said.find("is skipped") != std::string::npos;
  }));
}

TEST_CASE("fix: a check that passes already is told apart from a repair") {
  if (!isolated()) return;
  const test::TempDir folder;
  folder.write("a.py", "x = 1\n");
  CHECK(repair(folder, "true").status == Status::kAlreadyPasses);
}

TEST_CASE("fix: what no edit can repair is an honest no that says what was tried") {
  if (!isolated()) return;
  const test::TempDir folder;
  folder.write("a.py", "def f(x):\n    return x + 1\n");
  folder.write("big.py", std::string(600'000, '#'));
  folder.write("latin.py", "x = '\xe9'\n");
  const agent::FixReport report =
      repair(folder, "echo a.py:2: error; head -c 3000000 /dev/zero | tr '\\0' 'y'; exit 3", 3);
  CHECK(report.status == Status::kNone);
  CHECK(report.checks <= 3);
  CHECK_FALSE(report.tried.empty());
  CHECK(report.evidence.front().ending == "exit 3");
}

TEST_CASE("fix: where a test fails for a reason of its own, the change that repairs the others is named, not offered") {
  if (!isolated()) return;
  const test::TempDir folder;
  folder.write("area.py", "def area(w, h):\n    return w + h\n");
  folder.write("test_area.py",
               "import unittest\nfrom area import area\n\n\nclass AreaTest(unittest.TestCase):\n"
               "    def test_area(self):\n        self.assertEqual(area(3, 5), 15)\n\n"
               "    def test_wide(self):\n        self.assertEqual(area(7, 1), 7)\n\n"
               "    def test_machine(self):\n        open('/no/such/file').close()\n");
  const agent::FixReport report = repair(folder, "python3 -m unittest -q", 30);
  CHECK(report.status == Status::kNone);
  CHECK(report.patch.empty());
  const auto says = [&](std::string_view words) {
    return std::any_of(report.tried.begin(), report.tried.end(),
                       [&](const std::string& line) { return line.find(words) != std::string::npos; });
  };
  CHECK(report.tried.front().starts_with("fails: test_area (test_area.AreaTest"));
  CHECK(says("repairs a part: area.py:2 `+` becomes `*`"));
  CHECK(says("2 of the 3 failing tests pass with it. What still fails: "));
  CHECK(says("test_machine"));
}

TEST_CASE("fix: a check that hangs ends at its limit, also with children that left its group") {
  if (!isolated()) return;
  const test::TempDir folder;
  folder.write("a.py", "x = 1\n");
  agent::FixRequest request;
  request.root = folder.path();
  request.check = "setsid sleep 1000 & sleep 1000";
  request.check_timeout = std::chrono::milliseconds(300);
  request.budget_checks = 1;
  const auto report = agent::fix(request, {}, {});
  REQUIRE(report);
  CHECK(report->status == Status::kNone);
  CHECK(report->evidence.front().ending.find("timed out") != std::string::npos);
}

TEST_CASE("fix: candidates that loop for ever end long before the check's limit, and the repair behind them is found") {
  if (!isolated()) return;
  const test::TempDir folder;
  folder.write(
      "count.py",
      "def steps(n):\n    done = 0\n    while n > 0:\n        n -= 1\n        done += 1\n    return done - 1\n");
  // Every change of the answer but the right one hangs.
  folder.write("check.py",
               "from count import steps\ngot = steps(3)\nwhile got not in (2, 3):\n    pass\nassert got == 3, got\n");
  agent::FixRequest request;
  request.root = folder.path();
  request.check = "python3 check.py";
  request.check_timeout = std::chrono::minutes(10);
  const auto report = agent::fix(request, {}, {});
  REQUIRE(report);
  CHECK(report->status == Status::kVerified);
  CHECK(report->timed_out >= 1);
  CHECK(report->candidate_limit_seconds < 60);
}

TEST_CASE("fix: a loop that appends for ever is repaired within its runs, though most candidates fill the memory too") {
  if (!isolated()) return;
  const test::TempDir folder;
  folder.write(
      "chunk.py",
      "def chunks(items, n):\n    out = []\n    i = 0\n    while i < len(items):\n        out.append(items[i:i + n])\n "
      "       i += 0\n"
      "    return out\n\n\ndef widest(rows):\n    best = 0\n    for row in rows:\n        if len(row) > best:\n"
      "            best = len(row)\n    return best\n");
  folder.write(
      "test_chunk.py",
      "import unittest\nfrom chunk import chunks, widest\n\n\nclass ChunkTest(unittest.TestCase):\n    def "
      "test_chunks(self):\n"
      "        self.assertEqual(chunks([1, 2, 3, 4, 5], 2), [[1, 2], [3, 4], [5]])\n\n    def test_whole(self):\n"
      "        self.assertEqual(chunks([1, 2, 3], 3), [[1, 2, 3]])\n\n    def test_widest(self):\n        "
      "self.assertEqual(widest([[1], [1, 2]]), 2)\n");
  agent::FixRequest request;
  request.root = folder.path();
  request.check = "python3 -m unittest -q";
  request.check_timeout = std::chrono::seconds(6);
  const auto report = agent::fix(request, {}, {});
  REQUIRE(report);
  REQUIRE(report->status == Status::kVerified);
  CHECK(report->patch.find("+        i += n") != std::string::npos);
  // Of those that ended, those before it: how many are cut short, and how many look on for others after it, hangs on
  // the machine's speed.
  CHECK(report->checks - report->timed_out - report->others_tried <= 15);
}

TEST_CASE("fix: what passes when no time is left for its proof is named, and not offered") {
  if (!isolated()) return;
  const test::TempDir folder;
  folder.write("a.py", "def wait():\n    return 1\n");
  agent::FixRequest request;
  request.root = folder.path();
  request.check = "if grep -q 'return 1$' a.py; then exit 1; fi; sleep 2.4";
  request.budget_time = std::chrono::seconds(4);
  request.budget_checks = 1;
  request.focus = {"a.py"};
  const auto report = agent::fix(request, {}, {});
  REQUIRE(report);
  CHECK(report->status == Status::kNone);
  CHECK(report->patch.empty());
  if (report->timed_out > 0 || report->checks == 0) return;  // a busy machine: nothing passed
  CHECK(report->summary.find("no time was left to prove it") != std::string::npos);
}

TEST_CASE("fix: a run that was slow rather than broken is not offered a repair") {
  if (!isolated()) return;
  const test::TempDir folder;
  folder.write("a.py", "def wait():\n    return 1\n");
  agent::FixRequest request;
  request.root = folder.path();
  request.check = "if grep -q 'return 1$' a.py; then sleep 60; else sleep 4.5; fi";
  request.check_timeout = std::chrono::seconds(8);
  request.budget_checks = 2;  // the second with more time
  request.focus = {"a.py"};
  const auto report = agent::fix(request, {}, {});
  REQUIRE(report);
  CHECK(report->status == Status::kNone);
  const bool said = std::any_of(report->tried.begin(), report->tried.end(),
                                [](const std::string& line) { return line.find("too near") != std::string::npos; });
  CHECK(said);
}

TEST_CASE("fix: a stop request during a run ends it with kCancelled") {
  if (!isolated()) return;
  const test::TempDir folder;
  folder.write("a.py", "x = 1\n");
  std::stop_source source;
  agent::FixRequest request;
  request.root = folder.path();
  request.check = "sleep 1000";
  const auto report = agent::fix(
      request, [&](const agent::FixProgress&) { source.request_stop(); }, source.get_token());
  REQUIRE_FALSE(report);
  CHECK(report.error().code == base::ErrorCode::kCancelled);
}

TEST_CASE("fix: an empty check and a folder that is not there are errors with a sentence") {
  const test::TempDir folder;
  agent::FixRequest request;
  request.root = folder.path() / "nowhere";
  request.check = "true";
  CHECK_FALSE(agent::fix(request, {}, {}));
  request.root = folder.path();
  request.check = "  ";
  const auto report = agent::fix(request, {}, {});
  REQUIRE_FALSE(report);
  CHECK(report.error().message.find("check is empty") != std::string::npos);
}

// A check that takes no time of its own: what has run tells itself in the output.
TEST_CASE("fix: a check that cannot run is said to, and costs no candidate's run") {
  if (!isolated()) return;
  const test::TempDir folder;
  folder.write("a.py", "def f(x):\n    return x < 1\n");
  agent::FixRequest request;
  request.root = folder.path();
  const std::pair<const char*, const char*> checks[] = {{"no-such-command --all", "no-such-command: not found"},
                                                        {"make no-such-target", "'no-such-target'"},
                                                        {"python3 no_such_test.py", "no_such_test.py'"}};
  for (const auto& [check, said] : checks) {
    request.check = check;
    std::vector<std::string> phases;
    const auto report = agent::fix(request, [&](const agent::FixProgress& now) { phases.push_back(now.phase); }, {});
    REQUIRE_FALSE(report);
    CHECK(report.error().code == base::ErrorCode::kInvalidArgument);
    CHECK(report.error().message.find(said) != std::string::npos);
    CHECK(std::find(phases.begin(), phases.end(), "trying") == phases.end());
  }
}

TEST_CASE("check runner: tests put in front refuse a state alone; what passes has run all; a reset forgets them") {
  if (!isolated()) return;
  if (std::system("python3 -m pytest --version >/dev/null 2>&1") != 0) {
    MESSAGE("skipped: no pytest");
    return;
  }
  const test::TempDir folder;
  folder.write("shelf.py", "def has_room(things, size):\n    return len(things) <= size\n");
  folder.write(
      "test_shelf.py",
      "from shelf import has_room\n\n\ndef test_other():\n    print('other has run')\n    assert has_room([], 1)\n\n\n"
      "def test_room():\n    print('room has run')\n    assert not has_room([1], 1)\n");
  const auto tree = tools::WorkTree::open(folder.path());
  REQUIRE(tree);
  auto checker = agent::open_check_runner(*tree, "PYTHONPATH=. python3 -m pytest -q -s -p no:cacheprovider",
                                          std::chrono::minutes(1));
  REQUIRE(checker);
  const auto has_run = [&](const agent::Overlay& overlay, const char* test) {
    auto result = (*checker)->run(overlay, {});
    REQUIRE(result);
    CHECK(result->passed == !overlay.empty());
    return result->output.find(std::string(test) + " has run") != std::string::npos;
  };
  const agent::Overlay repaired = {{"shelf.py", "def has_room(things, size):\n    return len(things) < size\n"}};
  CHECK(has_run({}, "other"));
  auto told = (*checker)->put_first({"test_shelf.py::test_room"});
  REQUIRE(told);
  CHECK(*told);
  CHECK_FALSE(has_run({}, "other"));
  CHECK(has_run({}, "room"));
  CHECK(has_run(repaired, "other"));
  REQUIRE((*checker)->reset());
  CHECK(has_run({}, "other"));
  told = (*checker)->put_first({"test_room (shelf.Test)"});  // no name of pytest's
  REQUIRE(told);
  CHECK_FALSE(*told);
}

TEST_CASE("check runner: compiled modules are kept between runs, and those of another state are not taken for this one's") {
  if (!isolated()) return;
  const test::TempDir folder;
  folder.write("shelf.py", "size = 1\n");
  const auto tree = tools::WorkTree::open(folder.path());
  REQUIRE(tree);
  auto checker = agent::open_check_runner(*tree, "ls __pycache__ 2>/dev/null; python3 -c 'import shelf; print(\"size\", shelf.size)'",
                                          std::chrono::minutes(1));
  REQUIRE(checker);
  // Of the same length, as fast one after another as they run, there and back.
  for (const std::string size : {"1", "2", "3", "2", "1", "2"}) {
    CAPTURE(size);
    auto result = (*checker)->run(size == "1" ? agent::Overlay() : agent::Overlay{{"shelf.py", "size = " + size + "\n"}}, {});
    REQUIRE(result);
    CHECK(result->output.find("size " + size + "\n") != std::string::npos);
    CHECK(result->cpu_seconds > 0);
    CHECK(result->cpu_seconds < 60);
  }
  auto last = (*checker)->run({}, {});
  REQUIRE(last);
  CHECK(last->output.find("shelf.cpython-") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(folder.path() / "__pycache__"));
}

TEST_CASE("fix: runs side by side lead to the same repair") {
  if (!isolated()) return;
  const test::TempDir folder;
  folder.write("shelf.py",
               "class Shelf:\n    def __init__(self, size):\n        self.size = size\n        self.things = []\n\n"
               "    def put(self, thing):\n        self.things.append(thing)\n\n    def has_room(self):\n        return "
               "len(self.things) <= self.size\n");
  folder.write("test_shelf.py", kTests);
  std::vector<std::string> patches;
  for (const int n : {1, 3}) {
    CAPTURE(n);
    agent::FixRequest request;
    request.root = folder.path();
    request.check = "python3 -m unittest -q";
    request.budget_checks = 30;
    request.check_timeout = std::chrono::seconds(30);
    request.side_by_side = n;
    auto report = agent::fix(request, {}, {});
    REQUIRE_MESSAGE(report, (report ? "" : report.error().message));
    REQUIRE(report->status == Status::kVerified);
    patches.push_back(report->patch);
  }
  CHECK(patches[0] == patches[1]);
}

TEST_CASE("check runner: ctest tells what a failing test says without being asked to") {
  if (!isolated()) return;
  if (std::system("ctest --version >/dev/null 2>&1") != 0) {
    MESSAGE("skipped: no ctest");
    return;
  }
  const test::TempDir folder;
  folder.write("CTestTestfile.cmake", "add_test(adds sh -c \"echo calc.c:7: 3 is not 4; exit 1\")\n");
  const auto tree = tools::WorkTree::open(folder.path());
  REQUIRE(tree);
  for (const auto& [check, tells] : {std::pair{"ctest", true}, std::pair{"CTEST_OUTPUT_ON_FAILURE=0 ctest", false}}) {
    CAPTURE(check);
    auto checker = agent::open_check_runner(*tree, check, std::chrono::minutes(1));
    REQUIRE(checker);
    auto result = (*checker)->run({}, {});
    REQUIRE(result);
    CHECK_FALSE(result->passed);
    CHECK((result->output.find("calc.c:7: 3 is not 4") != std::string::npos) == tells);
  }
}

TEST_CASE(
    "fix: a patch comes with how many tests run its line, and with the other changes that pass, which are not proven") {
  if (!isolated()) return;
  if (std::system("python3 -m pytest --version >/dev/null 2>&1") != 0) {
    MESSAGE("skipped: no pytest");
    return;
  }
  const test::TempDir folder;
  // Of the two comparisons either may be the strict one.
  folder.write("shelf.py",
               "def has_room(things, size):\n    if len(things) <= size:\n        return len(things) <= size\n    "
               "return False\n");
  folder.write("test_shelf.py",
               "from shelf import has_room\n\n\ndef test_room():\n    assert not has_room([1], 1)\n\n\n"
               "def test_free():\n    assert has_room([], 2)\n\n\ndef test_none():\n    assert not has_room([1], 0)\n");
  const agent::FixReport report = repair(folder, "python3 -m pytest -q -p no:cacheprovider");
  REQUIRE(report.status == Status::kVerified);
  CHECK(report.lines.known);
  CHECK(report.lines.failed == 1);
  CHECK(report.lines.passed >= 1);
  CHECK(report.others_tried >= report.also_passed);
  REQUIRE(report.also_passed >= 1);
  CHECK(report.alternatives.size() <= 3);
  CHECK(report.alternatives.size() >= 1);
  CHECK_FALSE(report.lines.turns_condition);
  for (const agent::Alternative& one : report.alternatives) {
    CHECK(one.patch != report.patch);
    CHECK(one.lines.failed == 1);
  }
  CHECK(agent::strength_of(report) == agent::Strength::kWeak);
}

TEST_CASE("fix: a slow suite is repaired, and a candidate that breaks another test than those that failed is refused") {
  if (!isolated()) return;
  if (std::system("python3 -m pytest --version >/dev/null 2>&1") != 0) {
    MESSAGE("skipped: no pytest");
    return;
  }
  const test::TempDir folder;
  folder.write("shelf.py", "def has_room(things, size):\n    return len(things) <= size\n");
  folder.write("test_shelf.py",
               "import time\nfrom shelf import has_room\n\n\ndef test_slow():\n    time.sleep(3)\n    assert "
               "has_room([1], 2)\n\n\n"
               "def test_room():\n    assert not has_room([1], 1)\n    assert not has_room([1, 2], 1)\n");
  agent::FixRequest request;
  request.root = folder.path();
  request.check = "python3 -m pytest -q -p no:cacheprovider";
  const auto report = agent::fix(request, {}, {});
  REQUIRE(report);
  REQUIRE(report->status == Status::kVerified);
  CHECK(report->patch.find("+    return len(things) < size") != std::string::npos);
}
