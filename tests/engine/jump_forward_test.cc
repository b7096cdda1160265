// SPDX-License-Identifier: Apache-2.0
// Text that a constraint forces is taken without sampling; answers that are written together are those written alone.
#include <doctest/doctest.h>

#include <cmath>
#include <optional>

#include "engine/constrain.h"
#include "engine/constrain/forced_tokens.h"
#include "engine/kernels/softmax.h"
#include "engine/session_pool.h"
#include "tests/engine/session_kit.h"

namespace {

using namespace engine;
using namespace engine::test;

// Another session that counts its passes.
class CountedSession : public Session {
 public:
  explicit CountedSession(Session& inner) : inner_(inner) {}
  const Engine& engine() const override { return inner_.engine(); }
  int n_ctx() const override { return inner_.n_ctx(); }
  std::span<const Token> tokens() const override { return inner_.tokens(); }
  base::Status sync(std::span<const Token> tokens, std::stop_token stop) override { return inner_.sync(tokens, stop); }
  base::Status append(std::span<const Token> tokens, std::span<float> all, std::stop_token stop) override {
    n_passes += !tokens.empty();
    return inner_.append(tokens, all, stop);
  }
  void rewind(int n) override { inner_.rewind(n); }
  std::span<const float> logits() const override { return inner_.logits(); }
  int n_passes = 0;

 private:
  Session& inner_;
};

std::shared_ptr<const Constraint> regex(const std::shared_ptr<const Engine>& engine, std::string_view pattern) {
  const auto made = Constraint::from_regex(pattern, engine->vocabulary());
  REQUIRE_MESSAGE(made, made.error().message);
  return *made;
}

std::vector<std::string> forced_by(const std::shared_ptr<const Engine>& engine, std::string_view pattern, std::string_view before,
                                   std::string_view written = "", size_t most = 99) {
  ConstraintState state(regex(engine, pattern));
  REQUIRE(state.accept_text(written));
  std::vector<std::string> pieces;
  for (const Token token : forced_tokens(*engine, state, engine->tokenize(std::string(before) + std::string(written)), most))
    pieces.push_back(engine->detokenize({&token, 1}));
  return pieces;
}

}  // namespace

// The tokenizer of this model joins "co", "al", "re", "se", " +", "ef", "fi", "in", "nd", "ot", "rn", and nothing else.
TEST_CASE("jump forward: forced text has the tokenizer's tokens, as far as what may follow cannot change them") {
  const auto engine = tiny("gguf/lite_f32.gguf");
  using Pieces = std::vector<std::string>;
  REQUIRE(engine->tokenize("coal").size() == 2);
  CHECK(forced_by(engine, "coalfind", "x") == Pieces{"co", "al", "fi", "nd"});
  CHECK(forced_by(engine, "coalfind", "x", "", 2) == Pieces{"co", "al"});
  CHECK(forced_by(engine, "coa[lx]", "x") == Pieces{"co"});       // "a" may become "al"
  CHECK(forced_by(engine, "coa[bx]", "x") == Pieces{"co", "a"});  // nothing begins with "ab" or "ax"
  CHECK(forced_by(engine, "[ab]co", "x").empty());                // there is a choice first
  CHECK(forced_by(engine, "(co)?", "x").empty());                 // it may end
  CHECK(forced_by(engine, "co(al)?", "x") == Pieces{"co"});
  CHECK(forced_by(engine, "cor[ne]", "x") == Pieces{"co"});
  // The tokenizer cuts "of" as "o", "f" where "ot" is no choice; in front of "i" the "f" belongs to "fi".
  CHECK(forced_by(engine, "sof[ix]", "x") == Pieces{"s", "o"});
  CHECK(forced_by(engine, "(c|d)oal", "x", "c").empty());  // the tokenizer would join "c" and "o"
  CHECK(forced_by(engine, "(c|d)oal", "x", "d") == Pieces{"o", "al"});
  CHECK(forced_by(engine, "al", "co") == Pieces{"al"});
  CHECK(forced_by(engine, std::string(300, 'x'), "a", "", 8).size() == 8);
}

