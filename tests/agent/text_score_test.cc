// SPDX-License-Identifier: Apache-2.0
// Scores over a model of one byte a token whose logits depend on the last token alone, so that any split into windows
// must give the same sums.
#include "agent/memory/text_score.h"

#include <doctest/doctest.h>

#include <cmath>
#include <numbers>

#include "agent/memory/text_memory.h"

namespace {

using engine::Token;
constexpr Token kBegin = 256;
constexpr size_t kVocab = 257;

float logit(Token last, size_t next) {
  return static_cast<float>((static_cast<size_t>(last) * 31 + next * 17) % 23) / 5.0f;
}

class LastByteModel final : public engine::Engine {
 public:
  explicit LastByteModel(bool has_begin) {
    info_.n_vocab = kVocab;
    if (has_begin) special_.bos = kBegin;
  }
  const engine::ModelInfo& info() const override { return info_; }
  const engine::SpecialTokens& special_tokens() const override { return special_; }
  bool has_capability(std::string_view) const override { return false; }
  std::vector<Token> tokenize(std::string_view text, bool) const override {
    std::vector<Token> tokens;
    for (const char c : text) tokens.push_back(static_cast<unsigned char>(c));
    return tokens;
  }
  std::string detokenize(std::span<const Token> tokens) const override { return std::string(tokens.size(), 'x'); }
  base::Result<std::vector<Token>> fim_prompt(const engine::FimRequest&) const override { return base::invalid("no"); }
  uint64_t session_bytes(int) const override { return 0; }
  base::Result<std::unique_ptr<engine::Session>> open_session(int n_ctx) const override;
  engine::ModelInfo info_;

 private:
  engine::SpecialTokens special_;
};

class LastByteSession final : public engine::Session {
 public:
  LastByteSession(const LastByteModel& model, int n_ctx) : model_(model), n_ctx_(n_ctx) {}
  const engine::Engine& engine() const override { return model_; }
  int n_ctx() const override { return n_ctx_; }
  std::span<const Token> tokens() const override { return tokens_; }
  base::Status sync(std::span<const Token>, std::stop_token) override { return base::invalid("no"); }
  base::Status append(std::span<const Token> tokens, std::span<float> all, std::stop_token stop) override {
    if (stop.stop_requested()) return base::cancelled();
    for (size_t i = 0; i < tokens.size(); ++i) {
      tokens_.push_back(tokens[i]);
      for (size_t next = 0; next < kVocab; ++next) logits_[next] = logit(tokens[i], next);
      if (!all.empty())
        std::copy(logits_.begin(), logits_.end(), all.begin() + static_cast<std::ptrdiff_t>(i * kVocab));
    }
    CHECK(static_cast<int>(tokens_.size()) <= n_ctx_);
    return base::ok();
  }
  void rewind(int n) override { tokens_.resize(static_cast<size_t>(n)); }
  std::span<const float> logits() const override { return logits_; }

 private:
  const LastByteModel& model_;
  const int n_ctx_;
  std::vector<Token> tokens_;
  std::vector<float> logits_ = std::vector<float>(kVocab);
};

base::Result<std::unique_ptr<engine::Session>> LastByteModel::open_session(int n_ctx) const {
  return std::unique_ptr<engine::Session>(std::make_unique<LastByteSession>(*this, n_ctx));
}

double minus_log_p(const std::vector<float>& logits, Token token) {
  double sum = 0;
  for (const float l : logits) sum += std::exp(static_cast<double>(l));
  return std::log(sum) - static_cast<double>(logits[static_cast<size_t>(token)]);
}

// Token by token, each with a memory made anew of all that stands before it.
agent::TextScore by_definition(const std::string& text, bool has_begin) {
  agent::TextScore score;
  std::vector<Token> before;
  for (const char c : text) {
    const Token token = static_cast<unsigned char>(c);
    if (has_begin || !before.empty()) {
      std::vector<float> logits(kVocab);
      for (size_t next = 0; next < kVocab; ++next) logits[next] = logit(before.empty() ? kBegin : before.back(), next);
      score.nats += minus_log_p(logits, token);
      agent::TextMemory memory;
      memory.add(before);
      memory.mix(before, logits);
      score.nats_with_memory += minus_log_p(logits, token);
      ++score.n_tokens, ++score.n_bytes;
    }
    before.push_back(token);
  }
  return score;
}

std::string text_of(size_t n) {
  std::string text;
  for (size_t i = 0; i < n; ++i) text += "abcd"[(i * i + i / 7) % 4];
  return text;
}

}  // namespace

TEST_CASE("text score: each token once, however long the text and the context are") {
  for (const bool has_begin : {true, false})
    for (const int n_ctx : {8, 9, 32})
      for (const size_t n : {0, 1, 2, 6, 7, 8, 9, 31, 32, 33, 63, 200}) {
        CAPTURE(has_begin);
        CAPTURE(n_ctx);
        CAPTURE(n);
        const LastByteModel model(has_begin);
        const auto session = *model.open_session(n_ctx);
        const auto got = agent::score_text(*session, text_of(n), {});
        REQUIRE(got);
        const agent::TextScore want = by_definition(text_of(n), has_begin);
        CHECK(got->n_tokens == want.n_tokens);
        CHECK(got->n_bytes == want.n_bytes);
        CHECK(got->nats == doctest::Approx(want.nats).epsilon(1e-9));
        CHECK(got->nats_with_memory == doctest::Approx(want.nats_with_memory).epsilon(1e-9));
      }
}

TEST_CASE("text score: sums add up, and bits per byte are of the sums") {
  agent::TextScore sum{.n_bytes = 10, .n_tokens = 4, .nats = 10 * std::numbers::ln2, .nats_with_memory = 0};
  sum.add({.n_bytes = 30, .n_tokens = 6, .nats = 90 * std::numbers::ln2, .nats_with_memory = 20 * std::numbers::ln2});
  CHECK(sum.bits_per_byte() == doctest::Approx(2.5));
  CHECK(sum.bits_per_byte_with_memory() == doctest::Approx(0.5));
  CHECK(agent::TextScore{}.bits_per_byte() == 0);
}

TEST_CASE("text score: what cannot be scored is refused") {
  LastByteModel model(true);
  auto session = *model.open_session(agent::kLeastContext - 1);
  CHECK(agent::score_text(*session, "abc", {}).error().code == base::ErrorCode::kInvalidArgument);
  std::stop_source stopped;
  stopped.request_stop();
  session = *model.open_session(32);
  CHECK(agent::score_text(*session, "abc", stopped.get_token()).error().code == base::ErrorCode::kCancelled);
  model.info_.has_tokenizer = false;
  CHECK(agent::score_text(*session, "abc", {}).error().code == base::ErrorCode::kInvalidArgument);
}
