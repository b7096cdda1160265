// SPDX-License-Identifier: Apache-2.0
// agent/fix/syntax_evidence.h: what speaks for an edit of a file that does not parse.
//
// A noisy channel: how usual the edited lines are in this code (token_ngrams.h), against how often each slip is made;
// how far the edit lies from where the parser gave up; what the message says was expected or in the way; whether
// brackets come out even. The parts are weighed by a table that was fitted on slips in files of other projects.
//
// Threads  One thread.
#pragma once
#include <array>
#include <map>
#include <string>
#include <vector>

#include "agent/code/bracket_layout.h"
#include "agent/code/code_base.h"
#include "agent/code/lexed_tokens.h"
#include "agent/code/token_ngrams.h"
#include "agent/fix/token_edits.h"

namespace agent {

// A place where a tool gave up on the file.
struct SyntaxFault {
  int line = 0;               // 1-based
  size_t begin = 0, end = 0;  // bytes of the file that the message points at; equal to the line's where it names none
  bool exact = false;         // a column was told
  std::string message;
};

enum SyntaxFeature : size_t {
  kGain,                              // of the lines' probability, nats
  kFirstKind,                         // one for each EditKind
  kBefore = kFirstKind + kEditKinds,  // log2(1 + tokens) from the edit to the fault
  kBehind,                            // 1: the edit lies behind the fault
  kFarBehind,                         // log2(1 + tokens)
  kOtherLine,                         // 1: not on the fault's line
  kLinesAway,                         // log2(1 + lines)
  kExpected,                          // 1: puts in what the message expects
  kInTheWay,                          // 1: takes away what the message complains about
  kBalance,                           // brackets without a partner, before less after; -2 to 2
  kSuspicious,                        // 1: a line with a bracket that lost its partner
  kInString,                          // 1: inside a string that is closed
  kSwallowed,                         // 1: more of the text becomes comment
  kTokensLost,                        // beyond one: a quote or a comment's mark makes one token of many; at most 12
  kUnclean,                           // 1: the file still does not parse
  kErrorsLeft,                        // log2(1 + errors) then
  kSyntaxFeatures
};
using SyntaxFeatures = std::array<double, kSyntaxFeatures>;

double weigh(const SyntaxFeatures& features);

class SyntaxEvidence {
 public:
  // `doubtful`: lines that the mistake may be on, from which nothing is learnt. All arguments must outlive this.
  SyntaxEvidence(const CodeBase& code, const CodeFile& file, const std::vector<LexedToken>& tokens,
                 const BracketLayout& layout, const std::vector<SyntaxFault>& faults, const std::vector<int>& doubtful);

  // All but kUnclean and kErrorsLeft, which a parse tells.
  SyntaxFeatures features(const TokenEdit& edit);

 private:
  struct Window {
    tools::Range range;
    std::vector<GramToken> grams;
    std::array<int, 3> open{};  // openers less closers, of ( [ {
    size_t commented = 0;       // bytes
  };
  void learn(const std::vector<int>& doubtful);
  const Window& window_at(size_t offset);
  double gain(const TokenEdit& edit, SyntaxFeatures& found);
  size_t token_at(size_t offset) const;  // how many begin before it
  void place(const TokenEdit& edit, SyntaxFeatures& found) const;
  void message(const TokenEdit& edit, SyntaxFeatures& found) const;

  const CodeBase& code_;
  const CodeFile& file_;
  const std::vector<LexedToken>& tokens_;
  const BracketLayout& layout_;
  const std::vector<SyntaxFault>& faults_;
  TokenNgrams ngrams_;
  std::map<int, Window> windows_;  // by line
};

}  // namespace agent
