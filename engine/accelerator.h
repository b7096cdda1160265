// SPDX-License-Identifier: Apache-2.0
// engine/accelerator.h: a device beside the CPU that runs the families' passes. Opened at run time, so one binary
// starts everywhere: the CUDA backend is a shared module beside the program (libgraft_cuda.so).
//
// Owns     An Accelerator stays loaded until the program ends. Models that it makes own their device memory and copy
//          what they need of the weights: mapped files may be closed afterwards.
// Threads  Constant; models as engine/model.h says.
// Errors   kNotFound: no module, no driver, no device, with what to do; kExhausted: not enough device memory, with the
//          numbers; kInvalidArgument: a model that the device's passes do not compute. A device that fails later throws
//          DeviceFailure out of Model::forward(); the session turns it into an error.
#pragma once
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>

#include "base/result.h"
#include "engine/model.h"

namespace engine {

struct DeepseekV2Config;
struct DeepseekV2Weights;
struct DeepseekV4Config;
struct DeepseekV4Weights;
struct GroupedConfig;
struct GroupedWeights;

struct DeviceFailure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct DeviceInfo {
  std::string name;                      // "NVIDIA H200"
  std::string architecture;              // "sm_90"
  std::string driver;                    // "13.0"
  uint64_t memory = 0, free_memory = 0;  // bytes
  int processors = 0;
};

struct UploadOptions {
  // Fills weights with arbitrary numbers on the device instead of reading them: views have shapes and no data worth
  // reading.
  bool synthetic = false;
  // Everything in f32, whatever the weights are stored as: four bytes a weight, for comparing results.
  bool exact = false;
  std::function<void(uint64_t done, uint64_t total)> progress = {};  // bytes as stored; may be empty
};

class Accelerator {
 public:
  virtual ~Accelerator() = default;
  virtual DeviceInfo info() const = 0;
  virtual base::Result<std::unique_ptr<Model>> make_deepseek_v2(const DeepseekV2Config& config,
                                                                const DeepseekV2Weights& weights,
                                                                const UploadOptions& options) = 0;
  virtual base::Result<std::unique_ptr<Model>> make_deepseek_v4(const DeepseekV4Config& config,
                                                                const DeepseekV4Weights& weights,
                                                                const UploadOptions& options) = 0;
  virtual base::Result<std::unique_ptr<Model>> make_grouped(const GroupedConfig& config, const GroupedWeights& weights,
                                                            const UploadOptions& options) = 0;
  // Bytes per second of a large copy on the device, read and written bytes counted; measured now.
  virtual base::Result<double> copy_bandwidth() = 0;
  // Seconds of each kernel of the last decode step of `model`, by name, in order of their first launch; runs one step
  // anew.
  virtual base::Result<std::string> profile_step(Model& model, Cache& cache, int64_t position) = 0;
};

// The first CUDA device; opened once for the program.
base::Result<Accelerator*> open_cuda();

// What the module exports under the name below. The number changes with every change of the classes that cross the
// border.
inline constexpr int kCudaModuleVersion = 5;
inline constexpr const char* kCudaModuleEntry = "graft_cuda_module";
using CudaModuleEntry = base::Result<Accelerator*> (*)(int version);

}  // namespace engine
