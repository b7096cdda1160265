// SPDX-License-Identifier: Apache-2.0
// generate() over a scripted session, and sampling.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <map>

#include "engine/engine.h"
#include "engine/sampling.h"

namespace {

using namespace engine;

// A model that writes the given pieces one after the other, then ends. Token i is piece i; the last id is the end.
class ScriptedEngine : public Engine {
 public:
  explicit ScriptedEngine(std::vector<std::string> pieces) : pieces_(std::move(pieces)) {
    info_.n_vocab = static_cast<int>(pieces_.size()) + 1;
    special_.eos = static_cast<Token>(pieces_.size());
  }
  const ModelInfo& info() const override { return info_; }
  const SpecialTokens& special_tokens() const override { return special_; }
  bool has_capability(std::string_view) const override { return false; }
  std::vector<Token> tokenize(std::string_view, bool) const override { return {}; }
  std::string detokenize(std::span<const Token> tokens) const override {
    std::string text;
    for (const Token token : tokens)
      if (token != *special_.eos) text += pieces_[static_cast<size_t>(token)];
    return text;
  }
  base::Result<std::vector<Token>> fim_prompt(const FimRequest&) const override { return base::invalid("none"); }
  uint64_t session_bytes(int) const override { return 0; }
  base::Result<std::unique_ptr<Session>> open_session(int) const override { return base::invalid("none"); }

 private:
  std::vector<std::string> pieces_;
  ModelInfo info_;
  SpecialTokens special_;
};

class ScriptedSession : public Session {
 public:
  explicit ScriptedSession(const ScriptedEngine& engine) : engine_(engine), logits_(static_cast<size_t>(engine.info().n_vocab)) {}
  const Engine& engine() const override { return engine_; }
  int n_ctx() const override { return 1000; }
  std::span<const Token> tokens() const override { return tokens_; }
  base::Status sync(std::span<const Token> tokens, std::stop_token) override {
    tokens_.assign(tokens.begin(), tokens.end());
    n_prompt_ = tokens.size();
    return base::ok();
  }
  base::Status append(std::span<const Token> tokens, std::span<float>, std::stop_token) override {
    tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
    return base::ok();
  }
  void rewind(int) override {}
  std::span<const float> logits() const override {
    logits_.assign(logits_.size(), 0.0f);
    logits_[std::min(tokens_.size() - n_prompt_, logits_.size() - 1)] = broken ? std::numeric_limits<float>::quiet_NaN() : 50.0f;
    return logits_;
  }
  bool broken = false;

 private:
  const ScriptedEngine& engine_;
  std::vector<Token> tokens_;
  mutable std::vector<float> logits_;
  size_t n_prompt_ = 0;
};

Generated write(const std::vector<std::string>& pieces, const GenerateOptions& options) {
  const ScriptedEngine engine(pieces);
  ScriptedSession session(engine);
  auto result = generate(session, std::vector<Token>{0}, options, {});
  REQUIRE(result);
  return std::move(*result);
}

}  // namespace

TEST_CASE("generate: ends at the end of text, at the budget, or when the caller says so") {
  GenerateOptions options;
  const Generated whole = write({"a", "b", "c"}, options);
  CHECK(whole.text == "abc");
  CHECK(whole.reason == StopReason::kEndOfText);
  CHECK(whole.tokens == std::vector<Token>{0, 1, 2, 3});
  CHECK(whole.logprob == doctest::Approx(0.0).epsilon(1e-6));
  options.max_tokens = 2;
  CHECK(write({"a", "b", "c"}, options).text == "ab");
  CHECK(write({"a", "b", "c"}, options).reason == StopReason::kMaxTokens);
  options.max_tokens = 0;
  CHECK(write({"a"}, options).tokens.empty());
  options.max_tokens = 9;
  std::vector<std::string> seen;
  options.keep_going = [&](std::string_view text) {
    seen.emplace_back(text);
    return text != "ab";
  };
  CHECK(write({"a", "b", "c"}, options).reason == StopReason::kCaller);
  CHECK(seen == std::vector<std::string>{"a", "ab"});
}

