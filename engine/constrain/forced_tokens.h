// SPDX-License-Identifier: Apache-2.0
// engine/constrain/forced_tokens.h: the tokens of the text that a constraint leaves no choice about.
//
// What     Where one text alone can follow, the tokens that the tokenizer gives it behind what stands before, as far as they are the
//          same whatever follows that text: an allowed token may begin in it and go on past it, and the tokenizer would then
//          cut what is before that token by itself. Written so, a text has the tokens that the model was trained on, and its
//          log-probability means what it means elsewhere.
// Errors   None: where the constraint is out of its bounds, or the text before would be cut otherwise, nothing is forced.
#pragma once
#include <span>
#include <vector>

#include "engine/constrain.h"
#include "engine/engine.h"

namespace engine {

// `before`: what stands before, in part (its end); `state`: after it. At most `most` tokens.
std::vector<Token> forced_tokens(const Engine& engine, const ConstraintState& state, std::span<const Token> before, size_t most);

}  // namespace engine
