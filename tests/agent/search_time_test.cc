// SPDX-License-Identifier: Apache-2.0
// Limits of runs and of the whole time.
#include <doctest/doctest.h>

#include "tests/agent/search_kit.h"

namespace {
using agent::Candidate;
using agent::CheckResult;
using test::change;
using test::Fixture;
}  // namespace

TEST_CASE("search: after a pass others are run as long again, and those that pass too are kept, best first") {
  // Everything from 5 on passes. Runs take two seconds, and the seventh is the first that passes: as many fit behind it
  // as have been run before, but one, as the last would only just fit.
  Fixture f("x = 1\n", [](const std::string& text) {
    return text < "x = 5" ? "FAILED test_a.py::t - got " + text : std::string();
  });
  f.checker.seconds_of = [](const std::string&) { return 2.; };
  std::vector<Candidate> many;
  for (const char* value : {"2", "3", "4", "20", "30", "40", "5", "41", "6", "7", "42", "43", "44", "8", "9"})
    many.push_back(change(4, 1, value, 1.0 / static_cast<double>(many.size() + 1)));
  const auto result = f.run(many);
  REQUIRE(result);
  CHECK(f.checker.runs.size() == 13);
  CHECK(result->others_tried == 6);
  REQUIRE(result->winners.size() == 3);
  CHECK(result->winners[0].applied[0].description == "to 5");
  CHECK(result->winners[1].applied[0].description == "to 6");
  CHECK_FALSE(result->out_of_time);
}

TEST_CASE("search: the look for others ends with the user's runs, and what hangs in it is no run that ended") {
  const auto check = [](const std::string& text) {
    return text == "x = 2\n" || text == "x = 3\n" ? std::string() : "FAILED test_a.py::t - got " + text;
  };
  std::vector<Candidate> many;
  for (int i = 2; i < 40; ++i) many.push_back(change(4, 1, std::to_string(i), 1.0 / i));
  Fixture few("x = 1\n", check);
  auto result = few.run(many, 4);
  REQUIRE(result);
  CHECK(result->checks == 4);
  CHECK(result->others_tried == 3);
  CHECK(result->winners.size() == 2);
  Fixture hangs("x = 1\n", check);
  hangs.checker.seconds_of = [](const std::string& text) { return text == "x = 1\n" || text == "x = 2\n" ? .5 : 1e9; };
  const auto began = hangs.checker.now;
  result = hangs.run(many);
  REQUIRE(result);
  CHECK(result->winners.size() == 1);
  CHECK(result->others_tried == 0);
  CHECK(hangs.checker.now - began <= std::chrono::milliseconds(4100));  // the first run, the pass, six times its time
}

TEST_CASE("search: what hangs costs a short limit, is counted apart, and is no ground for anything") {
  Fixture f("x = 1\n",
            [](const std::string& text) { return text == "x = 5\n" ? "" : "FAILED test_a.py::t - got " + text; });
  f.checker.seconds_of = [](const std::string& text) { return text == "x = 2\n" || text == "x = 3\n" ? 1e9 : .1; };
  const auto result =
      f.run({change(4, 1, "2", .9), change(4, 1, "3", .8), change(4, 1, "4", .7), change(4, 1, "5", .6)});
  REQUIRE(result);
  REQUIRE(result->winners.size() == 1);
  CHECK(result->checks == 4);
  CHECK(result->timed_out == 2);
  CHECK(result->longest_limit < std::chrono::seconds(10));
  CHECK(f.grounds.size() == 1);
}

TEST_CASE("search: a slow repair that ran out of its first limit is tried again with more time, within the budget") {
  Fixture f("x = 1\n",
            [](const std::string& text) { return text == "x = 2\n" ? "" : "FAILED test_a.py::t - got " + text; });
  f.checker.seconds_of = [](const std::string& text) { return text == "x = 2\n" ? 12 : .1; };
  std::vector<Candidate> many;
  for (int i = 2; i < 40; ++i) many.push_back(change(4, 1, std::to_string(i), 1.0 / i));
  const auto result = f.run(many, 10);
  REQUIRE(result);
  REQUIRE(result->winners.size() == 1);
  CHECK(result->winners[0].overlay.at("a.py") == "x = 2\n");
  CHECK(result->checks == 10);
  CHECK(f.checker.runs.front() == f.checker.runs.back());
  CHECK(f.checker.limits.back() > f.checker.limits.front());
}

