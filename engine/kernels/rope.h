// SPDX-License-Identifier: Apache-2.0
// engine/kernels/rope.h: rotary positions, scaled or not; interleaved pairs (2i, 2i + 1) or half-split ones (i, i + n/2).
//
// Shapes   angles [n_tokens, n_dims / 2] of {cos, sin}, both times YaRN's amplitude; x [n_dims] f32, turned in place
// Bounds   n_dims is even; positions below 2^24
// Note     Angles are products in double: at position 100,000 an f32 product is off by 0.004 radian.
// Source   RoPE arXiv:2104.09864, section 3.2; YaRN arXiv:2309.00071, section 3.2, as DeepSeek-V2 configures it; Llama 3.1's
//          scaling as transformers names it, "llama3"
#pragma once
#include <cstdint>
#include <vector>

namespace engine {

struct YarnScaling {
  float factor = 1.0f;  // 1: off
  int original_context = 4096;
  float beta_fast = 32.0f, beta_slow = 1.0f;
  float mscale = 1.0f, mscale_all_dim = 0.0f;
  bool truncate = true;  // the ramp's ends are whole pairs
};

struct Llama3Scaling {
  float factor = 1.0f;  // 1: off
  int original_context = 8192;
  float low_frequency_factor = 1.0f, high_frequency_factor = 4.0f;
};

class RopeTable {
 public:
  RopeTable() = default;
  RopeTable(int n_dims, float theta, const YarnScaling& yarn);
  RopeTable(int n_dims, float theta, const Llama3Scaling& scaling);

  // Each pair turns `factors[i]` times slower; there are n_pairs() of them.
  void slow_down(const float* factors);

  int n_pairs() const { return static_cast<int>(frequencies_.size()); }
  const std::vector<double>& frequencies() const { return frequencies_; }
  float amplitude() const { return amplitude_; }

  struct Turn {
    float cos, sin;
  };
  // angles[0 .. n_pairs()) of one position.
  void angles(int64_t position, Turn* out) const;

 private:
  std::vector<double> frequencies_;  // radians per position, by pair
  float amplitude_ = 1.0f;
};

void rope_interleaved(const RopeTable::Turn* angles, int n_pairs, float* x);
void rope_half_split(const RopeTable::Turn* angles, int n_pairs, float* x);

// sqrt of what YaRN multiplies attention scores by: 1 where it is off.
float yarn_attention_scale(const YarnScaling& yarn);

}  // namespace engine
