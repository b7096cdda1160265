// SPDX-License-Identifier: Apache-2.0
#include "agent/trace/trace_report.h"

#include <doctest/doctest.h>

#include <climits>
#include <cmath>

#include "base/strings.h"

namespace {

using Lines = std::vector<std::pair<std::string, int>>;

const agent::PathResolver kResolver("/w", {"count.py", "tests/test_count.py"});

agent::Coverage report(std::initializer_list<std::string_view> texts) {
  agent::Coverage coverage;
  for (std::string_view text : texts) agent::read_trace_report(text, kResolver, coverage);
  return coverage;
}

agent::Coverage stack(std::string_view text) {
  agent::Coverage coverage;
  agent::read_trace_stack(text, kResolver, coverage);
  return coverage;
}

}  // namespace

TEST_CASE("read_trace_report: what the processes of one check ran is added up, file by file and line by line") {
  const agent::Coverage found = report(
      {R"({"failed": 1, "passed": 2, "lines": {"count.py": {"3": [1, 2, 0], "4": [1, 0, 0], "9": [0, 0, 1]}, "elsewhere.py": {"1": [1, 0, 0]}},
           "failures": [{"test": "test_b", "message": "3 != 2", "frames": [["/w/tests/test_count.py", 10], ["/usr/lib/x.py", 5], ["/w/count.py", 4]]}]})",
       R"({"failed": 2, "passed": 1, "lines": {"count.py": {"3": [2, 1, 0]}}, "failures": []})"});
  CHECK(found.n_failed == 3);
  CHECK(found.n_passed == 3);
  REQUIRE(found.lines.size() == 1);
  CHECK(found.lines.at("count.py").size() == 3);
  CHECK(found.lines.at("count.py").at(3).failed == 3);
  CHECK(found.lines.at("count.py").at(3).passed == 3);
  CHECK_FALSE(found.lines.at("count.py").at(3).loaded);
  CHECK(found.lines.at("count.py").at(9).loaded);
  CHECK(found.ochiai("count.py", 3) == doctest::Approx(3 / std::sqrt(3. * 6)));
  CHECK(found.ochiai("count.py", 4) == doctest::Approx(1 / std::sqrt(3. * 1)));
  CHECK(found.ochiai("count.py", 9) == 0);
  CHECK(found.ochiai("count.py", 5) == 0);
  CHECK(found.ochiai("other.py", 3) == 0);
  REQUIRE(found.failures.size() == 1);
  CHECK(found.failures[0].test == "test_b");
  CHECK(found.failures[0].message == "3 != 2");
  CHECK(found.failures[0].frames == Lines{{"tests/test_count.py", 10}, {"count.py", 4}});
  CHECK_FALSE(found.failures[0].hung);
}

TEST_CASE(
    "read_trace_run: the runs of two programs are two tests, by how they ended; a third that tells nothing of its end "
    "is none") {
  agent::Coverage found;
  for (const char* text :
       {R"({"failed": 0, "passed": 0, "run": "failed", "lines": {"count.py": {"3": [0, 0, 1], "4": [0, 0, 1]}}})",
        R"({"failed": 0, "passed": 0, "run": "passed", "lines": {"count.py": {"3": [0, 0, 1], "5": [0, 0, 0]}}})",
        R"({"failed": 0, "passed": 0, "lines": {"count.py": {"4": [0, 0, 1]}}})",
        R"({"run": 1, "lines": {"count.py": {"4": [0, 0, 1]}}})", "[]", "{"}) {
    agent::read_trace_report(text, kResolver, found);
    agent::read_trace_run(text, kResolver, found);
  }
  CHECK(found.n_failed == 1);
  CHECK(found.n_passed == 1);
  CHECK(found.lines.at("count.py").at(3).failed == 1);
  CHECK(found.lines.at("count.py").at(3).passed == 1);
  CHECK(found.lines.at("count.py").at(4).failed == 1);
  CHECK(found.lines.at("count.py").at(4).passed == 0);
  CHECK(found.lines.at("count.py").at(5).passed == 0);
  CHECK_FALSE(found.mixed);
  CHECK(report({R"({"failed": 1, "mixed": true})", R"({"failed": 1})"}).mixed);
}

