// SPDX-License-Identifier: Apache-2.0
// agent/fix/candidate.h: one edit that the search may try, and how good it looks.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "agent/mutations.h"
#include "tools/edit.h"

namespace agent {

struct Candidate {
  std::string path;
  std::vector<tools::Replacement> replacements;  // against the file's present text; sorted, not overlapping
  std::vector<std::pair<std::string, std::vector<tools::Replacement>>> also;  // other files that must change with it
  int line = 0;                                                               // 1-based, of the first replacement
  std::string proposer;              // "mutation: comparison", "model: line", "diagnostic: missing include"
  std::string description;           // for a person
  std::optional<MutationKind> kind;  // of mutations
  double score = 0;                  // before the model
  double model_gain = 0;             // what the model adds to the score's logarithm
  // Turns a whole condition round or drops it, on a line that passing tests run too, as far as is known: where another
  // passes they do not look at it.
  bool turns_condition = false;
  bool two_places = false;    // changes the head of a function and what it does: how a line reads says little of it
  bool removes_code = false;  // takes lines or conditions away: a weaker repair where another passes
};

// The text after the replacements; they must be sorted and in range.
std::string apply(const std::string& text, const std::vector<tools::Replacement>& replacements);

}  // namespace agent
