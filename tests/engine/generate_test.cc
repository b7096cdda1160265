// SPDX-License-Identifier: Apache-2.0
// generate() over a scripted session, and sampling.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <map>

#include "engine/constrain.h"
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

TEST_CASE("generate: the caller may change the logits that a token is chosen by") {
  const ScriptedEngine engine({"a", "b", "c"});
  ScriptedSession session(engine);
  GenerateOptions options;
  std::vector<size_t> lengths;
  options.adjust = [&](std::span<const Token> so_far, std::span<float> logits) {
    lengths.push_back(so_far.size());
    for (float& logit : logits) logit = -INFINITY;
    logits[so_far.size() == 2 ? 3 : 1] = 0.5f;
  };
  const auto said = generate(session, std::vector<Token>{0}, options, {});
  REQUIRE(said);
  CHECK(said->text == "bb");
  CHECK(said->reason == StopReason::kEndOfText);
  CHECK(said->logprob == doctest::Approx(0));  // each was the only one left
  CHECK(lengths == std::vector<size_t>{0, 1, 2});
}

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

TEST_CASE("sampling: min-p drops what is unlikely beside the likeliest") {
  const std::vector<float> logits = {std::log(0.5f), std::log(0.04f), std::log(0.3f), std::log(0.16f)};
  SamplingOptions options;
  options.temperature = 1.0f;
  options.min_p = 0.3f;  // of 0.5: 0.15 and above stay
  Sampler sampler(options);
  std::map<Token, int> counts;
  for (int i = 0; i < 20000; ++i) ++counts[sampler.sample(logits)];
  CHECK(counts.size() == 3);
  CHECK(counts.count(1) == 0);
  CHECK(std::abs(counts[0] - 20000 * 50 / 96) < 300);
  CHECK(std::abs(counts[3] - 20000 * 16 / 96) < 220);
  options.min_p = 1.0f;
  Sampler greedy(options);
  for (int i = 0; i < 100; ++i) CHECK(greedy.sample(logits) == 0);
}

TEST_CASE("sampling: a bias is added to a logit, and minus infinity bans a token at every temperature") {
  const std::vector<float> logits = {2.0f, 1.0f, 0.0f};
  for (const float temperature : {0.0f, 1.0f}) {
    SamplingOptions options;
    options.temperature = temperature;
    const float never = -std::numeric_limits<float>::infinity();
    options.logit_bias = {{0, never}, {2, never}};
    Sampler only(options);
    for (int i = 0; i < 50; ++i) CHECK(only.sample(logits) == 1);
    options.logit_bias.push_back({1, never});
    Sampler none(options);
    CHECK(none.sample(logits) == 0);  // nothing is left: some token, and no crash
  }
  SamplingOptions options;
  options.logit_bias = {{2, 1.5f}, {2, 1.0f}};  // 2.5: they add up
  Sampler raised(options);
  CHECK(raised.sample(logits) == 2);
  options.logit_bias = {{2, 1.9f}};
  Sampler below(options);
  CHECK(below.sample(logits) == 0);
}

TEST_CASE("sampling: frequency and presence are taken off for the output alone, repetition for the prompt too") {
  const std::vector<float> logits = {3.0f, 2.5f, 2.0f, -1.0f};
  const auto said = [&](const SamplingOptions& options, std::vector<Token> prompt, int n) {
    Sampler sampler(options);
    sampler.read_prompt(prompt);
    std::vector<Token> tokens;
    for (int i = 0; i < n; ++i) tokens.push_back(sampler.sample(logits));
    return tokens;
  };
  SamplingOptions options;
  options.frequency_penalty = 0.6f;  // 3.0, 2.4, 1.8 for token 0; 2.5, 1.9 for token 1
  CHECK(said(options, {0, 0}, 5) == std::vector<Token>{0, 1, 0, 2, 1});
  options.frequency_penalty = 0.0f;
  options.presence_penalty = 0.6f;  // once only: 2.4, 1.9, 1.4
  CHECK(said(options, {0, 0}, 5) == std::vector<Token>{0, 1, 0, 0, 0});
  options.presence_penalty = 0.0f;
  options.repetition_penalty = 2.0f;  // halves what is above 0, doubles what is below
  CHECK(said(options, {0, 1, 2}, 1) == std::vector<Token>{0});
  CHECK(said(options, {0}, 4) == std::vector<Token>{1, 2, 0, 0});
  CHECK(said(options, {}, 4) == std::vector<Token>{0, 1, 2, 0});
  options.logit_bias = {{3, 2.9f}};  // 1.9 against 1.5, 1.25, 1.0: the bias comes first
  CHECK(said(options, {0, 1, 2}, 2) == std::vector<Token>{3, 0});
}

