// SPDX-License-Identifier: Apache-2.0
// The operators of DeepSeek-V4 (hyper_connection.h, compressor.h) against what they are defined by.
#include "engine/kernels/hyper_connection.h"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "engine/kernels/compressor.h"
#include "tests/engine/synthetic_model.h"

using namespace engine;
using namespace engine::test;

TEST_CASE("stream_mix: reads lie in (0, 1), writes in (0, 2), and what is carried has rows and columns of sum 1") {
  std::mt19937 random(21);
  for (const int n : {1, 3, 4}) {
    const int size = (2 + n) * n;
    const std::vector<float> mix = random_floats(random, size, 2.0f), base = random_floats(random, size),
                             scale = {0.5f, 1.5f, 0.75f};
    StreamMix out;
    stream_mix(n, 20, 1e-6f, false, mix.data(), scale.data(), base.data(), out);
    for (int j = 0; j < n; ++j) {
      const auto i = static_cast<size_t>(j), w = static_cast<size_t>(n + j);
      CHECK(out.read[j] == doctest::Approx(1.0 / (1.0 + std::exp(-(mix[i] * 0.5f + base[i]))) + 1e-6));
      CHECK(out.write[j] == doctest::Approx(2.0 / (1.0 + std::exp(-(mix[w] * 1.5f + base[w])))));
      float row = 0.0f, column = 0.0f;
      for (int k = 0; k < n; ++k) row += out.carry[j * n + k], column += out.carry[k * n + j];
      CHECK(row == doctest::Approx(1.0).epsilon(1e-3));
      CHECK(column == doctest::Approx(1.0).epsilon(1e-3));
    }
  }
}

TEST_CASE("spread_streams: stream k takes column k of what is carried, not row k") {
  StreamMix mix{};
  mix.write[0] = 2.0f, mix.write[1] = 3.0f;
  const float carry[] = {0.1f, 0.9f, 0.6f, 0.4f};
  std::copy_n(carry, 4, mix.carry);
  mix.read[0] = 10.0f, mix.read[1] = 1.0f;
  std::vector<float> streams = {1.0f, 2.0f, 100.0f, 200.0f}, input(2);  // two streams of two values
  const float result[] = {1000.0f, 0.0f};
  gather_streams(mix, 2, 2, streams.data(), input.data());
  CHECK(input == std::vector<float>{110.0f, 220.0f});
  spread_streams(mix, 2, 2, result, streams.data());
  CHECK(streams[0] == doctest::Approx(2000.0 + 0.1 + 60.0));
  CHECK(streams[2] == doctest::Approx(3000.0 + 0.9 + 40.0));
  CHECK(streams[3] == doctest::Approx(1.8 + 80.0));
}

TEST_CASE("compress_rows: a mean by channel whose weights are the softmax of that channel's gates") {
  const float values[2][2] = {{4.0f, 8.0f}, {0.0f, 16.0f}}, gates[2][2] = {{std::log(3.0f), 90.0f}, {0.0f, -90.0f}};
  const float* rows[] = {values[0], values[1]};
  const float* weights[] = {gates[0], gates[1]};
  float y[2];
  compress_rows(rows, weights, 2, 2, y);
  CHECK(y[0] == doctest::Approx(3.0));
  CHECK(y[1] == doctest::Approx(8.0));
  compress_rows(rows + 1, weights + 1, 1, 2, y);
  CHECK(y[1] == 16.0f);
}
