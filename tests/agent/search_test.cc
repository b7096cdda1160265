// SPDX-License-Identifier: Apache-2.0
#include "agent/search.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>

namespace {

using agent::Candidate;
using agent::CheckResult;
using agent::Overlay;

// Files in memory; the check is a function of the whole text of a.py.
class FakeChecker final : public agent::Checker, public tools::FileSource {
 public:
  explicit FakeChecker(std::string text, std::function<std::string(const std::string&)> check)
      : text_(std::move(text)), check_(std::move(check)) {}

  base::Result<std::string> read(std::string_view path) const override {
    if (path != "a.py") return base::Error{base::ErrorCode::kNotFound, "no such file"};
    return text_;
  }
  base::Result<std::string> tree_of(const Overlay& overlay) override {
    return overlay.empty() ? "base" : overlay.begin()->second;
  }
  base::Result<CheckResult> run(const Overlay& overlay, std::stop_token stop) override {
    if (stop.stop_requested()) return base::cancelled();
    const std::string& text = overlay.empty() ? text_ : overlay.begin()->second;
    runs.push_back(text);
    CheckResult result;
    result.tree = text;
    result.output = check_(text);
    result.seconds = seconds_of ? seconds_of(text) : 0;
    limits.push_back(bounds_.wall);
    memory.push_back(bounds_.memory_bytes);
    result.out_of_memory = fills && fills(text, bounds_.memory_bytes);
    result.timed_out = !result.out_of_memory && std::chrono::duration<double>(bounds_.wall).count() < result.seconds;
    now += std::chrono::milliseconds(
        static_cast<int64_t>(1000 * std::min(result.seconds, std::chrono::duration<double>(bounds_.wall).count())));
    if (result.endless()) result.output.clear();
    result.passed = result.output.empty() && !result.endless();
    if (result.output.starts_with("hollow")) result.hollow = result.output;
    return result;
  }
  base::Status reset() override { return base::ok(); }
  void set_bounds(agent::RunBounds bounds) override { bounds_ = bounds; }

  std::vector<std::string> runs;
  std::vector<std::chrono::milliseconds> limits;            // of each run
  std::vector<uint64_t> memory;                             // likewise
  std::function<bool(const std::string&, uint64_t)> fills;  // whether a text fills so much memory
  std::chrono::steady_clock::time_point now;                // runs alone take time
  std::function<double(const std::string&)> seconds_of;     // empty: none takes time

 private:
  std::string text_;
  std::function<std::string(const std::string&)> check_;
  agent::RunBounds bounds_{std::chrono::hours(1)};
};

Candidate change(size_t at, size_t n, std::string text, double score, int line = 1) {
  Candidate candidate;
  candidate.path = "a.py";
  candidate.line = line;
  candidate.proposer = "mutation: comparison";
  candidate.description = "to " + text;
  candidate.score = score;
  candidate.replacements.push_back({at, at + n, std::move(text)});
  return candidate;
}

struct Fixture {
  explicit Fixture(std::string text, std::function<std::string(const std::string&)> check)
      : checker(std::move(text), std::move(check)) {}

  base::Result<agent::SearchResult> run(std::vector<Candidate> candidates, int budget = 60, std::stop_token stop = {}) {
    const agent::PathResolver resolver("/p", {"a.py", "test_a.py"});
    auto propose = [&](const agent::Ground& ground, std::stop_token) -> base::Result<std::vector<Candidate>> {
      grounds.push_back(ground.applied.size());
      return ground.applied.empty() ? candidates : next;
    };
    agent::Search search(checker, checker, resolver, propose, {});
    agent::Ground start;
    const CheckResult first = *checker.run({}, {});
    start.output = first.output;
    start.reading = agent::read_check_output(start.output, resolver);
    checker.runs.clear();
    checker.limits.clear();
    checker.memory.clear();
    agent::RunLimit limit(first, false, std::chrono::seconds(60));
    limit.know_hang(traced_seconds, traced_memory);
    const auto started = checker.now;
    return search.run(std::move(start), {budget, started, started + time, limit, [this] { return checker.now; }}, stop);
  }

  FakeChecker checker;
  std::chrono::milliseconds time = std::chrono::minutes(5);
  double traced_seconds = 0;  // of a first run that hangs: what is known of it
  uint64_t traced_memory = 0;
  std::vector<Candidate> next;  // proposed on top of a partial repair
  std::vector<size_t> grounds;  // how many changes each ground stood on
};

}  // namespace

