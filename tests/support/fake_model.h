// SPDX-License-Identifier: Apache-2.0
// tests/support/fake_model.h: a model that does nothing, for tests whose completer is their own.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/engine.h"

namespace test {

class FakeModel final : public engine::Engine {
 public:
  explicit FakeModel(std::string name) { info_.name = std::move(name); }
  const engine::ModelInfo& info() const override { return info_; }
  const engine::SpecialTokens& special_tokens() const override { return special_; }
  bool has_capability(std::string_view) const override { return true; }
  std::vector<engine::Token> tokenize(std::string_view, bool) const override { return {}; }
  std::string detokenize(std::span<const engine::Token>) const override { return {}; }
  base::Result<std::vector<engine::Token>> fim_prompt(const engine::FimRequest&) const override {
    return std::vector<engine::Token>{};
  }
  uint64_t session_bytes(int) const override { return 0; }
  base::Result<std::unique_ptr<engine::Session>> open_session(int) const override {
    return base::invalid("The fake model has no sessions.");
  }

 private:
  engine::ModelInfo info_;
  engine::SpecialTokens special_;
};

inline std::shared_ptr<const engine::Engine> fake_model(std::string name = "fake") {
  return std::make_shared<FakeModel>(std::move(name));
}

}  // namespace test
