// SPDX-License-Identifier: Apache-2.0
// Many timelines within a bound of memory.
#include "engine/session_pool.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <new>
#include <optional>
#include <thread>

#include "tests/engine/one_model.h"

namespace {

using namespace engine;

std::shared_ptr<const Engine> tiny() {
  auto engine =
      Engine::load(std::string(GRAFT_SOURCE_DIR) + "/tests/data/engine/gguf/lite_f32.gguf", {Numerics::kFast, 2});
  REQUIRE_MESSAGE(engine, engine.error().message);
  return *engine;
}

std::vector<Token> tokens_from(int first, int n) {
  std::vector<Token> tokens;
  for (int i = 0; i < n; ++i) tokens.push_back(5 + (first + i * 37) % 250);
  return tokens;
}

std::vector<Token> joined(std::vector<Token> front, const std::vector<Token>& back) {
  front.insert(front.end(), back.begin(), back.end());
  return front;
}

// Syncs to `prompt`; how many of its tokens were there already.
size_t read(SessionPool& pool, const std::vector<Token>& prompt, bool pin = false) {
  auto lease = pool.take(prompt);
  REQUIRE(lease);
  const auto held = (*lease)->tokens();
  const auto had =
      static_cast<size_t>(std::mismatch(prompt.begin(), prompt.end(), held.begin(), held.end()).first - prompt.begin());
  REQUIRE((*lease)->sync(prompt, {}));
  if (pin) lease->pin();
  return had;
}

std::vector<float> logits_alone(const std::shared_ptr<const Engine>& engine, const std::vector<Token>& tokens) {
  auto session = engine->open_session(512);
  REQUIRE(session);
  REQUIRE((*session)->append(tokens, {}, {}));
  return {(*session)->logits().begin(), (*session)->logits().end()};
}

// A model with memory for so many caches, as a GPU has it; its logits are zeros.
class ScarceModel : public Model {
 public:
  explicit ScarceModel(int room) : room_(std::make_shared<int>(room)) {}
  int max_tokens() const override { return 64; }
  std::unique_ptr<engine::Cache> make_cache(int64_t n_ctx) const override {
    return std::make_unique<Cache>(room_, n_ctx);
  }
  uint64_t cache_bytes(int64_t) const override { return 1; }
  bool forward(const ForwardRequest& request) override {
    if (request.logits) std::fill_n(request.logits, 256, 0.0f);
    return true;
  }

 private:
  class Cache : public engine::Cache {
   public:
    Cache(std::shared_ptr<int> room, int64_t n_ctx) : room_(std::move(room)), n_ctx_(n_ctx) {
      if (*room_ == 0) throw std::bad_alloc();
      --*room_;
    }
    ~Cache() override { ++*room_; }
    int64_t n_ctx() const override { return n_ctx_; }
    int64_t rewind(int64_t n) override { return n; }
    std::unique_ptr<engine::Cache> fork(int64_t) const override { return std::make_unique<Cache>(room_, n_ctx_); }
    uint64_t memory_bytes() const override { return 1; }

   private:
    const std::shared_ptr<int> room_;
    const int64_t n_ctx_;
  };
  const std::shared_ptr<int> room_;
};

}  // namespace

TEST_CASE("session pool: without memory for a fork others are forgotten, then the timeline itself goes on") {
  const auto engine = std::make_shared<test::OneModel>(std::make_unique<ScarceModel>(3), 256, true);
  const std::vector<Token> front = tokens_from(1, 200), other = tokens_from(40, 100);
  const auto from_front = [&](int n, int first) {
    return joined({front.begin(), front.begin() + n}, tokens_from(first, 20));
  };
  {
    SessionPool pool(engine, {512, uint64_t{64} << 20, 8});
    read(pool, front, true);
    read(pool, other);
    CHECK(read(pool, from_front(60, 30)) == 60);
    CHECK(pool.n_sessions() == 3);
    CHECK(read(pool, from_front(90, 50)) == 90);  // in place of `other`
    CHECK(pool.n_sessions() == 3);
    CHECK(read(pool, front) == 200);
    // Both that may be forgotten are on lease: a pinned timeline is not changed.
    const auto one = pool.take(from_front(60, 30)), two = pool.take(from_front(90, 50));
    REQUIRE(one);
    REQUIRE(two);
    const auto none = pool.take(from_front(80, 70));
    REQUIRE(!none);
    CHECK(none.error().code == base::ErrorCode::kExhausted);
  }
  SessionPool pool(engine, {512, uint64_t{64} << 20, 8});
  read(pool, front);
  const auto one = pool.take(from_front(60, 30)), two = pool.take(other);
  REQUIRE(one);
  REQUIRE(two);
  CHECK(read(pool, from_front(90, 50)) == 90);  // in `front`, which is not pinned
  CHECK(pool.n_sessions() == 3);
  CHECK(read(pool, front) == 90);
}

