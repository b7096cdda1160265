// SPDX-License-Identifier: Apache-2.0
// engine/generation.h: one answer while it is written, whoever evaluates its tokens.
//
// What     Chooses each token from the logits behind the one before it, under the options' constraint, and says when the
//          answer is complete. generate() drives one, generate_together() several.
// Owns     Its result; borrows options, prompt, engine and the options' constraint.
#pragma once
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/engine.h"
#include "engine/sampling.h"

namespace engine {

class AllowedLogits;
class GrowingText;

class Generation {
 public:
  // `options` passed check_request(), and live as long as this.
  Generation(const Engine& engine, std::span<const Token> prompt, const GenerateOptions& options);
  ~Generation();

  // Whether the options can be met by `session` after `prompt`.
  static base::Status check(const Session& session, std::span<const Token> prompt, const GenerateOptions& options);

  // The next token by `logits`, [n_vocab], of prompt and answer so far; only while not done(). An error ends it.
  base::Status choose(std::span<const float> logits);
  bool done() const { return done_; }
  Token last() const { return result_.tokens.back(); }
  size_t n_chosen() const { return result_.tokens.size(); }
  // How many more may be chosen at most.
  size_t n_left() const { return max_tokens_ - result_.tokens.size(); }
  // The tokens that come next whatever their logits are; all are among the next n_left().
  std::span<const Token> forced() const { return std::span(forced_).subspan(n_taken_); }
  // What was written; once.
  Generated take();
  // What drafts did, for the result.
  void count_drafts(int64_t n_drafted, int64_t n_accepted);

 private:
  base::Result<std::optional<Token>> next_token(std::span<const float> logits);
  void find_forced();
  void end(StopReason reason);

  const Engine& engine_;
  const GenerateOptions& options_;
  const size_t max_tokens_;
  Sampler sampler_;
  std::unique_ptr<AllowedLogits> allowed_;  // under a constraint
  std::unique_ptr<GrowingText> growing_;
  std::vector<float> adjusted_;
  std::vector<Token> recent_;  // the end of prompt and answer
  std::vector<Token> forced_;  // of which [0, n_taken_) were chosen
  size_t n_taken_ = 0;
  Generated result_;
  bool done_ = false;
};

}  // namespace engine
