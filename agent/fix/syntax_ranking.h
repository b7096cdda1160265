// SPDX-License-Identifier: Apache-2.0
// agent/fix/syntax_ranking.h: the edits after which a file that does not parse does, likeliest first.
//
// Bounds   Edits of at most kMaxLines lines; at most kMaxParses incremental parses and about a second.
// Threads  One thread.
// Errors   None; a stop request gives what was found.
#pragma once
#include <stop_token>
#include <vector>

#include "agent/check/check_output.h"
#include "agent/code/code_base.h"
#include "agent/fix/syntax_evidence.h"
#include "agent/fix/token_edits.h"

namespace agent {

inline constexpr size_t kMaxSyntaxLines = 16;
inline constexpr int kMaxSyntaxParses = 700;

struct RankedEdit {
  TokenEdit edit;
  SyntaxFeatures features{};
  double score = 0;  // a natural logarithm, of no fixed zero
};

// The places in editable files where the output says that a tool gave up, by file, in the order of the output.
std::vector<std::pair<const CodeFile*, std::vector<SyntaxFault>>> faults_of(const CodeBase& code,
                                                                            const CheckReading& reading);

// `faults`: the first is the first that was reported; none leave the parse errors alone to say where.
std::vector<RankedEdit> rank_token_edits(const CodeBase& code, const CodeFile& file,
                                         const std::vector<SyntaxFault>& faults, std::stop_token stop);

}  // namespace agent
