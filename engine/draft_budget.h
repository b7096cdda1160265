// SPDX-License-Identifier: Apache-2.0
// engine/draft_budget.h: how many guessed tokens are worth a check, from how often such guesses were right and what checks
// cost. Speed alone depends on it, never the tokens.
//
// What     A check of n guesses gives as many tokens as are right, and one. The n of most tokens for its time is taken, none
//          where that is no gain. The chance that a guess is right is counted apart for each length of the match it was copied
//          behind, and guesses that are not checked count too, once the token is known: learning is free. What a check costs is
//          measured for each size.
// Bound    What checks may lose in all, against plain steps: one step and a hundredth of the tokens.
// Threads  One thread.
// Source   Expected tokens a pass: Leviathan et al. 2023, arXiv:2211.17192, section 3.
#pragma once
#include <array>
#include <cstddef>

namespace engine {

class DraftBudget {
 public:
  // `n_matched` of a guess that was copied from nowhere.
  static constexpr size_t kInvented = 0;

  explicit DraftBudget(size_t max_tokens) : max_(max_tokens) {}

  // How many of `n_offered` tokens, the first of them behind a match of `n_matched`, to check now; 0: none. 0 before a plain step
  // was timed.
  size_t worth(size_t n_matched, size_t n_offered) const;
  void took_plain(double seconds);
  // A guess that was not checked.
  void saw(size_t n_matched, bool right);
  // A pass over one token and `n` guesses, of which the first `n_right` were right.
  void took_draft(size_t n_matched, size_t n, size_t n_right, double seconds);
  // What a check has cost later on.
  void cost_more(double seconds);

 private:
  static constexpr size_t kMatches = 8, kSizes = 7;
  struct Chance {
    double n_seen = 0, n_right = 0;
  };
  static size_t match_class(size_t n_matched);
  static size_t size_class(size_t n);
  double chance(size_t n_matched) const;
  double extra(size_t n) const;  // what a check of n guesses costs beyond a plain step, in such steps

  const size_t max_;
  double plain_ = 0.0;            // seconds of a pass over one token
  double balance_ = 0.0;          // steps saved by drafts
  double n_tokens_ = 0.0;
  std::array<Chance, kMatches> chances_{};
  std::array<double, kSizes> times_usual_{};  // that checks cost; 0: not measured
};

}  // namespace engine
