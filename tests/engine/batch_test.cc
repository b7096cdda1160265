// SPDX-License-Identifier: Apache-2.0
// Several timelines in one pass: each gets the bits that it gets alone.
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/engine/session_kit.h"
#include "tests/engine/synthetic_model.h"
#include "tests/engine/tiny_model.h"

namespace {

using namespace engine;
using namespace engine::test;

}  // namespace

TEST_CASE("batch: timelines of different lengths step together with the bits of single steps, in every family") {
  ThreadPool pool(2);
  for (const char* name :
       {"deepseek_v3", "deepseek_v32", "llama", "llama_biased", "mistral", "qwen2", "qwen3", "qwen3_moe", "gpt_oss"}) {
    CAPTURE(std::string(name));
    const TinyModel model_data = read_model(name);
    const auto n_vocab = static_cast<size_t>(model_data.n_vocab);
    for (const FastKernels* kernels : all_kernels())
      for (const bool pack : {true, false}) {
        const CacheType cache = pack ? CacheType::kF32 : CacheType::kBf16;  // each once
        const auto model = model_data.family->make_fast(*kernels, pool, pack, cache);
        REQUIRE(model->max_batch() >= 16);
        for (const size_t n_timelines : {size_t{2}, size_t{3}, size_t{16}, size_t{17}}) {
          constexpr int64_t kSteps = 3;
          std::vector<std::unique_ptr<Cache>> caches;
          std::vector<std::vector<int32_t>> tokens;
          std::vector<std::vector<float>> want;
          for (size_t i = 0; i < n_timelines; ++i) {
            // Lengths on both sides of a block's end and of the windows and indexers of these models; one timeline is
            // empty.
            const int64_t past = i == 0 ? 0 : static_cast<int64_t>(i * 31 % 100);
            tokens.push_back(
                tokens_from(static_cast<int>(i) * 11, static_cast<int>(past + kSteps), model_data.n_vocab));
            caches.push_back(model->make_cache(past + kSteps));
            want.push_back(logits_of(*model, *caches.back(), model_data.n_vocab, tokens.back(), 0,
                                     {static_cast<size_t>(past + kSteps)}));
            caches.back() = model->make_cache(past + kSteps);
            if (past > 0)
              logits_of(*model, *caches.back(), model_data.n_vocab,
                        std::span(tokens.back()).first(static_cast<size_t>(past)), 0, {64});
          }
          bool same = true;
          for (int64_t s = 0; s < kSteps; ++s) {
            std::vector<BatchPlace> places;
            std::vector<int32_t> next;
            for (size_t i = 0; i < n_timelines; ++i) {
              const auto at = static_cast<int64_t>(tokens[i].size()) - kSteps + s;
              places.push_back({caches[i].get(), at});
              next.push_back(tokens[i][static_cast<size_t>(at)]);
            }
            std::vector<float> logits(n_timelines * n_vocab);
            ForwardRequest request;
            request.tokens = next;
            request.batch = places;
            request.logits = logits.data();
            request.all_logits = true;
            REQUIRE(model->forward(request));
            for (size_t i = 0; i < n_timelines; ++i)
              same &= std::equal(
                  logits.begin() + static_cast<std::ptrdiff_t>(i * n_vocab),
                  logits.begin() + static_cast<std::ptrdiff_t>((i + 1) * n_vocab),
                  want[i].begin() + static_cast<std::ptrdiff_t>(static_cast<size_t>(places[i].position) * n_vocab));
          }
          CHECK_MESSAGE(same, kernels->name << ", " << n_timelines << " timelines");
        }
      }
  }
}

TEST_CASE("batch: forks of one past step apart, and each session has its own tokens and logits") {
  for (const Numerics numerics : {Numerics::kFast, Numerics::kReference}) {  // the reference takes one after the other
    const auto engine = tiny("gguf/lite_f32.gguf", numerics);
    const auto first = open(engine, 128);
    REQUIRE(first->append(tokens_from(3, 70), {}, {}));
    std::vector<std::unique_ptr<Session>> sessions;
    std::vector<Session*> all;
    for (int i = 0; i < 5; ++i) {
      auto fork = first->fork();
      REQUIRE(fork);
      sessions.push_back(std::move(*fork));
      all.push_back(sessions.back().get());
    }
    for (int s = 0; s < 4; ++s) {
      std::vector<Token> next;
      for (int i = 0; i < 5; ++i) next.push_back(20 + 9 * i + s);
      REQUIRE(engine->step(all, next, {}));
    }
    for (int i = 0; i < 5; ++i) {
      std::vector<Token> tokens = tokens_from(3, 70);
      for (int s = 0; s < 4; ++s) tokens.push_back(20 + 9 * i + s);
      CHECK(std::ranges::equal(sessions[static_cast<size_t>(i)]->tokens(), tokens));
      const auto alone = open(engine, 128);
      REQUIRE(alone->append(tokens, {}, {}));
      CHECK(copy(sessions[static_cast<size_t>(i)]->logits()) == copy(alone->logits()));
    }
    CHECK(first->tokens().size() == 70);
  }
}

TEST_CASE("batch: what cannot step is refused, and no session moves") {
  const auto engine = tiny("gguf/lite_f32.gguf"), other = tiny("gguf/lite_f32.gguf");
  const auto a = open(engine, 16), b = open(engine, 16), stranger = open(other, 16);
  REQUIRE(a->append(tokens_from(1, 4), {}, {}));
  REQUIRE(b->append(tokens_from(1, 16), {}, {}));
  const auto refused = [&](std::vector<Session*> sessions, std::vector<Token> tokens, base::ErrorCode code) {
    const base::Status status = engine->step(sessions, tokens, {});
    REQUIRE_FALSE(status);
    CHECK(status.error().code == code);
    CHECK(a->tokens().size() == 4);
    CHECK(a->logits().size() == 272);
  };
  refused({a.get(), b.get()}, {5, 5}, base::ErrorCode::kExhausted);
  refused({a.get(), a.get()}, {5, 5}, base::ErrorCode::kInvalidArgument);
  refused({a.get(), stranger.get()}, {5, 5}, base::ErrorCode::kInvalidArgument);
  refused({a.get()}, {5, 5}, base::ErrorCode::kInvalidArgument);
  refused({a.get()}, {272}, base::ErrorCode::kInvalidArgument);
  CHECK(engine->step({}, {}, {}));
  b->rewind(10);
  const std::vector<Session*> both = {a.get(), b.get()};
  std::stop_source stop;
  stop.request_stop();
  const base::Status stopped = engine->step(both, std::vector<Token>{5, 6}, stop.get_token());
  REQUIRE_FALSE(stopped);
  CHECK(stopped.error().code == base::ErrorCode::kCancelled);
  CHECK(a->tokens().size() == 4);
  CHECK(a->logits().empty());
  REQUIRE(engine->step(both, std::vector<Token>{5, 6}, {}));
  CHECK(a->tokens().back() == 5);
  CHECK(b->tokens().back() == 6);
}