TEST_CASE("jump forward: fewer passes, the same log-probabilities as token by token, and the timeline as it should be") {
  const auto engine = tiny("gguf/lite_f32.gguf");
  const auto constraint = regex(engine, "coal(find|rest) = (in|ref)coalfindrn;{3}");
  const std::vector<Token> prompt = engine->tokenize("def f(x):\n");
  for (const bool jump : {true, false})
    for (const int drafts : {0, 8})
      for (uint64_t seed = 0; seed < 4; ++seed) {
        CAPTURE(jump);
        CAPTURE(drafts);
        CAPTURE(seed);
        const auto inner = open(engine, 128);
        CountedSession session(*inner);
        ConstraintState state(constraint);
        GenerateOptions options;
        options.constraint = &state;
        options.jump_forward = jump;
        options.max_draft_tokens = drafts;
        options.max_tokens = 60;
        options.sampling.temperature = 1.0f;
        options.sampling.seed = seed;
        const auto made = generate(session, prompt, options, {});
        REQUIRE_MESSAGE(made, made.error().message);
        CHECK(made->reason == StopReason::kEndOfText);
        ConstraintState again(constraint);
        for (const Token token : made->tokens) REQUIRE(again.accept(token));
        CHECK(state.n_accepted() == made->tokens.size());
        if (!jump) CHECK(made->n_forced == 0);
        if (jump) {
          CHECK(made->n_forced >= 8);
          CHECK(session.n_passes + 6 < static_cast<int>(made->tokens.size()));
        }
        // Each token's log-probability is the model's own, after the tokens before it.
        const auto plain = open(engine, 128);
        REQUIRE(plain->append(prompt, {}, {}));
        for (size_t i = 0; i < made->tokens.size(); ++i) {
          const std::span<const float> logits = plain->logits();
          const double total = log_sum_exp(logits.data(), static_cast<int64_t>(logits.size()));
          CHECK(made->token_logprobs[i] == static_cast<double>(logits[static_cast<size_t>(made->tokens[i])]) - total);
          REQUIRE(plain->append({&made->tokens[i], 1}, {}, {}));
        }
        // All but the last token are evaluated, and no more.
        const auto held = inner->tokens();
        CHECK(held.size() >= prompt.size() + made->tokens.size() - 1);
        CHECK(held.size() <= prompt.size() + made->tokens.size());
        CHECK(std::equal(held.begin() + static_cast<std::ptrdiff_t>(prompt.size()), held.end(), made->tokens.begin()));
      }
}

TEST_CASE("jump forward: a stop string, a budget or a caller may end it in the middle; a bias is left to the sampler") {
  const auto engine = tiny("gguf/lite_f32.gguf");
  const auto constraint = regex(engine, "coalfindcoalfind[ab]");
  const std::vector<Token> prompt = engine->tokenize("def f(x):\n");
  const auto write = [&](GenerateOptions options, size_t& held) {
    ConstraintState state(constraint);
    options.constraint = &state;
    const auto session = open(engine, 64);
    auto made = generate(*session, prompt, options, {});
    REQUIRE_MESSAGE(made, made.error().message);
    held = session->tokens().size() - prompt.size();
    CHECK(held <= made->tokens.size());
    return std::move(*made);
  };
  size_t held = 0;
  GenerateOptions options;
  options.max_tokens = 3;
  Generated made = write(options, held);
  CHECK(made.text == "coalfi");
  CHECK(made.n_forced == 3);
  CHECK(made.reason == StopReason::kMaxTokens);
  options.max_tokens = 40;
  options.stop = {"fin"};
  made = write(options, held);
  CHECK(made.text == "coal");
  CHECK(made.reason == StopReason::kStopString);
  options.stop.clear();
  options.keep_going = [](std::string_view text) { return text.size() < 6; };
  made = write(options, held);
  CHECK(made.text == "coalfi");
  CHECK(made.n_forced == 3);
  options.keep_going = nullptr;
  options.sampling.logit_bias = {{engine->tokenize("al")[0], -INFINITY}};
  made = write(options, held);
  CHECK(made.text.starts_with("coalfindcoalfind"));
  CHECK(std::count(made.tokens.begin(), made.tokens.end(), engine->tokenize("al")[0]) == 0);
}

