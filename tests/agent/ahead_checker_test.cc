// SPDX-License-Identifier: Apache-2.0
// Runs side by side, with runners that wait until the test lets them go on.
#include "agent/check/ahead_checker.h"

#include <doctest/doctest.h>

#include <future>
#include <map>
#include <set>

namespace {

using namespace std::chrono_literals;
using agent::AheadChecker;
using agent::CheckResult;
using agent::Overlay;

Overlay state(const std::string& name) { return {{"a.py", name}}; }

// What all runners of a test share: which states run now, and which may end.
struct Stage {
  std::mutex mutex;
  std::condition_variable_any changed;
  std::multiset<std::string> running, ended, cancelled;
  std::set<std::string> held;  // these do not end by themselves
  std::map<std::string, int> runs;
  std::map<std::string, std::chrono::milliseconds> limits;
  std::map<std::string, std::chrono::milliseconds> takes;  // longer than the limit: it ends as one that timed out
  std::vector<std::string> first_tests;
  int n_opened = 0;

  void hold(const std::string& name) {
    const std::lock_guard lock(mutex);
    held.insert(name);
  }
  void release(const std::string& name) {
    const std::lock_guard lock(mutex);
    held.erase(name);
    changed.notify_all();
  }
  template <typename Condition>
  bool comes_true(Condition condition) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, 10s, condition);
  }
  bool runs_now(const std::string& name) {
    return comes_true([&] { return running.contains(name); });
  }
  bool has_ended(const std::string& name) {
    return comes_true([&] { return ended.contains(name); });
  }
};

class StagedChecker final : public agent::Checker {
 public:
  explicit StagedChecker(Stage& stage, agent::RunBounds bounds = {}) : stage_(stage), bounds_(bounds) {}
  base::Result<std::string> tree_of(const Overlay& overlay) override { return overlay.empty() ? "base" : overlay.begin()->second; }
  base::Result<CheckResult> run(const Overlay& overlay, std::stop_token stop) override {
    const std::string name = overlay.empty() ? "base" : overlay.begin()->second;
    std::unique_lock lock(stage_.mutex);
    ++stage_.runs[name];
    stage_.limits[name] = bounds_.wall;
    stage_.running.insert(name);
    stage_.changed.notify_all();
    const bool went_on = stage_.changed.wait(lock, stop, [&] { return !stage_.held.contains(name); });
    stage_.running.erase(stage_.running.find(name));
    (went_on ? stage_.ended : stage_.cancelled).insert(name);
    stage_.changed.notify_all();
    if (!went_on) return base::cancelled();
    if (name == "broken") return base::Error{base::ErrorCode::kIo, "the sandbox is broken"};
    CheckResult result;
    result.tree = name;
    result.output = name;
    result.passed = name == "good";
    const auto takes = stage_.takes.find(name);
    result.timed_out = takes != stage_.takes.end() && takes->second > bounds_.wall;
    result.seconds = static_cast<double>(bounds_.wall.count()) / 1000;
    return result;
  }
  base::Result<bool> put_first(const std::vector<std::string>& tests) override {
    const std::lock_guard lock(stage_.mutex);
    stage_.first_tests.insert(stage_.first_tests.end(), tests.begin(), tests.end());
    stage_.changed.notify_all();
    return true;
  }
  base::Status reset() override { return base::ok(); }
  void set_bounds(agent::RunBounds bounds) override { bounds_ = bounds; }

 private:
  Stage& stage_;
  agent::RunBounds bounds_;
};

struct Fixture {
  Stage stage;
  AheadChecker checker{std::make_unique<StagedChecker>(stage), [this]() -> base::Result<std::unique_ptr<agent::Checker>> {
                         const std::lock_guard lock(stage.mutex);
                         ++stage.n_opened;
                         stage.changed.notify_all();
                         return std::unique_ptr<agent::Checker>(std::make_unique<StagedChecker>(stage));
                       }};
  Fixture() { checker.set_bounds({1s}); }

