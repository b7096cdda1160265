// SPDX-License-Identifier: Apache-2.0
// agent/complete/line_evidence.h: what the file around a completed line says for and against it, beside the model's probability.
//
// A small model writes lines that look right and name what is not there. The file knows better: whether the line parses,
// whether its names mean something where they stand, whether what was bound is used, whether the lines below are indented
// as below such a line. A logistic regression over these facts gives the probability that the line is the one.
//
// Weights  line_weights.inc, fitted by models/train/fit_lines.py on the facts that `graft complete --batch` reports.
// Threads  Any.
#pragma once
#include <array>
#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "tools/syntax.h"

namespace agent {

enum class LineFact : size_t {
  kLogprob,        // of the line, natural log
  kMass,           // of all lines that are compared, natural log of the sum of their probabilities
  kMoreErrors,     // 1: more syntax errors than with the best of the lines, and opens no block that is still to be written,
  kMoreBroken,     // 1: more than with the best of them also with what its author will type to close it
  kUnbound,        // 1: uses a name that nothing binds where it stands, in a language that imports its names
  kUnboundOpen,    // 1: the same where other files may bind it
  kNeeds,          // names that the function still lacks a binding for, beyond those with the best of the lines, in a language
                   // that imports its names; 0 to 2
  kIdle,           // names that the function binds and never uses, beyond those with the best of the lines; 0 to 2
  kFirstUse,       // 1: uses a name of the function that nothing else in it uses
  kHeadless,       // 1: opens no block and the next line is deeper
  kRepeats,        // 1: the whole line stands elsewhere in the file,
  kRepeatsNear,    // 1: within a few lines,
  kRepeatsNext,    // 1: next to it
  kLength,         // bytes of the completion, at most 40
  kCount
};
inline constexpr size_t kLineFacts = static_cast<size_t>(LineFact::kCount);
std::string_view name_of(LineFact fact);

struct LineFacts : std::array<float, kLineFacts> {
  float& operator[](LineFact fact) { return at(static_cast<size_t>(fact)); }
  float operator[](LineFact fact) const { return at(static_cast<size_t>(fact)); }
};

// Natural log of the probability that the line is what the author writes.
double line_sureness(const LineFacts& facts);

// One way to complete the line. Views must live as long as the call.
struct CompletedLine {
  std::string_view text;
  double logprob = 0;
  const tools::SyntaxTree* tree = nullptr;  // of the file with it; none: nothing is known of syntax and names
  size_t n_errors_closed = 0;               // with what its author will type to close it
};

// `prefix`, `suffix`: of the file, around the cursor.
std::vector<LineFacts> line_facts(std::string_view prefix, std::string_view suffix, std::span<const CompletedLine> lines);

}  // namespace agent
