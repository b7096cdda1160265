// SPDX-License-Identifier: Apache-2.0
// Engine and Session through the front door, on a tiny real model of tests/data/engine.
#include <doctest/doctest.h>

#include <atomic>
#include <cmath>
#include <thread>

#include "engine/engine.h"
#include "tests/engine/session_kit.h"

namespace {

using namespace engine;
using namespace engine::test;

std::vector<float> logits_after(const std::shared_ptr<const Engine>& engine, std::span<const Token> tokens) {
  const auto session = open(engine, 128);
  REQUIRE(session->append(tokens, {}, {}));
  return copy(session->logits());
}

}  // namespace

TEST_CASE("session: append, rewind and append again give what one run gives, bit for bit") {
  for (const Numerics numerics : {Numerics::kFast, Numerics::kReference}) {
    const auto engine = tiny(numerics);
    const auto session = open(engine, 64);
    const std::vector<Token> tokens = tokens_from(3, 30), other = tokens_from(9, 20);
    CHECK(session->logits().empty());
    REQUIRE(session->append(tokens, {}, {}));
    const std::vector<float> want = copy(session->logits());
    CHECK(want == logits_after(engine, tokens));
    session->rewind(10);
    CHECK(session->logits().empty());
    CHECK(session->tokens().size() == 10);
    REQUIRE(session->append(other, {}, {}));
    session->rewind(10);
    REQUIRE(session->append(std::span(tokens).subspan(10), {}, {}));
    CHECK(copy(session->logits()) == want);
  }
}

TEST_CASE("session: sync keeps the shared front and ends with the logits of the last token") {
  const auto engine = tiny();
  const auto session = open(engine, 64);
  const std::vector<Token> longer = tokens_from(3, 30);
  std::vector<Token> other = longer;
  other[20] = 7;
  REQUIRE(session->sync(longer, {}));
  CHECK(copy(session->logits()) == logits_after(engine, longer));
  REQUIRE(session->sync(other, {}));
  CHECK(copy(session->logits()) == logits_after(engine, other));
  REQUIRE(session->sync(std::span(other).first(12), {}));  // back to the middle
  CHECK(session->tokens().size() == 12);
  CHECK(copy(session->logits()) == logits_after(engine, std::span(other).first(12)));
  REQUIRE(session->sync({}, {}));
  CHECK(session->tokens().empty());
  CHECK(session->logits().empty());
}

TEST_CASE("session: all logits are those of each prefix") {
  const auto engine = tiny();
  const auto session = open(engine, 64);
  const std::vector<Token> tokens = tokens_from(1, 9);
  const auto n_vocab = static_cast<size_t>(engine->info().n_vocab);
  std::vector<float> all(tokens.size() * n_vocab);
  REQUIRE(session->append(tokens, all, {}));
  for (size_t i = 0; i < tokens.size(); ++i)
    CHECK(std::vector<float>(all.begin() + static_cast<std::ptrdiff_t>(i * n_vocab), all.begin() + static_cast<std::ptrdiff_t>((i + 1) * n_vocab)) ==
          logits_after(engine, std::span(tokens).first(i + 1)));
  CHECK(copy(session->logits()) == std::vector<float>(all.end() - static_cast<std::ptrdiff_t>(n_vocab), all.end()));
}

TEST_CASE("session: what does not fit or is no token is refused with counts, and nothing changes") {
  const auto engine = tiny();
  const auto session = open(engine, 16);
  REQUIRE(session->append(tokens_from(0, 12), {}, {}));
  const std::vector<float> before = copy(session->logits());
  const base::Status full = session->append(tokens_from(0, 5), {}, {});
  REQUIRE_FALSE(full);
  CHECK(full.error().code == base::ErrorCode::kExhausted);
  for (const char* count : {"16", "12", "5"}) CHECK(full.error().message.find(count) != std::string::npos);
  const base::Status too_long = session->sync(tokens_from(50, 17), {});
  REQUIRE_FALSE(too_long);
  CHECK(too_long.error().code == base::ErrorCode::kExhausted);
  for (const Token bad : {-1, 272, 1 << 30}) {
    const base::Status refused = session->append(std::vector<Token>{5, bad}, {}, {});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == base::ErrorCode::kInvalidArgument);
  }
  std::vector<float> small(10);
  CHECK_FALSE(session->append(tokens_from(0, 2), small, {}));
  CHECK(session->tokens().size() == 12);
  CHECK(copy(session->logits()) == before);
  CHECK_FALSE(engine->open_session(0));
  CHECK_FALSE(engine->open_session(-5));
}

