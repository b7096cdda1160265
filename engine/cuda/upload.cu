// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <thread>

#include "engine/cuda/launch.h"
#include "engine/cuda/upload.h"
#include "engine/cuda/weight_layout.h"
#include "engine/formats/dequantize.h"

namespace engine::cuda {
namespace {

// Work over [0, n) on all cores.
void in_parallel(int64_t n, const std::function<void(int64_t, int64_t)>& work) {
  const int64_t team = std::clamp<int64_t>(std::thread::hardware_concurrency(), 1, std::max<int64_t>(1, n / 4096));
  std::vector<std::thread> threads;
  for (int64_t i = 1; i < team; ++i) threads.emplace_back(work, n * i / team, n * (i + 1) / team);
  work(0, n / team);
  for (std::thread& thread : threads) thread.join();
}

__device__ inline uint32_t hash(uint64_t i) {
  uint64_t x = i * 0x9e3779b97f4a7c15ULL;
  x ^= x >> 29, x *= 0xbf58476d1ce4e5b9ULL, x ^= x >> 32;
  return static_cast<uint32_t>(x);
}

// Arbitrary numbers of about the spread that trained weights have.
__global__ void fill_kernel(Format format, void* data, int64_t n, float spread) {
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < n; i += int64_t{gridDim.x} * blockDim.x) {
    const uint32_t h = hash(static_cast<uint64_t>(i));
    const float value = (static_cast<float>(h) / 4294967296.0f - 0.5f) * spread;
    switch (format) {
      case Format::kF32:
        static_cast<float*>(data)[i] = value;
        break;
      case Format::kBF16:
        static_cast<__nv_bfloat16*>(data)[i] = __float2bfloat16_rn(value);
        break;
      case Format::kF16:
        static_cast<__half*>(data)[i] = __float2half_rn(value);
        break;
      default:
        static_cast<uint8_t*>(data)[i] = static_cast<uint8_t>(h);
        break;
    }
  }
}
__global__ void set_kernel(float* data, int64_t n, float value) {
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < n; i += int64_t{gridDim.x} * blockDim.x)
    data[i] = value;
}
__global__ void set_half_kernel(__half* data, int64_t n, float value) {
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < n; i += int64_t{gridDim.x} * blockDim.x)
    data[i] = __float2half_rn(value);
}

constexpr int kFillBlocks = 2048;
constexpr float kSpread = 0.05f;  // of synthetic weights, from lowest to highest

void fill(Matrix& m, DType type, int64_t n_experts) {
  const int64_t n = n_experts * m.n_out * m.n_in;
  const Sizes sizes = sizes_of(m, type);
  const int64_t numbers = m.whole_numbers() ? static_cast<int64_t>(sizes.quants) * n_experts : n;
  launch("fill", {kFillBlocks, 256}, fill_kernel, m.format, const_cast<void*>(m.quants), numbers, kSpread);
  if (m.format == Format::kWide) {
    launch("fill", {kFillBlocks, 256}, set_kernel, static_cast<float*>(const_cast<void*>(m.scales)), n / 16,
           kSpread / 256);
    launch("fill", {kFillBlocks, 256}, set_kernel, static_cast<float*>(const_cast<void*>(m.offsets)), n / 16, 0.0f);
  } else if (m.format == Format::kFp8) {
    launch("fill", {kFillBlocks, 256}, set_kernel, static_cast<float*>(const_cast<void*>(m.scales)),
           static_cast<int64_t>(sizes.scales / sizeof(float)) * n_experts, kSpread / 512);
  } else if (m.whole_numbers()) {
    const float step = kSpread / (m.format == Format::kInt8 ? 256.0f : 16.0f);
    if (m.bf16_scales)  // 0x3b3b: 0.0029
      check(cudaMemset2D(const_cast<void*>(m.scales), 2, 0x3b, 2, static_cast<size_t>(n / 32)), "cudaMemset2D");
    else
      launch("fill", {kFillBlocks, 256}, set_half_kernel, static_cast<__half*>(const_cast<void*>(m.scales)), n / 32,
             step);
    if (m.offsets)
      launch("fill", {kFillBlocks, 256}, set_half_kernel, static_cast<__half*>(const_cast<void*>(m.offsets)), n / 32,
             -8 * step);
  }
}

}  // namespace

bool all_f32(const std::vector<const TensorView*>& views) {
  return std::all_of(views.begin(), views.end(), [](const TensorView* view) { return view->type == DType::kF32; });
}

uint64_t bytes_of(const std::vector<const TensorView*>& views) {
  uint64_t total = 0;
  for (const TensorView* view : views) total += static_cast<uint64_t>(view->size_bytes());
  return total;
}

