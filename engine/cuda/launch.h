// SPDX-License-Identifier: Apache-2.0
// engine/cuda/launch.h: starts kernels so that the next one's blocks are in place when the one before ends.
//
// A kernel started with launch_after() may begin while its predecessor still runs; it calls wait_for_predecessor() before it
// reads or writes anything that another kernel touches. Every kernel of such a chain calls it, so waiting for the
// predecessor means waiting for all before it.
// Source   CUDA C++ Programming Guide, "Programmatic Dependent Launch and Synchronization" (devices of 9.0 and newer; on
//          older ones the kernels simply follow each other)
#pragma once
#include <vector>

#include "engine/cuda/device.h"

namespace engine::cuda {

// What a kernel is called in a profile, and the bytes that it cannot do without.
struct Launch {
  Launch(const char* kernel, double bytes_read = 0.0) : name(kernel), bytes(bytes_read) {}
  const char* name;
  double bytes;
};

// While one is active, kernels follow each other without overlap and an event is recorded behind each.
class Recorder {
 public:
  struct Entry {
    Launch launch;
    cudaEvent_t end;
  };
  static Recorder*& active() {
    static Recorder* recorder = nullptr;
    return recorder;
  }
  void add(const Launch& launch, cudaStream_t stream) {
    cudaEvent_t end;
    check(cudaEventCreate(&end), "cudaEventCreate");
    check(cudaEventRecord(end, stream), "cudaEventRecord");
    entries.push_back({launch, end});
  }
  ~Recorder() {
    for (const Entry& entry : entries) cudaEventDestroy(entry.end);
  }
  std::vector<Entry> entries;
};

template <typename... Parameters, typename... Arguments>
void launch_after(const Launch& launch, void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t shared_bytes, cudaStream_t stream,
                  Arguments&&... arguments) {
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = block;
  config.dynamicSmemBytes = shared_bytes;
  config.stream = stream;
  cudaLaunchAttribute overlap{};
  overlap.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  overlap.val.programmaticStreamSerializationAllowed = 1;
  config.attrs = &overlap;
  config.numAttrs = Recorder::active() ? 0 : 1;
  check(cudaLaunchKernelEx(&config, kernel, std::forward<Arguments>(arguments)...), launch.name);
  if (Recorder* recorder = Recorder::active()) recorder->add(launch, stream);
}

#ifdef __CUDACC__
__device__ __forceinline__ void wait_for_predecessor() {
#if __CUDA_ARCH__ >= 900
  cudaGridDependencySynchronize();
#endif
}
__device__ __forceinline__ void let_successor_start() {
#if __CUDA_ARCH__ >= 900
  cudaTriggerProgrammaticLaunchCompletion();
#endif
}
#endif

}  // namespace engine::cuda
