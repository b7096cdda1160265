// SPDX-License-Identifier: Apache-2.0
#include "agent/check/check_output.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "base/file.h"

namespace {

using agent::PlaceKind;
using agent::Symptom;

const agent::PathResolver& project() {
  static const agent::PathResolver kProject(
      "/home/user/project",
      {"src/shelf.cc", "src/shelf.h", "src/sum.cc", "src/over.c", "src/cart.js", "src/lib.rs", "stats.py", "Shelf.java",
       "tests/sum_test.cc", "tests/test_stats.py", "tests/cart.test.js"});
  return kProject;
}

struct Recorded {
  const char* file;
  const char* path;  // a place that must be found
  int line;
  PlaceKind kind;
  bool build_failed;
  std::optional<Symptom> symptom;
  const char* failing;  // a test that must be named, or nothing
};

const Recorded kRecorded[] = {
    {"gcc.txt", "src/shelf.cc", 4, PlaceKind::kError, true, Symptom::kUnknownName, nullptr},
    {"gcc.txt", "src/shelf.cc", 5, PlaceKind::kError, true, Symptom::kSyntax, nullptr},
    {"ld.txt", nullptr, 0, PlaceKind::kError, true, Symptom::kLink, nullptr},
    {"doctest.txt", "tests/sum_test.cc", 5, PlaceKind::kAssertion, false, std::nullopt, "sum adds"},
    {"asan.txt", "src/over.c", 3, PlaceKind::kFrame, false, Symptom::kIndex, nullptr},
    {"pytest.txt", "stats.py", 2, PlaceKind::kFrame, false, Symptom::kDivisionByZero,
     "tests/test_stats.py::StatsTest::test_empty"},
    {"pytest_short.txt", "stats.py", 2, PlaceKind::kFrame, false, Symptom::kDivisionByZero,
     "tests/test_stats.py::StatsTest::test_mean"},
    {"unittest.txt", "stats.py", 2, PlaceKind::kFrame, false, Symptom::kDivisionByZero,
     "test_mean (tests.test_stats.StatsTest.test_mean)"},
    {"node.txt", "src/cart.js", 2, PlaceKind::kFrame, false, Symptom::kEmptyInput, "total of nothing"},
    {"rustc.txt", "src/lib.rs", 2, PlaceKind::kError, true, Symptom::kUnknownName, nullptr},
    {"javac.txt", "Shelf.java", 3, PlaceKind::kError, true, Symptom::kUnknownName, nullptr},
};

agent::CheckReading read(const std::string& file) {
  const auto text = base::read_file(std::string(GRAFT_SOURCE_DIR) + "/tests/data/agent/" + file, 1 << 20);
  REQUIRE(text);
  return agent::read_check_output(*text, project());
}

}  // namespace

TEST_CASE("read_check_output: recorded outputs of tools give places, failing tests and symptoms") {
  for (const Recorded& recorded : kRecorded) {
    CAPTURE(std::string(recorded.file));
    const agent::CheckReading reading = read(recorded.file);
    if (recorded.path != nullptr) {
      const auto place = std::find_if(reading.places.begin(), reading.places.end(), [&](const agent::Place& found) {
        return found.path == recorded.path && found.line == recorded.line && found.kind == recorded.kind;
      });
      CHECK(place != reading.places.end());
    }
    CHECK(reading.build_failed == recorded.build_failed);
    if (recorded.symptom) CHECK(reading.symptoms.contains(*recorded.symptom));
    if (recorded.failing != nullptr)
      CHECK(std::count(reading.failing.begin(), reading.failing.end(), recorded.failing) == 1);
  }
}

TEST_CASE("read_check_output: the innermost frame is the last of Python's and the first of a sanitizer's") {
  for (const char* file : {"pytest.txt", "unittest.txt"}) {
    CAPTURE(file);
    for (const agent::Place& place : read(file).places)
      if (place.path == "stats.py") CHECK((place.frames_below == 0) == (place.line == 2));
  }
  const agent::CheckReading asan = read("asan.txt");
  REQUIRE_FALSE(asan.places.empty());
  CHECK(asan.places.front().line == 3);
  CHECK(asan.places.front().frames_below == 0);
}

TEST_CASE("read_check_output: Maven's compiler names its place in brackets") {
  const agent::PathResolver resolver("/p", {"src/A.java"});
  const auto reading = agent::read_check_output(
      "[WARNING] /p/src/A.java:[9,1] unchecked\n[ERROR] /p/src/A.java:[3,12] cannot find symbol\n", resolver);
  REQUIRE(reading.places.size() == 2);
  CHECK(reading.places[0].kind == PlaceKind::kWarning);
  CHECK(reading.places[1].kind == PlaceKind::kError);
  CHECK(reading.places[1].line == 3);
  CHECK(reading.places[1].column == 12);
  CHECK(reading.places[1].message == "cannot find symbol");
  CHECK(reading.build_failed);
}

TEST_CASE("read_check_output: Go's compiler says no word such as error, and nobody else speaks like it") {
  const agent::PathResolver resolver("/p", {"a.go", "a.js"});
  const auto kind = [&](std::string_view line) { return agent::read_check_output(line, resolver).places.at(0).kind; };
  CHECK(kind("./a.go:3:5: undefined: x\n") == PlaceKind::kError);
  CHECK(kind("./a.go:3:5: imported and not used: \"fmt\"\n") == PlaceKind::kError);
  CHECK(kind("    a.go:3: got 1\n") == PlaceKind::kFrame);
  CHECK(kind("a.js:3:5: undefined: x\n") == PlaceKind::kFrame);
}

