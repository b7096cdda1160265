// SPDX-License-Identifier: Apache-2.0
// engine/prompt_copy.h: what a text that repeats itself will say next: drafts for generate() copied from the prompt and
// the output. A draft is a guess; the model checks all its tokens in one pass, and only what it would have said itself
// stays. How many are worth that: engine/draft_budget.h.
//
// Threads  One thread.
// Source   Prompt lookup decoding (Saxena 2023), with hash chains and longest match as in LZ77; speculative
//          verification, arXiv:2211.17192, in its simplest form: every checked position is sampled with the generator's
//          own next draw.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "engine/engine.h"

namespace engine {

// Finds where the last tokens of a history stood before.
class PromptCopy {
 public:
  // Tokens that must agree before a copy is worth a guess.
  static constexpr size_t kGram = 3;

  void add(Token token);
  std::span<const Token> history() const { return history_; }
  struct Copy {
    std::span<const Token> tokens;  // valid until the next add()
    size_t n_matched = 0;           // tokens that agree before them, up to 64
  };
  // At most `n` of the tokens that followed the longest earlier match of the history's end, the latest of equally long ones. Empty
  // where fewer than kGram tokens agree.
  Copy propose(size_t n) const;

 private:
  static constexpr int32_t kNone = -1;
  uint64_t gram_at(size_t end) const;  // of the kGram tokens before `end`

  std::vector<Token> history_;
  std::unordered_map<uint64_t, int32_t> latest_;  // gram -> the last place where it ends
  std::vector<int32_t> earlier_;  // [history]: the place before, of the gram that ends before this index
};

}  // namespace engine
