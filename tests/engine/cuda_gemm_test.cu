// SPDX-License-Identifier: Apache-2.0
// gemm() of engine/cuda against sums in double, on every path of this device: formats, ways to store, gathers, groups
// and edges.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "engine/cuda/gemm.h"
#include "engine/cuda/gemm_paths.h"
#include "engine/cuda/launch.h"
#include "tests/engine/cuda_matrices.h"

namespace {

using namespace engine;
using namespace engine::cuda;
using namespace engine::cuda::test;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

struct Case {
  int64_t rows = 1, n_in = 8, n_out = 8;
  Store store = Store::kF32;
  bool exact = false, gather = false, bias = false;
  GateForm gate;
  std::vector<int64_t> experts;  // rows of each; empty: dense
  int64_t y_gap = 8;             // what a row of y is longer than n_out
};

struct Measured {
  double error;    // |y - reference| / |reference|
  bool in_bounds;  // every value of y was written and none beside them
};

// Rows of x repeat after a few, which keeps the reference cheap and checks every row of y.
constexpr int64_t kDistinct = 19;

double dot(const double* a, const double* b, int64_t n) {
  double part[8] = {};
  for (int64_t i = 0; i < n; i += 8)
    for (int64_t j = 0; j < std::min<int64_t>(8, n - i); ++j) part[j] += a[i + j] * b[i + j];
  return ((part[0] + part[1]) + (part[2] + part[3])) + ((part[4] + part[5]) + (part[6] + part[7]));
}

double gated(const GateForm& form, double g, double u) {
  const double limit = static_cast<double>(form.limit);
  g = std::min(g, limit), u = std::clamp(u, -limit, limit);
  return g / (1.0 + std::exp(-static_cast<double>(form.alpha) * g)) * (u + static_cast<double>(form.shift));
}

Measured measure(const Case& c, const TestMatrix& w, const TestMatrix* w_up, unsigned seed) {
  Random random(seed);
  const bool grouped = !c.experts.empty(), wide_y = c.exact || c.store == Store::kF32 || c.store == Store::kAddF32;
  const int64_t first = grouped ? 5 : 0;  // the rows of a group need not start at the first
  const int64_t n_y = first + c.rows + 3, x_stride = c.n_in + 8, y_stride = c.n_out + c.y_gap;
  const int64_t n_x = c.gather ? kDistinct : n_y;

  std::vector<double> distinct(static_cast<size_t>(kDistinct * c.n_in));
  for (double& v : distinct) v = static_cast<double>(c.exact ? uniform(random) : bf16_rounded(uniform(random)));
  std::vector<float> x(static_cast<size_t>(n_x * x_stride), kNaN);
  std::vector<uint16_t> x16(x.size());
  for (int64_t r = 0; r < n_x; ++r)
    for (int64_t k = 0; k < c.n_in; ++k)
      x[static_cast<size_t>(r * x_stride + k)] =
          static_cast<float>(distinct[static_cast<size_t>(r % kDistinct * c.n_in + k)]);
  for (size_t i = 0; i < x.size(); ++i) x16[i] = bf16_bits(x[i]);
  std::vector<int32_t> gather(static_cast<size_t>(n_y));
  for (int32_t& i : gather) i = static_cast<int32_t>(random() % kDistinct);

  std::vector<int64_t> expert_of(static_cast<size_t>(n_y), -1);
  std::vector<ExpertTile> tiles;
  int64_t row = first;
  for (size_t e = 0; e < c.experts.size(); ++e)
    for (int64_t end = row + c.experts[e]; row < end;) {
      const int64_t stop = std::min(end, row + kGemmTileRows);
      tiles.push_back({static_cast<int32_t>(e), static_cast<int32_t>(row), static_cast<int32_t>(stop)});
      for (; row < stop; ++row) expert_of[static_cast<size_t>(row)] = static_cast<int64_t>(e);
    }
  if (!grouped) std::fill_n(expert_of.begin(), c.rows, 0);
  const std::vector<int32_t> n_tiles{static_cast<int32_t>(tiles.size())};
  for (int i = 0; i < 3; ++i) tiles.push_back({1 << 30, 1 << 30, 1 << 30});  // never looked at

  const std::vector<float> bias = floats(random, w.matrix.n_experts * c.n_out);
  const std::vector<float> bias_up = floats(random, w.matrix.n_experts * c.n_out);
  std::vector<float> before(static_cast<size_t>(n_y * y_stride), kNaN);
  if (c.store == Store::kAddF32)
    for (int64_t r = 0; r < n_y; ++r)
      for (int64_t o = 0; o < c.n_out; ++o) before[static_cast<size_t>(r * y_stride + o)] = uniform(random);
  const DeviceBuffer<float> x_f32 = on_device(x), y_f32 = on_device(before), bias_d = on_device(bias),
                            bias_up_d = on_device(bias_up);
  const DeviceBuffer<uint16_t> x_bf16 = on_device(x16),
                               y_bf16 = on_device(std::vector<uint16_t>(before.size(), bf16_bits(kNaN)));
  const DeviceBuffer<int32_t> gather_d = on_device(gather), n_tiles_d = on_device(n_tiles);
  const DeviceBuffer<ExpertTile> tiles_d = on_device(tiles);

  Gemm g;
  g.w = w.matrix;
  if (w_up) g.w_up = w_up->matrix;
  if (c.bias) g.bias = bias_d.data();
  if (c.bias && w_up) g.bias_up = bias_up_d.data();
  g.x = c.exact ? static_cast<const void*>(x_f32.data()) : x_bf16.data();
  g.x_stride = x_stride;
  g.n_rows = c.rows;
  if (c.gather) g.gather = gather_d.data();
  if (grouped) g.tiles = tiles_d.data(), g.n_tiles = n_tiles_d.data(), g.max_tiles = static_cast<int>(tiles.size());
  g.store = c.store;
  g.form = c.gate;
  g.y = wide_y ? static_cast<void*>(y_f32.data()) : y_bf16.data();
  g.y_stride = y_stride;
  gemm(g, c.exact, nullptr);
  check(cudaDeviceSynchronize(), "gemm");

  std::vector<float> y = from_device(y_f32);
  const std::vector<uint16_t> y16 = from_device(y_bf16);
  if (!wide_y) std::transform(y16.begin(), y16.end(), y.begin(), bf16_value);

  std::map<std::pair<int64_t, int64_t>, std::vector<double>> wanted;  // by expert and row of x
  for (int64_t r = 0; r < n_y; ++r)
    if (const int64_t e = expert_of[static_cast<size_t>(r)]; e >= 0)
      wanted[{e, c.gather ? gather[static_cast<size_t>(r)] : r % kDistinct}].resize(static_cast<size_t>(c.n_out));
  const auto fill = [&](size_t part, size_t parts) {
    size_t at = 0;
    for (auto& [key, values] : wanted) {
      if (at++ % parts != part) continue;
      const double* from = distinct.data() + key.second * c.n_in;
      for (int64_t o = 0; o < c.n_out; ++o) {
        const int64_t out = key.first * c.n_out + o;
        double v = dot(from, w.values.data() + out * c.n_in, c.n_in);
        if (c.bias) v += static_cast<double>(bias[static_cast<size_t>(out)]);
        if (w_up) {
          double u = dot(from, w_up->values.data() + out * c.n_in, c.n_in);
          if (c.bias) u += static_cast<double>(bias_up[static_cast<size_t>(out)]);
          v = gated(c.gate, v, u);
        }
        values[static_cast<size_t>(o)] = v;
      }
    }
  };
  const size_t parts = std::clamp<size_t>(std::thread::hardware_concurrency(), 1, 16);
  std::vector<std::thread> helpers;
  for (size_t i = 1; i < parts; ++i) helpers.emplace_back(fill, i, parts);
  fill(0, parts);
  for (std::thread& t : helpers) t.join();

  Measured m{0.0, true};
  double off = 0.0, size = 0.0;
  for (int64_t r = 0; r < n_y; ++r) {
    const int64_t e = expert_of[static_cast<size_t>(r)];
    const std::vector<double>* row_wanted =
        e < 0 ? nullptr : &wanted.at({e, c.gather ? gather[static_cast<size_t>(r)] : r % kDistinct});
    for (int64_t o = 0; o < y_stride; ++o) {
      const size_t at = static_cast<size_t>(r * y_stride + o);
      const float was = before[at], is = y[at];
      if (!row_wanted || o >= c.n_out) {
        m.in_bounds &= std::isnan(was) ? std::isnan(is) : is == was;
        continue;
      }
      m.in_bounds &= !std::isnan(is);
      const double want =
          (*row_wanted)[static_cast<size_t>(o)] + (c.store == Store::kAddF32 ? static_cast<double>(was) : 0.0);
      off += (static_cast<double>(is) - want) * (static_cast<double>(is) - want);
      size += want * want;
    }
  }
  m.error = std::sqrt(off / size);
  return m;
}

double bound_of(const Case& c) {
  if (c.exact) return c.store == Store::kGated ? 2e-6 : 1e-6;
  const bool rounded = c.store == Store::kActivation || c.store == Store::kGated;
  return rounded ? 5e-3 : 1e-5 * std::sqrt(static_cast<double>(c.n_in));
}

void expect_right(const Case& c, const Form& form, const char* path, unsigned seed = 1) {
  Random random(seed);
  const int64_t n_experts = c.experts.empty() ? 1 : static_cast<int64_t>(c.experts.size());
  const TestMatrix w = make_matrix(random, form, n_experts, c.n_out, c.n_in, c.exact);
  TestMatrix up;
  if (c.store == Store::kGated) up = make_matrix(random, form, n_experts, c.n_out, c.n_in, c.exact);
  const Measured m = measure(c, w, c.store == Store::kGated ? &up : nullptr, seed + 1);
  CAPTURE(std::string(path));
  CAPTURE(c.rows);
  CAPTURE(c.n_in);
  CAPTURE(c.n_out);
  CAPTURE(static_cast<int>(c.store));
  CAPTURE(static_cast<int>(form.format));
  CAPTURE(static_cast<int>(form.nibbles));
  CAPTURE(c.gather);
  CAPTURE(c.bias);
  CHECK(m.in_bounds);
  CHECK(m.error <= bound_of(c));
}

constexpr Store kStores[] = {Store::kF32, Store::kActivation, Store::kAddF32, Store::kGated};

struct Shape {
  int64_t rows, n_in, n_out;
};
// Every edge of a tile: of rows, of depth, of outputs.
constexpr Shape kShapes[] = {{1, 8, 8},      {3, 40, 24},     {127, 72, 136},  {128, 512, 24}, {129, 72, 8},
                             {300, 8, 136},  {300, 40, 1408}, {129, 512, 136}, {1, 2048, 264}, {3, 2048, 136},
                             {128, 64, 256}, {127, 128, 264}, {300, 512, 24},  {2, 192, 1408}};

Case case_of(const Shape& shape, Store store) {
  Case c;
  c.rows = shape.rows, c.n_in = shape.n_in, c.n_out = shape.n_out, c.store = store;
  return c;
}

// Opens some ways of making products, and in the end those that were open before.
class Only {
 public:
  explicit Only(const GemmPaths& paths) : before_(gemm_paths()) { gemm_paths() = paths; }
  ~Only() { gemm_paths() = before_; }

