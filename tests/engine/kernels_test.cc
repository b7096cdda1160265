// SPDX-License-Identifier: Apache-2.0
// Every operator of engine/kernels on every path of this CPU, against its plain reference.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "engine/fast/activation_buffer.h"
#include "engine/formats/dequantize.h"
#include "engine/formats/quantize_rows.h"
#include "engine/kernels/lightning_indexer.h"
#include "engine/kernels/quantize.h"
#include "engine/kernels/rms_norm.h"
#include "engine/kernels/silu_gate.h"
#include "engine/kernels/softmax.h"
#include "tests/engine/synthetic_model.h"

namespace {

using namespace engine;
using namespace engine::test;

struct Product {
  std::vector<float> got, want, bound;  // [n_tokens, n_out]; how far `got` may be from `want`
};

PackedMatrix unpacked(const TensorView& view) {
  PackedMatrix m;
  m.type = view.type;
  m.n_out = view.n_rows();
  m.n_in = view.n_in();
  m.source = view;
  return m;
}

std::vector<DType> all_types() {
  std::vector<DType> types;
  for (int t = 0; t < kDTypes; ++t) types.push_back(static_cast<DType>(t));
  return types;
}

// matmul.h: activations of 8 bits cost at most |w| * amax / 254 per product, those of 16 bits |w| * amax / 65,534; f32 sums of n terms
// (n + 2) * 2^-24 of their size. What quantize.h's f32 rounding adds shows beside 16 bits alone.
Product multiply(const FastKernels& kernels, std::mt19937& random, DType type, int64_t n_tokens, int64_t n_in, int64_t n_out, bool packed) {
  const std::vector<std::byte> bytes = random_matrix(random, type, n_out, n_in);
  const TensorView view = view_of(bytes, type, {n_out, n_in});
  const std::vector<float> x = random_floats(random, n_tokens * n_in);
  ActivationBuffer rows(std::max<int64_t>(1, n_tokens), n_in);
  for (int64_t t = 0; t < n_tokens; ++t) {
    std::copy_n(x.data() + t * n_in, n_in, rows.row(t));
    if (is_quantized(type)) rows.quantize(kernels, t, 0, n_in);
  }
  PackedMatrix m = unpacked(view);
  std::vector<uint8_t> panels(static_cast<size_t>(m.n_panels() * m.panel_bytes())), scratch(static_cast<size_t>(m.panel_bytes()));
  if (packed) {
    for (int64_t p = 0; p < m.n_panels(); ++p) pack_panel(m, p, panels.data() + p * m.panel_bytes());
    m.panels = panels.data();
  }
  Product product;
  product.got.assign(static_cast<size_t>(n_tokens * n_out), std::numeric_limits<float>::quiet_NaN());
  product.want.resize(product.got.size());
  product.bound.resize(product.got.size());
  matmul_panels(kernels, m, 0, m.n_panels(), rows.from(0), n_tokens, product.got.data(), n_out, scratch.data());
  matmul_cpu_reference(view, x.data(), n_tokens, product.want.data());
  std::vector<double> off(x.size());  // by how much each activation may be off, and the rounding of its product
  for (size_t at = 0; at < x.size(); ++at) {
    const size_t block = at - at % static_cast<size_t>(n_in) % 32;
    double amax = 0.0;
    for (size_t i = block; is_quantized(type) && i < block + 32; ++i) amax = std::max(amax, std::fabs(static_cast<double>(x[i])));
    off[at] = (kernels.wide ? amax * (1.0 / 65534.0 + 3 * 0x1p-24) : amax / 254.0) + std::fabs(static_cast<double>(x[at])) * static_cast<double>(n_in + 2) * 0x1p-24;
  }
  std::vector<float> row(static_cast<size_t>(n_in));
  for (int64_t o = 0; o < n_out; ++o) {
    dequantize_row(view, o, row);
    for (int64_t t = 0; t < n_tokens; ++t) {
      double bound = 0.0;
      for (int64_t i = 0; i < n_in; ++i)
        bound += std::fabs(static_cast<double>(row[static_cast<size_t>(i)])) * off[static_cast<size_t>(t * n_in + i)];
      product.bound[static_cast<size_t>(t * n_out + o)] = static_cast<float>(bound * 1.001 + 1e-30);
    }
  }
  return product;
}

}  // namespace

