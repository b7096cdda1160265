// SPDX-License-Identifier: Apache-2.0
#include "engine/draft_budget.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace engine {
namespace {

// Shares of copied tokens that were right, in held-out code and documentation, behind matches of at least so many tokens; the
// first is that of a draft layer.
constexpr std::array<size_t, 8> kMatchFrom = {0, 3, 4, 5, 7, 11, 21, 41};
constexpr std::array<double, 8> kUsual = {.6, .5, .55, .65, .75, .85, .9, .95};
constexpr double kUsualCounts = 6;  // as so many guesses that were seen
constexpr double kForgets = 0.97;   // at each guess

// What a check of n guesses costs beyond a plain step, in steps: a mixture of experts of the V2-Lite shape, which reads more
// experts for more tokens, on two cores.
constexpr double kUsualFixed = 0.3, kUsualEach = 0.22;
constexpr double kMostEach = 1.25;  // more than this was not the check, but something else on the machine
constexpr double kSmoothing = 0.25;
constexpr double kCostForgets = 0.005;  // at each plain step: a cost that keeps drafts away is tried again some day

constexpr double kLeastGain = 1.03;
constexpr double kFreeLoss = 1.0, kLossOfTokens = 0.01;
constexpr double kMostSaved = 8.0;  // steps: what was saved long ago excuses no loss

double usual_extra(size_t n) {
  return kUsualFixed + kUsualEach * static_cast<double>(n);
}

void smooth(double& value, double measured) {
  value = value > 0.0 ? value + kSmoothing * (measured - value) : measured;
}

}  // namespace

size_t DraftBudget::match_class(size_t n_matched) {
  size_t c = 0;
  while (c + 1 < kMatchFrom.size() && n_matched >= kMatchFrom[c + 1]) ++c;
  return c;
}

// 1, 2, up to 4, 8, 16, 32, more.
size_t DraftBudget::size_class(size_t n) {
  return std::min<size_t>(static_cast<size_t>(std::bit_width(n - 1)), kSizes - 1);
}

double DraftBudget::chance(size_t n_matched) const {
  const size_t c = match_class(n_matched);
  return (chances_[c].n_right + kUsualCounts * kUsual[c]) / (chances_[c].n_seen + kUsualCounts);
}

// As many times the usual as the nearest size was measured to cost, of two as near the smaller.
double DraftBudget::extra(size_t n) const {
  const size_t at = size_class(n);
  for (size_t off = 0; off < kSizes; ++off) {
    if (off <= at && times_usual_[at - off] > 0.0) return times_usual_[at - off] * usual_extra(n);
    if (at + off < kSizes && times_usual_[at + off] > 0.0) return times_usual_[at + off] * usual_extra(n);
  }
  return usual_extra(n);
}

size_t DraftBudget::worth(size_t n_matched, size_t n_offered) const {
  if (plain_ <= 0.0) return 0;
  const double may_lose = balance_ + kFreeLoss + kLossOfTokens * n_tokens_;
  double all_right = 1.0, expected = 1.0, best_gain = kLeastGain;
  size_t best = 0;
  for (size_t n = 1; n <= std::min(max_, n_offered); ++n) {
    all_right *= chance(n_matched == kInvented ? kInvented : n_matched + n - 1);
    expected += all_right;
    const double costs = extra(n);
    if (costs > may_lose) continue;  // a longer one may be cheaper
    const double gain = expected / (1.0 + costs);
    if (gain <= best_gain) continue;
    best_gain = gain;
    best = n;
  }
  return best;
}

void DraftBudget::took_plain(double seconds) {
  smooth(plain_, seconds);
  n_tokens_ += 1.0;
  for (double& times : times_usual_)
    if (times > 1.0) times += kCostForgets * (1.0 - times);
}

void DraftBudget::saw(size_t n_matched, bool right) {
  Chance& chance = chances_[match_class(n_matched)];
  chance.n_seen = kForgets * chance.n_seen + 1.0;
  chance.n_right = kForgets * chance.n_right + (right ? 1.0 : 0.0);
}

void DraftBudget::took_draft(size_t n_matched, size_t n, size_t n_right, double seconds) {
  for (size_t i = 0; i < std::min(n, n_right + 1); ++i)
    saw(n_matched == kInvented ? kInvented : n_matched + i, i < n_right);
  const auto guesses = static_cast<double>(n), right = static_cast<double>(n_right);
  n_tokens_ += right + 1.0;
  if (plain_ <= 0.0 || n == 0) return;
  const double costs = std::clamp(seconds / plain_ - 1.0, 1e-3, kMostEach * guesses);
  smooth(times_usual_[size_class(n)], costs / usual_extra(n));
  balance_ = std::min(kMostSaved, balance_ + right - costs);
}

void DraftBudget::cost_more(double seconds) {
  if (plain_ > 0.0) balance_ -= seconds / plain_;
}

}  // namespace engine