 private:
  GemmPaths before_;
};

template <typename F>
void on_every_path(F&& run) {
  const std::pair<const char*, GemmPaths> paths[] = {{"mma", {false, false, 0}},
                                                     {"wgmma, 256", {true, false, 256}},
                                                     {"wgmma, 128", {true, false, 128}},
                                                     {"wgmma, 256, bulk", {true, true, 256}},
                                                     {"wgmma, 128, bulk", {true, true, 128}}};
  cudaDeviceProp device{};
  check(cudaGetDeviceProperties(&device, 0), "cudaGetDeviceProperties");
  for (const auto& [name, path] : paths) {
    if (path.wgmma && device.major != 9) break;
    const Only only(path);
    run(name);
  }
}

TEST_CASE("products in f32") {
  if (!has_gpu()) return;
  for (const Shape& shape : kShapes)
    for (const Store store : kStores) {
      Case c = case_of(shape, store);
      c.exact = true;
      expect_right(c, {Format::kF32}, "f32");
    }
  Case c = case_of({10, 36, 132}, Store::kGated);  // multiples of four are enough
  c.exact = c.bias = c.gather = true;
  c.y_gap = 3;
  expect_right(c, {Format::kF32}, "f32");
  for (const Store store : kStores) {
    c = case_of({0, 520, 140}, store);
    c.exact = c.gather = c.bias = true;
    c.experts = {0, 130, 1, 0, 128, 40};
    for (const int64_t n : c.experts) c.rows += n;
    expect_right(c, {Format::kF32}, "f32, grouped");
  }
}

TEST_CASE("products in bfloat16: shapes and ways to store") {
  if (!has_gpu()) return;
  on_every_path([](const char* path) {
    for (const Shape& shape : kShapes)
      for (const Store store : kStores) expect_right(case_of(shape, store), {}, path);
#ifndef GRAFT_CUDA_EMULATED  // which would take a minute
    expect_right(case_of({300, 2048, 1408}, Store::kGated), {}, path);
#endif
    for (const Store store : kStores) {
      Case c = case_of({129, 72, 136}, store);
      c.gather = c.bias = true;
      expect_right(c, {}, path);
      c.y_gap = 3;  // rows of y that are not aligned
      expect_right(c, {}, path);
    }
    // More tiles than multiprocessors, groups of row tiles that are not full.
#ifdef GRAFT_CUDA_EMULATED
    expect_right(case_of({1300, 24, 264}, Store::kF32), {}, path);
#else
    expect_right(case_of({1300, 136, 5768}, Store::kF32), {}, path);
    expect_right(case_of({1300, 136, 2888}, Store::kGated), {}, path);
#endif
  });
}

TEST_CASE("products in bfloat16: every format of the weights") {
  if (!has_gpu()) return;
  const Form forms[] = {{Format::kF32},
                        {Format::kBF16},
                        {Format::kF16},
                        {Format::kInt8},
                        {Format::kInt8, Nibbles::kMinus8, true},
                        {Format::kInt4, Nibbles::kMinus8},
                        {Format::kInt4, Nibbles::kPlain, false, true},
                        {Format::kInt4, Nibbles::kNonLinear},
                        {Format::kInt4, Nibbles::kE2m1, true},
                        {Format::kWide},
                        {Format::kWide, Nibbles::kMinus8, false, true},
                        {Format::kFp8},
                        {Format::kFp8, Nibbles::kMinus8, false, false, true}};
  for (const Form& form : forms) {
    for (const Shape& shape : {Shape{129, 96, 136}, Shape{3, 512, 24}, Shape{40, 2048, 264}}) {
      expect_right(case_of(shape, Store::kF32), form, "every path");
      expect_right(case_of(shape, Store::kGated), form, "every path");
    }
    Case c = case_of({0, 160, 72}, Store::kGated);
    c.gather = c.bias = true;
    c.experts = {3, 0, 129};
    for (const int64_t n : c.experts) c.rows += n;
    expect_right(c, form, "every path");
  }
  // A gate and an up that are written differently.
  Random random(7);
  const Form pairs[][2] = {
      {{Format::kInt4, Nibbles::kPlain, false, true}, {Format::kWide, Nibbles::kMinus8, false, true}},
      {{Format::kBF16}, {Format::kF32}},
      {{Format::kInt8}, {Format::kF16}},
      {{Format::kFp8}, {Format::kBF16}},
      {{Format::kInt4, Nibbles::kMinus8}, {Format::kInt4, Nibbles::kNonLinear}}};
  for (const auto& pair : pairs) {
    const Case c = case_of({130, 160, 136}, Store::kGated);
    const TestMatrix gate = make_matrix(random, pair[0], 1, c.n_out, c.n_in),
                     up = make_matrix(random, pair[1], 1, c.n_out, c.n_in);
    const Measured m = measure(c, gate, &up, 8);
    CHECK(m.in_bounds);
    CHECK(m.error <= bound_of(c));
  }
}

TEST_CASE("products in bfloat16: groups of rows by expert") {
  if (!has_gpu()) return;
  on_every_path([](const char* path) {
    for (const Store store : kStores)
      for (const std::vector<int64_t>& experts : {std::vector<int64_t>{0, 0, 1, 0},
                                                  {300, 0, 3, 127, 128, 129, 0, 1},
                                                  {0, 5},
                                                  {40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51}}) {
        Case c = case_of({0, 200, 264}, store);
        c.gather = c.bias = true;
        c.experts = experts;
        for (const int64_t n : experts) c.rows += n;
        expect_right(c, {}, path);
        c.gather = c.bias = false;
        c.n_in = 72, c.n_out = 136;
        expect_right(c, {}, path);
      }
    Case none = case_of({0, 72, 136}, Store::kF32);  // no row at all: nothing is written
    none.experts = {0, 0};
    Random random(3);
    const TestMatrix w = make_matrix(random, {}, 2, 136, 72);
    CHECK(measure(none, w, nullptr, 4).in_bounds);
  });
}

TEST_CASE("products in bfloat16: forms of the gate") {
  if (!has_gpu()) return;
  on_every_path([](const char* path) {
    for (const GateForm form : {GateForm{}, GateForm{1.5f, 1.0f, 0.0f}, GateForm{2.0f, 1.702f, 1.0f}})
      for (const bool bias : {false, true}) {
        Case c = case_of({130, 128, 72}, Store::kGated);
        c.gate = form, c.bias = bias;
        expect_right(c, {}, path);
      }
  });
  for (const GateForm form : {GateForm{1.5f, 1.0f, 0.0f}, GateForm{2.0f, 1.702f, 1.0f}}) {
    Case c = case_of({130, 128, 72}, Store::kGated);
    c.exact = true, c.gate = form;
    expect_right(c, {Format::kF32}, "f32");
  }
}

__global__ void fill_bf16(uint16_t* to, int64_t n, uint32_t seed) {
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < n; i += int64_t{gridDim.x} * blockDim.x) {
    uint32_t h = static_cast<uint32_t>(i) * 2654435761U ^ seed;
    h = (h ^ h >> 15) * 2246822519U;
    h = (h ^ h >> 13) * 3266489917U;
    const float v = static_cast<float>(h >> 8) * 0x1p-23f - 1.0f;
    to[i] = __bfloat16_as_ushort(__float2bfloat16_rn(v));
  }
}