TEST_CASE("matmul: every type and path stays within its derived bound on awkward shapes") {
  std::mt19937 random(7);
  for (const FastKernels* kernels : all_kernels_and_widths())
    for (const DType type : all_types())
      for (const int64_t n_in : {1, 7, 32, 45, 160, 256, 768})
        for (const int64_t n_out : {1, 15, 16, 17, 80})
          for (const int64_t n_tokens : {0, 1, 2, 5, 13}) {
            if (n_in % traits(type).block_values != 0) continue;
            if (n_in > 160 && (traits(type).block_values != 256 || n_out == 80)) continue;
            const bool packed = (n_in + n_out + n_tokens) % 2 == 0;
            CAPTURE(std::string(kernels->name)); CAPTURE(kernels->wide); CAPTURE(std::string(traits(type).name));
            CAPTURE(n_in); CAPTURE(n_out); CAPTURE(n_tokens); CAPTURE(packed);
            const Product p = multiply(*kernels, random, type, n_tokens, n_in, n_out, packed);
            size_t outside = 0;
            for (size_t i = 0; i < p.got.size(); ++i) outside += !(std::fabs(p.got[i] - p.want[i]) <= p.bound[i]);
            CHECK(outside == 0);
          }
}

TEST_CASE("matmul: many tokens at once give bit for bit what each token gives alone") {
  std::mt19937 random(8);
  for (const FastKernels* kernels : all_kernels_and_widths())
    for (const DType type : all_types()) {
      CAPTURE(std::string(kernels->name)); CAPTURE(std::string(traits(type).name));
      constexpr int64_t kIn = 2048, kOut = 100, kTokens = 90;  // more inputs than matmul_panels takes at once
      const std::vector<std::byte> bytes = random_matrix(random, type, kOut, kIn);
      const PackedMatrix m = unpacked(view_of(bytes, type, {kOut, kIn}));
      ActivationBuffer rows(kTokens, kIn);
      const std::vector<float> x = random_floats(random, kTokens * kIn);
      for (int64_t t = 0; t < kTokens; ++t) {
        std::copy_n(x.data() + t * kIn, kIn, rows.row(t));
        rows.quantize(*kernels, t, 0, kIn);
      }
      std::vector<uint8_t> scratch(static_cast<size_t>(m.panel_bytes()));
      std::vector<float> together(kTokens * kOut), alone(kTokens * kOut);
      matmul_panels(*kernels, m, 0, m.n_panels(), rows.from(0), kTokens, together.data(), kOut, scratch.data());
      for (int64_t t = 0; t < kTokens; ++t)
        matmul_panels(*kernels, m, 0, m.n_panels(), rows.from(t), 1, alone.data() + t * kOut, kOut, scratch.data());
      CHECK(together == alone);
    }
}

TEST_CASE("matmul: a turned matrix gives bit for bit what its values give, turned and in f32") {
  std::mt19937 random(18);
  constexpr int64_t kRows = 37, kMostTokens = 15;  // inputs; any number
  for (const FastKernels* kernels : all_kernels())
    for (const DType type : all_types())
      for (const bool packed : {false, true}) {
        CAPTURE(std::string(kernels->name)); CAPTURE(std::string(traits(type).name)); CAPTURE(packed);
        const int64_t columns = is_quantized(type) ? 3 * traits(type).block_values : 41;
        const std::vector<std::byte> bytes = random_matrix(random, type, kRows, columns);
        PackedMatrix m = unpacked(view_of(bytes, type, {kRows, columns}));
        m.turned = true;
        m.n_out = columns, m.n_in = kRows;
        std::vector<float> values(static_cast<size_t>(columns * kRows)), row(static_cast<size_t>(columns));
        for (int64_t i = 0; i < kRows; ++i) {
          dequantize_row(m.source, i, row);
          for (int64_t o = 0; o < columns; ++o) values[static_cast<size_t>(o * kRows + i)] = row[static_cast<size_t>(o)];
        }
        TensorView flat;
        flat.type = DType::kF32, flat.n_dims = 2, flat.shape = {columns, kRows, 0, 0};
        flat.data = reinterpret_cast<const std::byte*>(values.data());
        const PackedMatrix plain = unpacked(flat);
        std::vector<uint8_t> panels(static_cast<size_t>(m.n_panels() * m.panel_bytes())), scratch(static_cast<size_t>(plain.panel_bytes()));
        if (packed) {
          for (int64_t p = 0; p < m.n_panels(); ++p) pack_panel(m, p, panels.data() + p * m.panel_bytes());
          m.panels = panels.data();
        }
        ActivationBuffer x(kMostTokens, kRows);
        for (int64_t t = 0; t < kMostTokens; ++t) std::copy_n(random_floats(random, kRows).data(), kRows, x.row(t));
        for (const int64_t n_tokens : {int64_t{1}, kMostTokens}) {
          std::vector<float> got(static_cast<size_t>(n_tokens * columns)), want(got.size());
          matmul_panels(*kernels, m, 0, m.n_panels(), x.from(0), n_tokens, got.data(), columns, scratch.data());
          matmul_panels(*kernels, plain, 0, plain.n_panels(), x.from(0), n_tokens, want.data(), columns, scratch.data());
          CHECK(got == want);
        }
      }
}

