// SPDX-License-Identifier: Apache-2.0
// CUDA C++ as the backend speaks it, in C++20: the words of the language, its built-in functions, and the runtime's
// functions over the CPU's memory. Stands in for the toolkit's header of this name.
#pragma once
// All that uses __noinline__ in its own way comes first.
#include <algorithm>
#include <atomic>
#include <bit>
#include <cfloat>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "tests/cuda_emulator/block.h"

#define __global__
#define __device__
#define __host__
#define __shared__ static thread_local  // a block has a thread of the CPU to itself
#define __forceinline__ inline
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
#define __grid_constant__
#define __align__(n) __attribute__((aligned(n)))

// Where the running thread is, read anew at every use.
namespace cuda_emulator {
template <auto kWhich, auto kAxis>
struct Coordinate {
  operator unsigned() const { return (current().*kWhich)().*kAxis; }
};
template <auto kWhich, typename Of>
struct Place {
  Coordinate<kWhich, &Of::x> x;
  Coordinate<kWhich, &Of::y> y;
  Coordinate<kWhich, &Of::z> z;
};
}  // namespace cuda_emulator
inline constexpr ::cuda_emulator::Place<&::cuda_emulator::Block::thread, uint3> threadIdx{};
inline constexpr ::cuda_emulator::Place<&::cuda_emulator::Block::place, uint3> blockIdx{};
inline constexpr ::cuda_emulator::Place<&::cuda_emulator::Block::shape, dim3> blockDim{};
inline constexpr ::cuda_emulator::Place<&::cuda_emulator::Block::grid, dim3> gridDim{};

// ---- vectors

struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(8) uint2 {
  unsigned x, y;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
struct alignas(16) int4 {
  int x, y, z, w;
};

// ---- built-in functions

template <typename A, typename B>
constexpr std::common_type_t<A, B> min(A a, B b) {
  return b < a ? b : a;
}
template <typename A, typename B>
constexpr std::common_type_t<A, B> max(A a, B b) {
  return a < b ? b : a;
}
using std::isnan;
inline float rsqrtf(float x) {
  return 1.0f / std::sqrt(x);
}
inline float __expf(float x) {
  return std::exp(x);
}
inline float __fdividef(float x, float y) {
  return x / y;
}
inline int __float2int_rn(float x) {
  return static_cast<int>(std::nearbyint(x));
}
inline float __uint_as_float(unsigned bits) {
  return std::bit_cast<float>(bits);
}
inline unsigned __float_as_uint(float value) {
  return std::bit_cast<unsigned>(value);
}
inline unsigned __byte_perm(unsigned x, unsigned y, unsigned selector) {
  const uint64_t bytes = uint64_t{y} << 32 | x;
  unsigned result = 0;
  for (int i = 0; i < 4; ++i) {
    const unsigned which = selector >> (4 * i) & 15U;
    unsigned byte = static_cast<unsigned>(bytes >> (8 * (which & 7U))) & 255U;
    if (which & 8U) byte = byte & 128U ? 255U : 0U;
    result |= byte << (8 * i);
  }
  return result;
}
inline int __popc(unsigned word) {
  return std::popcount(word);
}
inline int __dp4a(int a, int b, int sum) {
  for (int i = 0; i < 4; ++i) sum += static_cast<int8_t>(a >> (8 * i)) * static_cast<int8_t>(b >> (8 * i));
  return sum;
}
template <typename T>
inline T __ldg(const T* at) {
  return *at;
}
template <typename T>
inline T __ldcg(const T* at) {
  return *at;
}
inline int atomicAdd(int* at, int value) {
  return std::atomic_ref<int>(*at).fetch_add(value);
}
inline long long clock64() {
  return std::chrono::steady_clock::now().time_since_epoch().count();
}

// Rounds twice, which no test can tell, and is no call.
#define fmaf(a, b, c) (((a) * (b)) + (c))

// ---- threads of a block

inline void __syncthreads() {
  ::cuda_emulator::current().wait_at(0, 0);
}
inline void __syncwarp() {
  ::cuda_emulator::current().wait_for_warp();
}
inline void __threadfence_block() {}
template <typename T>
inline T __shfl_xor_sync(unsigned, T value, int mask) {
  const int lane = ::cuda_emulator::current().lane().index % ::cuda_emulator::kWarp;
  return ::cuda_emulator::current().exchange(value)[lane ^ mask];
}
template <typename T>
inline T __shfl_sync(unsigned, T value, int from) {
  return ::cuda_emulator::current().exchange(value)[from];
}
template <typename T>
inline T __shfl_up_sync(unsigned, T value, unsigned by) {
  const unsigned lane = static_cast<unsigned>(::cuda_emulator::current().lane().index) % ::cuda_emulator::kWarp;
  return ::cuda_emulator::current().exchange(value)[lane < by ? lane : lane - by];
}
inline unsigned __ballot_sync(unsigned, bool vote) {
  const bool* votes = ::cuda_emulator::current().exchange(vote);
  unsigned bits = 0;
  for (int i = 0; i < ::cuda_emulator::kWarp; ++i) bits |= (votes[i] ? 1U : 0U) << i;
  return bits;
}

// ---- the runtime

enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInsufficientDriver = 35,
  cudaErrorNoDevice = 100,
  cudaErrorNotSupported = 801,
};
enum cudaMemcpyKind { cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost, cudaMemcpyDeviceToDevice };
enum cudaDeviceAttr { cudaDevAttrMultiProcessorCount, cudaDevAttrMaxSharedMemoryPerBlockOptin };
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize };
enum cudaStreamCaptureMode { cudaStreamCaptureModeThreadLocal };
enum cudaLaunchAttributeID { cudaLaunchAttributeCooperative };
enum cudaDriverEntryPointQueryResult { cudaDriverEntryPointSuccess, cudaDriverEntryPointSymbolNotFound };
inline constexpr unsigned cudaStreamNonBlocking = 1;
inline constexpr unsigned cudaEnableDefault = 0;
#define CUDART_VERSION 13000

