// SPDX-License-Identifier: Apache-2.0
// tests/engine/one_model.h: an engine over a Model that a test has made, for its sessions.
#pragma once
#include <doctest/doctest.h>

#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "engine/session.h"

namespace engine::test {

// No tokenizer. Its fingerprint is that of every other.
class OneModel : public Engine {
 public:
  OneModel(std::unique_ptr<Model> model, int n_vocab, bool accelerated) {
    info_.n_vocab = n_vocab;
    shared_.model = std::move(model);
    shared_.n_vocab = n_vocab;
    shared_.accelerated = accelerated;
    shared_.fingerprint = [] { return uint64_t{7}; };
  }
  const ModelInfo& info() const override { return info_; }
  const SpecialTokens& special_tokens() const override { return special_; }
  bool has_capability(std::string_view) const override { return false; }
  std::vector<Token> tokenize(std::string_view, bool) const override { return {}; }
  std::string detokenize(std::span<const Token>) const override { return {}; }
  base::Result<std::vector<Token>> fim_prompt(const FimRequest&) const override { return base::invalid("none"); }
  uint64_t session_bytes(int n_ctx) const override { return engine::session_bytes(shared_, n_ctx); }
  base::Result<std::unique_ptr<Session>> open_session(int n_ctx) const override {
    try {
      return make_session(shared_from_this(), shared_, n_ctx, nullptr, false);
    } catch (const std::bad_alloc&) {
      return base::Error{base::ErrorCode::kExhausted, "no memory"};
    }
  }
  base::Result<std::unique_ptr<Session>> open_session_with(int n_ctx, const SessionOptions&) const override {
    return open_session(n_ctx);
  }
  // Of a session file's bytes.
  base::Result<std::unique_ptr<Session>> restore(std::span<const std::byte> bytes) const {
    auto image = read_session_image(bytes);
    REQUIRE_MESSAGE(image, image.error().message);
    const int n_ctx = image->n_ctx;
    return make_session(shared_from_this(), shared_, n_ctx, nullptr, std::move(*image));
  }

 private:
  mutable SharedModel shared_;
  ModelInfo info_;
  SpecialTokens special_;
};

}  // namespace engine::test