TEST_CASE("matmul: extreme quants and activations do not overflow") {
  for (const FastKernels* kernels : all_kernels_and_widths())
    for (const DType type : {DType::kQ8_0, DType::kQ4_0})
      for (const int sign : {1, -1}) {
        CAPTURE(std::string(kernels->name)); CAPTURE(std::string(traits(type).name)); CAPTURE(sign);
        // Q8_0: every weight -128; Q4_0: every weight +7 in rows of 0xff bytes. Scale 1.
        std::vector<std::byte> bytes(static_cast<size_t>(16 * 2 * traits(type).block_bytes), static_cast<std::byte>(type == DType::kQ8_0 ? 0x80 : 0xff));
        for (size_t at = 0; at < bytes.size(); at += static_cast<size_t>(traits(type).block_bytes)) {
          bytes[at] = std::byte{0};
          bytes[at + 1] = std::byte{0x3c};
        }
        const PackedMatrix m = unpacked(view_of(bytes, type, {16, 64}));
        ActivationBuffer x(1, 64);
        const float most = kernels->wide ? 32767.0f : 127.0f;
        std::fill_n(x.row(0), 64, static_cast<float>(sign) * most);
        x.quantize(*kernels, 0, 0, 64);
        std::vector<float> y(16);
        std::vector<uint8_t> scratch(static_cast<size_t>(m.panel_bytes()));
        matmul_panels(*kernels, m, 0, 1, x.from(0), 1, y.data(), 16, scratch.data());
        const float want = static_cast<float>(sign) * most * 64.0f * (type == DType::kQ8_0 ? -128.0f : 7.0f);
        for (const float value : y) CHECK(value == want);
      }
}

