// SPDX-License-Identifier: Apache-2.0
// agent/code/bracket_layout.h: which brackets of a text have no partner, and where the indentation says the partner should
// be.
//
// A bracket that opens at the end of a line is closed, in nearly all code, by the first later line that is indented no
// further. Where that line does not begin with the partner, one was lost there; and a partner that begins a line that
// nothing opened lost its opener on the line above the block.
//
// Units    1-based lines.
// Errors   None.
// Cost     Linear in the tokens.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/code/code_base.h"
#include "agent/code/lexed_tokens.h"

namespace agent {

struct BracketLayout {
  struct Lost {
    int before_line;     // the partner should stand on a line of its own before this one, or begin it
    size_t indent;       // bytes
    std::string closer;  // ")" "]" "}"
    int opener_line;
  };
  std::vector<Lost> lost_closers;  // by the indentation
  std::vector<int> lines;          // of brackets without a partner, and of openers that seem lost; each once, in order
  int open[3] = {};                // openers less closers, of ( [ {
};

BracketLayout bracket_layout(const CodeFile& file, std::span<const LexedToken> tokens);

}  // namespace agent
