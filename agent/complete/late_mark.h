// SPDX-License-Identifier: Apache-2.0
// agent/complete/late_mark.h: the mark before a filled-in middle, left out or put in late.
//
// A model that reads suffix, prefix, mark, middle reads its prefixes with the suffix in mind, and has read far more of
// them than of middles: without the mark the prefix simply goes on, and a line ends where a line ends. Right lines are
// more and surer so (docs/evaluation.md). Blocks need the mark, or nothing says where they join what follows; but middles
// that begin with a break and blanks, as where the last token of the prefix is made anew (agent/complete/open_end.h), the shipped
// model has not seen: there these are asked for as the prefix going on, and the mark comes behind them.
//
// Threads  Those of the session.
#pragma once
#include <optional>
#include <span>
#include <stop_token>
#include <vector>

#include "agent/complete/open_end.h"
#include "base/result.h"
#include "engine/engine.h"

namespace agent {

// Takes the mark off the end of `prompt` where the prefix is what stands before it; nothing, and `prompt` as it was, otherwise.
std::optional<engine::Token> take_mark(const engine::SpecialTokens& special, std::vector<engine::Token>& prompt);

// A token that goes in once the generated text has `after` bytes. None: it stands in the prompt, or is not needed.
struct LateMark {
  std::optional<engine::Token> token;
  size_t after = 0;
};

// engine::generate() with the mark put in. It counts neither as text nor as a token.
base::Result<engine::Generated> generate_with(const LateMark& mark, const TokenBytes& bytes, engine::Session& session,
                                              std::span<const engine::Token> prompt,
                                              const engine::GenerateOptions& options, std::stop_token stop);

}  // namespace agent