TEST_CASE("matmul: the largest numbers of types with steps and of FP4 do not overflow where they are added up") {
  struct Case {
    DType type;
    int numbers, fill;           // bytes from `numbers` on are the numbers, of which `fill` makes the largest
    std::vector<int> units;      // where f16 scales lie
    std::pair<int, int> steps;   // bytes [first, second), each 0x7f
  };
  const std::vector<Case> cases = {
      {DType::kQ2_K, 16, 0xff, {80, 82}, {0, 16}},     {DType::kQ3_K, 0, 0xff, {108}, {96, 108}}, {DType::kQ3_K, 0, 0, {108}, {96, 108}},
      {DType::kQ4_K, 16, 0xff, {0, 2}, {4, 16}},       {DType::kQ5_K, 16, 0xff, {0, 2}, {4, 16}}, {DType::kQ6_K, 0, 0, {208}, {192, 208}},
      {DType::kQ6_K, 0, 0xff, {208}, {192, 208}},      {DType::kMXFP4, 1, 0x77, {}, {0, 1}},      {DType::kMXFP4, 1, 0xff, {}, {0, 1}},
  };
  constexpr int64_t kIn = 512, kOut = 32, kTokens = 5;
  for (const FastKernels* kernels : all_kernels_and_widths())
    for (const Case& c : cases) {
      CAPTURE(std::string(kernels->name)); CAPTURE(std::string(traits(c.type).name)); CAPTURE(c.fill);
      const int64_t block_bytes = traits(c.type).block_bytes;
      std::vector<std::byte> bytes(static_cast<size_t>(kOut * kIn / traits(c.type).block_values * block_bytes), static_cast<std::byte>(c.fill));
      for (size_t at = 0; at < bytes.size(); at += static_cast<size_t>(block_bytes)) {
        for (int i = c.steps.first; i < c.steps.second; ++i) bytes[at + static_cast<size_t>(i)] = std::byte{0x7f};
        for (const int unit : c.units) bytes[at + static_cast<size_t>(unit)] = std::byte{0}, bytes[at + static_cast<size_t>(unit) + 1] = std::byte{0x3c};
      }
      const PackedMatrix m = unpacked(view_of(bytes, c.type, {kOut, kIn}));
      std::vector<float> row(kIn);
      dequantize_row(m.source, 0, row);
      ActivationBuffer x(kTokens, kIn);
      const float most = kernels->wide ? 32767.0f : 127.0f;
      for (int64_t t = 0; t < kTokens; ++t) {
        std::fill_n(x.row(t), kIn, t % 2 ? most : -most);
        x.quantize(*kernels, t, 0, kIn);
      }
      double want = 0, size = 0;
      for (const float w : row) want += static_cast<double>(w) * static_cast<double>(most), size += std::fabs(static_cast<double>(w) * static_cast<double>(most));
      std::vector<float> y(kTokens * kOut);
      std::vector<uint8_t> scratch(static_cast<size_t>(m.panel_bytes()));
      matmul_panels(*kernels, m, 0, m.n_panels(), x.from(0), kTokens, y.data(), kOut, scratch.data());
      for (int64_t i = 0; i < kTokens * kOut; ++i)
        CHECK(std::fabs(static_cast<double>(y[static_cast<size_t>(i)]) - (i / kOut % 2 ? want : -want)) <= 4e-6 * size);
    }
}

TEST_CASE("matmul: row ids choose the input rows") {
  std::mt19937 random(9);
  for (const FastKernels* kernels : all_kernels_and_widths()) {
    const std::vector<std::byte> bytes = random_matrix(random, DType::kQ8_0, 32, 64);
    const PackedMatrix m = unpacked(view_of(bytes, DType::kQ8_0, {32, 64}));
    ActivationBuffer rows(6, 64);
    for (int64_t t = 0; t < 6; ++t) {
      const std::vector<float> x = random_floats(random, 64);
      std::copy_n(x.data(), 64, rows.row(t));
      rows.quantize(*kernels, t, 0, 64);
    }
    const int32_t ids[5] = {5, 0, 3, 3, 1};
    std::vector<uint8_t> scratch(static_cast<size_t>(m.panel_bytes()));
    std::vector<float> chosen(5 * 32), each(32);
    Activations x = rows.from(0);
    x.row_ids = ids;
    matmul_panels(*kernels, m, 0, 2, x, 5, chosen.data(), 32, scratch.data());
    for (int i = 0; i < 5; ++i) {
      matmul_panels(*kernels, m, 0, 2, rows.from(ids[i]), 1, each.data(), 32, scratch.data());
      CHECK(std::equal(each.begin(), each.end(), chosen.begin() + i * 32));
    }
  }
}

