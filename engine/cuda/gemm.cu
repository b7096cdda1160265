// SPDX-License-Identifier: Apache-2.0
// engine/cuda/gemm.cu: which kernel makes a product, and its launch.
#include <algorithm>
#include <cstdlib>

#include "engine/cuda/gemm.h"
#include "engine/cuda/gemm_f32.cuh"
#include "engine/cuda/gemm_mma.cuh"
#include "engine/cuda/gemm_paths.h"
#include "engine/cuda/gemm_wgmma.cuh"
#include "engine/cuda/launch.h"
#include "engine/cuda/values.cuh"

namespace engine::cuda {
namespace {

// Blocks of a product whose tiles have `columns` outputs; tiles beyond *n_tiles come last and leave at once.
unsigned blocks_of(const Gemm& g, int64_t column_tiles) {
  const int64_t row_tiles = g.tiles ? g.max_tiles : ceil_div(g.n_rows, kGemmTileRows);
  if (row_tiles * column_tiles > INT32_MAX) throw Failure("gemm: more tiles than a launch can have");
  return static_cast<unsigned>(row_tiles * column_tiles);
}

template <bool kPair>
void launch_f32(const Gemm& g, cudaStream_t stream) {
  const int64_t column_tiles = ceil_div(g.w.n_out, kPair ? kF32Columns / 2 : kF32Columns);
  launch("gemm in f32", {blocks_of(g, column_tiles), kF32Threads, 0, stream}, gemm_f32_kernel<kPair>, g,
         static_cast<int>(column_tiles));
}

template <bool kPair, typename W>
void launch_mma(const Gemm& g, cudaStream_t stream) {
  constexpr auto kernel = gemm_mma_kernel<kPair, W>;
  static const cudaError_t allowed =
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, kMmaShared);
  check(allowed, "gemm: shared memory");
  const int64_t column_tiles = ceil_div(g.w.n_out, kPair ? kMmaColumns / 2 : kMmaColumns);
  launch("gemm", {blocks_of(g, column_tiles), kMmaThreads, kMmaShared, stream}, kernel, g,
         static_cast<int>(column_tiles));
}

using Encode = decltype(&cuTensorMapEncodeTiled);

// The driver's function that describes boxes to the copy engine; null where it has none.
Encode encoder() {
  static const Encode encode = []() -> Encode {
    void* function = nullptr;
    cudaDriverEntryPointQueryResult found{};
#if CUDART_VERSION >= 12050
    const cudaError_t error =
        cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function, 12000, cudaEnableDefault, &found);
#else
    const cudaError_t error = cudaGetDriverEntryPoint("cuTensorMapEncodeTiled", &function, cudaEnableDefault, &found);
#endif
    if (error == cudaSuccess && found == cudaDriverEntryPointSuccess) return reinterpret_cast<Encode>(function);
    cudaGetLastError();
    return nullptr;
  }();
  return encode;
}

// Boxes of `rows` rows; experts follow each other, so that a box at an expert's end reaches into the next one's rows,
// whose sums are not stored.
bool map_boxes(CUtensorMap& map, const Matrix& m, int rows) {
  const cuuint64_t sizes[2] = {static_cast<cuuint64_t>(m.n_in), static_cast<cuuint64_t>(m.n_experts * m.n_out)};
  const cuuint64_t row_bytes[1] = {static_cast<cuuint64_t>(m.n_in) * 2};
  const cuuint32_t box[2] = {kWgmmaDepth, static_cast<cuuint32_t>(rows)}, every[2] = {1, 1};
  return encoder()(&map, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 2, const_cast<void*>(m.quants), sizes, row_bytes, box, every,
                   CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
                   CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE) == CUDA_SUCCESS;
}

