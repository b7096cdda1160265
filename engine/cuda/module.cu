// SPDX-License-Identifier: Apache-2.0
// What libgraft_cuda.so exports: the first CUDA device as an Accelerator.
#include <algorithm>
#include <memory>
#include <string>

#include "engine/accelerator.h"
#include "engine/cuda/grouped_pass.h"
#include "engine/cuda/latent_pass.h"
#include "engine/cuda/v4_pass.h"

namespace engine::cuda {
namespace {

constexpr int kLeastMajor = 8;  // compute capability: bfloat16 on tensor cores, asynchronous copies

std::string version(int number) {
  return std::to_string(number / 1000) + "." + std::to_string(number % 1000 / 10);
}

base::Error unavailable(std::string why) {
  return {base::ErrorCode::kNotFound, std::move(why)};
}

std::string gigabytes(uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f GB", static_cast<double>(bytes) / 1e9);
  return text;
}

class CudaAccelerator : public Accelerator {
 public:
  explicit CudaAccelerator(const cudaDeviceProp& properties) : properties_(properties) {}

  DeviceInfo info() const override {
    DeviceInfo info;
    info.name = properties_.name;
    info.architecture = "sm_" + std::to_string(properties_.major) + std::to_string(properties_.minor);
    int driver = 0;
    cudaDriverGetVersion(&driver);
    info.driver = version(driver);
    info.processors = properties_.multiProcessorCount;
    size_t free = 0, total = 0;
    cudaMemGetInfo(&free, &total);
    info.memory = total;
    info.free_memory = free;
    return info;
  }

  base::Result<std::unique_ptr<Model>> make_deepseek_v2(const DeepseekV2Config& config,
                                                        const DeepseekV2Weights& weights,
                                                        const UploadOptions& options) override {
    return make<LatentPass>(config, weights, options);
  }
  base::Result<std::unique_ptr<Model>> make_deepseek_v4(const DeepseekV4Config& config,
                                                        const DeepseekV4Weights& weights,
                                                        const UploadOptions& options) override {
    return make<V4Pass>(config, weights, options);
  }
  base::Result<std::unique_ptr<Model>> make_grouped(const GroupedConfig& config, const GroupedWeights& weights,
                                                    const UploadOptions& options) override {
    return make<GroupedPass>(config, weights, options);
  }

  base::Result<double> copy_bandwidth() override {
    try {
      constexpr size_t kBytes = size_t{2} << 30;
      DeviceBuffer<std::byte> from(kBytes), to(kBytes);
      cudaEvent_t start, end;
      check(cudaEventCreate(&start), "cudaEventCreate");
      check(cudaEventCreate(&end), "cudaEventCreate");
      float best = 0.0f;
      for (int i = 0; i < 6; ++i) {
        check(cudaEventRecord(start), "cudaEventRecord");
        check(cudaMemcpyAsync(to.data(), from.data(), kBytes, cudaMemcpyDeviceToDevice), "cudaMemcpy");
        check(cudaEventRecord(end), "cudaEventRecord");
        check(cudaEventSynchronize(end), "cudaMemcpy");
        float milliseconds = 0.0f;
        check(cudaEventElapsedTime(&milliseconds, start, end), "cudaEventElapsedTime");
        if (i > 0 && (best == 0.0f || milliseconds < best)) best = milliseconds;
      }
      cudaEventDestroy(start);
      cudaEventDestroy(end);
      return 2.0 * static_cast<double>(kBytes) / (static_cast<double>(best) * 1e-3);
    } catch (const Failure& failure) {
      return base::Error{base::ErrorCode::kInternal,
                         std::string("The GPU's bandwidth could not be measured: ") + failure.what()};
    }
  }

  base::Result<std::string> profile_step(Model& model, Cache& cache, int64_t position) override {
    try {
      return static_cast<Pass&>(model).profile(cache, position);
    } catch (const Failure& failure) {
      return base::Error{base::ErrorCode::kInternal, std::string("The GPU could not be profiled: ") + failure.what()};
    }
  }

 private:
  template <typename PassType, typename Config, typename Weights>
  base::Result<std::unique_ptr<Model>> make(const Config& config, const Weights& weights,
                                            const UploadOptions& options) {
    const DeviceInfo before = info();
    try {
      return std::unique_ptr<Model>(std::make_unique<PassType>(config, weights, options));
    } catch (const Unsupported& reason) {
      return base::invalid(std::string("This model does not run on the GPU: ") + reason.what() +
                           ". Use --backend cpu.");
    } catch (const Failure& failure) {
      if (failure.out_of_memory)
        return base::Error{base::ErrorCode::kExhausted, "This model does not fit on the GPU (" + before.name +
                                                            "): " + gigabytes(before.free_memory) + " of " +
                                                            gigabytes(before.memory) +
                                                            " are free. Use --backend cpu or a smaller quantisation."};
      return base::Error{base::ErrorCode::kInternal,
                         std::string("The GPU failed while the model was loaded: ") + failure.what()};
    }
  }

  const cudaDeviceProp properties_;
};

base::Result<Accelerator*> open() {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  int driver = 0;
  if (error != cudaSuccess && (cudaDriverGetVersion(&driver) != cudaSuccess || driver == 0))
    return unavailable("There is no NVIDIA driver here, so no GPU that Graft could use.");
  if (error == cudaErrorInsufficientDriver)
    return unavailable("The NVIDIA driver is older than this build needs (CUDA " + version(CUDART_VERSION) +
                       "). Update the driver.");
  if (error == cudaErrorNoDevice || (error == cudaSuccess && count == 0))
    return unavailable("There is no NVIDIA GPU here, or the driver hides it.");
  if (error != cudaSuccess)
    return unavailable(std::string("The NVIDIA driver does not answer: ") + cudaGetErrorString(error) + ".");
  cudaDeviceProp properties{};
  const cudaError_t asked = cudaGetDeviceProperties(&properties, 0);
  if (asked != cudaSuccess)
    return unavailable(std::string("The GPU does not answer: ") + cudaGetErrorString(asked) + ".");
  if (properties.major < kLeastMajor)
    return unavailable(std::string(properties.name) + " is too old: compute capability " +
                       std::to_string(properties.major) + "." + std::to_string(properties.minor) +
                       ", and 8.0 is the least.");
  static CudaAccelerator accelerator(properties);
  return static_cast<Accelerator*>(&accelerator);
}

}  // namespace
}  // namespace engine::cuda

extern "C" __attribute__((visibility("default"))) base::Result<engine::Accelerator*> graft_cuda_module(int version) {
  if (version != engine::kCudaModuleVersion)
    return base::Error{base::ErrorCode::kNotFound,
                       "The CUDA backend beside this program belongs to another version of it. Build both again."};
  return engine::cuda::open();
}