TEST_CASE("session: a stop request is kCancelled and leaves a usable session") {
  const auto engine = tiny();
  const auto session = open(engine, 64);
  REQUIRE(session->append(tokens_from(0, 5), {}, {}));
  std::stop_source stop;
  stop.request_stop();
  const base::Status stopped = session->append(tokens_from(0, 20), {}, stop.get_token());
  REQUIRE_FALSE(stopped);
  CHECK(stopped.error().code == base::ErrorCode::kCancelled);
  CHECK(session->tokens().size() == 5);
  CHECK(session->logits().empty());
  std::vector<Token> whole = tokens_from(0, 5);
  const std::vector<Token> more = tokens_from(8, 6);
  whole.insert(whole.end(), more.begin(), more.end());
  REQUIRE(session->append(more, {}, {}));
  CHECK(copy(session->logits()) == logits_after(engine, whole));
}

TEST_CASE("session: sessions of one engine take turns from several threads and do not disturb each other") {
  const auto engine = tiny();
  const std::vector<Token> tokens[3] = {tokens_from(1, 40), tokens_from(2, 33), tokens_from(3, 21)};
  std::vector<float> want[3];
  for (int i = 0; i < 3; ++i) want[i] = logits_after(engine, tokens[i]);
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i)
    threads.emplace_back([&, i] {
      for (int round = 0; round < 5; ++round) {
        auto session = engine->open_session(64);
        if (!session || !(*session)->append(std::span(tokens[i]).first(10), {}, {})) ++wrong;
        for (size_t t = 10; t < tokens[i].size(); ++t)
          if (!(*session)->append(std::span(tokens[i]).subspan(t, 1), {}, {})) ++wrong;
        if (copy((*session)->logits()) != want[i]) ++wrong;
      }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
}

TEST_CASE("generate: the greedy text is the same on a fresh session, a warm one, and by hand") {
  const auto engine = tiny();
  const std::vector<Token> prompt = tokens_from(4, 12);
  GenerateOptions options;
  options.max_tokens = 12;
  const auto session = open(engine, 64);
  const auto first = generate(*session, prompt, options, {});
  REQUIRE(first);
  REQUIRE(session->sync(tokens_from(4, 20), {}));
  const auto again = generate(*session, prompt, options, {});
  REQUIRE(again);
  CHECK(first->tokens == again->tokens);
  CHECK(first->logprob == again->logprob);
  CHECK(first->text == again->text);
  options.sampling.temperature = 1.0f;
  options.sampling.seed = 7;
  const auto sampled = generate(*session, prompt, options, {}), repeated = generate(*session, prompt, options, {});
  REQUIRE(sampled);
  CHECK(sampled->tokens == repeated->tokens);
  CHECK(sampled->tokens != first->tokens);
}

TEST_CASE("continuation_logprob: equals the sum over single steps, keeps the prompt, and agrees with generate") {
  const auto engine = tiny();
  const auto session = open(engine, 128);
  const std::vector<Token> prompt = tokens_from(4, 12), continuation = tokens_from(60, 40);  // more than one batch
  double want = 0.0;
  std::vector<Token> so_far = prompt;
  for (const Token token : continuation) {
    const std::vector<float> logits = logits_after(engine, so_far);
    double sum = 0.0;
    for (const float x : logits) sum += std::exp(static_cast<double>(x));
    want += static_cast<double>(logits[static_cast<size_t>(token)]) - std::log(sum);
    so_far.push_back(token);
  }
  for (int round = 0; round < 2; ++round) {
    const auto got = continuation_logprob(*session, prompt, continuation, {});
    REQUIRE(got);
    CHECK(*got == doctest::Approx(want).epsilon(1e-6));
    CHECK(std::vector<Token>(session->tokens().begin(), session->tokens().end()) == prompt);
  }
  GenerateOptions options;
  options.max_tokens = 8;
  const auto generated = generate(*session, prompt, options, {});
  REQUIRE(generated);
  CHECK(*continuation_logprob(*session, prompt, generated->tokens, {}) == doctest::Approx(generated->logprob).epsilon(1e-6));
  CHECK(*continuation_logprob(*session, prompt, {}, {}) == 0.0);
  CHECK_FALSE(continuation_logprob(*session, {}, continuation, {}));
  const auto too_long = continuation_logprob(*session, prompt, tokens_from(0, 118), {});
  REQUIRE_FALSE(too_long);
  CHECK(too_long.error().code == base::ErrorCode::kExhausted);
  CHECK(session->tokens().size() == prompt.size());
}

TEST_CASE("generate: a prompt and budget that pass the context are refused with counts") {
  const auto engine = tiny();
  const auto session = open(engine, 16);
  GenerateOptions options;
  options.max_tokens = 6;  // the last one is not evaluated: 12 + 5 > 16
  const auto refused = generate(*session, tokens_from(0, 12), options, {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == base::ErrorCode::kExhausted);
  CHECK(session->tokens().empty());
  options.max_tokens = 5;
  CHECK(generate(*session, tokens_from(0, 12), options, {}));
}
