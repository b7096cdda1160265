// SPDX-License-Identifier: Apache-2.0
// The attention of a chunk on the GPU against plain loops in double. Skipped, and said so, where there is no GPU.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "engine/cuda/prefill_attention.h"
#include "tests/engine/cuda_values.h"

namespace {

using namespace engine;
using namespace engine::cuda;
using namespace engine::cuda::test;

double error_of(const std::vector<float>& got, const std::vector<double>& want) {
  double off = 0.0, size = 0.0;
  for (size_t i = 0; i < want.size(); ++i) off += (got[i] - want[i]) * (got[i] - want[i]), size += want[i] * want[i];
  const double error = std::sqrt(off / size);
  return std::isnan(error) ? std::numeric_limits<double>::infinity() : error;
}

std::vector<float> random_values(std::mt19937& random, size_t n, bool rounded) {
  std::uniform_real_distribution<float> spread(-1.0f, 1.0f);
  std::vector<float> values(n);
  for (float& v : values) v = rounded ? __bfloat162float(__float2bfloat16_rn(spread(random))) : spread(random);
  return values;
}
std::vector<__nv_bfloat16> to_bf16(const std::vector<float>& values) {
  std::vector<__nv_bfloat16> out(values.size());
  for (size_t i = 0; i < values.size(); ++i) out[i] = __float2bfloat16_rn(values[i]);
  return out;
}

// T values on the device, whichever T is.
struct Values {
  DeviceBuffer<float> f32;
  DeviceBuffer<__nv_bfloat16> bf16;
  Values(const std::vector<float>& values, bool exact) {
    if (exact)
      f32 = on_device(values);
    else
      bf16 = on_device(to_bf16(values));
  }
  void* data() const { return f32.data() ? static_cast<void*>(f32.data()) : bf16.data(); }
  std::vector<float> back() const {
    if (f32.data()) return from_device(f32);
    std::vector<float> out;
    for (const __nv_bfloat16 v : from_device(bf16)) out.push_back(__bfloat162float(v));
    return out;
  }
};

void check_attention(bool exact, int dk, int dv, int n_heads, int n_kv_heads, int n, int position, int window,
                     bool sinks, int segments) {
  CAPTURE(exact);
  CAPTURE(dk);
  CAPTURE(dv);
  CAPTURE(n);
  CAPTURE(position);
  CAPTURE(window);
  CAPTURE(sinks);
  CAPTURE(segments);
  std::mt19937 random(static_cast<uint32_t>(dk * 131 + n * 7 + position + window));
  const int n_keys = position + n, k_stride = n_kv_heads * dk + 8, v_stride = n_kv_heads * dv + 16;
  const std::vector<float> q = random_values(random, static_cast<size_t>(n * n_heads * dk), !exact);
  const std::vector<float> k = random_values(random, static_cast<size_t>(n_keys * k_stride), !exact);
  const std::vector<float> v = random_values(random, static_cast<size_t>(n_keys * v_stride), !exact);
  const std::vector<float> sink = random_values(random, static_cast<size_t>(n_heads), false);
  const Values dq(q, exact), dk_values(k, exact), dv_values(v, exact);
  const Values out(std::vector<float>(static_cast<size_t>(n * n_heads * dv), std::nanf("")), exact);
  const DeviceBuffer<float> d_sink = on_device(sink);
  const DeviceBuffer<float> state =
      on_device(std::vector<float>(static_cast<size_t>(n * n_heads * (dv + 2)), std::nanf("")));
  const size_t width = exact ? 4 : 2;
  PrefillAttention a;
  a.q = dq.data();
  a.k_stride = k_stride, a.k_head_stride = dk, a.v_stride = v_stride, a.v_head_stride = dv;
  a.n_tokens = n, a.n_heads = n_heads, a.n_kv_heads = n_kv_heads, a.dk = dk, a.dv = dv;
  a.position = position, a.window = window, a.scale = 0.3f;
  a.sinks = sinks ? d_sink.data() : nullptr;
  a.state = state.data();
  a.out = out.data();
  for (int s = 0; s < segments; ++s) {
    const int first = n_keys * s / segments, end = n_keys * (s + 1) / segments;
    a.k = static_cast<const char*>(dk_values.data()) + static_cast<size_t>(first * k_stride) * width;
    a.v = static_cast<const char*>(dv_values.data()) + static_cast<size_t>(first * v_stride) * width;
    a.first_key = first, a.n_keys = end - first, a.first = s == 0, a.last = s + 1 == segments;
    prefill_attention(a, exact, nullptr);
  }
  check(cudaDeviceSynchronize(), "attention");
  std::vector<double> want;
  for (int t = 0; t < n; ++t)
    for (int h = 0; h < n_heads; ++h) {
      const int end = position + t + 1, first = window > 0 ? std::max(0, end - window) : 0,
                g = h / (n_heads / n_kv_heads);
      std::vector<double> weight;
      double total = sinks ? std::exp(double{sink[static_cast<size_t>(h)]}) : 0.0;
      for (int s = first; s < end; ++s) {
        double dot = 0.0;
        for (int i = 0; i < dk; ++i)
          dot += double{q[static_cast<size_t>((t * n_heads + h) * dk + i)]} *
                 k[static_cast<size_t>(s * k_stride + g * dk + i)];
        weight.push_back(std::exp(dot * a.scale));
        total += weight.back();
      }
      for (int c = 0; c < dv; ++c) {
        double sum = 0.0;
        for (int s = first; s < end; ++s)
          sum += weight[static_cast<size_t>(s - first)] * v[static_cast<size_t>(s * v_stride + g * dv + c)];
        want.push_back(sum / total);
      }
    }
  CHECK(error_of(out.back(), want) <= (exact ? 1e-5 : 1e-2));
}

// Milliseconds of one of `n` runs in a row, after one that does not count.
template <typename Work>
double milliseconds(const Work& work, int n = 20) {
  cudaEvent_t start, end;
  check(cudaEventCreate(&start), "event");
  check(cudaEventCreate(&end), "event");
  work();
  check(cudaEventRecord(start), "event");
  for (int i = 0; i < n; ++i) work();
  check(cudaEventRecord(end), "event");
  check(cudaEventSynchronize(end), "event");
  float took = 0.0f;
  check(cudaEventElapsedTime(&took, start, end), "event");
  return took / n;
}

}  // namespace