TEST_CASE("search: candidates run by falling score, and the one that passes wins") {
  Fixture f("x = 1\n",
            [](const std::string& text) { return text == "x = 3\n" ? "" : "FAILED test_a.py::test_x - got " + text; });
  const auto result = f.run({change(4, 1, "2", .1), change(4, 1, "3", .2), change(4, 1, "4", .3)});
  REQUIRE(result);
  REQUIRE(result->winners.size() == 1);
  CHECK(result->winners[0].applied[0].description == "to 3");
  CHECK(f.checker.runs[0] == "x = 4\n");
  CHECK(f.checker.runs[1] == "x = 3\n");
}

TEST_CASE("search: what does not parse or leads to a known tree costs no run") {
  Fixture f("x = 1\n", [](const std::string&) { return "FAILED test_a.py::test_x - no"; });
  const auto result =
      f.run({change(4, 1, ")", .9), change(4, 1, "2", .8), change(0, 6, "x = 2\n", .7), change(4, 1, "1", .6)});
  REQUIRE(result);
  CHECK(result->winners.empty());
  CHECK(result->checks == 1);
}

TEST_CASE("search: the budget of runs is kept") {
  Fixture f("x = 1\n", [](const std::string& text) { return "FAILED test_a.py::test_x - got " + text; });
  std::vector<Candidate> many;
  for (int i = 2; i < 50; ++i) many.push_back(change(4, 1, std::to_string(i), 1.0 / i));
  const auto result = f.run(many, 7);
  REQUIRE(result);
  CHECK(result->checks == 7);
  CHECK(f.checker.runs.size() == 7);
}

TEST_CASE("search: lines whose changes have no effect are left for others") {
  // Line 1 does not matter to the check; line 2 does. Line 1's candidates look a little better.
  Fixture f("a = 1\nb = 1\n", [](const std::string& text) {
    const std::string second = text.substr(text.find('\n') + 1);
    return second == "b = 9\n" ? std::string() : "FAILED test_a.py::test_b - got " + second;
  });
  std::vector<Candidate> all;
  for (int i = 2; i < 10; ++i) {
    all.push_back(change(4, 1, std::to_string(i), 1.0 - .01 * i, 1));
    all.push_back(change(10, 1, std::to_string(i), .9 - .01 * i, 2));
  }
  const auto result = f.run(all);
  REQUIRE(result);
  REQUIRE(result->winners.size() == 1);
  const auto passed = std::find(f.checker.runs.begin(), f.checker.runs.end(), "a = 1\nb = 9\n");
  CHECK(passed - f.checker.runs.begin() < 12);  // in order of the scores alone it would be the last of 16
}

TEST_CASE("search: a kind of edit that the compiler keeps refusing leaves its turn to others") {
  Fixture f("a = 1\nb = 1\n", [](const std::string& text) -> std::string {
    if (text.find("a = 1") == std::string::npos) return "a.py:1:5: error: no such name\n";
    return text == "a = 1\nb = 9\n" ? "" : "FAILED test_a.py::test_b - got " + text;
  });
  std::vector<Candidate> all;
  for (int i = 2; i < 22; ++i) {
    all.push_back(change(4, 1, std::to_string(i), 1.0 - .001 * i, 1));
    all.back().kind = agent::MutationKind::kVariable;
  }
  for (int i = 5; i < 10; ++i) {
    all.push_back(change(10, 1, std::to_string(i), .5 - .001 * i, 2));
    all.back().kind = agent::MutationKind::kComparison;
  }
  const auto result = f.run(all);
  REQUIRE(result);
  REQUIRE(result->winners.size() == 1);
  const auto passed = std::find(f.checker.runs.begin(), f.checker.runs.end(), "a = 1\nb = 9\n");
  CHECK(passed - f.checker.runs.begin() < 10);  // without it line 1 alone takes fourteen runs
}

TEST_CASE("search: a repair of one failing test is the ground for the next") {
  Fixture f("a = 1\nb = 1\n", [](const std::string& text) {
    std::string out;
    if (text.find("a = 2") == std::string::npos) out += "FAILED test_a.py::test_a - no\n";
    if (text.find("b = 2") == std::string::npos) out += "FAILED test_a.py::test_b - no\n";
    return out;
  });
  f.next = {change(10, 1, "2", 1, 2)};
  const auto result = f.run({change(4, 1, "2", 1, 1)});
  REQUIRE(result);
  REQUIRE(result->winners.size() == 1);
  CHECK(result->winners[0].applied.size() == 2);
  CHECK(result->winners[0].overlay.at("a.py") == "a = 2\nb = 2\n");
  CHECK(f.grounds == std::vector<size_t>{0, 1});
}

