// SPDX-License-Identifier: Apache-2.0
// agent/complete/likely_lines.h: the likeliest ends of the line that a prompt stops in, by beam search.
//
// Token by token, the likeliest next token may lead to no likely line; and the same line has several spellings in tokens. So a few
// beginnings are followed side by side, and all ways to end the same line count together.
//
// Threads  Those of the session.
// Cost     One step of the engine a token, over `width` timelines that share the past of `session`.
#pragma once
#include <cmath>
#include <functional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "agent/complete/open_end.h"
#include "base/result.h"
#include "engine/engine.h"

namespace agent {

struct LineSearch {
  int width = 4;       // beginnings that are followed
  int n_lines = 1;     // wanted
  int max_tokens = 48;
  std::string_view start;  // what the line must begin with; not part of the results
  // As engine::GenerateOptions::adjust.
  std::function<void(std::span<const engine::Token> so_far, std::span<float> logits)> adjust;
  double least = -INFINITY;  // natural log; no spelling of a line below it is followed
};

struct LikelyLine {
  std::string text;    // up to the end of the line or of the text, without either
  double logprob = 0;  // natural log, that the text goes on so and that the line or text then ends
  int n_tokens = 0;    // of the likeliest spelling, its end included
};

// The likeliest first; fewer where fewer end within max_tokens. `session` holds `prompt` afterwards. kInvalidArgument where its engine
// neither forks sessions nor steps several; errors of the session.
base::Result<std::vector<LikelyLine>> likely_lines(engine::Session& session, std::span<const engine::Token> prompt, const TokenBytes& bytes,
                                                   const LineSearch& search, std::stop_token stop);

}  // namespace agent