TEST_CASE("cuda attention of a chunk: widths, windows, sinks, segments") {
  if (!has_gpu()) return;
  struct Shape {
    int dk, dv, heads, kv_heads;
  };
  for (const bool exact : {true, false})
    for (const Shape& s :
         {Shape{24, 16, 4, 4}, {64, 64, 8, 2}, {128, 128, 4, 1}, {192, 128, 3, 3}, {256, 256, 2, 1}, {40, 32, 2, 2}}) {
      check_attention(exact, s.dk, s.dv, s.heads, s.kv_heads, 1, 0, 0, false, 1);
      check_attention(exact, s.dk, s.dv, s.heads, s.kv_heads, 70, 3, 0, true, 1);
      check_attention(exact, s.dk, s.dv, s.heads, s.kv_heads, 130, 200, 0, false, 3);
      check_attention(exact, s.dk, s.dv, s.heads, s.kv_heads, 65, 100, 7, true, 2);
      check_attention(exact, s.dk, s.dv, s.heads, s.kv_heads, 65, 0, 1, false, 1);
    }
}

TEST_CASE("attention rates" * doctest::skip()) {
  if (!has_gpu()) return;
  const DeviceBuffer<__nv_bfloat16> x(size_t{4096} * 4096), w(size_t{4096} * 4096), y(size_t{2} * 4096 * 4096);
  check(cudaMemset(x.data(), 0x3c, x.bytes()), "set");
  check(cudaMemset(w.data(), 0x3c, w.bytes()), "set");
  for (const auto& [n, heads, kv, dk, dv] : {std::tuple{4096, 16, 16, 192, 128}, {4096, 32, 8, 128, 128}}) {
    PrefillAttention a;
    a.q = x.data(), a.k = w.data(), a.v = y.data(), a.k_stride = kv * dk, a.k_head_stride = dk, a.v_stride = kv * dv,
    a.v_head_stride = dv;
    a.n_tokens = a.n_keys = n, a.n_heads = heads, a.n_kv_heads = kv, a.dk = dk, a.dv = dv, a.scale = 0.1f;
    a.out = y.data() + size_t{4096} * 4096;
    const double ms = milliseconds([&] { prefill_attention(a, false, nullptr); });
    MESSAGE("attention of " << n << " tokens, " << dk << "/" << dv << ": " << 1e-9 * n * n * heads * (dk + dv) / ms
                            << " TFLOP/s, " << ms << " ms");
  }
}
