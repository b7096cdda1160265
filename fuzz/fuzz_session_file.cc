// SPDX-License-Identifier: Apache-2.0
// Session files. Beside the bytes as they come, once more with a checksum that holds: else no mutation would pass it.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "engine/session_file.h"
#include "engine/word_hash.h"

namespace {

void read(std::span<const std::byte> bytes) {
  const auto image = engine::read_session_image(bytes);
  if (!image) return;
  if (image->n_ctx < 1 || image->tokens.size() > static_cast<size_t>(image->n_ctx)) std::abort();
  for (const engine::Token token : image->tokens)
    if (token < 0 || token >= image->n_vocab) std::abort();
  if (!image->cache.empty() &&
      (image->cache.data() < bytes.data() || image->cache.data() + image->cache.size() > bytes.data() + bytes.size()))
    std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::vector<std::byte> bytes(size);
  if (size > 0) std::memcpy(bytes.data(), data, size);
  read(bytes);
  if (size < sizeof(uint64_t)) return 0;
  engine::WordHash hash;
  hash.add(std::span(bytes).first(size - sizeof(uint64_t)));
  const uint64_t checksum = hash.value();
  std::memcpy(bytes.data() + size - sizeof checksum, &checksum, sizeof checksum);
  read(bytes);
  return 0;
}
