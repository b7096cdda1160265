// SPDX-License-Identifier: Apache-2.0
#include "agent/evidence_words.h"

#include <nlohmann/json.hpp>

#include "base/strings.h"

namespace agent {
namespace {

constexpr int kSeveralTests = 2, kSeveralOthers = 5;

std::string tests_words(const PatchEvidence& lines) {
  if (!lines.known) return "which tests run the changed lines is not known";
  const int n = lines.tests();
  std::string words =
      base::cat(lines.at_least ? "at least " : "", n, n == 1 ? " test runs" : " tests run", " the changed lines, ");
  if (lines.passed > 0 && lines.turns_condition)
    return words += base::cat(lines.failed, " of them failed before; ", lines.passed,
                              lines.passed == 1 ? " passes" : " pass", " with the condition either way");
  if (lines.passed == 0) return words += n == 1 ? "it failed before" : "all failed before";
  if (lines.failed == 0) return words += n == 1 ? "it passed before" : "all passed before";
  return words += base::cat(lines.failed, " of them failed before");
}

std::string others_words(const FixReport& report) {
  if (report.others_tried == 0) return "no other change was run after it";
  if (report.also_passed == 0)
    return report.others_tried == 1
               ? "the one other change that was run after it fails"
               : base::cat("the ", report.others_tried, " other changes that were run after it fail");
  return base::cat(report.also_passed, " of ", report.others_tried, " other changes ",
                   report.also_passed == 1 ? "passes" : "pass", " as well: read them");
}

}  // namespace

Strength strength_of(const FixReport& report) {
  const PatchEvidence& lines = report.lines;
  if (report.also_passed > 0 || (lines.known && lines.passed > 0 && lines.turns_condition) ||
      (lines.known && !lines.at_least && (lines.failed == 0 || lines.tests() < kSeveralTests)))
    return Strength::kWeak;
  return lines.known && lines.failed > 0 && report.others_tried >= kSeveralOthers ? Strength::kFair
                                                                                  : Strength::kUnclear;
}

std::string_view strength_name(Strength strength) {
  switch (strength) {
    case Strength::kWeak:
      return "weak";
    case Strength::kUnclear:
      return "unclear";
    case Strength::kFair:
      break;
  }
  return "fair";
}

std::string evidence_words(const FixReport& report) {
  return base::cat(tests_words(report.lines), "; ", others_words(report));
}

std::string run_words(const CheckRun& run) {
  return base::cat(run.ending, run.tests.empty() ? "" : "; ", counts_words(run.tests));
}

base::Json runs_json(const std::vector<CheckRun>& runs) {
  base::Json list = base::Json::array();
  for (const CheckRun& run : runs) {
    base::Json tests = base::Json::array();
    for (const auto& [tool, count] : run.tests)
      tests.push_back(
          {{"tool", tool_name(tool)}, {"passed", count.passed}, {"failed", count.failed}, {"skipped", count.skipped}});
    list.push_back({{"tree", run.tree},
                    {"ending", run.ending},
                    {"seconds", run.seconds},
                    {"output_tail", run.output_tail},
                    {"words", run_words(run)},
                    {"tests", std::move(tests)}});
  }
  return list;
}

void add_evidence(base::Json& object, const FixReport& report) {
  const auto tests = [](const PatchEvidence& lines) -> base::Json {
    if (!lines.known) return nullptr;
    return {{"failed_before", lines.failed}, {"passed_before", lines.passed}, {"at_least", lines.at_least}};
  };
  base::Json alternatives = base::Json::array();
  for (const Alternative& one : report.alternatives)
    alternatives.push_back({{"summary", one.summary},
                            {"proposer", one.proposer},
                            {"patch", one.patch},
                            {"checked", kAlternativeChecked},
                            {"tests", tests(one.lines)}});
  object["strength"] = strength_name(strength_of(report));
  object["words"] = evidence_words(report);
  object["tests"] = tests(report.lines);
  object["turns_condition"] = report.lines.turns_condition;
  object["others_tried"] = report.others_tried;
  object["also_passed"] = report.also_passed;
  object["alternatives"] = std::move(alternatives);
}

}  // namespace agent