TEST_CASE("read_check_output: two runs that differ in times and addresses have one fingerprint") {
  const auto fingerprint = [](std::string_view text) { return agent::read_check_output(text, project()).fingerprint; };
  CHECK(fingerprint("1 failed in 0.12s\n") == fingerprint("1 failed in 1.53s\n"));
  CHECK(fingerprint("object at 0x7f12ab\n") == fingerprint("object at 0x55ff\n"));
  CHECK(fingerprint("assert 5 == 6\n") != fingerprint("assert 5 == 7\n"));
  CHECK(fingerprint("assert 51 == 6\n") != fingerprint("assert 52 == 6\n"));
  // Times without a unit, process and thread numbers, dates.
  CHECK(fingerprint("  duration_ms: 1.268993\n") == fingerprint("  duration_ms: 0.3\n"));
  CHECK(fingerprint("# duration_ms 80.541917\n") == fingerprint("# duration_ms 79\n"));
  CHECK(fingerprint("ok 25 - valid.js # time=8.862ms\n") == fingerprint("ok 25 - valid.js # time=19ms\n"));
  CHECK(fingerprint("thread 'adds' (31892) panicked at a.rs:2:12\n") ==
        fingerprint("thread 'adds' (7) panicked at a.rs:2:12\n"));
  CHECK(fingerprint("thread 'adds' (7) panicked at a.rs:2:12\n") !=
        fingerprint("thread 'adds' (7) panicked at a.rs:2:13\n"));
  CHECK(fingerprint("==4711==ERROR: AddressSanitizer\n") == fingerprint("==12==ERROR: AddressSanitizer\n"));
  CHECK(fingerprint("Time elapsed: 0.018 s <<< ERROR!\n") == fingerprint("Time elapsed: 1.2 s <<< ERROR!\n"));
  CHECK(fingerprint("Finished at: 2026-11-29T14:06:31Z\n") == fingerprint("Finished at: 2026-11-30T09:16:02Z\n"));
  CHECK(fingerprint("got 3:4\n") != fingerprint("got 3:5\n"));
  CHECK(fingerprint("got 10-2\n") != fingerprint("got 10-3\n"));
}

TEST_CASE("read_symptoms: values in an assertion tell what kind of mistake it is") {
  const auto symptoms = [](std::string_view message) {
    std::set<Symptom> found;
    agent::read_symptoms(message, found);
    return found;
  };
  CHECK(symptoms("E       assert 5 == 6").contains(Symptom::kOffByOne));
  CHECK(symptoms("  values: CHECK( 3 == -3 )").contains(Symptom::kSign));
  CHECK(symptoms("AssertionError: 2.0 != 2.5").contains(Symptom::kTruncated));
  CHECK(symptoms("AssertionError: None != 4").contains(Symptom::kNothing));
  CHECK(symptoms("assert [1, 2, 3] == [3, 2, 1]").contains(Symptom::kOrder));
  CHECK(symptoms("assert [1, 2] == [1, 2, 3]").contains(Symptom::kShort));
  CHECK(symptoms("all good").empty());
}

TEST_CASE("PathResolver: only files of the tree, by any name that means one of them") {
  const agent::PathResolver resolver("/p", {"src/a.cc", "lib/a.cc", "src/b.cc"});
  CHECK(resolver.resolve("/p/src/a.cc") == "src/a.cc");
  CHECK(resolver.resolve("../src/b.cc") == "src/b.cc");
  CHECK(resolver.resolve("b.cc") == "src/b.cc");
  CHECK_FALSE(resolver.resolve("a.cc"));  // two of that name
  CHECK_FALSE(resolver.resolve("/usr/include/c++/12/vector"));
  CHECK_FALSE(resolver.resolve(""));
}

TEST_CASE("read_check_output: floods and binary output are read without harm") {
  std::string flood(3'000'000, 'x');
  for (size_t i = 0; i < flood.size(); i += 997) flood[i] = i % 2 == 0 ? '\n' : ':';
  flood += std::string("\0\x1b[", 3) + "9999999999999999999:1:\n";
  CHECK(agent::read_check_output(flood, project()).places.empty());
}

TEST_CASE("check_output: an underline tells which part of the line is meant, as CPython and node draw it") {
  const agent::PathResolver resolver("/srv", {"a.py", "b.js"});
  const auto python = agent::read_check_output(
      "  File \"a.py\", line 3\n    foo(a b)\n        ^^^\nSyntaxError: invalid syntax\n", resolver);
  REQUIRE(python.places.size() == 1);
  CHECK(python.places[0].mark_begin == 5);
  CHECK(python.places[0].mark_end == 8);
  const auto node =
      agent::read_check_output("/srv/b.js:2\n  return )\n         ^\n\nSyntaxError: Unexpected token ')'\n", resolver);
  REQUIRE(node.places.size() == 1);
  CHECK(node.places[0].mark_begin == 8);
  const auto none = agent::read_check_output("b.js:2 failed\nno line\n  of code\n", resolver);
  CHECK(none.places[0].mark_begin == 0);
}
