// SPDX-License-Identifier: Apache-2.0
// agent/memory/text_score.h: how well a model predicts a text, alone and with the memory of what it has read of it.
//
// Each token is predicted once, from the tokens before it in the text that the session's context holds: at least a
// quarter of it, except at the text's start. The memory (text_memory.h) holds this text up to the token, and nothing
// else; the model's table of n-grams is asked too.
//
// Units    nats, natural logs; bytes of UTF-8 as the text has them.
// Threads  The caller's; the session's timeline is overwritten.
// Errors   kInvalidArgument: the model came without a tokenizer, or the session holds fewer than kLeastContext tokens.
// kCancelled.
#pragma once
#include <cstdint>
#include <stop_token>
#include <string_view>

#include "base/result.h"
#include "engine/engine.h"

namespace agent {

inline constexpr int kLeastContext = 8;  // tokens

struct TextScore {
  uint64_t n_bytes = 0;  // of the tokens that were predicted: where the model has no begin mark, not those of the first
  uint64_t n_tokens = 0;
  double nats = 0;              // -ln p, sum over the tokens
  double nats_with_memory = 0;  // of the mixture that completions are chosen by

  void add(const TextScore& other);
  double bits_per_byte() const;  // 0 without bytes
  double bits_per_byte_with_memory() const;
};

base::Result<TextScore> score_text(engine::Session& session, std::string_view text, std::stop_token stop);

}  // namespace agent
