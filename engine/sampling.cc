// SPDX-License-Identifier: Apache-2.0
#include "engine/sampling.h"

#include <algorithm>
#include <cmath>

namespace engine {

uint64_t SplitMix64::next() {
  uint64_t z = state_ += 0x9e3779b97f4a7c15U;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31);
}

double SplitMix64::uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }

Token argmax(std::span<const float> logits) {
  size_t best = 0;
  for (size_t i = 1; i < logits.size(); ++i)
    if (logits[i] > logits[best] || std::isnan(logits[best])) best = i;
  return static_cast<Token>(best);
}

Token Sampler::sample(std::span<const float> logits) {
  if (options_.temperature <= 0.0f) return argmax(logits);
  candidates_.clear();
  candidates_.reserve(logits.size());
  for (size_t i = 0; i < logits.size(); ++i)
    if (!std::isnan(logits[i])) candidates_.push_back({logits[i], static_cast<Token>(i)});
  if (candidates_.empty()) return 0;

  const auto before = [](const Candidate& a, const Candidate& b) { return a.logit > b.logit || (a.logit == b.logit && a.id < b.id); };
  size_t kept = candidates_.size();
  if (options_.top_k > 0 && static_cast<size_t>(options_.top_k) < kept) {
    kept = static_cast<size_t>(options_.top_k);
    std::nth_element(candidates_.begin(), candidates_.begin() + static_cast<std::ptrdiff_t>(kept) - 1, candidates_.end(), before);
    candidates_.resize(kept);
  }
  const double top = static_cast<double>(
      std::max_element(candidates_.begin(), candidates_.end(), [](auto& a, auto& b) { return a.logit < b.logit; })->logit);
  const auto weight = [&](const Candidate& c) {
    return std::exp((static_cast<double>(c.logit) - top) / static_cast<double>(options_.temperature));
  };
  double total = 0.0;
  for (const Candidate& c : candidates_) total += weight(c);
  if (options_.top_p < 1.0f) {
    std::sort(candidates_.begin(), candidates_.end(), before);
    const double wanted = std::max(0.0, static_cast<double>(options_.top_p)) * total;
    double sum = 0.0;
    for (kept = 0; kept < candidates_.size();) {  // at least one stays
      sum += weight(candidates_[kept++]);
      if (sum >= wanted) break;
    }
    candidates_.resize(kept);
    total = sum;
  } else if (options_.top_k > 0) {
    // nth_element leaves an order of its own; the draw should not depend on the library.
    std::sort(candidates_.begin(), candidates_.end(), before);
  }
  double left = random_.uniform() * total;
  for (const Candidate& c : candidates_) {
    left -= weight(c);
    if (left < 0.0) return c.id;
  }
  return candidates_.back().id;  // rounding left a crumb
}

}  // namespace engine