TEST_CASE("generate together: each answer is the one it gets alone, under its own constraint and sampling") {
  for (const char* file : {"gguf/lite_f32.gguf", "gguf/grouped_q8_0.gguf"}) {
    const auto engine = tiny(file);
    const char* patterns[] = {"", "coal(find|rest){1,4};", "[a-f]{3,30}", "(in|ref)(coal|[0-9]{6})*!", ""};
    std::vector<std::shared_ptr<const Constraint>> constraints;
    for (const char* pattern : patterns) constraints.push_back(*pattern ? regex(engine, pattern) : nullptr);
    std::vector<std::vector<Token>> prompts;
    std::vector<GenerateOptions> options;
    for (size_t i = 0; i < 10; ++i) {
      prompts.push_back(engine->tokenize("def f" + std::string(1 + i % 3, 'x') + "(a):\n    return"));
      GenerateOptions one;
      one.max_tokens = static_cast<int>(i == 9 ? 0 : 5 + i * 3);
      one.sampling.temperature = i % 2 ? 0.8f : 0.0f;
      one.sampling.seed = i;
      one.n_top_logprobs = 2;
      options.push_back(one);
    }
    const auto constraint_of = [&](size_t i) { return constraints[i % constraints.size()]; };
    std::vector<Generated> alone;
    for (size_t i = 0; i < prompts.size(); ++i) {
      std::optional<ConstraintState> state;
      GenerateOptions one = options[i];
      if (constraint_of(i)) one.constraint = &state.emplace(constraint_of(i));
      auto made = generate(*open(engine, 128), prompts[i], one, {});
      REQUIRE_MESSAGE(made, made.error().message);
      alone.push_back(std::move(*made));
    }
    SessionPool pool(engine, {128, uint64_t{64} << 20, 16});
    std::vector<SessionPool::Lease> leases;
    std::vector<std::optional<ConstraintState>> states(prompts.size());
    std::vector<GenerateRequest> requests;
    for (size_t i = 0; i < prompts.size(); ++i) {
      auto lease = pool.take(prompts[i]);
      REQUIRE(lease);
      leases.push_back(std::move(*lease));
      GenerateOptions one = options[i];
      if (constraint_of(i)) one.constraint = &states[i].emplace(constraint_of(i));
      requests.push_back({&*leases.back(), prompts[i], one});
    }
    // One that cannot be: the others go on.
    auto lease = pool.take(prompts[0]);
    REQUIRE(lease);
    GenerateOptions broken;
    broken.max_tokens = 1000;  // more than the session holds
    requests.push_back({&**lease, prompts[0], broken});
    const auto together = generate_together(requests, {});
    REQUIRE(together.size() == requests.size());
    CHECK_FALSE(together.back());
    int64_t forced = 0;
    for (size_t i = 0; i < prompts.size(); ++i) {
      CAPTURE(i);
      REQUIRE_MESSAGE(together[i], together[i].error().message);
      CHECK(together[i]->tokens == alone[i].tokens);
      CHECK(together[i]->text == alone[i].text);
      CHECK(together[i]->token_logprobs == alone[i].token_logprobs);
      CHECK(together[i]->reason == alone[i].reason);
      CHECK(together[i]->n_forced == alone[i].n_forced);
      forced += together[i]->n_forced;
    }
    CHECK(forced > 10);
    std::stop_source stop;
    stop.request_stop();
    for (const auto& result : generate_together(std::span(requests).first(2), stop.get_token())) {
      REQUIRE_FALSE(result);
      CHECK(result.error().code == base::ErrorCode::kCancelled);
    }
  }
}