TEST_CASE("gemm rates" * doctest::skip()) {
  if (!has_gpu()) return;
  const auto random_bf16 = [](int64_t n, uint32_t seed) {
    DeviceBuffer<uint16_t> d(static_cast<size_t>(n));
    launch("fill", {1024, 256}, fill_bf16, d.data(), n, seed);
    return d;
  };
  struct Work {
    const char* name;
    int64_t rows, n_in, n_out, n_experts;
    Store store;
  };
  for (const Work& work : {Work{"4096 x (2048 -> 10944)", 4096, 2048, 10944, 1, Store::kActivation},
                           Work{"4096 x (2048 -> 10944) gated", 4096, 2048, 10944, 1, Store::kGated},
                           Work{"4096 x (2048 -> 3072)", 4096, 2048, 3072, 1, Store::kF32},
                           Work{"4096 x (10944 -> 2048) added", 4096, 10944, 2048, 1, Store::kAddF32},
                           Work{"24576 of 64 experts (2048 -> 1408) gated", 24576, 2048, 1408, 64, Store::kGated},
                           Work{"24576 of 64 experts (1408 -> 2048)", 24576, 1408, 2048, 64, Store::kActivation}}) {
    const bool pair = work.store == Store::kGated, grouped = work.n_experts > 1;
    const DeviceBuffer<uint16_t> x = random_bf16(work.rows * work.n_in, 1);
    const DeviceBuffer<uint16_t> w = random_bf16(work.n_experts * work.n_out * work.n_in, 2);
    const DeviceBuffer<uint16_t> up = random_bf16(pair ? work.n_experts * work.n_out * work.n_in : 8, 3);
    const DeviceBuffer<float> y(static_cast<size_t>(work.rows * work.n_out));
    check(cudaMemset(y.data(), 0, y.bytes()), "cudaMemset");
    Random random(5);
    std::vector<int32_t> gather(static_cast<size_t>(work.rows));
    std::vector<int64_t> count(static_cast<size_t>(work.n_experts));
    for (int32_t& i : gather) i = static_cast<int32_t>(random() % 4096), ++count[random() % count.size()];
    std::vector<ExpertTile> tiles;
    int32_t row = 0;
    for (size_t e = 0; e < count.size(); ++e)
      for (int32_t end = row + static_cast<int32_t>(count[e]); row < end; row = tiles.back().end_row)
        tiles.push_back({static_cast<int32_t>(e), row, std::min(end, row + kGemmTileRows)});
    const DeviceBuffer<int32_t> gather_d = on_device(gather);
    const DeviceBuffer<int32_t> n_tiles = on_device(std::vector<int32_t>{static_cast<int32_t>(tiles.size())});
    const DeviceBuffer<ExpertTile> tiles_d = on_device(tiles);
    Gemm g;
    g.w = {Format::kBF16, Nibbles::kMinus8, false,          false,      w.data(),
           nullptr,       nullptr,          work.n_experts, work.n_out, work.n_in};
    if (pair) g.w_up = g.w, g.w_up.quants = up.data();
    g.x = x.data(), g.x_stride = work.n_in, g.n_rows = work.rows;
    if (grouped) {
      if (pair) g.gather = gather_d.data();
      g.tiles = tiles_d.data(), g.n_tiles = n_tiles.data();
      g.max_tiles = static_cast<int>(work.rows / kGemmTileRows + work.n_experts);
    }
    g.store = work.store, g.y = y.data(), g.y_stride = work.n_out;
    cudaEvent_t start, stop;
    check(cudaEventCreate(&start), "cudaEventCreate");
    check(cudaEventCreate(&stop), "cudaEventCreate");
    on_every_path([&](const char* path) {
      constexpr int kRuns = 20;
      for (int i = 0; i < 3; ++i) gemm(g, false, nullptr);
      check(cudaEventRecord(start), "cudaEventRecord");
      for (int i = 0; i < kRuns; ++i) gemm(g, false, nullptr);
      check(cudaEventRecord(stop), "cudaEventRecord");
      check(cudaEventSynchronize(stop), "cudaEventSynchronize");
      float ms = 0.0f;
      check(cudaEventElapsedTime(&ms, start, stop), "cudaEventElapsedTime");
      ms /= kRuns;
      const double flops = 2.0 * static_cast<double>(work.rows * work.n_in * work.n_out) * (pair ? 2 : 1);
      std::printf("%-42s %-20s %8.3f ms %7.1f TFLOP/s\n", work.name, path, static_cast<double>(ms),
                  flops / static_cast<double>(ms) * 1e-9);
    });
    cudaEventDestroy(start);
    cudaEventDestroy(stop);
  }
}

}  // namespace