namespace cuda_emulator {

struct Stream;
struct Event {
  std::chrono::steady_clock::time_point when;
};
struct Graph {
  std::vector<std::function<void()>> steps;
};
// Does it, or notes it down where the stream is being captured.
void enqueue(Stream* stream, std::function<void()> work);
// All blocks of a launch, side by side where they wait for each other; returns when they have ended.
void run(const std::function<void()>& kernel, const dim3& grid, const dim3& block, size_t shared_bytes, bool together);

}  // namespace cuda_emulator

using cudaStream_t = ::cuda_emulator::Stream*;
using cudaEvent_t = ::cuda_emulator::Event*;
using cudaGraph_t = ::cuda_emulator::Graph*;
using cudaGraphExec_t = ::cuda_emulator::Graph*;

struct cudaDeviceProp {
  char name[64];
  int major, minor, multiProcessorCount;
};
struct cudaFuncAttributes {
  size_t sharedSizeBytes;
};
struct cudaLaunchAttribute {
  cudaLaunchAttributeID id;
  struct {
    int cooperative;
  } val;
};
struct cudaLaunchConfig_t {
  dim3 gridDim, blockDim;
  size_t dynamicSmemBytes;
  cudaStream_t stream;
  cudaLaunchAttribute* attrs;
  unsigned numAttrs;
};

const char* cudaGetErrorString(cudaError_t error);
cudaError_t cudaGetLastError();
cudaError_t cudaGetDeviceCount(int* n);
cudaError_t cudaGetDevice(int* device);
cudaError_t cudaDriverGetVersion(int* version);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device);
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device);
cudaError_t cudaMemGetInfo(size_t* free, size_t* total);
cudaError_t cudaDeviceSynchronize();
cudaError_t cudaGetDriverEntryPointByVersion(const char* name, void** function, unsigned version, unsigned flags,
                                             cudaDriverEntryPointQueryResult* found);

cudaError_t cudaMallocBytes(void** memory, size_t bytes);
template <typename T>
cudaError_t cudaMalloc(T** memory, size_t bytes) {
  return cudaMallocBytes(reinterpret_cast<void**>(memory), bytes);
}
template <typename T>
cudaError_t cudaMallocHost(T** memory, size_t bytes) {
  return cudaMallocBytes(reinterpret_cast<void**>(memory), bytes);
}
cudaError_t cudaFree(void* memory);
cudaError_t cudaFreeHost(void* memory);
cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind);
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream = nullptr);
cudaError_t cudaMemcpy2DAsync(void* to, size_t to_pitch, const void* from, size_t from_pitch, size_t width, size_t height,
                              cudaMemcpyKind kind, cudaStream_t stream = nullptr);
cudaError_t cudaMemset(void* to, int value, size_t bytes);
cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t stream);
cudaError_t cudaMemset2D(void* to, size_t pitch, int value, size_t width, size_t height);

cudaError_t cudaStreamCreate(cudaStream_t* stream);
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode);
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph);
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* made, cudaGraph_t graph, unsigned long long flags);
cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t stream);
cudaError_t cudaGraphDestroy(cudaGraph_t graph);
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph);
cudaError_t cudaEventCreate(cudaEvent_t* event);
cudaError_t cudaEventDestroy(cudaEvent_t event);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream = nullptr);
cudaError_t cudaEventSynchronize(cudaEvent_t event);
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t from, cudaEvent_t to);

template <typename Kernel>
cudaError_t cudaFuncSetAttribute(Kernel, cudaFuncAttribute, int) {
  return cudaSuccess;
}
// None of the kernels that declare barriers of Hopper's has its code here.
template <typename Kernel>
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, Kernel) {
  *attributes = {};
  return cudaSuccess;
}
template <typename Kernel>
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, Kernel, int, size_t) {
  *blocks = 1;
  return cudaSuccess;
}

template <typename... Parameters, typename... Arguments>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Parameters...),
                               Arguments&&... arguments) {
  const cudaLaunchConfig_t c = *config;
  const bool together = c.numAttrs > 0;
  std::function<void()> body = [kernel, values = std::tuple<Parameters...>(std::forward<Arguments>(arguments)...)] {
    std::apply(kernel, values);
  };
  ::cuda_emulator::enqueue(c.stream, [c, together, body = std::move(body)] {
    ::cuda_emulator::run(body, c.gridDim, c.blockDim, c.dynamicSmemBytes, together);
  });
  return cudaSuccess;
}
