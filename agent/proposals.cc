// SPDX-License-Identifier: Apache-2.0
#include "agent/proposals.h"

#include <algorithm>
#include <set>

#include "agent/diagnostic_repairs.h"
#include "agent/localise.h"
#include "agent/ranking.h"

namespace agent {
namespace {

constexpr size_t kMaxCandidates = 3000;
constexpr double kDiagnosticWeight = 1;  // of a certain repair, against all mutations together

// Lines moved by what was applied already no longer fit the traces: those of changed files are dropped.
Coverage coverage_of(const Coverage& coverage, const Ground& ground) {
  Coverage kept = coverage;
  for (const auto& [path, text] : ground.overlay) kept.lines.erase(path);
  if (!ground.overlay.empty()) kept.failures.clear();
  return kept;
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
  // Mutations share one unit of probability between them; a message that names the fault outweighs them all.
  double all = 0;
  for (const Candidate& candidate : proposals.candidates) all += candidate.score;
  for (Candidate& candidate : diagnostic_repairs(context.code, ground.reading, stop)) {
    candidate.score *= kDiagnosticWeight * std::max(all, 1e-9);
    proposals.candidates.push_back(std::move(candidate));
  }
  std::stable_sort(proposals.candidates.begin(), proposals.candidates.end(),
                   [](const Candidate& a, const Candidate& b) { return a.score > b.score; });
  return proposals;
}

}  // namespace agent