TEST_CASE("search: of those that ran out of time the likeliest are tried again first") {
  Fixture f("x = 1\n", [](const std::string& text) { return "FAILED test_a.py::t - got " + text; });
  f.checker.seconds_of = [](const std::string& text) {
    return text == "x = 2\n" || text == "x = 3\n" || text == "x = 4\n" ? 1e9 : 2.;
  };
  std::vector<Candidate> many;
  for (const int i : {9, 4, 3, 2}) many.push_back(change(4, 1, std::to_string(i), i == 9 ? 2 : 1.0 / i));
  const auto result = f.run(many, 20);
  REQUIRE(result);
  CHECK(result->winners.empty());
  const std::vector<std::string> want = {"x = 9\n", "x = 2\n", "x = 3\n", "x = 4\n", "x = 2\n", "x = 3\n"};
  CHECK(f.checker.runs == want);
}

TEST_CASE("search: second tries end with the budget where all hang") {
  Fixture f("x = 1\n", [](const std::string& text) { return "FAILED test_a.py::t - got " + text; });
  f.checker.seconds_of = [](const std::string& text) { return text == "x = 1\n" ? .1 : 1e9; };
  std::vector<Candidate> many;
  for (int i = 2; i < 40; ++i) many.push_back(change(4, 1, std::to_string(i), 1.0 / i));
  const auto result = f.run(many, 10);
  REQUIRE(result);
  CHECK(result->winners.empty());
  CHECK(result->checks == 10);
  CHECK(result->timed_out == 10);
}

TEST_CASE("search: second tries take an eighth of the time, also where the runs of the budget ended early") {
  Fixture f("x = 1\n", [](const std::string& text) { return "FAILED test_a.py::t - got " + text; });
  f.checker.seconds_of = [](const std::string& text) { return text == "x = 2\n" || text == "x = 3\n" ? 1e9 : .3; };
  f.time = std::chrono::seconds(120);
  std::vector<Candidate> many;
  for (int i = 2; i < 40; ++i) many.push_back(change(4, 1, std::to_string(i), 1.0 / i));
  REQUIRE(f.run(many, 20));
  CHECK(f.checker.runs.back() == "x = 2\n");
  CHECK(f.checker.limits.back() > std::chrono::seconds(10));
  CHECK(f.checker.limits.back() <= std::chrono::seconds(15));
  CHECK(std::count(f.checker.runs.begin(), f.checker.runs.end(), "x = 2\n") == 2);
  CHECK(std::count(f.checker.runs.begin(), f.checker.runs.end(), "x = 3\n") == 1);
}

TEST_CASE("search: no run is given more than the time left, and what the proof of a patch needs is kept") {
  Fixture f("x = 1\n", [](const std::string& text) { return "FAILED test_a.py::t - got " + text; });
  f.checker.seconds_of = [](const std::string& text) { return text == "x = 1\n" ? 4 : 1e9; };
  f.time = std::chrono::seconds(100);
  std::vector<Candidate> many;
  for (int i = 2; i < 40; ++i) many.push_back(change(4, 1, std::to_string(i), 1.0 / i));
  const auto began = f.checker.now + std::chrono::seconds(4);  // of the first run
  const auto result = f.run(many);
  REQUIRE(result);
  CHECK(result->winners.empty());
  CHECK(result->out_of_time);
  // The check with a patch and without it: eight seconds at least.
  CHECK(f.checker.now - began <= std::chrono::seconds(92));
  CHECK(f.checker.limits.size() >= 3);
  CHECK(f.checker.limits.back() < f.checker.limits.front());
}

TEST_CASE("search: where the time ends before the runs the best of the unended still get their second try") {
  Fixture f("x = 1\n",
            [](const std::string& text) { return text == "x = 2\n" ? "" : "FAILED test_a.py::t - got " + text; });
  f.checker.seconds_of = [](const std::string& text) { return text == "x = 2\n" ? 5 : text == "x = 1\n" ? .1 : 1e9; };
  f.time = std::chrono::seconds(100);
  std::vector<Candidate> many;
  for (int i = 2; i < 60; ++i) many.push_back(change(4, 1, std::to_string(i), 1.0 / i));
  const auto result = f.run(many, 1000);
  REQUIRE(result);
  REQUIRE(result->winners.size() == 1);
  CHECK(result->winners[0].overlay.at("a.py") == "x = 2\n");
  CHECK(f.checker.runs.back() == "x = 2\n");
}

