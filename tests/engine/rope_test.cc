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
  const RopeTable table(8, 10000.0f, {});
  for (int i = 0; i < 4; ++i) CHECK(table.frequencies()[static_cast<size_t>(i)] == doctest::Approx(std::pow(10000.0, -i / 4.0)));
}

TEST_CASE("rope: YaRN leaves pairs below 10 alone and stretches pairs from 23 on, for the released models") {
  const RopeTable plain(64, 10000.0f, {}), yarn(64, 10000.0f, released());
  for (size_t i = 0; i < 32; ++i) {
    const double ratio = plain.frequencies()[i] / yarn.frequencies()[i];
    if (i <= 10) CHECK(ratio == doctest::Approx(1.0));
    if (i > 10 && i < 23) CHECK((ratio > 1.0 && ratio < 40.0));
    if (i >= 23) CHECK(ratio == doctest::Approx(40.0));
  }
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