TEST_CASE(
    "read_go_profile: blocks that ran give their lines, each once; a profile without a line of the tree is no test") {
  agent::Coverage found;
  CHECK(agent::read_go_profile(
      "mode: set\n/w/count.py:3.24,4.12 1 1\n/w/count.py:4.12,6.3 1 2\n/w/count.py:8.1,9.3 1 0\n", true, kResolver,
      found));
  CHECK(agent::read_go_profile("mode: set\n/w/count.py:4.1,4.12 1 1\n", false, kResolver, found));
  for (const char* text : {"", "mode: set\n", "/w/other.py:1.1,2.2 1 1\n", "/w/count.py:5.1,4.1 1 1",
                           "/w/count.py:0.1,4.1 1 1", "/w/count.py:1.1,99999999.1 1 1", "/w/count.py:1.1,90000.1 1 1",
                           "/w/count.py:x,y 1 1", "/w/count.py 1,1", ",: ", "1 ,:"})
    CHECK_FALSE(agent::read_go_profile(text, true, kResolver, found));
  CHECK(found.n_failed == 1);
  CHECK(found.n_passed == 1);
  REQUIRE(found.lines.at("count.py").size() == 4);
  CHECK(found.lines.at("count.py").at(4).failed == 1);
  CHECK(found.lines.at("count.py").at(4).passed == 1);
  CHECK(found.lines.at("count.py").at(6).failed == 1);
}

TEST_CASE("read_trace_report: what the processes did beside hanging is added up, within what any limit could use") {
  const agent::Coverage found =
      report({R"({"calm_seconds": 1.5, "calm_bytes": 1000})", R"({"calm_seconds": 2, "calm_bytes": 24})"});
  CHECK(found.calm.seconds == doctest::Approx(3.5));
  CHECK(found.calm.memory_bytes == 1024);
  const agent::Coverage wild = report({R"({"calm_seconds": 1e308, "calm_bytes": 9223372036854775807})",
                                       R"({"calm_seconds": 1e308, "calm_bytes": 9223372036854775807})"});
  CHECK(wild.calm.seconds == 1e6);
  CHECK(wild.calm.memory_bytes == uint64_t{1} << 40);
  const agent::Coverage none =
      report({R"({"calm_seconds": -4, "calm_bytes": -1})", R"({"calm_seconds": "1", "calm_bytes": [1]})"});
  CHECK(none.calm.seconds == 0);
  CHECK(none.calm.memory_bytes == 0);
}

TEST_CASE("read_trace_report: a report may tell of all code of its files, also of lines that nothing ran") {
  const agent::Coverage found =
      report({R"({"failed": 1, "all_code": true, "lines": {"count.py": {"3": [1, 0, 0], "4": [0, 0, 0]}}})",
              R"({"failed": 1, "lines": {"/w/tests/test_count.py": {"3": [1, 0, 0]}}})"});
  CHECK(found.all_code == std::set<std::string>{"count.py"});
  CHECK(found.lines.at("count.py").contains(4));
  CHECK(found.ochiai("count.py", 4) == 0);
}

TEST_CASE("read_trace_report: where one process was cut short not all tests were seen") {
  CHECK_FALSE(report({R"({"failed": 1, "cut": false})", R"({"failed": 1})"}).cut);
  CHECK(report({R"({"failed": 1, "cut": true})", R"({"failed": 1, "cut": false})"}).cut);
}

