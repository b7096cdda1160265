// SPDX-License-Identifier: Apache-2.0
// engine/sampling.h: choose the next token from logits.
//
// Order    bias, penalties, temperature, then top-k, then top-p on what is left, then min-p, then one draw
// Ties     greedy and all cuts prefer the lower id
// Results  The generator is our own, so a seed gives the same draws with every standard library. Each sample() above
//          temperature 0 takes one draw, whatever the logits.
// Source   SplitMix64 (Steele, Lea, Flood 2014); nucleus sampling arXiv:1904.09751, section 3.1; min-p arXiv:2407.01082;
//          repetition penalty arXiv:1909.05858, section 4.1; frequency and presence penalty as in OpenAI's API reference
#pragma once
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "engine/engine.h"

namespace engine {

class SplitMix64 {
 public:
  explicit SplitMix64(uint64_t seed) : state_(seed) {}
  uint64_t next();
  double uniform();  // [0, 1), 53 bits

 private:
  uint64_t state_;
};

// The largest logit's id; NaN counts as the smallest value.
Token argmax(std::span<const float> logits);

// kInvalidArgument naming the option that is out of its range.
base::Status check_sampling(const SamplingOptions& options, int n_vocab);

class Sampler {
 public:
  // `options` passed check_sampling().
  explicit Sampler(const SamplingOptions& options) : options_(options), random_(options.seed) {}

  // What repetition_penalty counts beside the output.
  void read_prompt(std::span<const Token> prompt);
  // The next token; it is part of the output from now on.
  Token sample(std::span<const float> logits);
  // `token` was chosen otherwise; it is part of the output from now on.
  void take(Token token) { count(token); }

 private:
  struct Candidate {
    float logit;
    Token id;
  };

  Token choose(std::span<const float> logits);
  Token draw(std::span<const float> logits);
  void count(Token token);

  const SamplingOptions options_;
  SplitMix64 random_;
  std::vector<Candidate> candidates_;      // kept between calls: sampling allocates only once
  std::vector<float> adjusted_;            // logits with bias and penalties
  std::unordered_map<Token, int> counts_;  // of tokens in the output, 0 for those of the prompt alone
};

// The `n` likeliest tokens with their log-probabilities, likeliest first, lower ids first among equals. `log_total`: of the logits.
std::vector<TokenLogprob> top_logprobs(std::span<const float> logits, double log_total, int n);

}  // namespace engine
