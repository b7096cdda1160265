// SPDX-License-Identifier: Apache-2.0
#include "agent/fix/patch_evidence.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "agent/evidence_words.h"
#include "agent/fix/fix_words.h"
#include "agent/trace/coverage.h"
#include "tools/edit.h"

namespace {

class OneFile final : public tools::FileSource {
 public:
  base::Result<std::string> read(std::string_view path) const override {
    if (path != "a.py") return base::Error{base::ErrorCode::kNotFound, "no such file"};
    return std::string("def f(a):\n    b = (a +\n         1)\n    return b\n");
  }
};

// Of `a.py` alone; the offsets of its lines are 0, 10, 23, 35 and 48.
tools::Edit edit(std::vector<tools::Replacement> replacements) {
  tools::Edit whole;
  whole.files.resize(1);
  whole.files[0].path = "a.py";
  whole.files[0].replacements = std::move(replacements);
  return whole;
}

agent::Coverage traced() {
  agent::Coverage coverage;
  coverage.has_tests = true;
  coverage.n_failed = 2;
  coverage.n_passed = 3;
  coverage.lines["a.py"] = {{1, {0, 0, true}}, {2, {2, 3, false}}, {4, {1, 0, false}}};
  return coverage;
}

}  // namespace

TEST_CASE("evidence_of: of the changed lines the one counts that most tests run") {
  const OneFile files;
  const agent::PatchEvidence last = evidence_of(traced(), files, edit({{35, 48, "    return b + 1\n"}}));
  CHECK(last.known);
  CHECK(last.failed == 1);
  CHECK(last.passed == 0);
  const agent::PatchEvidence both =
      evidence_of(traced(), files, edit({{10, 23, "    b = (a -\n"}, {35, 48, "    return 1\n"}}));
  CHECK(both.failed == 2);
  CHECK(both.passed == 3);
}

TEST_CASE("evidence_of: a line inside a longer statement stands for it; new lines for the one they are put before") {
  const OneFile files;
  CHECK(evidence_of(traced(), files, edit({{23, 35, "         2)\n"}})).tests() == 5);
  CHECK(evidence_of(traced(), files, edit({{35, 35, "    b += 1\n"}})).tests() == 1);
}

TEST_CASE("evidence_of: what loads with a module, a file without traces and a script without tests say nothing") {
  const OneFile files;
  CHECK_FALSE(evidence_of(traced(), files, edit({{0, 10, "def f(b):\n"}})).known);
  agent::Coverage other = traced();
  other.lines["b.py"] = std::move(other.lines["a.py"]);
  other.lines.erase("a.py");
  CHECK_FALSE(evidence_of(other, files, edit({{35, 48, "    return 1\n"}})).known);
  agent::Coverage cut = traced();
  cut.cut = true;
  CHECK(evidence_of(cut, files, edit({{35, 48, "    return 1\n"}})).at_least);
  agent::Coverage script = traced();
  script.has_tests = false;
  CHECK_FALSE(evidence_of(script, files, edit({{35, 48, "    return 1\n"}})).known);
  agent::Coverage unseen = traced();  // the time was up before the tests that fail
  unseen.n_failed = 0;
  unseen.lines["a.py"][4] = {0, 1, false};
  CHECK_FALSE(evidence_of(unseen, files, edit({{35, 48, "    return 1\n"}})).known);
}

TEST_CASE("evidence words: weak where others pass, one test alone runs the lines, or a condition may be either way") {
  agent::FixReport report;
  report.lines = {true, 1, 2};
  report.others_tried = 9;
  CHECK(agent::strength_of(report) == agent::Strength::kFair);
  CHECK(agent::evidence_words(report) ==
        "3 tests run the changed lines, 1 of them failed before; the 9 other changes that were run after it fail");
  report.also_passed = 2;
  CHECK(agent::strength_of(report) == agent::Strength::kWeak);
  CHECK(agent::evidence_words(report) ==
        "3 tests run the changed lines, 1 of them failed before; 2 of 9 other changes pass as well: read them");
  report.also_passed = 0;
  report.lines.turns_condition = true;
  CHECK(agent::strength_of(report) == agent::Strength::kWeak);
  CHECK(agent::evidence_words(report).starts_with(
      "3 tests run the changed lines, 1 of them failed before; 2 pass with the condition either way; "));
  report = {};
  CHECK(agent::strength_of(report) == agent::Strength::kUnclear);
  CHECK(agent::evidence_words(report) ==
        "which tests run the changed lines is not known; no other change was run after it");
  report.lines = {true, 1, 0};
  report.others_tried = 9;
  CHECK(agent::strength_of(report) == agent::Strength::kWeak);
  CHECK(agent::evidence_words(report).starts_with("1 test runs the changed lines, it failed before; "));
  report.lines = {true, 0, 3};
  CHECK(agent::strength_of(report) == agent::Strength::kWeak);
  CHECK(agent::evidence_words(report).starts_with("3 tests run the changed lines, all passed before; "));
  report.lines.at_least = true;  // the failing one may not have been seen
  CHECK(agent::strength_of(report) == agent::Strength::kUnclear);
  CHECK(agent::evidence_words(report).starts_with("at least 3 tests run"));
}

TEST_CASE("fix words: a search that ends before its time says what the rest was kept for") {
  using std::chrono::seconds;
  CHECK(agent::end_of_time(seconds(0), seconds(120)) == "the time of 120 s was used up");
  const std::string words = agent::end_of_time(seconds(45), seconds(120));
  CHECK(words.find("of the 120 s the last 45 are too few") != std::string::npos);
}

TEST_CASE("runs as evidence: the numbers of tests beside the ending, where the whole output is there") {
  agent::CheckResult result;
  result.tree = "base";
  result.ending = "exit 1";
  result.output = "1 failed, 23 passed in 0.12s\n";
  const agent::CheckRun told = agent::evidence_of(result);
  CHECK(agent::run_words(told) == "exit 1; pytest: 23 passed, 1 failed");
  result.output_cut = true;
  const agent::CheckRun cut = agent::evidence_of(result);
  CHECK(agent::run_words(cut) == "exit 1");
  const base::Json runs = agent::runs_json({told, cut});
  CHECK(runs[0]["tests"] == base::Json::array({{{"tool", "pytest"}, {"passed", 23}, {"failed", 1}, {"skipped", 0}}}));
  CHECK(runs[0]["words"] == "exit 1; pytest: 23 passed, 1 failed");
  CHECK(runs[1]["tests"].empty());
  CHECK(runs[1]["ending"] == "exit 1");
}
