// SPDX-License-Identifier: Apache-2.0
// engine/session_drafts.h: what a session keeps for its model's draft layer (multi-token prediction), and its guesses.
//
// The layer takes pairs: the state behind position i and the token at i + 1. It attends to the pairs before, so all of
// a timeline pass through it: those of a prompt many at once, the last ones when a guess is asked for.
//
// Owns     The draft layer's cache and the states that no pair was made of yet.
// Threads  As the session's. Passes are the caller's to run: it holds the model's turn.
// Source   DeepSeek-V3, arXiv:2412.19437, section 2.2
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"
#include "engine/model.h"

namespace engine {

class SessionDrafts {
 public:
  // Runs Model::draft() in the session's turn.
  using Run = std::function<base::Status(const DraftRequest& request)>;

  SessionDrafts(const Model& model, int n_ctx, int n_vocab);

  // The same for a fork of a timeline; null where the cache has none.
  std::unique_ptr<SessionDrafts> fork() const;
  uint64_t memory_bytes() const;

  // Before a pass over `n` tokens from `position` on, the timeline's end: where it writes their states.
  float* room(size_t position, size_t n);
  // After it went through; `timeline` has them at its end.
  base::Status added(std::span<const Token> timeline, const Run& run, std::stop_token stop);
  // The timeline has `n` tokens again.
  void rewind(size_t n);

  // Up to `n` tokens expected after `timeline` and `next`.
  base::Result<std::vector<Token>> guess(std::span<const Token> timeline, Token next, size_t n, const Run& run,
                                         std::stop_token stop);

 private:
  SessionDrafts() = default;
  // Runs the pairs [n_pairs_, end) of `tokens`, of which the one at i + 1 belongs to pair i.
  base::Status run_pairs(std::span<const Token> tokens, size_t end, bool wants_guess, const Run& run,
                         std::stop_token stop);
  const float* state(size_t position) const { return states_.data() + (position - first_) * width_; }

  // Takes the cache back to the first `n` pairs. One that keeps a window of the past may lose them all: then pairs start anew where
  // there are states.
  void rewind_pairs(size_t n);

  // The block's tokens up to `n` that are worth a check.
  std::vector<Token> promising(size_t n) const;

  size_t width_ = 0, n_vocab_ = 0, n_ctx_ = 0, at_once_ = 0;
  bool blocks_ = false;  // the model guesses a block at once
  std::unique_ptr<Cache> cache_;
  size_t first_pair_ = 0;       // more than 0 where earlier ones were lost
  size_t n_pairs_ = 0;          // those before it are in the cache, and of this timeline
  size_t first_ = 0, end_ = 0;  // positions of the states at hand
  std::vector<float> states_;   // [end_ - first_, width]
  std::optional<Token>
      guessed_after_;                 // the pair behind the last counted one is in the cache too, if this token follows
  std::vector<float> logits_, last_;  // of the latest guess
  DraftBlock block_;
};

}  // namespace engine
