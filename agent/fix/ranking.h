// SPDX-License-Identifier: Apache-2.0
// agent/fix/ranking.h: the order in which candidates are tried: how suspect the line is, how usual the kind of mistake, how
// well the kind fits the symptoms, what the model thinks of the new line.
#pragma once
#include <set>
#include <vector>

#include "agent/check/check_output.h"
#include "agent/code/code_base.h"
#include "agent/fix/candidate.h"
#include "agent/fix/localise.h"

namespace agent {

// Share of one-place mistakes that are of this kind; all kinds together give about 1.
double kind_share(MutationKind kind);
// How much likelier the kind is once the symptoms are seen.
double symptom_factor(MutationKind kind, const std::set<Symptom>& symptoms);

// All mutations of the suspect lines as candidates with their scores, best first, at most `at_most`.
std::vector<Candidate> rank_mutations(const CodeBase& code, const Suspects& suspects, const std::set<Symptom>& symptoms,
                                      size_t at_most);

// The best `most` of them, best first, their scores made parts of `share`: of all of it where they sum up to `enough` or more.
void share_out(std::vector<Candidate>& candidates, size_t most, double share, double enough);

// The score with the model's opinion.
double total_score(const Candidate& candidate);

}  // namespace agent
