// SPDX-License-Identifier: Apache-2.0
// Sessions as a tree: forks share the past, and none sees what another writes.
#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <thread>

#include "engine/block_cache.h"
#include "engine/formats/quantize_rows.h"
#include "tests/engine/session_kit.h"
#include "tests/engine/synthetic_model.h"
#include "tests/engine/tiny_model.h"

namespace {

using namespace engine;
using namespace engine::test;

std::unique_ptr<Session> fork(const Session& session) {
  auto other = session.fork();
  REQUIRE_MESSAGE(other, other.error().message);
  return std::move(*other);
}

std::vector<float> logits_after(const std::shared_ptr<const Engine>& engine, std::span<const Token> tokens) {
  const auto session = open(engine, 512);
  REQUIRE(session->append(tokens, {}, {}));
  return copy(session->logits());
}

std::vector<Token> joined(std::vector<Token> front, std::span<const Token> back) {
  front.insert(front.end(), back.begin(), back.end());
  return front;
}

}  // namespace

TEST_CASE("fork: both timelines go on as if they were alone, wherever they part") {
  for (const Numerics numerics : {Numerics::kFast, Numerics::kReference}) {
    const auto engine = tiny("gguf/lite_f32.gguf", numerics);
    for (const int n : {0, 1, 63, 64, 65, 130}) {
      CAPTURE(n);
      const std::vector<Token> past = tokens_from(3, n), one = tokens_from(50, 70), two = tokens_from(90, 5);
      const auto session = open(engine, 512);
      REQUIRE(session->append(past, {}, {}));
      const auto other = fork(*session);
      CHECK(std::ranges::equal(other->tokens(), past));
      CHECK(copy(other->logits()) == copy(session->logits()));
      CHECK(other->n_ctx() == 512);
      REQUIRE(session->append(one, {}, {}));
      REQUIRE(other->append(two, {}, {}));
      CHECK(copy(session->logits()) == logits_after(engine, joined(past, one)));
      CHECK(copy(other->logits()) == logits_after(engine, joined(past, two)));
    }
  }
}

TEST_CASE("fork: going back into the shared past and writing it anew leaves the other as it was") {
  const auto engine = tiny();
  const std::vector<Token> past = tokens_from(3, 150), more = tokens_from(7, 20);
  const auto session = open(engine, 512);
  REQUIRE(session->append(past, {}, {}));
  const auto child = fork(*session);
  const auto grandchild = fork(*child);
  session->rewind(10);
  REQUIRE(session->append(more, {}, {}));
  child->rewind(100);
  REQUIRE(child->append(more, {}, {}));
  REQUIRE(grandchild->append(more, {}, {}));
  CHECK(copy(session->logits()) == logits_after(engine, joined({past.begin(), past.begin() + 10}, more)));
  CHECK(copy(child->logits()) == logits_after(engine, joined({past.begin(), past.begin() + 100}, more)));
  CHECK(copy(grandchild->logits()) == logits_after(engine, joined(past, more)));
  CHECK(grandchild->tokens().size() == 170);
}

TEST_CASE("fork: the parent may end first, and several threads may go on at once") {
  const auto engine = tiny();
  const std::vector<Token> past = tokens_from(3, 100);
  auto parent = open(engine, 512);
  REQUIRE(parent->append(past, {}, {}));
  constexpr int kForks = 4;
  std::vector<std::unique_ptr<Session>> forks;
  for (int i = 0; i < kForks; ++i) forks.push_back(fork(*parent));
  parent.reset();
  std::vector<std::vector<float>> want;
  for (int i = 0; i < kForks; ++i) want.push_back(logits_after(engine, joined(past, tokens_from(20 + i, 40))));
  std::vector<std::thread> threads;
  std::vector<bool> ran(kForks);
  std::vector<std::vector<float>> got(kForks);
  for (size_t i = 0; i < kForks; ++i)
    threads.emplace_back([&, i] {
      const auto second = forks[i]->fork();  // taken and dropped while the others write
      got[i] = second && forks[i]->append(tokens_from(20 + static_cast<int>(i), 40), {}, {}) ? copy(forks[i]->logits())
                                                                                             : std::vector<float>();
    });
  for (std::thread& thread : threads) thread.join();
  for (size_t i = 0; i < kForks; ++i) CHECK(got[i] == want[i]);
}

