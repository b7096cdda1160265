// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cmath>

#include "engine/kernels/rope.h"

namespace {

using namespace engine;

YarnScaling released() {  // DeepSeek-V2-Lite
  YarnScaling yarn;
  yarn.factor = 40.0f;
  yarn.original_context = 4096;
  yarn.mscale = yarn.mscale_all_dim = 0.707f;
  return yarn;
}

}  // namespace

TEST_CASE("rope: without YaRN pair i turns by base^(-2i/d) per position") {
  const RopeTable table(8, 10000.0f, YarnScaling());
  for (int i = 0; i < 4; ++i) CHECK(table.frequencies()[static_cast<size_t>(i)] == doctest::Approx(std::pow(10000.0, -i / 4.0)));
}

TEST_CASE("rope: YaRN leaves pairs below 10 alone and stretches pairs from 23 on, for the released models") {
  const RopeTable plain(64, 10000.0f, YarnScaling()), yarn(64, 10000.0f, released());
  for (size_t i = 0; i < 32; ++i) {
    const double ratio = plain.frequencies()[i] / yarn.frequencies()[i];
    if (i <= 10) CHECK(ratio == doctest::Approx(1.0));
    if (i > 10 && i < 23) CHECK((ratio > 1.0 && ratio < 40.0));
    if (i >= 23) CHECK(ratio == doctest::Approx(40.0));
  }
}

TEST_CASE("rope: YaRN's ramp keeps ends in the wrong order, and gives ends at one place a little width") {
  // The slow end lies at pair -0.6: all pairs are behind the ramp's far side, where nothing is stretched.
  YarnScaling inverted;
  inverted.factor = 4.0f, inverted.original_context = 8, inverted.beta_slow = 2.0f, inverted.truncate = false;
  const RopeTable plain(16, 500.0f, YarnScaling()), scaled(16, 500.0f, inverted);
  for (size_t i = 0; i < 8; ++i) CHECK(scaled.frequencies()[i] == doctest::Approx(plain.frequencies()[i]));
  // Rounded up, the slow end comes to lie on the fast one at pair 0, and every pair behind it is stretched.
  inverted.truncate = true;
  const RopeTable rounded(16, 500.0f, inverted);
  for (size_t i = 0; i < 8; ++i)
    CHECK(plain.frequencies()[i] / rounded.frequencies()[i] == doctest::Approx(i == 0 ? 1.0 : 4.0));
}

TEST_CASE("rope: the attention scale of the released models") {
  CHECK(yarn_attention_scale(released()) == doctest::Approx(1.2608037774));
  YarnScaling full = released();
  full.mscale = full.mscale_all_dim = 1.0f;
  CHECK(yarn_attention_scale(full) == doctest::Approx(1.3688879454));
  CHECK(yarn_attention_scale({}) == 1.0f);
}

TEST_CASE("rope: rotation keeps lengths, and dot products depend on the distance alone") {
  const RopeTable table(16, 10000.0f, released());
  const auto turned = [&](int64_t position, float phase) {
    std::vector<float> x(16);
    for (size_t i = 0; i < 16; ++i) x[i] = std::sin(phase + static_cast<float>(i));
    std::vector<RopeTable::Turn> angles(8);
    table.angles(position, angles.data());
    rope_interleaved(angles.data(), 8, x.data());
    return x;
  };
  const auto dot = [](const std::vector<float>& a, const std::vector<float>& b) {
    double sum = 0.0;
    for (size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    return sum;
  };
  CHECK(dot(turned(12345, 1.0f), turned(12345, 1.0f)) == doctest::Approx(dot(turned(0, 1.0f), turned(0, 1.0f))));
  CHECK(dot(turned(100000, 1.0f), turned(100007, 2.0f)) == doctest::Approx(dot(turned(0, 1.0f), turned(7, 2.0f))).epsilon(1e-5));
  CHECK(turned(0, 1.0f)[3] == std::sin(4.0f));
}

TEST_CASE("rope: half-split pairs turn as interleaved ones do") {
  const RopeTable table(8, 10000.0f, YarnScaling());
  std::vector<RopeTable::Turn> turns(4);
  table.angles(5, turns.data());
  std::vector<float> together = {1, 2, 3, 4, 5, 6, 7, 8}, apart = {1, 3, 5, 7, 2, 4, 6, 8};
  rope_interleaved(turns.data(), 4, together.data());
  rope_half_split(turns.data(), 4, apart.data());
  for (size_t i = 0; i < 4; ++i) {
    CHECK(apart[i] == together[2 * i]);
    CHECK(apart[i + 4] == together[2 * i + 1]);
  }
}

TEST_CASE("rope: Llama 3's scaling leaves fast pairs, stretches slow ones, and blends in between") {
  const Llama3Scaling scaling{8.0f, 8192, 1.0f, 4.0f};
  const RopeTable plain(128, 500000.0f, YarnScaling()), scaled(128, 500000.0f, scaling);
  int kept = 0, stretched = 0;
  for (size_t i = 0; i < plain.frequencies().size(); ++i) {
    const double ratio = plain.frequencies()[i] / scaled.frequencies()[i];
    CHECK(ratio >= 1.0 - 1e-12);
    CHECK(ratio <= 8.0 + 1e-12);
    if (ratio < 1.0 + 1e-9) ++kept;
    if (ratio > 8.0 - 1e-9) ++stretched;
  }
  CHECK(kept == 29);       // wavelengths under 8192 / 4: 2 pi 500000^(2i/128) < 2048
  CHECK(stretched == 29);  // wavelengths over 8192
}
