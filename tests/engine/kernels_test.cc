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
#include "engine/kernels/attention.h"
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

TEST_CASE("quantize: every path rounds as the reference does") {
  std::mt19937 random(10);
  for (const FastKernels* kernels : all_kernels()) {
    CAPTURE(std::string(kernels->name));
    std::vector<float> x = random_floats(random, 32 * 40, 3.0f);
    std::fill_n(x.begin(), 32, 0.0f);      // amax 0
    x[40] = 1e30f;                          // one value that dwarfs its block
    std::fill_n(x.begin() + 64, 32, -5.0f);  // all at the end of the range
    const size_t n = x.size(), blocks = n / 32;
    std::vector<int8_t> got(n), want(n);
    std::vector<float> got_scales(blocks), want_scales(blocks);
    std::vector<int32_t> got_sums(2 * blocks), want_sums(2 * blocks);
    kernels->quantize(x.data(), static_cast<int64_t>(n), got.data(), got_scales.data(), got_sums.data());
    quantize_cpu_reference(x.data(), static_cast<int64_t>(n), want.data(), want_scales.data(), want_sums.data());
    CHECK(got == want);
    CHECK(got_scales == want_scales);
    CHECK(got_sums == want_sums);
    for (size_t i = 0; i < n; ++i)
      CHECK(std::fabs(x[i] - got_scales[i / 32] * static_cast<float>(got[i])) <= 127.0f * got_scales[i / 32] / 254.0f * 1.0001f);
  }
}

