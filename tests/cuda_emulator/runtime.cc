// SPDX-License-Identifier: Apache-2.0
// The runtime's functions over the CPU's memory. Work is done when it is asked for; streams keep no order of their own.
#include <condition_variable>
#include <cstdlib>

#include "cuda.h"
#include "cuda_runtime.h"

namespace cuda_emulator {

struct Stream {
  bool capturing = false;
  std::vector<std::function<void()>> captured;
};

namespace {

constexpr int kProcessors = 2;
constexpr size_t kMemory = size_t{8} << 30;

// Threads of the CPU that run blocks: one for each multiprocessor, kept from launch to launch with their stacks.
class Processors {
 public:
  Processors() {
    for (int i = 0; i < kProcessors; ++i) threads_.emplace_back([this, i] { loop(i); });
  }
  ~Processors() {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }
  void run(const std::function<void(int)>& work) {
    std::unique_lock lock(mutex_);
    work_ = &work, running_ = kProcessors, ++round_;
    changed_.notify_all();
    done_.wait(lock, [this] { return running_ == 0; });
  }

 private:
  void loop(int index) {
    for (uint64_t seen = 0;;) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return ending_ || round_ != seen; });
      if (ending_) return;
      seen = round_;
      const auto* work = work_;
      lock.unlock();
      (*work)(index);
      lock.lock();
      if (--running_ == 0) done_.notify_all();
    }
  }
  std::mutex mutex_;
  std::condition_variable changed_, done_;
  const std::function<void(int)>* work_ = nullptr;
  int running_ = 0;
  uint64_t round_ = 0;
  bool ending_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace

void enqueue(Stream* stream, std::function<void()> work) {
  if (stream && stream->capturing)
    stream->captured.push_back(std::move(work));
  else
    work();
}

void run(const std::function<void()>& kernel, const dim3& grid, const dim3& block, size_t shared_bytes, bool together) {
  static Processors processors;
  const unsigned n = grid.x * grid.y * grid.z;
  if (together && n > kProcessors) std::abort();  // they would wait for each other for ever
  if (shared_bytes > kMostShared || block.x * block.y * block.z > kMostThreads) std::abort();
  std::atomic<unsigned> next{0};
  processors.run([&](int) {
    static thread_local Block here;
    for (unsigned i; (i = next++) < n;)
      here.run(kernel, grid, block, {i % grid.x, i / grid.x % grid.y, i / (grid.x * grid.y)}, shared_bytes);
  });
}

}  // namespace cuda_emulator

using cuda_emulator::enqueue;

const char* cudaGetErrorString(cudaError_t error) {
  return error == cudaSuccess ? "no error" : error == cudaErrorMemoryAllocation ? "out of memory" : "not supported";
}
cudaError_t cudaGetLastError() {
  return cudaSuccess;
}
cudaError_t cudaGetDeviceCount(int* n) {
  *n = 1;
  return cudaSuccess;
}
cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}
cudaError_t cudaDriverGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
  *properties = {"emulator", 8, 0, cuda_emulator::kProcessors};
  return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
  *value = attribute == cudaDevAttrMultiProcessorCount ? cuda_emulator::kProcessors
                                                       : static_cast<int>(cuda_emulator::kMostShared);
  return cudaSuccess;
}
cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  *free = *total = cuda_emulator::kMemory;
  return cudaSuccess;
}
cudaError_t cudaDeviceSynchronize() {
  return cudaSuccess;
}
cudaError_t cudaGetDriverEntryPointByVersion(const char*, void** function, unsigned, unsigned,
                                             cudaDriverEntryPointQueryResult* found) {
  *function = nullptr;
  *found = cudaDriverEntryPointSymbolNotFound;
  return cudaSuccess;
}

// What nobody has written is NaN in every format; pages that nobody touches cost nothing.
cudaError_t cudaMallocBytes(void** memory, size_t bytes) {
  constexpr size_t kFilled = size_t{64} << 20;
  *memory = std::aligned_alloc(512, (bytes + 511) / 512 * 512);
  if (!*memory) return cudaErrorMemoryAllocation;
  std::memset(*memory, 0xff, std::min(bytes, kFilled));
  return cudaSuccess;
}
cudaError_t cudaFree(void* memory) {
  std::free(memory);
  return cudaSuccess;
}
cudaError_t cudaFreeHost(void* memory) {
  std::free(memory);
  return cudaSuccess;
}
cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind) {
  if (bytes > 0) std::memcpy(to, from, bytes);
  return cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  enqueue(stream, [=] { cudaMemcpy(to, from, bytes, kind); });
  return cudaSuccess;
}
cudaError_t cudaMemcpy2DAsync(void* to, size_t to_pitch, const void* from, size_t from_pitch, size_t width, size_t height,
                              cudaMemcpyKind, cudaStream_t stream) {
  if (width > to_pitch || width > from_pitch) return cudaErrorInvalidValue;
  enqueue(stream, [=] {
    for (size_t row = 0; row < height; ++row)
      std::memcpy(static_cast<char*>(to) + row * to_pitch, static_cast<const char*>(from) + row * from_pitch, width);
  });
  return cudaSuccess;
}
cudaError_t cudaMemset(void* to, int value, size_t bytes) {
  if (bytes > 0) std::memset(to, value, bytes);
  return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t stream) {
  enqueue(stream, [=] { cudaMemset(to, value, bytes); });
  return cudaSuccess;
}
cudaError_t cudaMemset2D(void* to, size_t pitch, int value, size_t width, size_t height) {
  for (size_t row = 0; row < height; ++row) std::memset(static_cast<char*>(to) + row * pitch, value, width);
  return cudaSuccess;
}

cudaError_t cudaStreamCreate(cudaStream_t* stream) {
  *stream = new cuda_emulator::Stream;
  return cudaSuccess;
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  return cudaStreamCreate(stream);
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  delete stream;
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t) {
  return cudaSuccess;
}
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  stream->capturing = true;
  return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  stream->capturing = false;
  *graph = new cuda_emulator::Graph{std::exchange(stream->captured, {})};
  return cudaSuccess;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* made, cudaGraph_t graph, unsigned long long) {
  *made = new cuda_emulator::Graph(*graph);
  return cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t) {
  for (const std::function<void()>& step : graph->steps) step();
  return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph) {
  delete graph;
  return cudaSuccess;
}
cudaError_t cudaEventCreate(cudaEvent_t* event) {
  *event = new cuda_emulator::Event{};
  return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t) {
  event->when = std::chrono::steady_clock::now();
  return cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t) {
  return cudaSuccess;
}
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t from, cudaEvent_t to) {
  *milliseconds = std::chrono::duration<float, std::milli>(to->when - from->when).count();
  return cudaSuccess;
}

CUresult cuTensorMapEncodeTiled(CUtensorMap*, CUtensorMapDataType, cuuint32_t, void*, const cuuint64_t*,
                                const cuuint64_t*, const cuuint32_t*, const cuuint32_t*, CUtensorMapInterleave,
                                CUtensorMapSwizzle, CUtensorMapL2promotion, CUtensorMapFloatOOBfill) {
  return CUDA_ERROR_NOT_SUPPORTED;
}
