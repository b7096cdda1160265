// SPDX-License-Identifier: Apache-2.0
#include "agent/fix/proposals.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "agent/fix/conversion_repairs.h"
#include "agent/fix/diagnostic_repairs.h"
#include "agent/fix/literal_repairs.h"
#include "agent/fix/localise.h"
#include "agent/fix/missing_checks.h"
#include "agent/fix/ranking.h"

namespace agent {
namespace {

constexpr size_t kMaxCandidates = 3000;
constexpr size_t kRated = 240;  // candidates that the model reads, of the best: more than any budget tries
constexpr std::chrono::seconds kModelTime{20};
constexpr double kDiagnosticWeight = 1;  // of a certain repair, against all mutations together

// That no passing test runs a line speaks for it, as far as traces of tests tell.
bool only_failing_tests_run(const Coverage& coverage, const Candidate& candidate) {
  const auto file = coverage.lines.find(candidate.path);
  if (!coverage.has_tests || file == coverage.lines.end()) return false;
  const auto line = file->second.find(candidate.line);
  return line != file->second.end() && line->second.failed > 0 && line->second.passed == 0;
}

// Lines moved by what was applied already no longer fit the traces: those of changed files are dropped.
Coverage coverage_of(const Coverage& coverage, const Ground& ground) {
  Coverage kept = coverage;
  for (const auto& [path, text] : ground.overlay) kept.lines.erase(path);
  if (!ground.overlay.empty()) kept.failures.clear();
  return kept;
}

// Whether a candidate changes what judges it. What a compiler refuses in a test it may be answered in.
bool edits_test(const CodeBase& code, const Ground& ground, const Candidate& candidate) {
  const CodeFile* file = code.file(candidate.path);
  if (file == nullptr || !file->editable ||
      (ground.reading.build_failed && candidate.proposer.starts_with("diagnostic")))
    return false;
  return std::any_of(candidate.replacements.begin(), candidate.replacements.end(),
                     [&](const tools::Replacement& change) {
                       return file->is_test({change.begin, change.end});
                     });
}

// An edit that a mutation makes as well counts for both.
void add_or_strengthen(std::vector<Candidate>& candidates, Candidate one) {
  const auto same = std::find_if(candidates.begin(), candidates.end(), [&](const Candidate& other) {
    return other.path == one.path && other.replacements == one.replacements && other.also.empty();
  });
  if (same == candidates.end()) return candidates.push_back(std::move(one));
  same->score += one.score;
}

}  // namespace

base::Result<Proposals> propose(const ProposeContext& context, const Ground& ground, std::stop_token stop) {
  if (base::Status shown = context.code.show(ground.overlay); !shown) return std::move(shown).error();
  const Coverage coverage = coverage_of(context.coverage, ground);
  const LocaliseInput input{context.code,    ground.reading,        coverage,
                            context.changed, context.request.focus, context.request.check};
  const Suspects suspects = localise(input);
  Proposals proposals;
  proposals.evidence = suspects.evidence;
  proposals.candidates = rank_mutations(context.code, suspects, ground.reading.symptoms, kMaxCandidates);
  if (stop.stop_requested()) return base::cancelled();
  for (Candidate& candidate : proposals.candidates)
    candidate.turns_condition = candidate.turns_condition && !only_failing_tests_run(coverage, candidate);
  // Mutations share one unit of probability between them; a message that names the fault outweighs them all.
  double all = 0;
  for (const Candidate& candidate : proposals.candidates) all += candidate.score;
  if (!ground.reading.build_failed) {
    std::vector<Candidate> by_tests = literal_repairs(context.code, suspects, ground.reading.compared);
    std::vector<Candidate> checks = missing_checks(context.code, ground.reading);
    std::move(checks.begin(), checks.end(), std::back_inserter(by_tests));
    std::vector<Candidate> conversions = conversion_repairs(context.code, suspects, ground.reading);
    std::move(conversions.begin(), conversions.end(), std::back_inserter(by_tests));
    for (Candidate& candidate : by_tests) {
      candidate.score *= std::max(all, 1e-9);
      add_or_strengthen(proposals.candidates, std::move(candidate));
    }
  }
  for (Candidate& candidate : diagnostic_repairs(context.code, ground.reading, stop)) {
    candidate.score *= kDiagnosticWeight * std::max(all, 1e-9);
    proposals.candidates.push_back(std::move(candidate));
  }
  const auto by_score = [](const Candidate& candidate) { return candidate.score; };
  const auto drop_edits_of_tests = [&] {
    std::erase_if(proposals.candidates,
                  [&](const Candidate& candidate) { return edits_test(context.code, ground, candidate); });
  };
  auto sort_by = [&](auto score) {
    std::stable_sort(proposals.candidates.begin(), proposals.candidates.end(),
                     [&](const Candidate& a, const Candidate& b) { return score(a) > score(b); });
  };
  drop_edits_of_tests();
  sort_by(by_score);
  if (context.model == nullptr) return proposals;
  const auto deadline = std::min(context.deadline, std::chrono::steady_clock::now() + kModelTime);
  if (!ground.reading.build_failed) {
    auto written =
        context.model->write_lines(context.code, suspects, context.model->written_share() * all, deadline, stop);
    if (!written) return std::move(written).error();
    for (Candidate& candidate : *written) proposals.candidates.push_back(std::move(candidate));
    drop_edits_of_tests();
    sort_by(by_score);
  }
  if (base::Status rated = context.model->rate(context.code, proposals.candidates, kRated, deadline, stop); !rated)
    return std::move(rated).error();
  sort_by(total_score);
  return proposals;
}

}  // namespace agent
