// SPDX-License-Identifier: Apache-2.0
// tests/engine/session_kit.h: sessions over the tiny models of tests/data/engine.
#pragma once
#include <doctest/doctest.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace engine::test {

inline std::shared_ptr<const Engine> tiny(const std::string& file = "gguf/lite_f32.gguf",
                                          Numerics numerics = Numerics::kFast, CacheType cache = CacheType::kAuto) {
  LoadOptions options{numerics, 2};
  options.cache = cache;
  auto engine = Engine::load(std::string(GRAFT_SOURCE_DIR) + "/tests/data/engine/" + file, options);
  REQUIRE_MESSAGE(engine, engine.error().message);
  return *engine;
}
inline std::shared_ptr<const Engine> tiny(Numerics numerics) {
  return tiny("gguf/lite_f32.gguf", numerics);
}

inline std::unique_ptr<Session> open(const std::shared_ptr<const Engine>& engine, int n_ctx) {
  auto session = engine->open_session(n_ctx);
  REQUIRE(session);
  return std::move(*session);
}

// Ids that tell places apart, below `n_vocab`.
inline std::vector<Token> tokens_from(int first, int n, int n_vocab = 255) {
  std::vector<Token> tokens;
  for (int i = 0; i < n; ++i) tokens.push_back(5 + (first + i * 37) % (n_vocab - 5));
  return tokens;
}

inline std::vector<float> copy(std::span<const float> values) {
  return {values.begin(), values.end()};
}

}  // namespace engine::test