TEST_CASE("read_trace_report: of a test that hung the loop and what it called are known") {
  const agent::Coverage found = report({R"({"failures": [
      {"test": "a", "frames": [["/w/count.py", 4]], "hung": true, "loop": [["count.py", 4], ["count.py", 5]], "called": [["count.py", 11]]},
      {"test": "b", "frames": [["/w/count.py", 4]], "hung": 1, "loop": {"count.py": 4}, "called": [["count.py"], 7, [4, "count.py"]]}]})"});
  REQUIRE(found.failures.size() == 2);
  CHECK(found.failures[0].hung);
  CHECK(found.failures[0].loop == Lines{{"count.py", 4}, {"count.py", 5}});
  CHECK(found.failures[0].called == Lines{{"count.py", 11}});
  CHECK_FALSE(found.failures[1].hung);
  CHECK(found.failures[1].loop.empty());
  CHECK(found.failures[1].called.empty());
}

TEST_CASE("read_trace_report: counts that no tracer writes neither overflow nor leave the measure's bounds") {
  const std::string most =
      R"({"failed": 2147483647, "passed": 2147483647, "lines": {"count.py": {"3": [2147483647, 2147483647, 1]}}})";
  for (const agent::Coverage& found :
       {report({most, most, most}), report({R"({"failed": -1, "lines": {"count.py": {"3": [1, 0, 0]}}})"}),
        report({R"({"failed": 1, "lines": {"count.py": {"3": [1, -1, 0]}}})"}),
        report({R"({"failed": 1, "lines": {"count.py": {"3": [1, -5, 0]}}})"}),
        report({R"({"failed": 1, "lines": {"count.py": {"3": [9, 0, 0]}}})"}),
        report({R"({"failed": 18446744073709551615, "lines": {"count.py": {"3": [1e99, 4294967297, 0]}}})"})}) {
    CHECK(found.n_failed >= 0);
    CHECK(found.n_passed >= 0);
    const double ochiai = found.ochiai("count.py", 3);
    CHECK(ochiai >= 0);  // also false for what is no number
    CHECK(ochiai <= 1);
  }
}

TEST_CASE("read_trace_report: what is damaged adds what can be understood of it") {
  for (std::string_view text : {"", "[]", "{", R"({"lines": [], "failures": {}, "failed": "1"})",
                                R"({"lines": {"count.py": [1]}, "failures": [1, null]})",
                                R"({"lines": {"count.py": {"3": [1, 2], "4": {"0": 1}}}})"}) {
    CAPTURE(text);
    const agent::Coverage found = report({text});
    CHECK(found.n_failed == 0);
    CHECK(found.empty());
    CHECK(found.failures.empty());
  }
}