void* WeightStore::take(size_t bytes) {
  memory_.emplace_back(std::max<size_t>(bytes, 16));
  return memory_.back().data();
}

void* WeightStore::upload(const void* data, size_t bytes) {
  void* to = take(bytes);
  check(cudaMemcpy(to, data, bytes, cudaMemcpyHostToDevice), "copying weights to the device");
  return to;
}

void WeightStore::count(uint64_t stored_bytes) {
  done_ += stored_bytes;
  if (options_.progress) options_.progress(std::min(done_, total_), total_);
}

// What a 16-byte piece of a row holds.
void WeightStore::check_width(int64_t n_in) const {
  const int multiple = exact_ ? 4 : 8;
  if (n_in % multiple != 0)
    throw Unsupported("the CUDA backend needs widths that are multiples of " + std::to_string(multiple) + "; one is " +
                      std::to_string(n_in));
}

Matrix WeightStore::empty_for(const std::vector<TensorView>& experts) {
  const TensorView& view = experts[0];
  const auto n_experts = static_cast<int64_t>(experts.size());
  const auto all_hold_for = [&](int64_t run) {
    return std::all_of(experts.begin(), experts.end(), [&](const TensorView& e) { return scales_hold_for(e, run); });
  };
  Matrix m;
  m.format = exact_ ? Format::kF32 : format_of(view.type);
  m.nibbles = nibbles_of(view.type);
  m.bf16_scales = m.format == Format::kInt4 && m.nibbles == Nibbles::kE2m1;
  m.wide_scales = m.format == Format::kFp8 && all_hold_for(128);
  if (m.format == Format::kFp8 && !all_hold_for(32))
    throw Unsupported(
        "the CUDA backend takes F8_E4M3 weights whose widths, and those of the blocks that share a scale, are "
        "multiples of 32");
  const auto scaled_by_e8m0 = [](const TensorView& e) { return !e.scales.data || e.scales.type == DType::kF8_E8M0; };
  if (view.type == DType::kFP4 && !exact_ &&
      !(all_hold_for(32) && std::all_of(experts.begin(), experts.end(), scaled_by_e8m0)))
    throw Unsupported("the CUDA backend takes FP4 weights with F8_E8M0 scales, one for each 32 values or more");
  m.n_experts = n_experts;
  m.n_in = view.n_in();
  m.n_out = view.n_rows();
  check_width(m.n_in);
  const Sizes sizes = sizes_of(m, view.type);
  const auto n = static_cast<size_t>(n_experts);
  m.quants = take(sizes.quants * n);
  if (sizes.scales) m.scales = take(sizes.scales * n);
  if (sizes.offsets) m.offsets = take(sizes.offsets * n);
  return m;
}

void WeightStore::put(const TensorView& view, Matrix& to, int64_t expert) {
  const Sizes sizes = sizes_of(to, view.type);
  const auto e = static_cast<size_t>(expert);
  const auto copy = [](const void* base, size_t at, const void* from, size_t bytes) {
    if (bytes > 0)
      check(cudaMemcpy(static_cast<std::byte*>(const_cast<void*>(base)) + at, from, bytes, cudaMemcpyHostToDevice),
            "copying weights to the device");
  };
  if (to.format == Format::kF32 && view.type != DType::kF32) {
    std::vector<float> values(static_cast<size_t>(to.n_out * to.n_in));
    in_parallel(to.n_out, [&](int64_t first, int64_t last) {
      for (int64_t row = first; row < last; ++row)
        dequantize_row(view, row, {values.data() + row * to.n_in, static_cast<size_t>(to.n_in)});
    });
    copy(to.quants, e * sizes.quants, values.data(), sizes.quants);
  } else if (!to.whole_numbers() && to.format != Format::kFp8) {
    copy(to.quants, e * sizes.quants, view.data, sizes.quants);
  } else {
    Laid laid{std::vector<std::byte>(sizes.quants), std::vector<std::byte>(sizes.scales),
              std::vector<std::byte>(sizes.offsets)};
    if (to.format == Format::kFp8)
      in_parallel(to.n_out, [&](int64_t first, int64_t last) { lay_out_fp8(view, to.wide_scales, first, last, laid); });
    else
      in_parallel(to.n_out * to.n_in / 32,
                  [&](int64_t first, int64_t last) { lay_out(view, to.format, first, last, laid); });
    copy(to.quants, e * sizes.quants, laid.quants.data(), sizes.quants);
    copy(to.scales, e * sizes.scales, laid.scales.data(), sizes.scales);
    copy(to.offsets, e * sizes.offsets, laid.offsets.data(), sizes.offsets);
  }
  count(static_cast<uint64_t>(view.size_bytes()));
}

