// SPDX-License-Identifier: Apache-2.0
// engine/prompt_copy.h: what a text that repeats itself will say next: drafts for generate() copied from the prompt and
// the output. A draft is a guess; the model checks all its tokens in one pass, and only what it would have said itself
// stays.
//
// Threads  One thread.
// Source   Prompt lookup decoding (Saxena 2023), with hash chains and longest match as in LZ77; speculative
// verification,
//          arXiv:2211.17192, in its simplest form: every checked position is sampled with the generator's own next
//          draw.
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
  // The tokens that followed the longest earlier match of the history's end, the latest of equally long ones; at most
  // `n`. Empty where fewer than kGram tokens agree. Valid until the next add().
  std::span<const Token> propose(size_t n) const;

 private:
  static constexpr int32_t kNone = -1;
  uint64_t gram_at(size_t end) const;  // of the kGram tokens before `end`

  std::vector<Token> history_;
  std::unordered_map<uint64_t, int32_t> latest_;  // gram -> the last place where it ends
  std::vector<int32_t> earlier_;  // [history]: the place before, of the gram that ends before this index
};

// How many tokens to draft, from what drafts have cost and saved so far. Speed alone depends on it, never the tokens.
class DraftBudget {
 public:
  explicit DraftBudget(size_t max_tokens) : max_(max_tokens), length_(max_tokens < kFirst ? max_tokens : kFirst) {}

  // 0 while drafts do not pay, or before a plain step was timed.
  size_t tokens();
  void took_plain(double seconds);
  // A pass over one token and `n` drafted ones, of which the first `n_accepted` were right.
  void took_draft(size_t n, size_t n_accepted, double seconds);

 private:
  static constexpr size_t kFirst = 4, kLeast = 2;
  static constexpr int kShortestPause = 8, kLongestPause = 128;  // tokens

  const size_t max_;
  size_t length_;
  double plain_ = 0.0;    // seconds of a pass over one token
  double balance_ = 0.0;  // seconds saved lately
  int pause_ = 0, next_pause_ = kShortestPause;
};

}  // namespace engine