TEST_CASE("search: with a winner found nothing is tried that would take its proof's time") {
  Fixture f("x = 1\n",
            [](const std::string& text) { return text == "x = 2\n" ? "" : "FAILED test_a.py::t - got " + text; });
  f.checker.seconds_of = [](const std::string& text) { return text == "x = 2\n" ? 20. : 5.; };
  f.time = std::chrono::seconds(60);
  const auto began = f.checker.now + std::chrono::seconds(5);
  const auto result = f.run({change(4, 1, "2", .9), change(4, 1, "3", .8), change(4, 1, "4", .7)});
  REQUIRE(result);
  REQUIRE(result->winners.size() == 1);
  CHECK(f.checker.runs.size() == 1);
  CHECK(f.checker.now - began == std::chrono::seconds(20));
}

TEST_CASE(
    "search: what fills the memory as the unchanged code does is ended early, and the best of it gets all memory "
    "again") {
  Fixture f("x = 1\n",
            [](const std::string& text) { return text == "x = 2\n" ? "" : "FAILED test_a.py::t - got " + text; });
  f.traced_seconds = .2, f.traced_memory = 300u << 20;
  // x = 2 needs two gigabytes, the others all that there is.
  f.checker.fills = [](const std::string& text, uint64_t memory) {
    return text == "x = 2\n" ? memory != 0 && memory < 2ull << 30 : text != "x = 5\n";
  };
  const auto result =
      f.run({change(4, 1, "2", .9), change(4, 1, "3", .8), change(4, 1, "4", .7), change(4, 1, "5", .6)}, 10);
  REQUIRE(result);
  REQUIRE(result->winners.size() == 1);
  CHECK(result->winners[0].overlay.at("a.py") == "x = 2\n");
  CHECK(f.checker.memory == std::vector<uint64_t>{1200u << 20, 1200u << 20, 1200u << 20, 1200u << 20, 0});
  CHECK(f.checker.limits.front() < std::chrono::seconds(2));
  CHECK(result->timed_out == 3);
}

TEST_CASE("search: what runs out of its time while it is compiled gets its turn again with the time that a build takes") {
  // The work tree is built: the check on it takes no time, and whatever has changed is compiled for 20 seconds.
  const auto check = [](const std::string& text) { return text == "x = 3;\n" ? "" : "FAILED t - got " + text; };
  const auto candidates = [](const char* path) {
    std::vector<Candidate> some = {change(4, 1, "2", .9), change(4, 1, "3", .8), change(4, 1, "4", .7)};
    for (Candidate& one : some) one.path = path;
    return some;
  };
  Fixture f("x = 1;\n", check);
  f.checker.name = "a.cc";
  f.checker.seconds_of = [](const std::string& text) { return text == "x = 1;\n" ? .02 : 20.; };
  auto result = f.run(candidates("a.cc"));
  REQUIRE(result);
  REQUIRE(result->winners.size() == 1);
  CHECK(result->winners[0].applied[0].description == "to 3");
  CHECK(result->timed_out == 1);
  CHECK(f.checker.runs == std::vector<std::string>{"x = 2;\n", "x = 1;\n\n", "x = 2;\n", "x = 3;\n", "x = 4;\n"});
  CHECK(f.checker.limits[0] == std::chrono::seconds(3));
  CHECK(f.checker.limits[2] >= std::chrono::seconds(40));

  // What hangs costs one such run, and the next that hangs in this file none.
  Fixture hangs("x = 1;\n", check);
  hangs.checker.name = "a.cc";
  hangs.checker.seconds_of = [](const std::string& text) { return text == "x = 2;\n" || text == "x = 4;\n" ? 1e9 : .1; };
  result = hangs.run(candidates("a.cc"));
  REQUIRE(result);
  REQUIRE(result->winners.size() == 1);
  CHECK(hangs.checker.runs == std::vector<std::string>{"x = 2;\n", "x = 1;\n\n", "x = 3;\n", "x = 4;\n"});

  // A language that is not compiled, and a file whose build was measured before: no such run.
  Fixture script("x = 1;\n", check);
  script.checker.seconds_of = hangs.checker.seconds_of;
  REQUIRE(script.run(candidates("a.py")));
  CHECK(script.checker.runs == std::vector<std::string>{"x = 2;\n", "x = 3;\n", "x = 4;\n"});
}
