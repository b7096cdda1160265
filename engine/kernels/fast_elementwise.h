// SPDX-License-Identifier: Apache-2.0
// engine/kernels/fast_elementwise.h: quantize.h, rms_norm.h, silu_gate.h and softmax.h over the vector steps `V`.
#pragma once
#include <cmath>

#include "engine/kernels/matmul.h"
#include "engine/kernels/quantize.h"
#include "engine/kernels/silu_gate.h"

namespace engine {
namespace {

template <class V>
struct FastElementwise {
  using F = typename V::F;

  // e^x to about 2 units in the last place; 0 below -87.3 (where f32 would go subnormal), NaN stays NaN.
  // Cody-Waite: x = n ln 2 + r with |r| <= ln 2 / 2, then a polynomial in r (coefficients of Cephes' expf).
  static F exp(F x) {
    const F lowest = V::set1(-87.3f);
    const F clamped = V::min(V::set1(88.3f), V::max(lowest, x));
    const F n = V::round(V::mul(clamped, V::set1(1.44269504088896341f)));
    F r = V::fma(n, V::set1(-0.693359375f), clamped);
    r = V::fma(n, V::set1(2.12194440e-4f), r);
    F p = V::set1(1.9875691500e-4f);
    p = V::fma(p, r, V::set1(1.3981999507e-3f));
    p = V::fma(p, r, V::set1(8.3334519073e-3f));
    p = V::fma(p, r, V::set1(4.1665795894e-2f));
    p = V::fma(p, r, V::set1(1.6666665459e-1f));
    p = V::fma(p, r, V::set1(5.0000001201e-1f));
    p = V::add(V::fma(V::mul(p, r), r, r), V::set1(1.0f));
    return V::zero_below(V::mul(p, V::pow2(n)), x, lowest);
  }

  static void quantize(const float* x, int64_t n, int8_t* quants, float* scales, int32_t* sums) { rounded<127>(x, n, quants, scales, sums); }
  static void quantize_wide(const float* x, int64_t n, int16_t* quants, float* scales, int32_t* sums) {
    rounded<32767>(x, n, quants, scales, sums);
  }

  template <int kMost, typename Quant>
  static void rounded(const float* x, int64_t n, Quant* quants, float* scales, int32_t* sums) {
    for (int64_t b = 0; b < n / kBlockValues; ++b) {
      const float* block = x + b * kBlockValues;
      F largest = V::zero();
      for (int i = 0; i < kBlockValues; i += V::kWidth) largest = V::max(largest, V::abs(V::load(block + i)));
      const float most = V::max_of(largest), amax = most < kLeastBlockMax ? 0.0f : most;
      scales[b] = amax / float{kMost};
      const F inverse = V::set1(amax > 0.0f ? float{kMost} / amax : 0.0f);
      for (int half = 0; half < 2; ++half) {
        int32_t sum = 0;
        for (int i = half * kHalfBlock; i < (half + 1) * kHalfBlock; i += V::kWidth)
          V::store_quants(quants + b * kBlockValues + i, V::round(V::mul(V::load(block + i), inverse)), sum);
        sums[2 * b + half] = sum;
      }
    }
  }

  static void rms_norm(const float* x, const float* gain, int64_t n, float eps, float* y) {
    const int64_t whole = n / V::kWidth * V::kWidth;
    F squares = V::zero();
    for (int64_t i = 0; i < whole; i += V::kWidth) squares = V::fma(V::load(x + i), V::load(x + i), squares);
    float sum = V::sum(squares);
    for (int64_t i = whole; i < n; ++i) sum += x[i] * x[i];
    const float scale = 1.0f / __builtin_sqrtf(sum / static_cast<float>(n) + eps);
    for (int64_t i = 0; i < whole; i += V::kWidth)
      V::store(y + i, V::mul(V::mul(V::load(x + i), V::set1(scale)), V::load(gain + i)));
    for (int64_t i = whole; i < n; ++i) y[i] = x[i] * scale * gain[i];
  }

  static void silu_gate(const GateForm& form, const float* gate, const float* up, int64_t n, float* y) {
    int64_t i = 0;
    for (; i + V::kWidth <= n; i += V::kWidth) V::store(y + i, gated(form, V::load(gate + i), V::load(up + i)));
    if (i == n) return;
    float rest[3][V::kWidth] = {};
    for (int64_t j = i; j < n; ++j) rest[0][j - i] = gate[j], rest[1][j - i] = up[j];
    V::store(rest[2], gated(form, V::load(rest[0]), V::load(rest[1])));
    for (int64_t j = i; j < n; ++j) y[j] = rest[2][j - i];
  }

  static double log_sum_exp(const float* x, int64_t n) {
    const int64_t whole = n / V::kWidth * V::kWidth;
    float top = n > 0 ? x[0] : 0.0f;
    if (whole > 0) {
      F largest = V::load(x);
      for (int64_t i = V::kWidth; i < whole; i += V::kWidth) largest = V::max(largest, V::load(x + i));
      top = V::max_of(largest);
    }
    for (int64_t i = whole; i < n; ++i) top = x[i] > top ? x[i] : top;
    double sum = 0.0;
    for (int64_t i = 0; i < whole;) {  // short f32 sums, added up in double
      const int64_t end = i + 64 * V::kWidth < whole ? i + 64 * V::kWidth : whole;
      F part = V::zero();
      for (; i < end; i += V::kWidth) part = V::add(part, exp(V::sub(V::load(x + i), V::set1(top))));
      sum += static_cast<double>(V::sum(part));
    }
    for (int64_t i = whole; i < n; ++i) {
      float rest[V::kWidth];
      V::store(rest, exp(V::set1(x[i] - top)));
      sum += static_cast<double>(rest[0]);
    }
    return static_cast<double>(top) + __builtin_log(sum);
  }

 private:
  // min and max take the second operand where one is no number: it comes last, so that NaN stays.
  static F gated(const GateForm& form, F gate, F up) {
    const F g = V::min(V::set1(form.limit), gate), u = V::max(V::set1(-form.limit), V::min(V::set1(form.limit), up));
    return V::mul(V::div(g, V::add(V::set1(1.0f), exp(V::mul(V::set1(-form.alpha), g)))), V::add(u, V::set1(form.shift)));
  }
};

}  // namespace
}  // namespace engine
