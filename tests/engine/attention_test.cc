// SPDX-License-Identifier: Apache-2.0
// Attention's kernels against the reference, and against themselves: queries alone, rows from lists and blocks, sections.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/formats/dequantize.h"
#include "engine/formats/quantize_rows.h"
#include "engine/kernels/attention.h"
#include "tests/engine/synthetic_model.h"

namespace {

using namespace engine;
using namespace engine::test;

bool rounds_weights(const FastKernels* kernels) { return kernels == avx512_bf16_kernels() || (kernels && kernels == amx_kernels()); }

}  // namespace

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
      for (const int64_t value_width : {16, 32, 64, 80})
        for (const int n_keys : {1, 2, 63, 64, 65, 200})
          for (const int n_rows : {1, 2, 3, 7, 19, 32})
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
              const bool rounds = rounds_weights(kernels);
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
              std::vector<const std::byte*> list;
              for (int s = 0; s < n_keys; ++s)
                list.push_back(reinterpret_cast<const std::byte*>(stored.data() + s * stride));
              AttentionRowsBf16 listed = rows;
              listed.list = list.data();
              listed.out = other.data();
              kernels->attention_bf16(listed);
              CHECK(other == got);
              std::vector<const std::byte*> blocks;
              for (int s = 0; s < n_keys; s += kAttentionBlock) blocks.push_back(list[static_cast<size_t>(s)]);
              AttentionRowsBf16 blocked = rows;
              blocked.blocks = blocks.data();
              blocked.out = other.data();
              kernels->attention_bf16(blocked);
              CHECK(other == got);
            }
}

TEST_CASE("attention: sections taken apart and joined give the bits of one call, which agree with the reference") {
  std::mt19937 random(18);
  struct Shape {
    int64_t width;
    int n_rows;
  };
  constexpr int64_t kValue = 32;
  for (const FastKernels* kernels : all_kernels())
    for (const auto& shape : {Shape{48, 5}, Shape{64, 5}, Shape{64, 21}})  // the last two: in tiles, one and two of them
      for (const int n_keys : {512, 513, 1100, 1536})
      for (const int window : {0, 300, 700})
        for (const bool with_sinks : {false, true}) {
          const int64_t width = shape.width, stride = width + kValue;
          const int n_rows = shape.n_rows;
          CAPTURE(std::string(kernels->name)); CAPTURE(width); CAPTURE(n_rows); CAPTURE(n_keys); CAPTURE(window); CAPTURE(with_sinks);
          std::vector<float> q = random_floats(random, n_rows * width), cache = random_floats(random, n_keys * stride);
          for (float& v : q) v = bf16_to_f32(f32_to_bf16(v * 0.3f));
          std::vector<Bf16> stored;
          for (float& v : cache) {
            stored.push_back(Bf16{f32_to_bf16(v)});
            v = bf16_to_f32(static_cast<uint16_t>(stored.back()));
          }
          const std::vector<float> sinks = random_floats(random, n_rows, 3.0f);
          std::vector<int32_t> visible, first;
          for (int r = 0; r < n_rows; ++r) {
            visible.push_back(n_keys - (n_rows - 1 - r) * 2);
            first.push_back(window == 0 ? 0 : std::max(0, visible.back() - window));
          }
          const auto check = [&](auto rows, const auto* keys, auto attention, double bound) {
            std::vector<float> want(static_cast<size_t>(n_rows * kValue)), got(want), joined(want);
            AttentionRows reference;
            const auto fill = [&](auto& a, const auto* from, float* out) {
              a.queries = q.data(), a.n_rows = n_rows, a.n_visible = visible.data(), a.first_visible = first.data();
              a.keys = from, a.values = from + width, a.key_stride = a.value_stride = stride;
              a.width = width, a.value_width = kValue, a.out = out;
              a.sinks = with_sinks ? sinks.data() : nullptr;
            };
            fill(reference, cache.data(), want.data());
            attention_rows_cpu_reference(reference);
            fill(rows, keys, got.data());
            attention(rows);
            for (size_t i = 0; i < want.size(); ++i) CHECK(std::fabs(got[i] - want[i]) <= bound);

            const int n_sections = (n_keys + kAttentionSection - 1) / kAttentionSection;
            std::vector<float> sums(static_cast<size_t>(n_sections * n_rows * kValue)), tops(static_cast<size_t>(n_sections * n_rows)), totals(tops);
            rows.sinks = nullptr;
            for (rows.section = n_sections - 1; rows.section >= 0; --rows.section) {
              rows.out = sums.data() + rows.section * n_rows * kValue;
              rows.tops = tops.data() + rows.section * n_rows;
              rows.totals = totals.data() + rows.section * n_rows;
              attention(rows);
            }
            AttentionSections sections;
            sections.n_sections = n_sections, sections.n_rows = n_rows, sections.value_width = kValue;
            sections.sums = sums.data(), sections.sums_stride = n_rows * kValue;
            sections.tops = tops.data(), sections.totals = totals.data(), sections.tops_stride = n_rows;
            sections.sinks = with_sinks ? sinks.data() : nullptr;
            sections.out = joined.data();
            kernels->join_attention(sections);
            CHECK(joined == got);
          };
          check(AttentionRows(), cache.data(), kernels->attention, 2e-5);
          // Weights off by 2^-9 of themselves; values reach some 4.5.
          check(AttentionRowsBf16(), stored.data(), kernels->attention_bf16, rounds_weights(kernels) ? 4.5 / 256.0 : 2e-5);
        }
}

