// SPDX-License-Identifier: Apache-2.0
#include "agent/report_json.h"

#include <nlohmann/json.hpp>

#include "agent/evidence_words.h"
#include "base/strings.h"

namespace agent {

using base::Json;

std::string_view status_name(FixReport::Status status) {
  switch (status) {
    case FixReport::Status::kVerified:
      return "verified";
    case FixReport::Status::kAlreadyPasses:
      return "already_passes";
    case FixReport::Status::kNone:
      break;
  }
  return "none";
}

std::string_view status_name(TestReport::Status status) {
  return status == TestReport::Status::kVerified ? "verified" : "none";
}

Json fix_json(const FixReport& report) {
  Json object = {{"status", status_name(report.status)},
                 {"patch", report.patch},
                 {"proposer", report.proposer},
                 {"summary", report.summary},
                 {"evidence", {{"runs", runs_json(report.evidence)}}},
                 {"tried", report.tried},
                 {"also_passed", report.also_passed},
                 {"candidates", report.candidates},
                 {"checks", report.checks},
                 {"timed_out", report.timed_out},
                 {"candidate_limit_seconds", report.candidate_limit_seconds},
                 {"seconds", report.seconds}};
  if (report.status == FixReport::Status::kVerified) add_evidence(object, report);
  return object;
}

Json test_json(const TestReport& report) {
  Json functions = Json::array();
  for (const TestedFunction& one : report.functions) {
    functions.push_back({{"name", one.name},
                         {"tests", one.tests},
                         {"cases_tried", one.cases_tried},
                         {"cases_stable", one.cases_stable},
                         {"cases_kept", one.cases_kept},
                         {"mutants_tried", one.mutants_tried},
                         {"mutants_killed", one.mutants_killed},
                         {"reason", one.reason}});
  }
  return {{"status", status_name(report.status)},
          {"patch", report.patch},
          {"test_file", report.test_file},
          {"functions", std::move(functions)},
          {"evidence",
           {{"command", report.command}, {"passing_runs", report.passing_runs}, {"output_tail", report.output_tail}}},
          {"note", report.note},
          {"seconds", report.seconds}};
}

Json completions_json(const std::vector<CompletionItem>& items) {
  Json list = Json::array();
  for (const CompletionItem& item : items)
    list.push_back(
        {{"text", item.text}, {"logprob", item.logprob}, {"tokens", item.n_tokens}, {"sureness", item.sureness}});
  return list;
}

std::string progress_words(const FixProgress& progress, int budget_checks) {
  std::string text = progress.phase;
  if (!progress.detail.empty()) text += ": " + progress.detail;
  if (progress.candidates == 0) return text;  // the start: nothing to count yet
  return base::cat(text, " (", progress.checks, " of ", budget_checks, " checks, ", progress.candidates,
                   " candidates, ", static_cast<int>(progress.seconds), " s)");
}

}  // namespace agent