TEST_CASE("generate: text ends before the first stop string, wherever tokens divide it") {
  GenerateOptions options;
  options.stop = {"\n\n", "END"};
  CHECK(write({"x = 1;", "\n", "\n", "y"}, options).text == "x = 1;");
  CHECK(write({"x\n", "\ny"}, options).text == "x");
  CHECK(write({"aEN", "Dend\n\n"}, options).text == "a");
  CHECK(write({"a\n", "b\n", "c"}, options).text == "a\nb\nc");
  CHECK(write({"one\n\ntwoEND"}, options).text == "one");  // the first in the text, not in the list
  CHECK(write({"E", "N", "D"}, options).text.empty());
  CHECK(write({"E", "N", "D"}, options).reason == StopReason::kStopString);
  options.stop = {""};
  CHECK(write({"a"}, options).text == "a");
}

TEST_CASE("generate: only whole UTF-8 characters come out") {
  GenerateOptions options;
  CHECK(write({"\xe2\x82", "\xac!"}, options).text == "\xe2\x82\xac!");
  CHECK(write({"\xf0", "\x9f", "\x98", "\x80"}, options).text == "\xf0\x9f\x98\x80");
  std::vector<std::string> seen;
  options.keep_going = [&](std::string_view text) {
    seen.emplace_back(text);
    return true;
  };
  write({"a\xe2", "\x82", "\xac"}, options);
  CHECK(seen == std::vector<std::string>{"a", "a", "a\xe2\x82\xac"});
  options.keep_going = nullptr;
  options.max_tokens = 1;
  CHECK(write({"a\xe2\x82", "\xac"}, options).text == "a");  // the budget cut the character in two
  options.max_tokens = 9;
  CHECK(write({"a\xff", "b"}, options).text == "a\xef\xbf\xbd" "b");
  CHECK(write({"a\xe2", "b"}, options).text == "a\xef\xbf\xbd" "b");
  CHECK(write({"a\xe0\x80", "b"}, options).text == "a\xef\xbf\xbd\xef\xbf\xbd" "b");  // overlong: never completed
  CHECK(write({"a\xe2\x82"}, options).text == "a\xef\xbf\xbd\xef\xbf\xbd");           // the model ended there
}

TEST_CASE("generate: logits that are not numbers are an error, not a token") {
  const ScriptedEngine engine({"a"});
  ScriptedSession session(engine);
  session.broken = true;
  const auto result = generate(session, std::vector<Token>{0}, {}, {});
  REQUIRE_FALSE(result);
  CHECK(result.error().code == base::ErrorCode::kInternal);
  CHECK_FALSE(generate(session, {}, {}, {}));
}

TEST_CASE("sampling: greedy takes the first of equal logits and passes over NaN") {
  CHECK(argmax(std::vector<float>{1.0f, 3.0f, 3.0f}) == 1);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  CHECK(argmax(std::vector<float>{nan, -5.0f, nan, -2.0f}) == 3);
}

TEST_CASE("sampling: draws follow the distribution, and the cuts remove what they should") {
  const std::vector<float> logits = {std::log(0.5f), std::log(0.1f), std::log(0.3f), std::log(0.1f)};
  const auto shares = [&](SamplingOptions options) {
    options.seed = 3;
    Sampler sampler(options);
    std::map<Token, int> counts;
    for (int i = 0; i < 20000; ++i) ++counts[sampler.sample(logits)];
    return counts;
  };
  SamplingOptions options;
  options.temperature = 1.0f;
  auto counts = shares(options);
  // Four standard deviations of 20,000 draws are below 300.
  CHECK(std::abs(counts[0] - 10000) < 300);
  CHECK(std::abs(counts[1] - 2000) < 200);
  CHECK(std::abs(counts[2] - 6000) < 300);
  options.top_k = 3;  // of the two equal ones the lower id stays
  counts = shares(options);
  CHECK(counts.count(3) == 0);
  CHECK(std::abs(counts[1] - 2222) < 200);
  options.top_k = 0;
  options.top_p = 0.75f;
  counts = shares(options);
  CHECK(counts.size() == 2);
  CHECK(std::abs(counts[0] - 12500) < 300);
  options.top_p = 0.0f;  // at least one stays
  CHECK(shares(options)[0] == 20000);
  options.top_p = 1.0f;
  options.temperature = 0.5f;  // squares the odds: 25 : 1 : 9 : 1
  counts = shares(options);
  CHECK(std::abs(counts[0] - 20000 * 25 / 36) < 300);
}

TEST_CASE("sampling: the generator gives the published numbers") {
  SplitMix64 random(1234567);
  CHECK(random.next() == 6457827717110365317U);
  CHECK(random.next() == 3203168211198807973U);
  for (int i = 0; i < 1000; ++i) {
    const double u = random.uniform();
    CHECK((u >= 0.0 && u < 1.0));
  }
}