template <bool kPair, int kColumns, bool kBulk>
void launch_wgmma(const Gemm& g, const WeightMaps& maps, cudaStream_t stream) {
  constexpr auto kernel = gemm_wgmma_kernel<kPair, kColumns, kBulk>;
  constexpr int kShared = WgmmaShape<kColumns>::kShared;
  static const cudaError_t allowed = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, kShared);
  check(allowed, "gemm: shared memory");
  const int64_t column_tiles = ceil_div(g.w.n_out, kPair ? kColumns / 2 : kColumns);
  const unsigned blocks = std::min(blocks_of(g, column_tiles), static_cast<unsigned>(multiprocessors()));
  launch("gemm", {blocks, kWgmmaThreads, kShared, stream}, kernel, g, maps, static_cast<int>(column_tiles));
}

template <bool kPair, int kColumns>
void launch_wgmma(const Gemm& g, cudaStream_t stream) {
  WeightMaps maps{};
  constexpr int kBoxRows = kPair ? kColumns / 2 : kColumns;
  const bool bulk = gemm_paths().bulk_copies && encoder() && map_boxes(maps.w, g.w, kBoxRows) &&
                    (!kPair || map_boxes(maps.up, g.w_up, kBoxRows));
  bulk ? launch_wgmma<kPair, kColumns, true>(g, maps, stream) : launch_wgmma<kPair, kColumns, false>(g, maps, stream);
}

// Whether the code for Hopper's own instructions is here and runs on this device: it alone keeps barriers in shared
// memory.
bool has_wgmma() {
  static const bool has = [] {
    cudaFuncAttributes attributes{};
    check(cudaFuncGetAttributes(&attributes, gemm_wgmma_kernel<false, 256, false>), "cudaFuncGetAttributes");
    return attributes.sharedSizeBytes > 0;
  }();
  return has;
}

template <bool kPair>
void launch_wgmma(const Gemm& g, cudaStream_t stream) {
  // Wide tiles read less for each product; narrow ones leave fewer multiprocessors without work at the end.
  const auto rounds = [&](int columns) {
    return ceil_div(static_cast<int64_t>(blocks_of(g, ceil_div(g.w.n_out, kPair ? columns / 2 : columns))),
                    multiprocessors());
  };
  constexpr double kNarrowCost = 0.6;  // of a wide tile
  bool narrow = kNarrowCost * static_cast<double>(rounds(128)) < static_cast<double>(rounds(256));
  if (gemm_paths().columns != 0) narrow = gemm_paths().columns == 128;
  narrow ? launch_wgmma<kPair, 128>(g, stream) : launch_wgmma<kPair, 256>(g, stream);
}

template <bool kPair>
void launch_bf16(const Gemm& g, cudaStream_t stream) {
  const bool plain = g.w.format == Format::kBF16 && (!kPair || g.w_up.format == Format::kBF16);
  if (plain && gemm_paths().wgmma && has_wgmma()) return launch_wgmma<kPair>(g, stream);
  if (kPair && g.w.format != g.w_up.format) return launch_mma<kPair, MixedWeights>(g, stream);
  switch (g.w.format) {
    case Format::kF32:
      return launch_mma<kPair, Weights<Format::kF32>>(g, stream);
    case Format::kBF16:
      return launch_mma<kPair, Weights<Format::kBF16>>(g, stream);
    case Format::kF16:
      return launch_mma<kPair, Weights<Format::kF16>>(g, stream);
    case Format::kInt8:
      return launch_mma<kPair, Weights<Format::kInt8>>(g, stream);
    case Format::kInt4:
      return launch_mma<kPair, Weights<Format::kInt4>>(g, stream);
    case Format::kWide:
      return launch_mma<kPair, Weights<Format::kWide>>(g, stream);
    case Format::kFp8:
      return launch_mma<kPair, Weights<Format::kFp8>>(g, stream);
  }
}

template <typename W>
__global__ void round_kernel(const __grid_constant__ Matrix w, uint4* out) {
  const W weights(w);
  const int64_t eights = w.n_in / 8, n = w.n_experts * w.n_out * eights;
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < n; i += int64_t{gridDim.x} * blockDim.x) {
    const int64_t row = i / eights, k = (i - row * eights) * 8;
    out[i] = weights.rounded(weights.read(row, k), k);
  }
}