  base::Result<CheckResult> run(const std::string& name) { return checker.run(state(name), {}); }
  std::future<base::Result<CheckResult>> begin(const std::string& name) {
    return std::async(std::launch::async, [this, name] { return run(name); });
  }
  // The second runner runs `guess`, while the first has something else to do.
  void run_on_the_second(const std::string& guess) {
    stage.hold("a");
    checker.expect({state(guess)});
    auto asked = begin("a");
    REQUIRE(stage.runs_now("a"));
    REQUIRE(stage.comes_true([&] { return stage.runs[guess] == 1; }));
    stage.release("a");
    REQUIRE(asked.get());
  }
  // From here on nobody avoids the second runner.
  void warm_up() {
    run_on_the_second("warm");
    REQUIRE(run("warm"));
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "ahead checker: what is expected runs beside what is asked for, once, and is there when it is asked for") {
  checker.start(2, 60s);
  warm_up();
  stage.hold("b");
  stage.hold("c");
  checker.expect({state("c")});
  auto asked = begin("b");
  CHECK(stage.runs_now("b"));
  CHECK(stage.runs_now("c"));  // at the same time
  stage.release("c");
  CHECK(stage.has_ended("c"));
  stage.release("b");
  const auto b = asked.get();
  REQUIRE(b);
  CHECK(b->output == "b");
  const auto c = run("c");
  REQUIRE(c);
  CHECK(c->output == "c");
  CHECK(stage.runs["c"] == 1);
  CHECK(checker.side_by_side() == 2);
  CHECK(stage.n_opened == 1);
}

TEST_CASE_FIXTURE(Fixture, "ahead checker: one that still runs is waited for, not run again") {
  checker.start(2, 60s);
  warm_up();
  stage.hold("c");
  checker.expect({state("c")});
  REQUIRE(run("b"));
  REQUIRE(stage.runs_now("c"));
  auto asked = begin("c");
  CHECK(asked.wait_for(50ms) == std::future_status::timeout);
  stage.release("c");
  CHECK(asked.get()->output == "c");
  CHECK(stage.runs["c"] == 1);
}

TEST_CASE_FIXTURE(Fixture, "ahead checker: nobody waits for a runner's first run, which may have all to build") {
  checker.start(2, 60s);
  stage.hold("c");
  run_on_the_second("c");
  auto asked = begin("c");  // the runner that has built takes it too
  CHECK(stage.comes_true([&] { return stage.runs["c"] == 2; }));
  stage.release("c");
  CHECK(asked.get()->output == "c");
  CHECK(run("c")->output == "c");  // neither run is left over for a later question
  CHECK(stage.runs["c"] == 3);
}

TEST_CASE_FIXTURE(Fixture, "ahead checker: guesses wait for what comes before them to be asked for") {
  checker.start(2, 60s);
  checker.expect({state("c")});
  CHECK(stage.comes_true([&] { return stage.n_opened == 1; }));
  std::this_thread::sleep_for(50ms);
  {
    const std::lock_guard lock(stage.mutex);
    CHECK(stage.runs.empty());
  }
  REQUIRE(run("b"));
  CHECK(stage.has_ended("c"));
}

TEST_CASE_FIXTURE(Fixture, "ahead checker: a first run gets its own limit, later ones that of the moment") {
  checker.start(2, 60s);
  run_on_the_second("b");
  run_on_the_second("c");
  CHECK(stage.limits["b"] == 60s);
  CHECK(stage.limits["c"] == 1s);
}

TEST_CASE_FIXTURE(Fixture, "ahead checker: what ran out of less time than it may have now runs again") {
  stage.takes["slow"] = 5s;
  checker.start(2, 1s);
  warm_up();
  checker.expect({state("slow")});
  REQUIRE(run("b"));
  REQUIRE(stage.has_ended("slow"));
  checker.set_bounds({10s});
  CHECK_FALSE(run("slow")->timed_out);
  CHECK(stage.runs["slow"] == 2);
}

TEST_CASE_FIXTURE(Fixture, "ahead checker: a guess that cannot run is asked for again, and then told") {
  checker.start(2, 60s);
  warm_up();
  checker.expect({state("broken")});
  REQUIRE(run("b"));
  REQUIRE(stage.has_ended("broken"));
  const auto broken = run("broken");
  REQUIRE_FALSE(broken);
  CHECK(broken.error().message == "the sandbox is broken");
  CHECK(stage.runs["broken"] == 2);
}

TEST_CASE_FIXTURE(Fixture, "ahead checker: a guess that goes on after a fair try gives its runner to what is asked for") {
  checker.start(2, 60s);
  warm_up();
  checker.set_bounds({60s, 0, 20ms});
  stage.hold("hangs");
  stage.hold("hangs too");
  checker.expect({state("hangs"), state("hangs too")});
  REQUIRE(run("b"));  // each has a runner now, or will
  REQUIRE(stage.runs_now("hangs"));
  REQUIRE(stage.runs_now("hangs too"));
  CHECK(begin("c").get()->output == "c");
  CHECK(stage.cancelled.size() == 1);  // the other goes on

  const std::string ended = *stage.cancelled.begin();
  checker.expect({state(ended)});
  REQUIRE(run("d"));
  stage.release(ended);
  CHECK(stage.runs[ended] == 1);  // no guess a second time
  CHECK(run(ended)->output == ended);
  CHECK(stage.runs[ended] == 2);
}

TEST_CASE_FIXTURE(Fixture, "ahead checker: a guess has its fair try, and all of its limit where nothing waits") {
  checker.start(2, 60s);
  warm_up();
  stage.hold("b");
  stage.hold("c");
  stage.hold("d");
  SUBCASE("less than a fair try") { checker.set_bounds({60s, 0, 1h}); }
  SUBCASE("nobody knows what is fair") { checker.set_bounds({60s}); }
  checker.expect({state("b"), state("c")});
  REQUIRE(run("a"));
  REQUIRE(stage.runs_now("b"));
  REQUIRE(stage.runs_now("c"));
  auto asked = begin("d");
  CHECK(asked.wait_for(50ms) == std::future_status::timeout);
  {
    const std::lock_guard lock(stage.mutex);
    CHECK(stage.cancelled.empty());
  }
  stage.release("c");
  CHECK(stage.runs_now("d"));
  stage.release("d");
  CHECK(asked.get()->output == "d");
  stage.release("b");
}

TEST_CASE_FIXTURE(Fixture, "ahead checker: a runner's first run is left alone, whatever it takes") {
  checker.start(2, 60s);
  checker.set_bounds({60s, 0, 20ms});
  stage.hold("builds");
  stage.hold("hangs");
  run_on_the_second("builds");
  checker.expect({state("hangs")});
  REQUIRE(run("b"));
  REQUIRE(stage.runs_now("hangs"));
  CHECK(begin("c").get()->output == "c");
  CHECK(stage.cancelled == std::multiset<std::string>{"hangs"});
  CHECK(stage.running == std::multiset<std::string>{"builds"});
}

TEST_CASE_FIXTURE(Fixture, "ahead checker: a guess that has become the question is not ended") {
  checker.start(2, 60s);
  warm_up();
  checker.set_bounds({60s, 0, 1ms});
  stage.hold("b");
  checker.expect({state("b")});
  REQUIRE(run("a"));
  REQUIRE(stage.runs_now("b"));
  auto asked = begin("b");
  CHECK(asked.wait_for(50ms) == std::future_status::timeout);
  stage.release("b");
  CHECK(asked.get()->output == "b");
  CHECK(stage.runs["b"] == 1);
  CHECK(stage.cancelled.empty());
}

TEST_CASE_FIXTURE(Fixture, "ahead checker: what is no longer expected does not begin, what is asked for comes first") {
  checker.start(2, 60s);
  warm_up();
  stage.hold("b");
  stage.hold("c");
  checker.expect({state("c"), state("d"), state("e")});
  auto asked = begin("b");
  REQUIRE(stage.runs_now("c"));
  checker.expect({state("f")});
  stage.release("b");
  REQUIRE(asked.get());
  CHECK(stage.has_ended("f"));
  CHECK(run("g")->output == "g");
  CHECK(stage.runs["d"] + stage.runs["e"] == 0);
}

TEST_CASE_FIXTURE(Fixture, "ahead checker: limits are those that were set last, whoever runs, and the first runner's own until then") {
  const auto seconds = [](const base::Result<CheckResult>& result) { return result->seconds; };
  AheadChecker own(std::make_unique<StagedChecker>(stage, agent::RunBounds{7s}), [] { return base::Result<std::unique_ptr<agent::Checker>>(base::invalid("no room")); });
  CHECK(seconds(own.run(state("a"), {})) == 7);
  CHECK(seconds(run("a")) == 1);
  checker.start(2, 60s);
  checker.set_bounds({3s});
  CHECK(seconds(run("a")) == 3);
  checker.set_bounds({4s});
  checker.finish();
  CHECK(seconds(run("a")) == 4);
}

TEST_CASE_FIXTURE(Fixture, "ahead checker: finish ends what runs at once; runs are then the caller's own") {
  checker.start(3, 60s);
  stage.hold("c");
  stage.hold("d");
  checker.expect({state("c"), state("d")});
  REQUIRE(run("b"));
  REQUIRE(stage.runs_now("c"));
  REQUIRE(stage.runs_now("d"));
  checker.finish();
  CHECK(stage.cancelled.size() == 2);
  CHECK(checker.side_by_side() == 1);
  checker.expect({state("e")});
  CHECK(run("good")->passed);
  CHECK(stage.runs["e"] == 0);
  checker.start(2, 60s);  // and again
  checker.expect({state("e")});
  CHECK(run("good")->passed);
  CHECK(stage.has_ended("e"));
}

TEST_CASE_FIXTURE(Fixture, "ahead checker: cancelled while it waits, it says so at once") {
  checker.start(2, 60s);
  stage.hold("b");
  std::stop_source stop;
  auto asked = std::async(std::launch::async, [&] { return checker.run(state("b"), stop.get_token()); });
  REQUIRE(stage.runs_now("b"));
  stop.request_stop();
  const auto result = asked.get();
  REQUIRE_FALSE(result);
  CHECK(result.error().code == base::ErrorCode::kCancelled);
  checker.finish();
  CHECK(stage.cancelled.contains("b"));
}

TEST_CASE_FIXTURE(Fixture, "ahead checker: further runners put the same tests first, and without them the first goes on alone") {
  REQUIRE(checker.put_first({"t"}));
  checker.start(3, 60s);
  CHECK(stage.comes_true([&] { return stage.first_tests == std::vector<std::string>{"t", "t", "t"}; }));

  AheadChecker alone(std::make_unique<StagedChecker>(stage), [] { return base::Result<std::unique_ptr<agent::Checker>>(base::invalid("no room")); });
  alone.set_bounds({1s});
  alone.start(4, 60s);
  alone.expect({state("x")});
  CHECK(alone.run(state("y"), {})->output == "y");
  CHECK(alone.run(state("x"), {})->output == "x");
}

TEST_CASE("ahead checker: as many runs at once as cores and memory bear") {
  CheckResult first;
  first.seconds = 2;
  first.cpu_seconds = 1.8;
  CHECK(agent::runs_side_by_side(first, 4, uint64_t{16} << 30) == 4);
  CHECK(agent::runs_side_by_side(first, 64, uint64_t{64} << 30) == 8);
  CHECK(agent::runs_side_by_side(first, 4, uint64_t{2} << 30) == 2);
  CHECK(agent::runs_side_by_side(first, 4, 1) == 1);
  first.largest_process_bytes = uint64_t{1} << 30;
  CHECK(agent::runs_side_by_side(first, 8, uint64_t{16} << 30) == 4);
  first.largest_process_bytes = UINT64_MAX;
  CHECK(agent::runs_side_by_side(first, 8, uint64_t{16} << 30) == 1);
  first.largest_process_bytes = 1000;
  first.cpu_seconds = 2.1;  // one core, and a little of another
  CHECK(agent::runs_side_by_side(first, 2, uint64_t{16} << 30) == 2);
  CHECK(agent::runs_side_by_side(first, 4, uint64_t{16} << 30) == 4);
  first.cpu_seconds = 5;  // it keeps 2.5 cores busy
  CHECK(agent::runs_side_by_side(first, 8, uint64_t{16} << 30) == 3);
  CHECK(agent::runs_side_by_side(first, 2, uint64_t{16} << 30) == 1);
  first.out_of_memory = true;
  CHECK(agent::runs_side_by_side(first, 8, uint64_t{16} << 30) == 1);
}