TEST_CASE("quantize: every path rounds to 16 bits as the reference does") {
  std::mt19937 random(19);
  for (const FastKernels* kernels : all_kernels()) {
    CAPTURE(std::string(kernels->name));
    std::vector<float> x = random_floats(random, 32 * 40, 3.0f);
    std::fill_n(x.begin(), 32, 0.0f);       // amax 0
    x[40] = 1e30f;                           // one value that dwarfs its block
    std::fill_n(x.begin() + 64, 32, -5.0f);  // all at the end of the range
    const size_t n = x.size(), blocks = n / 32;
    std::vector<int16_t> got(n), want(n);
    std::vector<float> got_scales(blocks), want_scales(blocks);
    std::vector<int32_t> got_sums(2 * blocks), want_sums(2 * blocks);
    kernels->quantize_wide(x.data(), static_cast<int64_t>(n), got.data(), got_scales.data(), got_sums.data());
    quantize_wide_cpu_reference(x.data(), static_cast<int64_t>(n), want.data(), want_scales.data(), want_sums.data());
    CHECK(got == want);
    CHECK(got_scales == want_scales);
    CHECK(got_sums == want_sums);
    for (size_t i = 0; i < n; ++i) {
      const size_t place = i % 4 == 1 ? i + 1 : i % 4 == 2 ? i - 1 : i;
      const double amax = 32767.0 * static_cast<double>(got_scales[i / 32]);
      CHECK(std::fabs(static_cast<double>(x[i]) - static_cast<double>(got_scales[i / 32]) * got[place]) <= amax * (1.0 / 65534.0 + 3 * 0x1p-24));
    }
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

TEST_CASE("attention: every path agrees with the reference; queries that see less are not disturbed") {
  std::mt19937 random(12);
  for (const FastKernels* kernels : all_kernels())
    for (const int n_keys : {1, 2, 63, 64, 65, 200})
      for (const int n_rows : {1, 3, 4, 7, 32})
        for (const int window : {0, 1, 70})
          for (const bool with_sinks : {false, true}) {
            CAPTURE(std::string(kernels->name)); CAPTURE(n_keys); CAPTURE(n_rows); CAPTURE(window); CAPTURE(with_sinks);
            constexpr int64_t kWidth = 48, kValue = 32, kStride = 90;  // a key, a value 7 floats behind it, a gap
            const std::vector<float> q = random_floats(random, n_rows * kWidth), cache = random_floats(random, n_keys * kStride);
            const std::vector<float> sinks = random_floats(random, n_rows, 3.0f);
            std::vector<int32_t> visible(static_cast<size_t>(n_rows)), first(static_cast<size_t>(n_rows));
            for (int r = 0; r < n_rows; ++r) {
              const size_t at = static_cast<size_t>(r);
              visible[at] = std::max(1, n_keys - (n_rows - 1 - r) * 5);
              first[at] = window == 0 ? 0 : std::max(0, visible[at] - window);
            }
            std::vector<float> got(static_cast<size_t>(n_rows * kValue)), want(got), alone(static_cast<size_t>(kValue));
            AttentionRows rows;
            rows.queries = q.data();
            rows.n_rows = n_rows;
            rows.n_visible = visible.data();
            rows.first_visible = window == 0 ? nullptr : first.data();
            rows.keys = cache.data();
            rows.values = cache.data() + 55;
            rows.key_stride = rows.value_stride = kStride;
            rows.width = kWidth;
            rows.value_width = kValue;
            rows.sinks = with_sinks ? sinks.data() : nullptr;
            rows.out = want.data();
            attention_rows_cpu_reference(rows);
            rows.out = got.data();
            kernels->attention(rows);
            // Scores reach some 20 here, each a sum of 48 products: its rounding moves a weight by as much.
            CHECK(relative_error(got, want) <= 1e-5);
            for (int r = 0; r < n_rows; ++r) {
              AttentionRows one = rows;
              one.queries = q.data() + r * kWidth;
              one.n_rows = 1;
              one.n_visible = visible.data() + r;
              if (one.first_visible) one.first_visible = first.data() + r;
              if (one.sinks) one.sinks = sinks.data() + r;
              one.out = alone.data();
              kernels->attention(one);
              CHECK(std::equal(alone.begin(), alone.end(), got.begin() + r * kValue));
            }
          }
}

TEST_CASE("attention: rows in bf16 give what their values give, within the rounding of weights") {
  std::mt19937 random(16);
  const auto to_bf16 = [](std::vector<float>& values) {  // both forms of the same values
    std::vector<Bf16> stored;
    for (float& v : values) {
      stored.push_back(Bf16{f32_to_bf16(v)});
      v = bf16_to_f32(static_cast<uint16_t>(stored.back()));
    }
    return stored;
  };
  for (const FastKernels* kernels : all_kernels())
    for (const int64_t width : {16, 48, 64, 96})
      for (const int64_t value_width : {16, 32, 80})
        for (const int n_keys : {1, 2, 63, 64, 65, 200})
          for (const int n_rows : {1, 2, 3, 7, 32})
            for (const bool windowed : {false, true}) {
              CAPTURE(std::string(kernels->name)); CAPTURE(width); CAPTURE(value_width); CAPTURE(n_keys); CAPTURE(n_rows);
              const int64_t stride = width + value_width + 5;
              std::vector<float> q = random_floats(random, n_rows * width), cache = random_floats(random, n_keys * stride);
              to_bf16(q);  // as the kernels that multiply in bf16 take it
              const std::vector<Bf16> stored = to_bf16(cache);
              const std::vector<float> sinks = random_floats(random, n_rows, 3.0f);
              std::vector<int32_t> visible, first;
              for (int r = 0; r < n_rows; ++r) {
                visible.push_back(std::max(1, n_keys - (n_rows - 1 - r) * 5));
                first.push_back(std::max(0, visible.back() - 70));
              }
              std::vector<float> got(static_cast<size_t>(n_rows * value_width)), want(got), other(got);
              const auto fill = [&](auto& rows, const auto* keys, float* out) {
                rows.queries = q.data();
                rows.n_rows = n_rows;
                rows.n_visible = visible.data();
                rows.first_visible = windowed ? first.data() : nullptr;
                rows.keys = keys;
                rows.values = keys + width + 3;
                rows.key_stride = rows.value_stride = stride;
                rows.width = width;
                rows.value_width = value_width;
                rows.sinks = windowed ? sinks.data() : nullptr;
                rows.out = out;
              };
              AttentionRows reference;
              fill(reference, cache.data(), want.data());
              attention_rows_cpu_reference(reference);
              AttentionRowsBf16 rows;
              fill(rows, stored.data(), got.data());
              kernels->attention_bf16(rows);
              const bool rounds = kernels == avx512_bf16_kernels();
              const float largest = *std::max_element(cache.begin(), cache.end(), [](float a, float b) { return std::fabs(a) < std::fabs(b); });
              // A rounded weight is off by 2^-9 of itself, and so is their sum: a mean of values moves by 2^-8 of the largest.
              const double bound = (rounds ? 1.0 / 256.0 : 0.0) * std::fabs(largest) + 2e-5;
              for (size_t i = 0; i < want.size(); ++i) CHECK(std::fabs(got[i] - want[i]) <= bound);
              // Each query alone, and the rows from a list and from blocks: the same bits.
              for (int r = 0; r < n_rows; ++r) {
                AttentionRowsBf16 one = rows;
                one.queries += r * width;
                one.n_rows = 1;
                one.n_visible += r;
                if (windowed) one.first_visible += r, one.sinks += r;
                one.out = other.data();
                kernels->attention_bf16(one);
                CHECK(std::equal(other.begin(), other.begin() + value_width, got.begin() + r * value_width));
              }
              std::vector<const Bf16*> list;
              for (int s = 0; s < n_keys; ++s) list.push_back(stored.data() + s * stride);
              AttentionRowsBf16 listed = rows;
              listed.list = list.data();
              listed.out = other.data();
              kernels->attention_bf16(listed);
              CHECK(other == got);
              std::vector<const std::byte*> blocks;
              for (int s = 0; s < n_keys; s += kAttentionBlock) blocks.push_back(reinterpret_cast<const std::byte*>(list[static_cast<size_t>(s)]));
              AttentionRowsBf16 blocked = rows;
              blocked.blocks = blocks.data();
              blocked.out = other.data();
              kernels->attention_bf16(blocked);
              CHECK(other == got);
            }
}

TEST_CASE("attention: sections taken apart and joined give the bits of one call, which agree with the reference") {
  std::mt19937 random(18);
  constexpr int64_t kWidth = 48, kValue = 32, kStride = 80;
  constexpr int kRows = 5;
  for (const FastKernels* kernels : all_kernels())
    for (const int n_keys : {512, 513, 1100, 1536})
      for (const int window : {0, 300, 700})
        for (const bool with_sinks : {false, true}) {
          CAPTURE(std::string(kernels->name)); CAPTURE(n_keys); CAPTURE(window); CAPTURE(with_sinks);
          std::vector<float> q = random_floats(random, kRows * kWidth), cache = random_floats(random, n_keys * kStride);
          for (float& v : q) v = bf16_to_f32(f32_to_bf16(v * 0.3f));
          std::vector<Bf16> stored;
          for (float& v : cache) {
            stored.push_back(Bf16{f32_to_bf16(v)});
            v = bf16_to_f32(static_cast<uint16_t>(stored.back()));
          }
          const std::vector<float> sinks = random_floats(random, kRows, 3.0f);
          std::vector<int32_t> visible, first;
          for (int r = 0; r < kRows; ++r) {
            visible.push_back(n_keys - (kRows - 1 - r) * 2);
            first.push_back(window == 0 ? 0 : std::max(0, visible.back() - window));
          }
          const auto check = [&](auto rows, const auto* keys, auto attention, double bound) {
            std::vector<float> want(kRows * kValue), got(want), joined(want);
            AttentionRows reference;
            const auto fill = [&](auto& a, const auto* from, float* out) {
              a.queries = q.data(), a.n_rows = kRows, a.n_visible = visible.data(), a.first_visible = first.data();
              a.keys = from, a.values = from + kWidth, a.key_stride = a.value_stride = kStride;
              a.width = kWidth, a.value_width = kValue, a.out = out;
              a.sinks = with_sinks ? sinks.data() : nullptr;
            };
            fill(reference, cache.data(), want.data());
            attention_rows_cpu_reference(reference);
            fill(rows, keys, got.data());
            attention(rows);
            for (size_t i = 0; i < want.size(); ++i) CHECK(std::fabs(got[i] - want[i]) <= bound);

            const int n_sections = (n_keys + kAttentionSection - 1) / kAttentionSection;
            std::vector<float> sums(static_cast<size_t>(n_sections) * kRows * kValue), tops(static_cast<size_t>(n_sections) * kRows), totals(tops);
            rows.sinks = nullptr;
            for (rows.section = n_sections - 1; rows.section >= 0; --rows.section) {
              rows.out = sums.data() + rows.section * kRows * kValue;
              rows.tops = tops.data() + rows.section * kRows;
              rows.totals = totals.data() + rows.section * kRows;
              attention(rows);
            }
            AttentionSections sections;
            sections.n_sections = n_sections, sections.n_rows = kRows, sections.value_width = kValue;
            sections.sums = sums.data(), sections.sums_stride = kRows * kValue;
            sections.tops = tops.data(), sections.totals = totals.data(), sections.tops_stride = kRows;
            sections.sinks = with_sinks ? sinks.data() : nullptr;
            sections.out = joined.data();
            kernels->join_attention(sections);
            CHECK(joined == got);
          };
          check(AttentionRows(), cache.data(), kernels->attention, 2e-5);
          // Weights off by 2^-9 of themselves; values reach some 4.5.
          check(AttentionRowsBf16(), stored.data(), kernels->attention_bf16, kernels == avx512_bf16_kernels() ? 4.5 / 256.0 : 2e-5);
        }
}

TEST_CASE("attention: in bf16 a NaN in a row that is seen shows, one that is not seen does not") {
  std::mt19937 random(17);
  for (const FastKernels* kernels : all_kernels()) {
    constexpr int64_t kWidth = 32;
    constexpr int kRows = 20;
    const std::vector<float> q = random_floats(random, kWidth), values = random_floats(random, kRows * kWidth);
    std::vector<Bf16> stored;
    for (const float v : values) stored.push_back(Bf16{f32_to_bf16(v)});
    const int32_t visible = 11;  // an odd number: the last pair of rows has one that is not seen
    std::vector<float> out(kWidth);
    AttentionRowsBf16 rows;
    rows.queries = q.data(), rows.n_rows = 1, rows.n_visible = &visible;
    rows.keys = rows.values = stored.data();
    rows.key_stride = rows.value_stride = rows.width = rows.value_width = kWidth;
    rows.out = out.data();
    stored[11 * kWidth] = Bf16{0x7FC0};
    kernels->attention_bf16(rows);
    for (const float v : out) CHECK(std::isfinite(v));
    stored[10 * kWidth] = Bf16{0x7FC0};
    kernels->attention_bf16(rows);
    CHECK(std::isnan(out[0]));
  }
}

TEST_CASE("attention: a list of rows gives what the same rows give in place") {
  std::mt19937 random(13);
  constexpr int64_t kWidth = 32, kValue = 16, kStride = 60;
  constexpr int kRows = 5, kListed = 130;
  const std::vector<float> q = random_floats(random, kRows * kWidth), cache = random_floats(random, 300 * kStride);
  std::vector<const float*> list;
  std::vector<float> gathered;
  for (int s = 0; s < kListed; ++s) {
    list.push_back(cache.data() + (s * 7 % 300) * kStride);
    gathered.insert(gathered.end(), list.back(), list.back() + kStride);
  }
  const std::vector<int32_t> visible = {kListed, 1, 64, 65, kListed};
  std::vector<float> want(static_cast<size_t>(kRows * kValue)), got(want);
  AttentionRows rows;
  rows.queries = q.data();
  rows.n_rows = kRows;
  rows.n_visible = visible.data();
  rows.width = kWidth;
  rows.value_width = kValue;
  rows.key_stride = rows.value_stride = kStride;
  const auto run = [&](auto attention, bool listed, std::vector<float>& out) {
    AttentionRows a = rows;
    a.list = listed ? list.data() : nullptr;
    a.keys = listed ? cache.data() : gathered.data();
    a.values = a.keys + 40;
    a.out = out.data();
    attention(a);
  };
  run(attention_rows_cpu_reference, false, want);
  run(attention_rows_cpu_reference, true, got);
  CHECK(got == want);
  for (const FastKernels* kernels : all_kernels()) {
    run(kernels->attention, false, want);
    run(kernels->attention, true, got);
    CHECK(got == want);
  }
}

TEST_CASE("index_scores: every path agrees with the reference, and a row's score does not depend on its neighbours") {
  std::mt19937 random(14);
  constexpr int64_t kWidth = 32, kStride = 50, kKeys = 37;
  for (const FastKernels* kernels : all_kernels())
    for (const int heads : {1, 3, 4, 9}) {
      const std::vector<float> q = random_floats(random, heads * kWidth), keys = random_floats(random, kKeys * kStride);
      const std::vector<float> weights = random_floats(random, heads);
      std::vector<float> want(kKeys), got(kKeys);
      const auto run = [&](auto score, int64_t first, int64_t n, std::vector<float>& out) {
        score(IndexRows{q.data(), weights.data(), heads, kWidth, keys.data() + first * kStride, kStride, n, out.data() + first});
      };
      run(index_scores_cpu_reference, 0, kKeys, want);
      run(kernels->index_scores, 0, kKeys, got);
      CHECK(relative_error(got, want) <= 2e-6);
      std::vector<float> parts(kKeys);
      run(kernels->index_scores, 0, 5, parts);
      run(kernels->index_scores, 5, 1, parts);
      run(kernels->index_scores, 6, kKeys - 6, parts);
      CHECK(parts == got);
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
