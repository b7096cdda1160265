// SPDX-License-Identifier: Apache-2.0
#include "engine/accelerator.h"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <optional>

namespace engine {
namespace {

constexpr const char* kModule = "libgraft_cuda.so";

// Beside the program, or where GRAFT_CUDA_MODULE says; never from a folder that a project could write to.
std::filesystem::path module_path() {
  if (const char* given = std::getenv("GRAFT_CUDA_MODULE")) return given;
  std::error_code error;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
  for (const char* folder : {".", "..", "../..", "../lib"}) {
    const std::filesystem::path path = program.parent_path() / folder / kModule;
    if (std::filesystem::exists(path, error)) return path;
  }
  return program.parent_path() / kModule;
}

base::Error missing(const std::string& why) {
  return {base::ErrorCode::kNotFound, why};
}

base::Result<Accelerator*> open_module() {
  const std::filesystem::path path = module_path();
  std::error_code error;
  if (!std::filesystem::exists(path, error))
    return missing("This build has no CUDA backend: " + path.string() +
                   " is not there. Install the CUDA Toolkit and build again (./scripts/build).");
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) return missing(path.string() + " cannot be loaded: " + ::dlerror());
  void* symbol = ::dlsym(library, kCudaModuleEntry);
  if (!symbol) return missing(path.string() + " is not a CUDA backend of Graft.");
  return reinterpret_cast<CudaModuleEntry>(symbol)(kCudaModuleVersion);
}

}  // namespace

base::Result<Accelerator*> open_cuda() {
  static std::mutex lock;
  static std::optional<base::Result<Accelerator*>> opened;
  const std::lock_guard held(lock);
  if (!opened) opened = open_module();
  return *opened;
}

}  // namespace engine