TEST_CASE("fork: shared memory is counted once") {
  const auto engine = tiny();
  const auto session = open(engine, 512);
  const uint64_t empty = session->memory_bytes();
  REQUIRE(session->append(tokens_from(3, 256), {}, {}));
  const uint64_t one = session->memory_bytes() - empty;
  CHECK(one >= 256 * engine->info().kv_bytes_per_token);
  std::vector<std::unique_ptr<Session>> forks;
  for (int i = 0; i < 7; ++i) forks.push_back(fork(*session));
  uint64_t all = session->memory_bytes() - empty;
  for (const auto& f : forks) all += f->memory_bytes() - empty;
  CHECK(all <= one);
  CHECK(all + 64 >= one);  // eighths, rounded down
  REQUIRE(forks[0]->append(tokens_from(1, 1), {}, {}));
  CHECK(forks[0]->memory_bytes() - empty > one / 8);
  forks.clear();
  CHECK(session->memory_bytes() - empty == one);
}

TEST_CASE("fork: every family's cache is shared and copied where it is written") {
  ThreadPool pool(2);
  for (const char* name : {"deepseek_v3", "deepseek_v32", "llama", "mistral", "qwen3_moe", "gpt_oss"}) {
    CAPTURE(std::string(name));
    const TinyModel tiny_model = read_model(name);
    std::vector<std::unique_ptr<Model>> models;
    models.push_back(tiny_model.family->make_reference());
    for (const FastKernels* kernels : all_kernels())
      for (const CacheType cache : {CacheType::kF32, CacheType::kBf16})
        models.push_back(tiny_model.family->make_fast(*kernels, pool, true, cache));
    for (const auto& model : models) {
      // Past a block's end, so that rows of several blocks are attended to.
      std::vector<int32_t> tokens;
      while (tokens.size() < 100) tokens.insert(tokens.end(), tiny_model.tokens.begin(), tiny_model.tokens.end());
      const auto cache = model->make_cache(static_cast<int64_t>(tokens.size()));
      const std::vector<float> whole = logits_of(*model, *cache, tiny_model.n_vocab, tokens, 0, {17});
      const auto other = cache->fork(70);
      REQUIRE(other);
      std::vector<int32_t> changed = tokens;
      std::reverse(changed.begin() + 70, changed.end());
      logits_of(*model, *other, tiny_model.n_vocab, changed, 70, {5});
      const auto again = cache->fork(80);
      REQUIRE(again);
      const std::vector<float> rest = logits_of(*model, *again, tiny_model.n_vocab, tokens, 80, {1});
      CHECK(std::equal(rest.begin(), rest.end(), whole.begin() + 80 * tiny_model.n_vocab));
    }
  }
}

TEST_CASE("block cache: values in bf16 are rounded to nearest, ties to even; NaN stays NaN") {
  BlockCache cache(2, 8, 100, CacheType::kBf16);
  cache.make_writable(0, 100);
  const float values[7] = {1.0f, 1.00390625f, 1.01171875f, -3.0e38f, std::numeric_limits<float>::quiet_NaN(),
                           -std::numeric_limits<float>::infinity(), 1e-40f};
  cache.store(1, 70, 1, values, 7);
  const Bf16* row = cache.row<Bf16>(1, 70);
  CHECK(row[0] == Bf16{0});
  for (int i = 0; i < 7; ++i) CHECK(row[i + 1] == Bf16{f32_to_bf16(values[i])});
  CHECK(row[2] == Bf16{0x3F80});  // half-way between two: to the even one below
  CHECK(row[3] == Bf16{0x3F82});  // and above
  CHECK(cache.row<Bf16>(0, 70)[1] == Bf16{0});
}
