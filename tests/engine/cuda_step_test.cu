// SPDX-License-Identifier: Apache-2.0
// Operators of a step that choose and mix, each alone in a program, against the CPU's. Skipped, and said so, where there
// is no GPU.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <tuple>
#include <utility>
#include <vector>

#include "engine/cuda/step_sparse.h"
#include "engine/kernels/lightning_indexer.h"
#include "tests/engine/cuda_values.h"

namespace {

using namespace engine;
using namespace engine::cuda;
using namespace engine::cuda::test;

std::vector<float> random_values(std::mt19937& random, size_t n) {
  std::normal_distribution<float> spread;
  std::vector<float> values(n);
  for (float& v : values) v = spread(random);
  return values;
}

// One operator at the state's position.
template <typename Op>
void run(OpKind kind, const Op& op, const StepState& state) {
  StepProgram program;
  program.add(kind, op);
  program.finish(shared_bytes_of(op), kBFloat16Caches);
  const DeviceBuffer<StepState> states = on_device(std::vector<StepState>{state});
  program.launch(states.data(), nullptr);
  check(cudaDeviceSynchronize(), "a step");
}

void expect_choice(const std::vector<float>& scores, int ratio, int k) {
  const DeviceBuffer<float> on = on_device(scores);
  const DeviceBuffer<int32_t> chosen = on_device(std::vector<int32_t>(static_cast<size_t>(k), -1));
  const auto n = static_cast<int>(scores.size());
  StepState state;
  state.position = n * ratio + ratio / 2;  // n rows are over, and another has begun
  if (ratio == 1) state.position = n - 1;
  state.scores = on.data();
  run(OpKind::kChoose, ChooseOp{{-1, ratio, k}, chosen.data()}, state);
  std::vector<int32_t> want;
  select_rows(scores.data(), n, k, want);
  std::vector<int32_t> got = from_device(chosen);
  got.resize(want.size());
  CHECK(got == want);
}

}  // namespace

TEST_CASE("cuda step: the best rows by their scores, ties to the lower row, no numbers last") {
  if (!has_gpu()) return;
  std::mt19937 random(1);
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN(), kInfinity = std::numeric_limits<float>::infinity();
  for (const int n : {1, 7, 8, 9, 600, 4095, 4096, 4097, 20000})
    for (const int k : {1, 8, 512}) {
      CAPTURE(n);
      CAPTURE(k);
      expect_choice(random_values(random, static_cast<size_t>(n)), n % 2 == 0 ? 4 : 1, k);
      std::vector<float> few = random_values(random, static_cast<size_t>(n));  // many ties
      for (float& v : few) v = std::nearbyint(v) + 0.0f;
      expect_choice(few, 1, k);
      for (size_t i = 0; i < few.size(); i += 3) few[i] = i % 2 == 0 ? kNaN : -kInfinity;
      for (size_t i = 1; i < few.size(); i += 50) few[i] = kInfinity;
      expect_choice(few, 1, k);
      expect_choice(std::vector<float>(static_cast<size_t>(n), -2.5f), 1, k);
      if (n > k) {  // fewer numbers than are wanted
        std::vector<float> hardly(static_cast<size_t>(n), kNaN);
        hardly[static_cast<size_t>(n) - 1] = 1.0f;
        expect_choice(hardly, 1, k);
      }
    }
}

