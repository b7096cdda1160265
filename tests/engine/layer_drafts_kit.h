// SPDX-License-Identifier: Apache-2.0
// tests/engine/layer_drafts_kit.h: a model's own layer for drafts against its golden logits
// (tests/data/engine/make_drafts.py, make_drafts_v4.py), for the tests of several files.
#pragma once
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "engine/engine.h"
#include "engine/sampling.h"
#include "tests/engine/synthetic_model.h"
#include "tests/engine/tiny_model.h"

namespace engine::test {

inline const std::filesystem::path kFamilies = std::filesystem::path(GRAFT_SOURCE_DIR) / "tests/data/engine/families";

struct Guesses {
  std::vector<float> logits;  // [tokens - 1 + n_further, n_vocab], as draft.f32 has them
  std::vector<float> states;  // of the model
};

// The last logits of each call are all that a call gives, so pairs go in pieces and some rows stay empty.
inline Guesses guesses_of(Model& model, const TinyModel& tiny, size_t n_further, const std::vector<size_t>& pieces) {
  const size_t n = tiny.tokens.size() - 1, width = static_cast<size_t>(model.draft_width()),
               n_vocab = static_cast<size_t>(tiny.n_vocab);
  REQUIRE(width > 0);
  Guesses made;
  made.states.resize((n + 1) * width);
  std::vector<float> logits((n + 1) * n_vocab);
  const auto cache = model.make_cache(static_cast<int64_t>(n + 1));
  ForwardRequest forward;
  forward.tokens = tiny.tokens;
  forward.cache = cache.get();
  forward.states = made.states.data();
  forward.logits = logits.data();
  forward.all_logits = true;
  REQUIRE(model.forward(forward));
  CHECK(relative_error(logits, tiny.logits) <= 1e-4);
  made.logits.resize((n + n_further) * n_vocab);
  const auto draft_cache = model.make_draft_cache(static_cast<int64_t>(n + n_further));
  std::vector<float> state(width);
  DraftRequest request;
  request.cache = draft_cache.get();
  request.state = state.data();
  for (size_t done = 0, i = 0; done < n; ++i) {
    const size_t piece = std::min(pieces[std::min(i, pieces.size() - 1)], n - done);
    request.tokens = std::span(tiny.tokens).subspan(done + 1, piece);
    request.states = made.states.data() + done * width;
    request.position = static_cast<int64_t>(done);
    done += piece;
    request.logits = made.logits.data() + (done - 1) * n_vocab;
    REQUIRE(model.draft(request));
  }
  for (size_t i = 0; i < n_further; ++i) {
    const Token guess = argmax(std::span(made.logits).subspan((n + i - 1) * n_vocab, n_vocab));
    const std::vector<float> before = state;
    request.tokens = {&guess, 1};
    request.states = before.data();
    request.position = static_cast<int64_t>(n + i);
    request.logits = made.logits.data() + (n + i) * n_vocab;
    REQUIRE(model.draft(request));
  }
  return made;
}

inline void check_drafts(Model& model, const TinyModel& tiny, const std::vector<float>& golden) {
  const auto n_vocab = static_cast<size_t>(tiny.n_vocab);
  const size_t n_further = golden.size() / n_vocab - (tiny.tokens.size() - 1);
  REQUIRE(n_further == 3);
  const Guesses one_by_one = guesses_of(model, tiny, n_further, {1});
  CHECK(relative_error(one_by_one.logits, golden) <= 1e-4);
  for (const std::vector<size_t>& pieces : std::vector<std::vector<size_t>>{{64}, {3, 1, 7, 2, 5}, {16}}) {
    const Guesses other = guesses_of(model, tiny, n_further, pieces);
    CHECK(other.states == one_by_one.states);
    const size_t tail = (n_further + 1) * n_vocab;  // the rows that every division ends with
    CHECK(std::equal(other.logits.end() - static_cast<std::ptrdiff_t>(tail), other.logits.end(),
                     one_by_one.logits.end() - static_cast<std::ptrdiff_t>(tail)));
  }
}

inline std::vector<float> golden_of(const std::string& name) {
  const auto raw = base::read_file(kFamilies / name / "draft.f32", 1 << 20);
  REQUIRE(raw);
  std::vector<float> values(raw->size() / sizeof(float));
  std::memcpy(values.data(), raw->data(), raw->size());
  return values;
}

struct Run {
  Generated generated;
  std::vector<Token> timeline;
};

inline std::unique_ptr<Session> open_drafting(const Engine& engine, int n_ctx) {
  SessionOptions options;
  options.drafts = true;
  auto session = engine.open_session_with(n_ctx, options);
  REQUIRE_MESSAGE(session, session.error().message);
  return std::move(*session);
}

inline Run run(Session& session, const std::vector<Token>& prompt, GenerateOptions options, int drafts, int copies = 0) {
  options.max_layer_draft_tokens = drafts;
  options.max_draft_tokens = copies;
  auto generated = generate(session, prompt, options, {});
  REQUIRE_MESSAGE(generated, generated.error().message);
  return {std::move(*generated), {session.tokens().begin(), session.tokens().end()}};
}

inline void check_same(const Run& a, const Run& b) {
  CHECK(a.generated.tokens == b.generated.tokens);
  CHECK(a.generated.logprob == b.generated.logprob);
  CHECK(a.generated.token_logprobs == b.generated.token_logprobs);
  CHECK(a.timeline == b.timeline);
}

}  // namespace engine::test
