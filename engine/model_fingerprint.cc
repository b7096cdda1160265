// SPDX-License-Identifier: Apache-2.0
#include "engine/model_fingerprint.h"

#include <algorithm>

#include "engine/word_hash.h"

namespace engine {
namespace {

constexpr size_t kSampledTensors = 4096;  // a large mixture has tens of thousands, and each costs reads from the disk
constexpr size_t kSampleBytes = 64;       // at the front, in the middle, at the end

}  // namespace

uint64_t model_fingerprint(const ModelPackage& package) {
  WordHash hash;
  hash.add(package.config_hash);
  const size_t step = package.tensors.size() / kSampledTensors + 1;
  size_t i = 0;
  for (const auto& [name, stored] : package.tensors) {
    hash.add(std::as_bytes(std::span(name)));
    hash.add(static_cast<uint64_t>(stored.view.type));
    for (int d = 0; d < stored.view.n_dims; ++d)
      hash.add(static_cast<uint64_t>(stored.view.shape[static_cast<size_t>(d)]));
    hash.add(stored.file_offset);
    if (i++ % step != 0) continue;
    const std::span<const std::byte> bytes(stored.view.data, static_cast<size_t>(stored.view.size_bytes()));
    const size_t n = std::min(kSampleBytes, bytes.size());
    for (const size_t from : {size_t{0}, (bytes.size() - n) / 2, bytes.size() - n}) hash.add(bytes.subspan(from, n));
  }
  return hash.value();
}

}  // namespace engine
