// SPDX-License-Identifier: Apache-2.0
// Who goes first: in the lock, and in sessions that share a model. Orders are counted, never timed.
#include "engine/turn_lock.h"

#include <doctest/doctest.h>

#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "engine/session.h"
#include "tests/engine/session_kit.h"

namespace {

using namespace engine;

void wait_for(TurnLock& lock, uint64_t n) {
  while (lock.n_waiting() < n) std::this_thread::yield();
}

class CountingCache : public Cache {
 public:
  explicit CountingCache(int64_t n_ctx) : n_ctx_(n_ctx) {}
  int64_t n_ctx() const override { return n_ctx_; }
  int64_t rewind(int64_t n) override { return n; }

 private:
  int64_t n_ctx_;
};

// A model of 8 tokens a pass that notes who asked for each, and calls `during` in it.
class OrderModel : public Model {
 public:
  int max_tokens() const override { return 8; }
  std::unique_ptr<Cache> make_cache(int64_t n_ctx) const override { return std::make_unique<CountingCache>(n_ctx); }
  uint64_t cache_bytes(int64_t) const override { return 1; }
  bool forward(const ForwardRequest& request) override {
    passes += request.cache->n_ctx() == 1000 ? 'b' : 'i';  // background, interactive
    if (during) during(passes.size());
    const size_t rows = request.all_logits ? request.tokens.size() : 1;
    for (size_t i = 0; request.logits && i < rows * n_vocab; ++i) request.logits[i] = i % n_vocab == 7 ? 1.0f : 0.0f;
    return !request.stop.stop_requested();
  }
  size_t n_vocab = 0;
  std::string passes;
  std::function<void(size_t)> during;
};

}  // namespace

TEST_CASE("turn lock: first come, first served, but for those in a hurry") {
  TurnLock lock;
  std::string order;
  std::vector<std::thread> threads;
  lock.lock();
  for (const char name : std::string("abAcB")) {
    threads.emplace_back([&, name] {
      lock.lock(name < 'a');
      order += name;
      lock.unlock();
    });
    wait_for(lock, threads.size());
  }
  lock.unlock();
  for (std::thread& thread : threads) thread.join();
  CHECK(order == "ABabc");
}

TEST_CASE("turn lock: who holds the right of way is not interrupted between two turns, and one who makes no use of it is passed by") {
  TurnLock lock;
  std::string order;
  auto right = lock.right_of_way();
  std::thread other([&] {
    lock.lock();
    order += 'o';
    lock.unlock();
  });
  wait_for(lock, 1);
  for (int i = 0; i < 50; ++i) {
    lock.lock(true);
    order += 'f';
    lock.unlock();
  }
  right.reset();
  other.join();
  CHECK(order == std::string(50, 'f') + "o");
  right = lock.right_of_way();  // and then nothing: the next one gets through all the same
  lock.lock();
  order += 'p';
  lock.unlock();
  CHECK(order.back() == 'p');
}

TEST_CASE("sessions: forks are in as much of a hurry as what they came from") {
  const auto engine = engine::test::tiny();
  const auto session = engine::test::open(engine, 64);
  REQUIRE(session->append(std::vector<Token>{5, 6, 7}, {}, {}));
  CHECK(session->right_of_way() == nullptr);
  session->set_priority(Priority::kInteractive);
  CHECK(session->right_of_way() != nullptr);
  const auto fork = session->fork();
  REQUIRE(fork);
  CHECK((*fork)->right_of_way() != nullptr);
  session->set_priority(Priority::kNormal);
  CHECK(session->right_of_way() == nullptr);
}

TEST_CASE("sessions: an interactive answer goes first at the next chunk border of a long prompt, and is not interrupted") {
  const auto engine = engine::test::tiny();  // for its name alone: the sessions are over another model
  for (const bool interactive : {true, false}) {
    SharedModel shared;
    auto made = std::make_unique<OrderModel>();
    OrderModel& model = *made;
    shared.model = std::move(made);
    shared.n_vocab = engine->info().n_vocab;
    model.n_vocab = static_cast<size_t>(shared.n_vocab);
    auto background = make_session(engine, shared, 1000, nullptr, false);
    auto foreground = make_session(engine, shared, 100, nullptr, false);
    if (interactive) foreground->set_priority(Priority::kInteractive);
    const std::vector<Token> prompt(800, 5), question(20, 6);
    std::thread answers;
    base::Result<Generated> answer = base::cancelled();
    GenerateOptions options;
    options.max_tokens = 10;
    model.during = [&](size_t n) {
      if (n == 4) wait_for(shared.turn, 1);  // the next chunk is asked for while the first pass of the answer runs
      if (n != 3) return;                    // in the third chunk somebody asks
      answers = std::thread([&] { answer = generate(*foreground, question, options, {}); });
      wait_for(shared.turn, 1);
    };
    REQUIRE(background->append(prompt, {}, {}));
    answers.join();
    REQUIRE_MESSAGE(answer, answer.error().message);
    CHECK(answer->tokens.size() == 10);
    // 100 chunks, and for the answer three of its prompt and one a token, but for the last.
    CHECK(model.passes.size() == 100 + 12);
    const std::string at_once = std::string(3, 'b') + std::string(12, 'i') + std::string(97, 'b');
    if (interactive)
      CHECK(model.passes == at_once);
    else
      CHECK(model.passes.substr(0, 5) == "bbbib");  // turn by turn
    CHECK(background->tokens().size() == 800);
  }
}
