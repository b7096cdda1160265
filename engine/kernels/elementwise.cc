// SPDX-License-Identifier: Apache-2.0
// References of quantize.h, rms_norm.h, silu_gate.h and softmax.h.
#include <algorithm>
#include <cmath>

#include "engine/kernels/fast_kernels.h"
#include "engine/kernels/quantize.h"
#include "engine/kernels/rms_norm.h"
#include "engine/kernels/silu_gate.h"
#include "engine/kernels/softmax.h"

namespace engine {

namespace {

// `place` of i in 0 .. 31: where the quant of value i lies in its block.
template <int kMost, typename Quant, typename Place>
void rounded_blocks(const float* x, int64_t n, Quant* quants, float* scales, int32_t* sums, Place place) {
  for (int64_t b = 0; b < n / 32; ++b, x += 32, quants += 32) {
    float amax = 0.0f;
    for (int i = 0; i < 32; ++i) amax = std::max(amax, std::fabs(x[i]));
    if (amax < kLeastBlockMax) amax = 0.0f;
    const float inverse = amax > 0.0f ? float{kMost} / amax : 0.0f;
    scales[b] = amax / float{kMost};
    sums[2 * b] = sums[2 * b + 1] = 0;
    for (int i = 0; i < 32; ++i) {
      const auto quant = static_cast<Quant>(std::nearbyint(x[i] * inverse));
      quants[place(i)] = quant;
      sums[2 * b + i / 16] += quant;
    }
  }
}

}  // namespace

void quantize_cpu_reference(const float* x, int64_t n, int8_t* quants, float* scales, int32_t* sums) {
  rounded_blocks<127>(x, n, quants, scales, sums, [](int i) { return i; });
}

void quantize_wide_cpu_reference(const float* x, int64_t n, int16_t* quants, float* scales, int32_t* sums) {
  constexpr int kPlace[4] = {0, 2, 1, 3};
  rounded_blocks<32767>(x, n, quants, scales, sums, [&](int i) { return i / 4 * 4 + kPlace[i % 4]; });
}

void rms_norm_cpu_reference(const float* x, const float* gain, int64_t n, float eps, float* y) {
  float squares = 0.0f;
  for (int64_t i = 0; i < n; ++i) squares += x[i] * x[i];
  const float scale = 1.0f / std::sqrt(squares / static_cast<float>(n) + eps);
  for (int64_t i = 0; i < n; ++i) y[i] = x[i] * scale * gain[i];
}

void layer_norm_cpu_reference(const float* x, const float* gain, const float* bias, int64_t n, float eps, float* y) {
  float sum = 0.0f, squares = 0.0f;
  for (int64_t i = 0; i < n; ++i) sum += x[i];
  const float mean = sum / static_cast<float>(n);
  for (int64_t i = 0; i < n; ++i) squares += (x[i] - mean) * (x[i] - mean);
  const float scale = 1.0f / std::sqrt(squares / static_cast<float>(n) + eps);
  for (int64_t i = 0; i < n; ++i) y[i] = (x[i] - mean) * scale * gain[i] + bias[i];
}

void silu_gate_cpu_reference(const GateForm& form, const float* gate, const float* up, int64_t n, float* y) {
  for (int64_t i = 0; i < n; ++i) {
    const float g = gate[i] > form.limit ? form.limit : gate[i];
    const float u = up[i] > form.limit ? form.limit : up[i] < -form.limit ? -form.limit : up[i];
    y[i] = g / (1.0f + std::exp(-form.alpha * g)) * (u + form.shift);
  }
}

void softmax_cpu_reference(float* x, int64_t n) {
  const float top = *std::max_element(x, x + n);
  float sum = 0.0f;
  for (int64_t i = 0; i < n; ++i) sum += x[i] = std::exp(x[i] - top);
  for (int64_t i = 0; i < n; ++i) x[i] /= sum;
}

double log_sum_exp_cpu_reference(const float* x, int64_t n) {
  const double top = static_cast<double>(*std::max_element(x, x + n));
  double sum = 0.0;
  for (int64_t i = 0; i < n; ++i) sum += std::exp(static_cast<double>(x[i]) - top);
  return top + std::log(sum);
}

double log_sum_exp(const float* x, int64_t n) {
  static const FastKernels& kernels = best_kernels();
  return kernels.log_sum_exp(x, n);
}

}  // namespace engine
