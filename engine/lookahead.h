// SPDX-License-Identifier: Apache-2.0
// engine/lookahead.h: the logits after each chosen token, evaluated one token at a time or a draft at once.
//
// Results  The logits are those of one token at a time wherever a pass over several gives the same bits, as every pass
// on a CPU
//          does. Elsewhere nothing is drafted; forced tokens are evaluated at once everywhere.
// Owns     Borrows the session. Whatever happens, it ends with the prompt and the tokens that were asked about.
#pragma once
#include <optional>
#include <span>
#include <stop_token>
#include <vector>

#include "engine/draft_budget.h"
#include "engine/engine.h"
#include "engine/prompt_copy.h"

namespace engine {

class Lookahead {
 public:
  // `session` holds `prompt` and its logits. Drafts are copied, up to `max_copied` tokens, or else guessed by the model's draft layer,
  // up to `max_guessed`. Both 0: one token at a time.
  Lookahead(Session& session, std::span<const Token> prompt, size_t max_copied, size_t max_guessed);
  Lookahead(const Lookahead&) = delete;
  Lookahead& operator=(const Lookahead&) = delete;
  ~Lookahead();

  // Logits after the prompt.
  std::span<const float> first() const { return session_.logits(); }
  // Logits after `token`, chosen from the logits before. `forced`: tokens that will be chosen next in any case, evaluated in one pass
  // with it. `n_wanted`: how many more tokens may be chosen at most, at least 1. Valid until the next call.
  base::Result<std::span<const float>> next(Token token, std::span<const Token> forced, size_t n_wanted, std::stop_token stop);

  int64_t n_drafted() const { return n_drafted_; }
  int64_t n_accepted() const { return n_accepted_ + (account_.budget ? static_cast<int64_t>(right_) : 0); }

 private:
  // Where a draft counts.
  struct Account {
    DraftBudget* budget = nullptr;  // null: forced tokens, no guess
    size_t n_matched = DraftBudget::kInvented;
    double seconds = 0.0;  // that it has cost
  };
  struct Unchecked {
    size_t n_matched;
    Token token;
  };

  // The session holds the history but for its last token.
  base::Status catch_up(std::stop_token stop);
  base::Result<std::span<const float>> step(std::stop_token stop);
  // Evaluates `token` and a draft of what follows.
  base::Result<std::span<const float>> check(Token token, std::span<const Token> draft, Account account, std::stop_token stop);
  void settle();

  Session& session_;
  const size_t n_vocab_;
  const bool drafts_;
  PromptCopy copy_;  // the prompt and all tokens asked about
  DraftBudget copy_budget_, guess_budget_;
  std::optional<Unchecked> unchecked_;  // a copied token that was not worth a check
  Account account_;                     // of draft_
  std::vector<Token> draft_;            // evaluated ahead of what was chosen: draft_[0 .. right_) turned out right
  size_t right_ = 0;
  std::vector<float> rows_;  // [1 + draft, n_vocab]
  int64_t n_drafted_ = 0, n_accepted_ = 0;
};

}  // namespace engine
