// SPDX-License-Identifier: Apache-2.0
#include "engine/sampling.h"

#include <algorithm>
#include <cmath>
#include <string>

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

base::Status check_sampling(const SamplingOptions& o, int n_vocab) {
  const auto wrong = [](const char* name, const char* range) { return base::invalid(std::string("sampling: ") + name + " must be " + range + "."); };
  if (!std::isfinite(o.temperature)) return wrong("temperature", "a number");
  if (std::isnan(o.top_p)) return wrong("top_p", "a number");
  if (!(o.min_p >= 0.0f && o.min_p <= 1.0f)) return wrong("min_p", "0 to 1");
  if (!(o.repetition_penalty > 0.0f) || !std::isfinite(o.repetition_penalty)) return wrong("repetition_penalty", "above 0");
  if (!std::isfinite(o.frequency_penalty)) return wrong("frequency_penalty", "a number");
  if (!std::isfinite(o.presence_penalty)) return wrong("presence_penalty", "a number");
  for (const auto& [token, bias] : o.logit_bias) {
    if (token < 0 || token >= n_vocab)
      return base::invalid("sampling: logit_bias names token " + std::to_string(token) + ", which is not in the vocabulary of " +
                           std::to_string(n_vocab) + " tokens.");
    if (std::isnan(bias) || bias == INFINITY) return wrong("logit_bias", "numbers, or minus infinity");
  }
  return base::ok();
}

void Sampler::count(Token token) { ++counts_[token]; }

void Sampler::read_prompt(std::span<const Token> prompt) {
  if (options_.repetition_penalty == 1.0f) return;
  for (const Token token : prompt) counts_.try_emplace(token, 0);
}

Token Sampler::sample(std::span<const float> logits) {
  const bool penalties = options_.repetition_penalty != 1.0f || options_.frequency_penalty != 0.0f || options_.presence_penalty != 0.0f;
  if (!penalties && options_.logit_bias.empty()) return choose(logits);
  adjusted_.assign(logits.begin(), logits.end());
  for (const auto& [token, bias] : options_.logit_bias) adjusted_[static_cast<size_t>(token)] += bias;
  for (const auto& [token, n] : counts_) {
    float& logit = adjusted_[static_cast<size_t>(token)];
    logit = logit > 0.0f ? logit / options_.repetition_penalty : logit * options_.repetition_penalty;
    logit -= options_.frequency_penalty * static_cast<float>(n) + (n > 0 ? options_.presence_penalty : 0.0f);
  }
  const Token token = choose(adjusted_);
  if (penalties) count(token);
  return token;
}

Token Sampler::choose(std::span<const float> logits) { return options_.temperature <= 0.0f ? argmax(logits) : draw(logits); }

Token Sampler::draw(std::span<const float> logits) {
  const double drawn = random_.uniform();  // taken first: the stream then depends on the number of tokens alone
  candidates_.clear();
  candidates_.reserve(logits.size());
  for (size_t i = 0; i < logits.size(); ++i)
    if (!std::isnan(logits[i]) && logits[i] != -INFINITY) candidates_.push_back({logits[i], static_cast<Token>(i)});
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
  if (options_.min_p > 0.0f) {
    const auto likely = [&](const Candidate& c) { return weight(c) >= static_cast<double>(options_.min_p); };  // the top one weighs 1
    candidates_.erase(std::remove_if(candidates_.begin(), candidates_.end(), [&](const Candidate& c) { return !likely(c); }), candidates_.end());
    total = 0.0;
    for (const Candidate& c : candidates_) total += weight(c);
  }
  double left = drawn * total;
  for (const Candidate& c : candidates_) {
    left -= weight(c);
    if (left < 0.0) return c.id;
  }
  return candidates_.back().id;  // rounding left a crumb
}

std::vector<TokenLogprob> top_logprobs(std::span<const float> logits, double log_total, int n) {
  std::vector<TokenLogprob> top;
  top.reserve(logits.size());
  for (size_t i = 0; i < logits.size(); ++i)
    if (!std::isnan(logits[i])) top.push_back({static_cast<Token>(i), static_cast<double>(logits[i]) - log_total});
  const auto kept = static_cast<std::ptrdiff_t>(std::min(top.size(), static_cast<size_t>(std::max(0, n))));
  std::partial_sort(top.begin(), top.begin() + kept, top.end(), [](const TokenLogprob& a, const TokenLogprob& b) {
    return a.logprob > b.logprob || (a.logprob == b.logprob && a.token < b.token);
  });
  top.erase(top.begin() + kept, top.end());
  return top;
}

}  // namespace engine
