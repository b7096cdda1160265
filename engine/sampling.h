// SPDX-License-Identifier: Apache-2.0
// engine/sampling.h: choose the next token from logits.
//
// Order    temperature, then top-k, then top-p on what is left, then one draw
// Ties     greedy and both cuts prefer the lower id
// Results  The generator is our own, so a seed gives the same draws with every standard library.
// Source   SplitMix64 (Steele, Lea, Flood 2014); nucleus sampling arXiv:1904.09751, section 3.1
#pragma once
#include <cstdint>
#include <span>
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

class Sampler {
 public:
  explicit Sampler(const SamplingOptions& options) : options_(options), random_(options.seed) {}
  Token sample(std::span<const float> logits);

 private:
  struct Candidate {
    float logit;
    Token id;
  };

  const SamplingOptions options_;
  SplitMix64 random_;
  std::vector<Candidate> candidates_;  // kept between calls: sampling allocates only once
};

}  // namespace engine