// The last outputs of a matrix whose height is no multiple of 8: a warp each.
template <typename T>
__global__ void gemm_tail_kernel(const __grid_constant__ Gemm g, int64_t first) {
  const int64_t row = blockIdx.x, column = first + threadIdx.x / 32, lane = threadIdx.x % 32;
  const T* x = static_cast<const T*>(g.x) + row * g.x_stride;
  float sum = 0.0f;
  for (int64_t k = lane; k < g.w.n_in; k += 32) sum = fmaf(to_f32(x[k]), matrix_value(g.w, column, k), sum);
#pragma unroll
  for (int m = 16; m > 0; m >>= 1) sum += __shfl_xor_sync(~0U, sum, m);
  if (lane != 0) return;
  if (g.bias) sum += g.bias[column];
  const int64_t at = row * g.y_stride + column;
  if (g.store == Store::kActivation)
    static_cast<T*>(g.y)[at] = from_f32<T>(sum);
  else
    static_cast<float*>(g.y)[at] = g.store == Store::kAddF32 ? static_cast<float*>(g.y)[at] + sum : sum;
}

bool is_set(const char* variable) {
  const char* value = std::getenv(variable);
  return value && value[0] == '1';
}

}  // namespace

GemmPaths& gemm_paths() {
  static GemmPaths paths{!is_set("GRAFT_CUDA_NO_WGMMA"), !is_set("GRAFT_CUDA_NO_TMA"), 0};
  return paths;
}

void round_matrix(const Matrix& w, void* out, cudaStream_t stream) {
  constexpr int kThreads = 256;
  const int64_t n = w.n_experts * w.n_out * (w.n_in / 8);
  const auto blocks =
      static_cast<unsigned>(std::clamp<int64_t>(ceil_div(n, kThreads), 1, int64_t{multiprocessors()} * 16));
  auto* to = static_cast<uint4*>(out);
  switch (w.format) {
    case Format::kF32:
      launch("round_matrix", {blocks, kThreads, 0, stream}, round_kernel<Weights<Format::kF32>>, w, to);
      break;
    case Format::kBF16:
      launch("round_matrix", {blocks, kThreads, 0, stream}, round_kernel<Weights<Format::kBF16>>, w, to);
      break;
    case Format::kF16:
      launch("round_matrix", {blocks, kThreads, 0, stream}, round_kernel<Weights<Format::kF16>>, w, to);
      break;
    case Format::kInt8:
      launch("round_matrix", {blocks, kThreads, 0, stream}, round_kernel<Weights<Format::kInt8>>, w, to);
      break;
    case Format::kInt4:
      launch("round_matrix", {blocks, kThreads, 0, stream}, round_kernel<Weights<Format::kInt4>>, w, to);
      break;
    case Format::kWide:
      launch("round_matrix", {blocks, kThreads, 0, stream}, round_kernel<Weights<Format::kWide>>, w, to);
      break;
    case Format::kFp8:
      launch("round_matrix", {blocks, kThreads, 0, stream}, round_kernel<Weights<Format::kFp8>>, w, to);
      break;
  }
}

void gemm(const Gemm& g, bool exact, cudaStream_t stream) {
  if (g.w.n_out == 0 || (g.tiles ? g.max_tiles : g.n_rows) <= 0) return;
  const bool pair = g.store == Store::kGated;
  if (exact) {
    if (g.w.format != Format::kF32 || (pair && g.w_up.format != Format::kF32))
      throw Failure("gemm: exact products need weights in f32");
    return pair ? launch_f32<true>(g, stream) : launch_f32<false>(g, stream);
  }
  const int64_t tail = g.w.n_out % 8;
  if (tail != 0 && (pair || g.tiles))
    throw Failure("gemm: gated and grouped products need heights that are multiples of 8");
  if (g.w.n_out > tail) {
    Gemm even = g;
    even.w.n_out -= tail;
    pair ? launch_bf16<true>(even, stream) : launch_bf16<false>(even, stream);
  }
  if (tail != 0) {
    launch("gemm", {static_cast<unsigned>(g.n_rows), static_cast<unsigned>(tail * 32), 0, stream},
           gemm_tail_kernel<__nv_bfloat16>, g, g.w.n_out - tail);
  }
}

}  // namespace engine::cuda