Matrix WeightStore::stacked(const std::vector<TensorView>& experts) {
  for (const TensorView& view : experts)
    if (view.type != experts[0].type)
      throw Unsupported("the CUDA backend needs all experts of a layer in one number format");
  Matrix m = empty_for(experts);
  if (m.format != Format::kBF16) to_round_.push_back(m.n_experts * m.n_out * m.n_in);
  if (synthetic()) {
    fill(m, experts[0].type, m.n_experts);
    return m;
  }
  for (size_t e = 0; e < experts.size(); ++e) put(experts[e], m, static_cast<int64_t>(e));
  return m;
}

int64_t WeightStore::largest_to_round(int64_t most) const {
  int64_t largest = 0;
  for (const int64_t n : to_round_)
    if (n <= most) largest = std::max(largest, n);
  return largest;
}

Matrix WeightStore::matrix(const TensorView& view) {
  return stacked({view});
}

std::pair<Matrix, Matrix> WeightStore::pair(const std::vector<TensorView>& first,
                                            const std::vector<TensorView>& second) {
  std::vector<TensorView> all = first;
  all.insert(all.end(), second.begin(), second.end());
  Matrix a = stacked(all), b = a;
  a.n_experts = b.n_experts = static_cast<int64_t>(first.size());
  const Sizes sizes = sizes_of(a, first[0].type);
  const auto after = [&](const void* base, size_t bytes) {
    return base ? static_cast<const std::byte*>(base) + bytes * first.size() : nullptr;
  };
  b.quants = after(a.quants, sizes.quants);
  b.scales = after(a.scales, sizes.scales);
  b.offsets = after(a.offsets, sizes.offsets);
  return {a, b};
}

Matrix WeightStore::in_f32(const TensorView& view) {
  Matrix m;
  m.n_in = view.n_in();
  m.n_out = view.n_rows();
  check_width(m.n_in);
  m.quants = floats(view);
  if (synthetic()) fill(m, DType::kF32, 1);
  return m;
}

const float* WeightStore::floats(const TensorView& view) {
  if (!view) return nullptr;
  return floats(std::vector<TensorView>{view});
}

const float* WeightStore::floats(const std::vector<TensorView>& views) {
  if (views.empty() || !views[0]) return nullptr;
  const auto n = static_cast<size_t>(views[0].n_rows() * views[0].n_in());
  if (synthetic()) {
    return constant(views.size() * n, 1.0f);
  }
  std::vector<float> values(views.size() * n);
  const auto width = static_cast<size_t>(views[0].n_in());
  for (size_t v = 0; v < views.size(); ++v) {
    for (int64_t row = 0; row < views[v].n_rows(); ++row)
      dequantize_row(views[v], row, std::span(values).subspan(v * n + static_cast<size_t>(row) * width, width));
    count(static_cast<uint64_t>(views[v].size_bytes()));
  }
  return static_cast<const float*>(upload(values.data(), values.size() * sizeof(float)));
}

Matrix WeightStore::made(int64_t n_out, int64_t n_in, const std::function<void(int64_t, float*)>& row) {
  Matrix m;
  m.format = exact_ ? Format::kF32 : Format::kBF16;
  m.n_out = n_out;
  m.n_in = n_in;
  const auto n = static_cast<size_t>(n_out) * static_cast<size_t>(n_in);
  if (synthetic()) {
    m.quants = take(n * (exact_ ? 4 : 2));
    fill(m, exact_ ? DType::kF32 : DType::kBF16, 1);
    return m;
  }
  std::vector<float> values(n);
  in_parallel(n_out, [&](int64_t first, int64_t last) {
    for (int64_t r = first; r < last; ++r) row(r, values.data() + r * n_in);
  });
  if (exact_) {
    m.quants = upload(values.data(), n * sizeof(float));
  } else {
    std::vector<__nv_bfloat16> rounded(n);
    for (size_t i = 0; i < n; ++i) rounded[i] = __float2bfloat16_rn(values[i]);
    m.quants = upload(rounded.data(), n * sizeof(__nv_bfloat16));
  }
  return m;
}

const float* WeightStore::constant(size_t n, float value) {
  auto* values = static_cast<float*>(take(n * sizeof(float)));
  launch("fill", {kFillBlocks, 256}, set_kernel, values, static_cast<int64_t>(n), value);
  return values;
}

const int32_t* WeightStore::ints(const std::vector<int32_t>& values) {
  return static_cast<const int32_t*>(upload(values.data(), values.size() * sizeof(int32_t)));
}

const double* WeightStore::doubles(const std::vector<double>& values) {
  return static_cast<const double*>(upload(values.data(), values.size() * sizeof(double)));
}

}  // namespace engine::cuda
