// SPDX-License-Identifier: Apache-2.0
// Drafts copied from the prompt: the same tokens with and without, whatever is guessed.
#include <doctest/doctest.h>

#include <algorithm>

#include "engine/engine.h"
#include "engine/prompt_copy.h"

namespace {

using namespace engine;

std::shared_ptr<const Engine> tiny(const std::string& file) {
  auto engine = Engine::load(std::string(GRAFT_SOURCE_DIR) + "/tests/data/engine/gguf/" + file, {Numerics::kFast, 2});
  REQUIRE_MESSAGE(engine, engine.error().message);
  return *engine;
}

std::vector<Token> repeated(int period, int n) {
  std::vector<Token> tokens;
  for (int i = 0; i < n; ++i) tokens.push_back(5 + i % period * 37 % 250);
  return tokens;
}

std::vector<Token> proposal(std::vector<Token> history, size_t n) {
  PromptCopy copy;
  for (const Token token : history) copy.add(token);
  const auto tokens = copy.propose(n).tokens;
  return {tokens.begin(), tokens.end()};
}

struct Run {
  Generated generated;
  std::vector<Token> timeline;
};

Run run(const std::shared_ptr<const Engine>& engine, const std::vector<Token>& prompt, GenerateOptions options,
        int drafts) {
  auto session = engine->open_session(256);
  REQUIRE(session);
  options.max_draft_tokens = drafts;
  auto generated = generate(**session, prompt, options, {});
  REQUIRE_MESSAGE(generated, generated.error().message);
  const auto timeline = (*session)->tokens();
  return {std::move(*generated), {timeline.begin(), timeline.end()}};
}

}  // namespace

TEST_CASE("prompt copy: proposes what followed the longest earlier match, the latest of equal ones") {
  CHECK(proposal({}, 4).empty());
  CHECK(proposal({1, 2, 3}, 4).empty());
  CHECK(proposal({1, 2, 3, 4, 1, 2}, 4).empty());  // two tokens are too few
  CHECK(proposal({1, 2, 3, 4, 5, 1, 2, 3}, 2) == std::vector<Token>{4, 5});
  CHECK(proposal({1, 2, 3, 4, 5, 1, 2, 3}, 9) == std::vector<Token>{4, 5, 1, 2, 3});
  CHECK(proposal({1, 2, 3, 4, 5, 1, 2, 3}, 0).empty());
  CHECK(proposal({9, 1, 2, 3, 7, 8, 1, 2, 3, 6, 9, 1, 2, 3}, 1) == std::vector<Token>{7});  // longer, though earlier
  CHECK(proposal({1, 2, 3, 7, 1, 2, 3, 6, 1, 2, 3}, 1) == std::vector<Token>{6});           // as long, and later
  CHECK(proposal({4, 4, 4, 4, 4}, 3) == std::vector<Token>{4});
  PromptCopy copy;
  for (const Token token : {1, 2, 3, 4, 5, 1, 2, 3, 4}) copy.add(token);
  CHECK(copy.propose(1).n_matched == 4);
}

TEST_CASE("drafts: the same tokens, text, log-probabilities and timeline with and without, for every seed") {
  for (const char* file : {"lite_f32.gguf", "grouped_q8_0.gguf", "lite_f16.gguf"}) {
    const auto engine = tiny(file);
    int64_t drafted = 0, accepted = 0, refused = 0;
    for (const int period : {3, 11, 40})
      for (const float temperature : {0.0f, 0.3f, 1.0f})
        for (uint64_t seed = 0; seed < 3; ++seed) {
          GenerateOptions options;
          options.max_tokens = 60;
          options.n_top_logprobs = 2;
          options.sampling.temperature = temperature;
          options.sampling.seed = seed;
          options.sampling.frequency_penalty = seed == 2 ? 0.5f : 0.0f;  // penalties follow the output, not the draft
          const std::vector<Token> prompt = repeated(period, 90);
          const Run plain = run(engine, prompt, options, 0);
          CHECK(plain.generated.n_drafted == 0);
          for (const int drafts : {1, 5, 16, 1000}) {
            const Run with = run(engine, prompt, options, drafts);
            CHECK(with.generated.tokens == plain.generated.tokens);
            CHECK(with.generated.text == plain.generated.text);
            CHECK(with.generated.logprob == plain.generated.logprob);
            CHECK(with.generated.token_logprobs == plain.generated.token_logprobs);
            CHECK(with.timeline == plain.timeline);
            drafted += with.generated.n_drafted;
            accepted += with.generated.n_accepted;
            refused += with.generated.n_drafted - with.generated.n_accepted;
          }
        }
    // Both ways through were taken.
    CHECK(drafted > 0);
    CHECK(accepted > 0);
    CHECK(refused > 0);
  }
}

TEST_CASE(
    "drafts: a stop in the middle of a draft, a full context and a cancelled run leave the timeline as it should be") {
  const auto engine = tiny("lite_f32.gguf");
  const std::vector<Token> prompt = repeated(7, 90);
  GenerateOptions options;
  options.max_tokens = 40;
  const Run plain = run(engine, prompt, options, 0);
  for (int stop_after = 1; stop_after < 12; ++stop_after) {
    int n = 0;
    options.keep_going = [&](std::string_view) { return ++n < stop_after; };
    const Run stopped = run(engine, prompt, options, 8);
    CHECK(stopped.generated.tokens.size() == static_cast<size_t>(stop_after));
    CHECK(stopped.timeline.size() == prompt.size() + static_cast<size_t>(stop_after) - 1);
    CHECK(std::equal(stopped.timeline.begin(), stopped.timeline.end(), plain.timeline.begin()));
  }
  // No room beyond the last token: drafts may not ask for more.
  options.keep_going = nullptr;
  auto session = engine->open_session(static_cast<int>(prompt.size()) + 39);
  REQUIRE(session);
  options.max_draft_tokens = 16;
  const auto full = generate(**session, prompt, options, {});
  REQUIRE_MESSAGE(full, full.error().message);
  CHECK(full->tokens == plain.generated.tokens);
  std::stop_source stop;
  int n = 0;
  options.keep_going = [&](std::string_view) {
    if (++n == 5) stop.request_stop();
    return true;
  };
  const auto cancelled = generate(**session, prompt, options, stop.get_token());
  REQUIRE_FALSE(cancelled);
  CHECK(cancelled.error().code == base::ErrorCode::kCancelled);
  const auto held = (*session)->tokens();
  REQUIRE(held.size() <= plain.timeline.size());
  CHECK(std::equal(held.begin(), held.end(), plain.timeline.begin()));
}
