// SPDX-License-Identifier: Apache-2.0
// agent/complete/open_end.h: a prompt that ends in the middle of a token, made to end before it.
//
// A model has seen "return", hardly ever "retu" followed by "rn": cut where the cursor stands, the last word is spelled
// in tokens that the model did not learn to go on from. So the last word (or run of blanks, or of signs) is taken off
// the prompt, and what is generated must begin with its bytes. While a word is typed, the prompt then stays the same.
//
// Source   Known as token healing (guidance); pieces as GPT-2's pre-tokenizer cuts them, which is near enough for
// others.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"

namespace agent {

// Bytes at the end of `prefix` that a longer token might swallow; 0 where the piece is too long to be one, or no UTF-8:
// generated text is, so it could not begin with it.
size_t open_end_bytes(std::string_view prefix);

// The bytes of every token, for asking which may come next when the text must begin with some.
class TokenBytes {
 public:
  explicit TokenBytes(const engine::Engine& model);
  std::string_view of(engine::Token token) const { return bytes_[static_cast<size_t>(token)]; }
  // Rules out (-inf) every token after which the text could not begin with `start`: `so_far` is what was generated.
  // Nothing is ruled out once all of `start` is there.
  void keep_start(std::string_view start, std::span<const engine::Token> so_far, std::span<float> logits) const;

 private:
  std::vector<std::string> bytes_;
};

}  // namespace agent