TEST_CASE("read_trace_report: lines that no file has are left out") {
  const agent::Coverage found = report({base::cat(
      R"({"failed": 1, "lines": {"count.py": {"0": [1, 0, 0], "-3": [1, 0, 0], "x": [1, 0, 0], "99999999999999999999": [1, 0, 0]}},
      "failures": [{"frames": [["count.py", 0], ["count.py", -1], ["count.py", )",
      INT_MAX, R"(], ["count.py", 4294967299], ["count.py", 7]]}]})")});
  CHECK(found.empty());
  REQUIRE(found.failures.size() == 1);
  CHECK(found.failures[0].frames == Lines{{"count.py", 7}});
}

TEST_CASE("read_trace_stack: each thread is a failure of its own, outermost frame first") {
  const agent::Coverage found = stack(
      "Timeout (0:00:04)!\nThread 0x00007f5a (most recent call first):\n  File \"/w/count.py\", line 2 in big\n  File "
      "\"/usr/lib/python3/threading.py\", line 900 in run\n"
      "  File \"/w/tests/test_count.py\", line 5 in test\n\nCurrent thread 0x00007f5b (most recent call first):\n  "
      "File \"/w/count.py\", line 12 in <module>\n"
      "Thread 0x00007f5c (most recent call first):\n  File \"/usr/lib/x.py\", line 1 in x\n");
  REQUIRE(found.failures.size() == 2);
  CHECK(found.failures[0].frames == Lines{{"tests/test_count.py", 5}, {"count.py", 2}});
  CHECK(found.failures[1].frames == Lines{{"count.py", 12}});
  for (const agent::TracedFailure& failure : found.failures) {
    CHECK(failure.hung);
    CHECK(failure.loop.empty());
  }
}

TEST_CASE("read_trace_stack: frames without a line of a file are left out") {
  CHECK(stack("").failures.empty());
  CHECK(stack("  File \", line 3 in count.py\n  File \"count.py\n  File \"count.py\", line \n  File \"count.py\", line "
              "-4 in f\nFile \"count.py\", line 4\n")
            .failures.empty());
  const agent::Coverage found = stack(
      "  File \"count.py\", line 99999999999999999999 in f\n  File \"count.py\", line 2147483647 in f\n  File "
      "\"count.py\", line 6");
  REQUIRE(found.failures.size() == 1);
  CHECK(found.failures[0].frames == Lines{{"count.py", 6}});
}

TEST_CASE(
    "read_go_stacks: of a test that ran out of time each line below it may be in the loop; goroutines that wait "
    "elsewhere say nothing") {
  const agent::PathResolver resolver("/shop", {"shop.go", "calc/calc.go", "shop_test.go"});
  agent::Coverage coverage;
  CHECK_FALSE(agent::read_go_stacks("--- FAIL: TestSum (0.00s)\n", resolver, coverage));
  const std::string output =
      "panic: test timed out after 3s\n\ngoroutine 5 "
      "[running]:\ntesting.(*M).startAlarm.func1()\n\t/usr/lib/go/src/testing/testing.go:2036 +0x8e\n\n"
      "goroutine 9 [chan receive]:\nexample.org/shop.watch(0x0)\n\t/shop/shop.go:40 +0x8\n\n"
      "goroutine 20 [runnable]:\nexample.org/shop/calc.Sum(0x1, {0x59d883?, 0x4?})\n\t/shop/calc/calc.go:6 +0x45\n"
      "example.org/shop.(*Shop).Total(0xc0, (0x1))\n\t/shop/shop.go:7 "
      "+0xb3\nexample.org/shop.TestTotal(0xc0000851e0)\n\t/shop/shop_test.go:38 +0x1f4\n"
      "testing.tRunner(0xc0000851e0, 0x5afcf0)\n\t/usr/lib/go/src/testing/testing.go:1446 "
      "+0x10b\nFAIL\texample.org/shop\t3.008s\nFAIL\n";
  CHECK(agent::read_go_stacks(output, resolver, coverage));
  REQUIRE(coverage.failures.size() == 1);
  using Lines = std::vector<std::pair<std::string, int>>;
  CHECK(coverage.failures[0].hung);
  CHECK(coverage.failures[0].test == "TestTotal");
  CHECK(coverage.failures[0].frames == Lines{{"shop.go", 7}, {"calc/calc.go", 6}});
  CHECK(coverage.failures[0].loop == Lines{{"calc/calc.go", 6}, {"shop.go", 7}});
  // What waits for ever in the test itself is where it hangs.
  agent::Coverage waits;
  CHECK(
      agent::read_go_stacks("panic: test timed out after 1s\ngoroutine 7 [select (no "
                            "cases)]:\nexample.org/shop.Wait()\n\t/shop/shop.go:3 +0x1\n"
                            "example.org/shop.TestWait(0x1)\n\t/shop/shop_test.go:3 +0x1\n",
                            resolver, waits));
  REQUIRE(waits.failures.size() == 1);
  CHECK(waits.failures[0].test == "TestWait");
  CHECK(agent::read_go_stacks(
      "panic: test timed out after 1s\n\t:\n\tshop.go:x\n\t/shop/shop.go:99999999999999999999\ngoroutine \n", resolver,
      waits));
  CHECK(waits.failures.size() == 1);
}
