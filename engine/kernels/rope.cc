// SPDX-License-Identifier: Apache-2.0
#include "engine/kernels/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace engine {
namespace {

double mscale(const YarnScaling& yarn, double weight) {
  return yarn.factor > 1.0f ? 0.1 * weight * std::log(static_cast<double>(yarn.factor)) + 1.0 : 1.0;
}

}  // namespace

RopeTable::RopeTable(int n_dims, float theta, const YarnScaling& yarn) {
  const double base = static_cast<double>(theta), factor = static_cast<double>(yarn.factor);
  // The (fractional) pair that turns `rotations` times within the trained context.
  const auto pair_of = [&](float rotations) {
    const double context = static_cast<double>(yarn.original_context);
    return n_dims * std::log(context / (2.0 * std::numbers::pi * static_cast<double>(rotations))) / (2.0 * std::log(base));
  };
  double low = 0.0, high = 0.0;
  if (factor > 1.0) {
    low = pair_of(yarn.beta_fast);
    high = pair_of(yarn.beta_slow);
    if (yarn.truncate) low = std::floor(low), high = std::ceil(high);
    low = std::max(low, 0.0);
    high = std::min(high, static_cast<double>(n_dims - 1));
    if (low == high)
      high += 0.001;  // ends in the wrong order, of a short context, stay so: as the programs that trained with it
    amplitude_ = static_cast<float>(mscale(yarn, static_cast<double>(yarn.mscale)) /
                                    mscale(yarn, static_cast<double>(yarn.mscale_all_dim)));
  }
  for (int i = 0; i < n_dims / 2; ++i) {
    double frequency = std::pow(base, -2.0 * i / n_dims);
    if (factor > 1.0) {  // slow pairs are stretched by the factor, fast ones left alone
      const double stretch = std::clamp((i - low) / (high - low), 0.0, 1.0);
      frequency = frequency / factor * stretch + frequency * (1.0 - stretch);
    }
    frequencies_.push_back(frequency);
  }
}

RopeTable::RopeTable(int n_dims, float theta, const Llama3Scaling& scaling) : RopeTable(n_dims, theta, YarnScaling{}) {
  if (scaling.factor == 1.0f) return;
  const double factor = static_cast<double>(scaling.factor), low = static_cast<double>(scaling.low_frequency_factor),
               high = static_cast<double>(scaling.high_frequency_factor);
  for (double& frequency : frequencies_) {  // by how often a pair turns within the trained context
    const double turns = scaling.original_context * frequency / (2.0 * std::numbers::pi);
    const double keep = std::clamp((turns - low) / (high - low), 0.0, 1.0);
    frequency = (1.0 - keep) * frequency / factor + keep * frequency;
  }
}

void RopeTable::slow_down(const float* factors) {
  for (double& frequency : frequencies_) frequency /= static_cast<double>(*factors++);
}

void RopeTable::angles(int64_t position, Turn* out) const {
  for (size_t i = 0; i < frequencies_.size(); ++i) {
    const double angle = static_cast<double>(position) * frequencies_[i];
    out[i] = {static_cast<float>(std::cos(angle)) * amplitude_, static_cast<float>(std::sin(angle)) * amplitude_};
  }
}

void rope_interleaved(const RopeTable::Turn* angles, int n_pairs, float* x) {
  for (int i = 0; i < n_pairs; ++i) {
    const float a = x[2 * i], b = x[2 * i + 1];
    x[2 * i] = a * angles[i].cos - b * angles[i].sin;
    x[2 * i + 1] = a * angles[i].sin + b * angles[i].cos;
  }
}

void rope_half_split(const RopeTable::Turn* angles, int n_pairs, float* x) {
  for (int i = 0; i < n_pairs; ++i) {
    const float a = x[i], b = x[n_pairs + i];
    x[i] = a * angles[i].cos - b * angles[i].sin;
    x[n_pairs + i] = a * angles[i].sin + b * angles[i].cos;
  }
}

float yarn_attention_scale(const YarnScaling& yarn) {
  return static_cast<float>(mscale(yarn, static_cast<double>(yarn.mscale_all_dim)));
}

}  // namespace engine