TEST_CASE("search: of changes that repair a part the one that leaves the least is told, with what it leaves") {
  Fixture f("a = 1\nb = 1\n", [](const std::string& text) {
    std::string out = "FAILED test_a.py::test_elsewhere - no\n";
    if (text.find("a = 1") != std::string::npos) out += "FAILED test_a.py::test_a - no\n";
    if (text.find("a = 3") == std::string::npos) out += "FAILED test_a.py::test_b - no\n";
    return out;
  });
  const auto result =
      f.run({change(4, 1, "2", .9), change(4, 1, "3", .8), change(4, 1, "4", .7), change(4, 1, "5", .6)});
  REQUIRE(result);
  CHECK(result->winners.empty());
  REQUIRE(result->best_partial);
  CHECK(result->best_partial->changes == std::vector<std::string>{"a.py:1 to 3"});
  CHECK(result->best_partial->before.failing.size() == 3);
  CHECK(result->best_partial->after.failing == std::vector<std::string>{"test_a.py::test_elsewhere"});
}

TEST_CASE("search: what repaired nothing on one ground comes last on the next, wherever its text has gone") {
  Fixture f("a = 1\nb = 1\nc = 1\n", [](const std::string& text) {
    std::string out;
    if (text.find("a = 200") == std::string::npos) out += "FAILED test_a.py::test_a - no\n";
    if (text.find("b = 2") == std::string::npos || text.find("c = 3") == std::string::npos)
      out += "FAILED test_a.py::test_bc - no " + text.substr(text.find('b')) + "\n";
    return out;
  });
  // Two bytes on once `a` is repaired. There the first of these looks best, but was in vain before.
  f.next = {change(12, 1, "7", .9, 2), change(12, 1, "2", .5, 2), change(18, 1, "3", .4, 3)};
  const auto result = f.run({change(10, 1, "7", .9, 2), change(4, 1, "200", .8, 1)}, 4);
  REQUIRE(result);
  REQUIRE(f.checker.runs.size() >= 3);
  CHECK(f.checker.runs[0] == "a = 1\nb = 7\nc = 1\n");
  CHECK(f.checker.runs[1] == "a = 200\nb = 1\nc = 1\n");
  CHECK(f.checker.runs[2] == "a = 200\nb = 2\nc = 1\n");
}

TEST_CASE("search: a line that made no difference on one ground makes none on the next") {
  Fixture f("a = 1\nb = 1\nc = 1\n", [](const std::string& text) {
    std::string out;
    if (text.find("a = 2") == std::string::npos) out += "FAILED test_a.py::test_a - no\n";
    if (text.find("c = 2") == std::string::npos) out += "FAILED test_a.py::test_c - no\n";
    return out;
  });
  f.next = {change(10, 1, "8", .6, 2), change(16, 1, "2", .5, 3)};
  const auto result = f.run({change(10, 1, "7", .9, 2), change(4, 1, "2", .8, 1)}, 3);
  REQUIRE(result);
  REQUIRE(f.checker.runs.size() == 3);
  CHECK(f.checker.runs[2] == "a = 2\nb = 1\nc = 2\n");
  CHECK(result->winners.size() == 1);
}

TEST_CASE("search: a compiler that goes on to its next message after a repair of the first is one to follow") {
  const auto compiler = [](const std::string& text) -> std::string {
    if (text.find("a = 1") != std::string::npos) return "error[E1]: no `a`\n --> a.py:1:1\n";
    if (text.find("a = 2") != std::string::npos && text.find("b = 1") != std::string::npos)
      return "error[E2]: no `b`\n --> a.py:2:1\n";
    if (text.find("a = 3") != std::string::npos) return "error[E1]: no `a`\n --> a.py:1:1\n";
    return text == "a = 2\nb = 2\n" ? "" : "error[E9]: no\n --> a.py:1:1\n";
  };
  const auto by_message = [](Candidate candidate) {
    candidate.proposer = "diagnostic: misspelt name";
    return candidate;
  };
  Fixture f("a = 1\nb = 1\n", compiler);
  f.next = {by_message(change(10, 1, "2", 1, 2))};
  const auto result = f.run({by_message(change(4, 1, "2", 1, 1))});
  REQUIRE(result);
  REQUIRE(result->winners.size() == 1);
  CHECK(f.grounds == std::vector<size_t>{0, 1});
  // Any damage changes what a compiler says: without a message behind it that is no progress, nor is the same message
  // again.
  Fixture mutated("a = 1\nb = 1\n", compiler);
  REQUIRE(mutated.run({change(4, 1, "2", 1, 1)}));
  CHECK(mutated.grounds == std::vector<size_t>{0});
  Fixture worse("a = 1\nb = 1\n", [](const std::string& text) -> std::string {
    return text.find("a = 1") != std::string::npos ? "error[E1]: no `a`\n --> a.py:1:1\n"
                                                   : "error[E2]: b\n --> a.py:2:1\nerror[E3]: c\n --> a.py:2:1\n";
  });
  REQUIRE(worse.run({by_message(change(4, 1, "2", 1, 1))}));
  CHECK(worse.grounds == std::vector<size_t>{0});
  Fixture same("a = 1\nb = 1\n", compiler);
  REQUIRE(same.run({by_message(change(4, 1, "3", 1, 1))}));
  CHECK(same.grounds == std::vector<size_t>{0});
}