TEST_CASE("sampling: options out of range are refused by name") {
  const ScriptedEngine engine({"a", "b"});
  const auto refused = [&](const SamplingOptions& sampling, const char* name) {
    ScriptedSession session(engine);
    GenerateOptions options;
    options.sampling = sampling;
    const auto result = generate(session, std::vector<Token>{0}, options, {});
    REQUIRE_FALSE(result);
    CHECK(result.error().code == base::ErrorCode::kInvalidArgument);
    CHECK(result.error().message.find(name) != std::string::npos);
  };
  const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  const auto with = [](auto&& change) {
    SamplingOptions o;
    change(o);
    return o;
  };
  refused(with([&](auto& o) { o.temperature = nan; }), "temperature");
  refused(with([&](auto& o) { o.top_p = nan; }), "top_p");
  refused(with([&](auto& o) { o.min_p = 1.5f; }), "min_p");
  refused(with([&](auto& o) { o.min_p = nan; }), "min_p");
  refused(with([&](auto& o) { o.repetition_penalty = 0.0f; }), "repetition_penalty");
  refused(with([&](auto& o) { o.frequency_penalty = inf; }), "frequency_penalty");
  refused(with([&](auto& o) { o.presence_penalty = nan; }), "presence_penalty");
  refused(with([&](auto& o) { o.logit_bias = {{3, 1.0f}}; }), "token 3");
  refused(with([&](auto& o) { o.logit_bias = {{-1, 1.0f}}; }), "token -1");
  refused(with([&](auto& o) { o.logit_bias = {{1, inf}}; }), "logit_bias");
}

TEST_CASE("generate: log-probabilities of each token and of the likeliest beside it") {
  const std::vector<float> logits = {std::log(0.5f), std::log(0.1f), std::log(0.3f), std::log(0.1f)};
  const auto top = top_logprobs(logits, 0.0, 3);
  REQUIRE(top.size() == 3);
  CHECK(top[0].token == 0);
  CHECK(top[1].token == 2);
  CHECK(top[2].token == 1);  // the lower of two equal ones
  CHECK(top[1].logprob == doctest::Approx(std::log(0.3)));
  CHECK(top_logprobs(logits, 0.0, 9).size() == 4);
  CHECK(top_logprobs(logits, 0.0, -1).empty());
  GenerateOptions options;
  options.n_top_logprobs = 2;
  options.sampling.logit_bias = {{1, 100.0f}};  // chosen against the model's opinion, and said so
  options.max_tokens = 3;
  const Generated biased = write({"a", "b", "c"}, options);
  CHECK(biased.tokens == std::vector<Token>{1, 1, 1});
  REQUIRE(biased.token_logprobs.size() == 3);
  REQUIRE(biased.top_logprobs.size() == 3);
  CHECK(biased.token_logprobs[0] == doctest::Approx(-50.0).epsilon(1e-6));
  CHECK(biased.top_logprobs[0][0].token == 0);
  CHECK(biased.top_logprobs[0][0].logprob == doctest::Approx(0.0).epsilon(1e-6));
  CHECK(biased.top_logprobs[1].size() == 2);
  CHECK(biased.logprob == biased.token_logprobs[0] + biased.token_logprobs[1] + biased.token_logprobs[2]);
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

TEST_CASE("generate: a constraint leaves only what fits, and the text ends where it is whole") {
  const ScriptedEngine engine({"{", "yes", "\"", "a", "no", "}", "1", "\":", ":"});
  ScriptedSession session(engine);  // alone it writes its pieces in this order
  const auto made = Constraint::from_regex("\\{\"a+\":1\\}", engine.vocabulary());
  REQUIRE(made);
  for (const float temperature : {0.0f, 1.0f}) {
    CAPTURE(temperature);
    ConstraintState state(*made);
    GenerateOptions options;
    options.constraint = &state;
    options.max_tokens = 200;
    options.sampling.temperature = temperature;
    const std::vector<Token> prompt = {0};
    const auto result = generate(session, prompt, options, {});
    REQUIRE(result);
    CHECK(result->tokens.back() == 9);
    CHECK(result->reason == StopReason::kEndOfText);
    ConstraintState again(*made);
    for (const Token token : result->tokens) REQUIRE(again.accept(token));
    CHECK(result->text.starts_with("{\"a"));
    CHECK(result->text.ends_with("\":1}"));
    CHECK(std::isfinite(result->logprob));
    CHECK(state.n_accepted() == result->tokens.size());
  }
}

TEST_CASE("generate: stop strings and the token budget hold under a constraint; what no token can write is an error") {
  const ScriptedEngine engine({"a", "b", "c"});
  ScriptedSession session(engine);
  const std::vector<Token> prompt = {0};
  const auto made = Constraint::from_regex("[ab]{50}c", engine.vocabulary());
  REQUIRE(made);
  ConstraintState state(*made);
  GenerateOptions options;
  options.constraint = &state;
  options.max_tokens = 7;
  auto result = generate(session, prompt, options, {});
  REQUIRE(result);
  CHECK(result->tokens.size() == 7);
  CHECK(result->reason == StopReason::kMaxTokens);
  state.rewind(0);
  options.stop = {result->text.substr(2, 2)};
  result = generate(session, prompt, options, {});
  REQUIRE(result);
  CHECK(result->reason == StopReason::kStopString);
  const auto impossible = Constraint::from_regex("az", engine.vocabulary());
  REQUIRE(impossible);
  ConstraintState stuck(*impossible);
  options = {};
  options.constraint = &stuck;
  CHECK(generate(session, prompt, options, {}).error().message.find("no token of this model goes on") != std::string::npos);
  const std::vector<std::string> one = {"a"};
  const auto other = Constraint::from_choices(one, ScriptedEngine({"a"}).vocabulary());
  ConstraintState foreign(*other);
  options.constraint = &foreign;
  CHECK(generate(session, prompt, options, {}).error().message.find("another vocabulary") != std::string::npos);
}