namespace {

// `place`: where the quant of value i lies. `error`: of a value, as a share of its block's largest (quantize.h).
template <typename Quant, typename Round, typename Place>
void check_rounding(Round round, Round reference, Place place, double error) {
  std::mt19937 random(10);
  std::vector<float> x = random_floats(random, 32 * 40, 3.0f);
  std::fill_n(x.begin(), 32, 0.0f);        // amax 0
  x[40] = 1e30f;                           // one value that dwarfs its block
  std::fill_n(x.begin() + 64, 32, -5.0f);  // all at the end of the range
  for (int i = 0; i < 32; ++i) {
    x[static_cast<size_t>(96 + i)] = static_cast<float>(i - 16) * 1e-39f;  // 127 divided by the largest of them is infinite
    x[static_cast<size_t>(128 + i)] = kLeastBlockMax * static_cast<float>(i + 1) / 32.0f;
  }
  const size_t n = x.size(), blocks = n / 32;
  std::vector<Quant> got(n), want(n);
  std::vector<float> got_scales(blocks), want_scales(blocks);
  std::vector<int32_t> got_sums(2 * blocks), want_sums(2 * blocks);
  round(x.data(), static_cast<int64_t>(n), got.data(), got_scales.data(), got_sums.data());
  reference(x.data(), static_cast<int64_t>(n), want.data(), want_scales.data(), want_sums.data());
  CHECK(got == want);
  CHECK(got_scales == want_scales);
  CHECK(got_sums == want_sums);
  for (size_t b = 0; b < blocks; ++b) {
    int64_t sums[2] = {0, 0};
    const float amax = std::fabs(*std::max_element(x.begin() + static_cast<std::ptrdiff_t>(b * 32), x.begin() + static_cast<std::ptrdiff_t>(b * 32 + 32),
                                                   [](float l, float r) { return std::fabs(l) < std::fabs(r); }));
    for (size_t i = 0; i < 32; ++i) {
      const Quant quant = got[b * 32 + place(i)];
      sums[i / 16] += quant;
      const double off = std::fabs(static_cast<double>(x[b * 32 + i]) - static_cast<double>(got_scales[b]) * quant);
      CHECK(off <= (amax < kLeastBlockMax ? static_cast<double>(amax) : error * static_cast<double>(amax)));
      if (amax < kLeastBlockMax) CHECK(quant == 0);
    }
    CHECK(sums[0] == got_sums[2 * b]);
    CHECK(sums[1] == got_sums[2 * b + 1]);
  }
}

}  // namespace

TEST_CASE("quantize: every path rounds as the reference does, to 8 bits and to 16") {
  for (const FastKernels* kernels : all_kernels()) {
    CAPTURE(std::string(kernels->name));
    check_rounding<int8_t>(kernels->quantize, quantize_cpu_reference, [](size_t i) { return i; }, 1.0 / 254.0 + 3 * 0x1p-24);
    check_rounding<int16_t>(
        kernels->quantize_wide, quantize_wide_cpu_reference, [](size_t i) { return i % 4 == 1 ? i + 1 : i % 4 == 2 ? i - 1 : i; },
        1.0 / 65534.0 + 3 * 0x1p-24);
  }
}

TEST_CASE("rms_norm, silu_gate, log_sum_exp: every path agrees with the reference at any width") {
  std::mt19937 random(11);
  for (const FastKernels* kernels : all_kernels())
    for (const int64_t n : {1, 3, 8, 15, 16, 31, 64, 97, 2048, 5001}) {
      CAPTURE(std::string(kernels->name)); CAPTURE(n);
      const std::vector<float> x = random_floats(random, n, 4.0f), g = random_floats(random, n);
      std::vector<float> got(static_cast<size_t>(n)), want(got);
      kernels->rms_norm(x.data(), g.data(), n, 1e-6f, got.data());
      rms_norm_cpu_reference(x.data(), g.data(), n, 1e-6f, want.data());
      CHECK(relative_error(got, want) <= 1e-6);
      kernels->silu_gate(kPlainGate, x.data(), g.data(), n, got.data());
      silu_gate_cpu_reference(kPlainGate, x.data(), g.data(), n, want.data());
      CHECK(relative_error(got, want) <= 1e-6);
      CHECK(kernels->log_sum_exp(x.data(), n) == doctest::Approx(log_sum_exp_cpu_reference(x.data(), n)).epsilon(1e-7));
    }
}

TEST_CASE("silu_gate: far values reach their limits and NaN stays NaN") {
  for (const FastKernels* kernels : all_kernels()) {
    CAPTURE(std::string(kernels->name));
    const float nan = std::numeric_limits<float>::quiet_NaN();
    const std::vector<float> gate = {-1000.0f, -90.0f, -80.0f, 0.0f, 80.0f, 90.0f, 1e30f, nan}, up(8, 2.0f);
    std::vector<float> got(8), want(8);
    kernels->silu_gate(kPlainGate, gate.data(), up.data(), 8, got.data());
    silu_gate_cpu_reference(kPlainGate, gate.data(), up.data(), 8, want.data());
    for (size_t i = 0; i < 7; ++i) CHECK(got[i] == doctest::Approx(want[i]).epsilon(1e-6));
    CHECK(std::isnan(got[7]));
  }
}

