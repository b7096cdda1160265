// SPDX-License-Identifier: Apache-2.0
// engine/session_file.h: a session on disk. The byte layout stands in docs/session-files.md.
//
// Errors   Reading: kCorrupt with the byte where the file ends early, contradicts itself, or is damaged. Writing: as
//          base/file.h; the file at `path` is then as it was before.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"
#include "engine/model.h"

namespace engine {

inline constexpr int kMaxSessionTokens = 1 << 24;  // of rope.h; more than any model was trained on

struct SessionImage {
  uint64_t fingerprint = 0;  // of the model
  uint64_t adapter = 0;      // fingerprint of the adapter; 0: none
  int n_ctx = 0, n_vocab = 0;
  std::string layout;  // of the cache
  std::vector<Token> tokens;
  std::vector<float> logits;         // [n_vocab] after the last token, or empty
  std::span<const std::byte> cache;  // points into the bytes that were read
};

// Every size is checked and the checksum holds; token ids are below n_vocab.
base::Result<SessionImage> read_session_image(std::span<const std::byte> bytes);

// `image.cache` is left alone: `cache_bytes` bytes come from `write_cache` in its place.
base::Status write_session_image(const std::filesystem::path& path, const SessionImage& image, uint64_t cache_bytes,
                                 const std::function<base::Status(const Cache::Sink&)>& write_cache);

}  // namespace engine