TEST_CASE("search: of two that pass, the one that takes no code away ranks first") {
  Fixture f("x = 1\ny = 1\n",
            [](const std::string& text) { return text == "x = 1\ny = 1\n" ? "FAILED test_a.py::t - no" : ""; });
  Candidate removal = change(6, 6, "", 1, 2);
  removal.removes_code = true;
  const auto result = f.run({removal, change(4, 1, "2", .6, 1)});
  REQUIRE(result);
  REQUIRE(result->winners.size() == 2);
  CHECK_FALSE(result->winners[0].applied[0].removes_code);
}

TEST_CASE("search: of two that pass, a narrower change of like score ranks before one that turns a condition round") {
  const auto first_of = [](double narrow_score) {
    Fixture f("x = 1\ny = 1\n",
              [](const std::string& text) { return text == "x = 1\ny = 1\n" ? "FAILED test_a.py::t - no" : ""; });
    Candidate turned = change(4, 1, "3", 1, 1);
    turned.turns_condition = true;
    const auto result = f.run({turned, change(10, 1, "2", narrow_score, 2)});
    REQUIRE(result);
    REQUIRE(result->winners.size() == 2);
    return result->winners[0].applied[0].description;
  };
  CHECK(first_of(.3) == "to 2");
  CHECK(first_of(.02) == "to 3");  // far less likely than the other
}

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

TEST_CASE("search: beside a message that names the fault nothing far less likely is run") {
  Fixture f("x = 1\n", [](const std::string& text) { return text == "x = 1\n" ? "FAILED test_a.py::t - no" : ""; });
  Candidate named = change(4, 1, "2", 1);
  named.proposer = "diagnostic: misspelt name";
  const auto result = f.run({named, change(4, 1, "3", .5), change(4, 1, "4", .01)});
  REQUIRE(result);
  CHECK(f.checker.runs == std::vector<std::string>{"x = 2\n", "x = 3\n"});
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

TEST_CASE("search: a stop request ends it with kCancelled") {
  Fixture f("x = 1\n", [](const std::string&) { return "FAILED test_a.py::t - no"; });
  std::stop_source source;
  source.request_stop();
  const auto result = f.run({change(4, 1, "2", 1)}, 60, source.get_token());
  REQUIRE_FALSE(result);
  CHECK(result.error().code == base::ErrorCode::kCancelled);
}

TEST_CASE("search: a stop request while others are looked for ends it as well, after no further run") {
  std::stop_source source;
  Fixture f("x = 1\n", [&](const std::string& text) {
    if (text != "x = 2\n") return "FAILED test_a.py::t - got " + text;
    source.request_stop();
    return std::string();
  });
  const auto result = f.run({change(4, 1, "2", 1), change(4, 1, "3", .9)}, 60, source.get_token());
  REQUIRE_FALSE(result);
  CHECK(result.error().code == base::ErrorCode::kCancelled);
  CHECK(f.checker.runs.size() == 1);
}

TEST_CASE("search: a run whose pass is hollow is no repair, no part of one, and is told") {
  Fixture f("x = 1\n", [](const std::string& text) -> std::string {
    if (text == "x = 2\n") return "hollow";
    return text == "x = 3\n" ? "" : "FAILED test_a.py::test_x - no\nFAILED test_a.py::test_y - no";
  });
  const auto result = f.run({change(4, 1, "2", .9), change(4, 1, "3", .2)});
  REQUIRE(result);
  REQUIRE(result->winners.size() == 1);
  CHECK(result->winners[0].applied[0].description == "to 3");
  CHECK(f.grounds == std::vector<size_t>{0});
  REQUIRE(result->hollow.size() == 1);
  CHECK(result->hollow[0].find("a.py:1 to 2") != std::string::npos);
}