TEST_CASE("cuda step: scores of an index") {
  if (!has_gpu()) return;
  std::mt19937 random(2);
  for (const auto& [heads, width, n] :
       std::vector<std::tuple<int, int, int>>{{1, 8, 5}, {5, 24, 70}, {64, 128, 37}, {40, 16, 200}}) {
    CAPTURE(heads);
    CAPTURE(width);
    const int64_t row_width = width + 24, stride = row_width * (n + 3);
    const std::vector<float> q = random_values(random, static_cast<size_t>(heads * width)),
                             weights = random_values(random, static_cast<size_t>(heads)),
                             cache = random_values(random, static_cast<size_t>(stride * 2));
    for (const bool is_float : {true, false}) {
      std::vector<float> seen = cache;
      std::vector<__nv_bfloat16> rounded(cache.size());
      for (size_t i = 0; i < cache.size() && !is_float; ++i) {
        rounded[i] = __float2bfloat16_rn(cache[i]);
        seen[i] = __bfloat162float(rounded[i]);
      }
      const DeviceBuffer<float> queries = on_device(q), of_heads = on_device(weights), floats = on_device(cache),
                                scores = on_device(std::vector<float>(static_cast<size_t>(n), -1.0f));
      const DeviceBuffer<__nv_bfloat16> halves = on_device(rounded);
      IndexScoresOp op;
      op.q = queries.data();
      op.weights = of_heads.data();
      op.scale = 0.25f;
      op.n_heads = heads, op.width = width;
      op.row_width = row_width, op.key_offset = 16;
      op.seen = {-1, 1, 3};
      op.layer = 1;
      op.float_cache = is_float;
      StepState state;
      state.position = n - 1;
      state.cache = is_float ? static_cast<void*>(floats.data()) : halves.data();
      state.layer_stride = stride;
      state.scores = scores.data();
      run(OpKind::kIndexScores, op, state);
      std::vector<float> scaled = weights, want(static_cast<size_t>(n));
      for (float& w : scaled) w *= 0.25f;
      index_scores_cpu_reference(
          {{q.data(), scaled.data(), heads, width}, seen.data() + stride + 16, row_width, n, want.data()});
      const std::vector<float> got = from_device(scores);
      for (size_t i = 0; i < want.size(); ++i) CHECK(std::fabs(got[i] - want[i]) <= 1e-4 * (1.0 + std::fabs(want[i])));
    }
  }
}

TEST_CASE("cuda step: streams are read and written as the CPU does") {
  if (!has_gpu()) return;
  std::mt19937 random(3);
  for (const auto& [n, width] : std::vector<std::pair<int, int>>{{1, 8}, {2, 40}, {4, 1030}, {7, 64}, {16, 24}}) {
    CAPTURE(n);
    const auto s = static_cast<size_t>(n), d = static_cast<size_t>(width);
    const std::vector<float> mixed = random_values(random, (2 + s) * s), base = random_values(random, (2 + s) * s),
                             scale = random_values(random, 3), result = random_values(random, d);
    std::vector<float> streams = random_values(random, s * d);
    const DeviceBuffer<float> d_mixed = on_device(mixed), d_base = on_device(base), d_scale = on_device(scale),
                              d_result = on_device(result), d_streams = on_device(streams),
                              input = on_device(std::vector<float>(d, -1.0f));
    const DeviceBuffer<StreamMix> d_mix(1);
    GatherOp gather;
    gather.mixed = d_mixed.data(), gather.scale = d_scale.data(), gather.base = d_base.data();
    gather.streams = d_streams.data();
    gather.n_streams = n, gather.rounds = 2, gather.eps = 1e-6f;
    gather.width = width;
    gather.input = input.data();
    gather.mix = d_mix.data();
    run(OpKind::kGather, gather, {});
    run(OpKind::kSpread, SpreadOp{d_mix.data(), d_result.data(), n, width, d_streams.data()}, {});
    StreamMix mix;
    stream_mix(n, 2, 1e-6f, false, mixed.data(), scale.data(), base.data(), mix);
    std::vector<float> want(d);
    gather_streams(mix, n, width, streams.data(), want.data());
    spread_streams(mix, n, width, result.data(), streams.data());
    const std::vector<float> got = from_device(input), got_streams = from_device(d_streams);
    for (size_t i = 0; i < d; ++i) CHECK(got[i] == doctest::Approx(want[i]).epsilon(1e-4));
    for (size_t i = 0; i < s * d; ++i)
      CHECK(std::fabs(got_streams[i] - streams[i]) <= 1e-4 * (1.0 + std::fabs(streams[i])));
  }
}
