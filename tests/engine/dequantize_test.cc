// SPDX-License-Identifier: Apache-2.0
#include "engine/formats/dequantize.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <vector>

#include "base/file.h"

TEST_CASE("dequantize_row: every stored type gives gguf-py's values bit for bit") {
  const auto golden =
      base::read_file(std::filesystem::path(GRAFT_SOURCE_DIR) / "tests/data/engine/dequantize.bin", 1 << 20);
  REQUIRE(golden);
  const char* at = golden->data();
  for (const engine::DType type :
       {engine::DType::kF16, engine::DType::kBF16, engine::DType::kQ8_0, engine::DType::kQ4_0}) {
    const engine::DTypeTraits traits = engine::traits(type);
    CAPTURE(traits.name);
    engine::TensorView view;
    view.type = type;
    view.n_dims = 2;
    view.shape = {2, 32 * traits.block_values};  // 64 blocks in two rows
    view.data = reinterpret_cast<const std::byte*>(at);
    at += view.size_bytes();
    const auto n_in = static_cast<size_t>(view.n_in());
    std::vector<float> expected(2 * n_in), values(2 * n_in);
    std::memcpy(expected.data(), at, expected.size() * sizeof(float));
    at += expected.size() * sizeof(float);
    engine::dequantize_row(view, 0, std::span(values).first(n_in));
    engine::dequantize_row(view, 1, std::span(values).last(n_in));
    CHECK(std::memcmp(values.data(), expected.data(), values.size() * sizeof(float)) == 0);
  }
  CHECK(at == golden->data() + golden->size());
}

TEST_CASE("f16_to_f32: infinities, NaN, subnormals and signed zeros") {
  CHECK(engine::f16_to_f32(0x7C00) == HUGE_VALF);
  CHECK(engine::f16_to_f32(0xFC00) == -HUGE_VALF);
  CHECK(std::isnan(engine::f16_to_f32(0x7E01)));
  CHECK(engine::f16_to_f32(0x0001) == 0x1p-24f);
  CHECK(engine::f16_to_f32(0x03FF) == 1023 * 0x1p-24f);
  CHECK(engine::f16_to_f32(0x7BFF) == 65504.0f);
  CHECK(std::signbit(engine::f16_to_f32(0x8000)));
}

TEST_CASE("dequantize_row: every quantised type gives gguf-py's values bit for bit") {
  using engine::DType;
  const auto golden = base::read_file(std::filesystem::path(GRAFT_SOURCE_DIR) / "tests/data/engine/blocks.bin", 1 << 20);
  REQUIRE(golden);
  const char* at = golden->data();
  for (const DType type :
       {DType::kQ8_0, DType::kQ4_0, DType::kQ4_1, DType::kQ5_0, DType::kQ5_1, DType::kQ2_K, DType::kQ3_K, DType::kQ4_K, DType::kQ5_K,
        DType::kQ6_K, DType::kIQ2_XXS, DType::kIQ3_XXS, DType::kIQ4_NL, DType::kIQ4_XS, DType::kMXFP4}) {
    const engine::DTypeTraits traits = engine::traits(type);
    CAPTURE(traits.name);
    engine::TensorView view;
    view.type = type;
    view.n_dims = 2;
    view.shape = {2, 2 * traits.block_values};
    view.data = reinterpret_cast<const std::byte*>(at);
    at += view.size_bytes();
    const auto n_in = static_cast<size_t>(view.n_in());
    REQUIRE(at + 2 * n_in * sizeof(float) <= golden->data() + golden->size());
    std::vector<float> expected(2 * n_in), values(2 * n_in);
    std::memcpy(expected.data(), at, expected.size() * sizeof(float));
    at += expected.size() * sizeof(float);
    engine::dequantize_row(view, 0, std::span(values).first(n_in));
    engine::dequantize_row(view, 1, std::span(values).last(n_in));
    size_t wrong = 0;
    for (size_t i = 0; i < values.size(); ++i) wrong += std::memcmp(&values[i], &expected[i], sizeof(float)) != 0;
    CHECK(wrong == 0);
  }
  CHECK(at == golden->data() + golden->size());
}