TEST_CASE("attention: in bf16 rows of one value give that value, however their weights round") {
  std::mt19937 random(19);
  for (const FastKernels* kernels : all_kernels())
    for (const int64_t width : {48, 64}) {
      CAPTURE(std::string(kernels->name)); CAPTURE(width);
      constexpr int64_t kValue = 32;
      constexpr int kRows = 3, kKeys = 700;
      const std::vector<float> q = random_floats(random, kRows * width), keys = random_floats(random, kKeys * width);
      std::vector<Bf16> stored;
      for (int s = 0; s < kKeys; ++s) {
        for (int64_t i = 0; i < width; ++i) stored.push_back(Bf16{f32_to_bf16(0.2f * keys[static_cast<size_t>(s * width + i)])});
        stored.insert(stored.end(), kValue, Bf16{f32_to_bf16(1.5f)});
      }
      const std::vector<int32_t> visible = {kKeys, 77, 1};
      std::vector<float> out(kRows * kValue);
      AttentionRowsBf16 rows;
      rows.queries = q.data(), rows.n_rows = kRows, rows.n_visible = visible.data();
      rows.keys = stored.data(), rows.values = stored.data() + width;
      rows.key_stride = rows.value_stride = width + kValue, rows.width = width, rows.value_width = kValue;
      rows.out = out.data();
      kernels->attention_bf16(rows);
      for (const float v : out) CHECK(std::fabs(v - 1.5f) <= 1e-5f);
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
    // Another call's rows, of which nothing may stay behind.
    const std::vector<Bf16> nothing(2 * kAttentionBlock * kWidth, Bf16{0x7FC0});
    const int32_t many = 2 * kAttentionBlock;
    rows.keys = rows.values = nothing.data(), rows.n_visible = &many;
    kernels->attention_bf16(rows);
    CHECK(std::isnan(out[0]));
    rows.keys = rows.values = stored.data(), rows.n_visible = &visible;
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
  std::vector<const std::byte*> list;
  std::vector<float> gathered;
  for (int s = 0; s < kListed; ++s) {
    const float* row = cache.data() + (s * 7 % 300) * kStride;
    list.push_back(reinterpret_cast<const std::byte*>(row));
    gathered.insert(gathered.end(), row, row + kStride);
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
