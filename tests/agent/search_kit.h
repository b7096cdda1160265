// SPDX-License-Identifier: Apache-2.0
// tests/agent/search_kit.h: a search over candidates that a test lists, against a check that is a function.
#pragma once
#include <algorithm>
#include <map>

#include "agent/fix/search.h"

namespace test {

using agent::Candidate;
using agent::CheckResult;
using agent::Overlay;

// A file in memory; the check is a function of its whole text.
class FakeChecker final : public agent::Checker, public tools::FileSource {
 public:
  explicit FakeChecker(std::string text, std::function<std::string(const std::string&)> check)
      : text_(std::move(text)), check_(std::move(check)) {}

  base::Result<std::string> read(std::string_view path) const override {
    if (path != name) return base::Error{base::ErrorCode::kNotFound, "no such file"};
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
  size_t side_by_side() const override { return n_side_by_side; }
  void expect(const std::vector<Overlay>& overlays) override {
    expected.emplace_back();
    for (const Overlay& overlay : overlays) expected.back().push_back(overlay.begin()->second);
  }
  void set_bounds(agent::RunBounds bounds) override { bounds_ = bounds; }

  std::string name = "a.py";
  size_t n_side_by_side = 1;
  std::vector<std::vector<std::string>> expected;  // before each run

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

inline Candidate change(size_t at, size_t n, std::string text, double score, int line = 1) {
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
      return ground.applied.empty() ? candidates : next_on ? next_on(ground) : next;
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
  std::function<std::vector<Candidate>(const agent::Ground&)> next_on;  // in its place, where it depends on the repair
  std::vector<size_t> grounds;  // how many changes each ground stood on
};

}  // namespace test