TEST_CASE("log_sum_exp: large logits do not overflow, NaN shows") {
  for (const FastKernels* kernels : all_kernels()) {
    std::vector<float> x(40, 500.0f);
    CHECK(kernels->log_sum_exp(x.data(), 40) == doctest::Approx(500.0 + std::log(40.0)));
    x[35] = std::numeric_limits<float>::quiet_NaN();
    CHECK(std::isnan(kernels->log_sum_exp(x.data(), 40)));
  }
}

TEST_CASE("index_scores: every path agrees with the reference, and a row's score does not depend on its neighbours") {
  std::mt19937 random(14);
  constexpr int64_t kWidth = 48, kStride = 50, kKeys = 150;
  for (const FastKernels* kernels : all_kernels())
    for (const int heads : {1, 3, 4, 9}) {
      std::vector<float> q = random_floats(random, heads * kWidth);
      const std::vector<float> weights = random_floats(random, heads);
      for (float& v : q) v = bf16_to_f32(f32_to_bf16(v));  // which some paths would make it
      std::vector<float> keys = random_floats(random, kKeys * kStride);
      std::vector<Bf16> stored;
      for (float& key : keys) {
        stored.push_back(Bf16{f32_to_bf16(key)});
        key = bf16_to_f32(f32_to_bf16(key));
      }
      std::vector<float> want(kKeys), got(kKeys), parts(kKeys);
      const auto run = [&](auto score, const auto& from, int64_t first, int64_t n, std::vector<float>& out) {
        score(
            {{q.data(), weights.data(), heads, kWidth}, from.data() + first * kStride, kStride, n, out.data() + first});
      };
      const auto check = [&](auto score, const auto& from) {
        run(score, from, 0, kKeys, got);
        CHECK(relative_error(got, want) <= 2e-6);
        run(score, from, 0, 5, parts);
        run(score, from, 5, 1, parts);
        run(score, from, 6, 80, parts);
        run(score, from, 86, kKeys - 86, parts);
        CHECK(parts == got);
      };
      run(index_scores_cpu_reference, keys, 0, kKeys, want);
      check(kernels->index_scores, keys);
      check(kernels->index_scores_bf16, stored);  // the same numbers: only sums may differ
    }
}

TEST_CASE("select_rows: the best ones by place, ties to the lower, what is no number last") {
  std::vector<int32_t> chosen;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const auto choose = [&](const std::vector<float>& scores, int64_t k) {
    select_rows(scores.data(), static_cast<int64_t>(scores.size()), k, chosen);
    return chosen;
  };
  CHECK(choose({1, 5, 3, 4}, 2) == std::vector<int32_t>{1, 3});
  CHECK(choose({2, 2, 2, 2}, 3) == std::vector<int32_t>{0, 1, 2});
  CHECK(choose({1, 2}, 2) == std::vector<int32_t>{0, 1});
  CHECK(choose({1, 2}, 5) == std::vector<int32_t>{0, 1});
  CHECK(choose({nan, -1, nan, -2, nan}, 3) == std::vector<int32_t>{0, 1, 3});
}

TEST_CASE("silu_gate: limits, slope and shift are those of the form on every path") {
  std::mt19937 random(15);
  for (const GateForm& form : {GateForm{0.5f, 1.0f, 0.0f}, GateForm{7.0f, 1.702f, 1.0f}})
    for (const FastKernels* kernels : all_kernels()) {
      const std::vector<float> gate = random_floats(random, 77, 6.0f), up = random_floats(random, 77, 6.0f);
      std::vector<float> got(77), want(77);
      kernels->silu_gate(form, gate.data(), up.data(), 77, got.data());
      silu_gate_cpu_reference(form, gate.data(), up.data(), 77, want.data());
      CHECK(relative_error(got, want) <= 1e-6);
      const float g = std::min(gate[3], form.limit), u = std::clamp(up[3], -form.limit, form.limit);
      CHECK(want[3] == doctest::Approx(g / (1.0f + std::exp(-form.alpha * g)) * (u + form.shift)));
    }
}