TEST_CASE("session pool: a prompt finds the timeline that holds most of it") {
  const auto engine = tiny();
  SessionPool pool(engine, {512, uint64_t{64} << 20, 8});
  const std::vector<Token> a = tokens_from(1, 200), b = tokens_from(2, 150);
  CHECK(read(pool, a) == 0);
  CHECK(read(pool, b) == 0);
  CHECK(pool.n_sessions() == 2);
  CHECK(read(pool, a) == 200);
  CHECK(read(pool, joined(b, tokens_from(9, 10))) == 150);
  CHECK(pool.n_sessions() == 2);
  // Typing in the middle goes on in the same timeline; another end of a short front is a fork.
  std::vector<Token> typed = a;
  typed.insert(typed.begin() + 150, 77);
  CHECK(read(pool, typed) == 150);
  CHECK(pool.n_sessions() == 2);
  const std::vector<Token> other(joined({a.begin(), a.begin() + 60}, tokens_from(30, 20)));
  CHECK(read(pool, other) == 60);
  CHECK(pool.n_sessions() == 3);
  CHECK(read(pool, typed) == typed.size());
  auto lease = pool.take(other);
  REQUIRE(lease);
  REQUIRE((*lease)->sync(other, {}));
  CHECK(std::ranges::equal((*lease)->logits(), logits_alone(engine, other)));
}

TEST_CASE("session pool: what is on lease is nobody else's") {
  const auto engine = tiny();
  SessionPool pool(engine, {512, uint64_t{64} << 20, 8});
  const std::vector<Token> a = tokens_from(1, 100);
  read(pool, a);
  const auto first = pool.take(a), second = pool.take(a);
  REQUIRE(first);
  REQUIRE(second);
  CHECK(&**first != &**second);
  CHECK((*first)->tokens().size() == 100);
  CHECK((*second)->tokens().empty());
  const SessionPool::Lease moved = std::move(*std::optional(pool.take(tokens_from(7, 3)).value()));
  CHECK(moved->n_ctx() == 512);
}

TEST_CASE("session pool: what is worth least goes first, pinned timelines stay, and the bound holds") {
  const auto engine = tiny();
  SessionPool few(engine, {512, uint64_t{64} << 20, 3});
  const std::vector<Token> longest = tokens_from(1, 300), brief = tokens_from(2, 20), medium = tokens_from(3, 100),
                           last = tokens_from(4, 100);
  read(few, longest);
  read(few, brief);
  read(few, medium);
  read(few, last);  // four: the brief one is cheap to read again
  CHECK(few.n_sessions() == 3);
  CHECK(read(few, longest) == 300);
  CHECK(read(few, medium) == 100);
  CHECK(read(few, brief) == 0);

  // Room for about three timelines of 100 tokens beside what an empty session takes.
  SessionPool measured(engine, {512, uint64_t{64} << 20, 8});
  read(measured, medium);
  const uint64_t one = measured.memory_bytes();
  SessionPool pool(engine, {512, 3 * one, 100});
  read(pool, tokens_from(40, 100), true);
  for (int i = 50; i < 70; ++i) {
    read(pool, tokens_from(i, 100));
    CHECK(pool.memory_bytes() <= 3 * one);
  }
  CHECK(pool.n_sessions() == 3);
  CHECK(read(pool, tokens_from(69, 100)) == 100);  // the latest
  CHECK(read(pool, tokens_from(40, 100)) == 100);  // the pinned one
  CHECK(read(pool, tokens_from(55, 100)) == 0);
  // A bound that not even one fits in: the latest is kept all the same.
  SessionPool tight(engine, {512, 1, 100});
  for (int i = 50; i < 53; ++i) {
    read(tight, tokens_from(i, 100));
    CHECK(tight.n_sessions() == 1);
    CHECK(read(tight, tokens_from(i, 100)) == 100);
  }
  // A pinned prefix is forked, not continued, and stays what it was; the forks share its memory.
  SessionPool prefix(engine, {512, uint64_t{64} << 20, 100});
  const std::vector<Token> system = tokens_from(40, 256);
  read(prefix, system, true);
  const uint64_t alone = prefix.memory_bytes();
  for (int i = 0; i < 4; ++i) CHECK(read(prefix, joined(system, tokens_from(90 + 20 * i, 1))) == 256);
  CHECK(prefix.n_sessions() == 5);
  CHECK(prefix.memory_bytes() < 5 * alone);
}

TEST_CASE("session pool: several threads take and return") {
  const auto engine = tiny();
  SessionPool pool(engine, {256, uint64_t{1} << 20, 3});
  std::vector<std::vector<float>> want;
  for (int i = 0; i < 4; ++i) want.push_back(logits_alone(engine, tokens_from(i, 60)));
  std::vector<int> right(4);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int round = 0; round < 6; ++round) {
        const size_t i = (t + static_cast<size_t>(round)) % 4;
        const std::vector<Token> prompt = tokens_from(static_cast<int>(i), 60);
        const auto lease = pool.take(prompt);
        if (lease && (*lease)->sync(prompt, {}) && std::ranges::equal((*lease)->logits(), want[i])) ++right[t];
      }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(right == std::vector<int>{6, 6, 6, 6});
  CHECK(pool.n_sessions() <= 3);
}
