// SPDX-License-Identifier: Apache-2.0
// What only DeepSeek-V4's cache has: rings that turn over, entries, going back within bounds, copies, batches.
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/engine/synthetic_model.h"
#include "tests/engine/tiny_model.h"

namespace {

using namespace engine;
using namespace engine::test;

std::vector<int32_t> some_tokens(size_t n, int n_vocab) {
  std::mt19937 random(31);
  std::vector<int32_t> tokens(n);
  for (int32_t& token : tokens) token = static_cast<int32_t>(random() % static_cast<uint32_t>(n_vocab));
  return tokens;
}

struct Kind {
  const char* name;
  CacheType cache;
};
constexpr Kind kKinds[] = {{"deepseek_v4", CacheType::kF32},
                           {"deepseek_v4_renamed", CacheType::kF32},
                           {"deepseek_v41", CacheType::kF32},
                           {"deepseek_v4", CacheType::kBf16},
                           {"deepseek_v41", CacheType::kBf16}};

}  // namespace

TEST_CASE("deepseek_v4: far beyond what the rings hold, chunks, going back and copies give the same bits") {
  ThreadPool pool(2);
  for (const Kind& kind : kKinds) {
    CAPTURE(std::string(kind.name));
    CAPTURE(kind.cache == CacheType::kBf16);
    const TinyModel tiny = read_model(kind.name);
    const auto model = tiny.family->make_fast(best_kernels(), pool, true, kind.cache);
    const std::vector<int32_t> tokens = some_tokens(1300, tiny.n_vocab);
    const auto row = [&](size_t t) { return static_cast<std::ptrdiff_t>(t * static_cast<size_t>(tiny.n_vocab)); };
    const auto cache = model->make_cache(1300), other = model->make_cache(1300);
    const std::vector<float> whole = logits_of(*model, *cache, tiny.n_vocab, tokens, 0, {256});
    CHECK(logits_of(*model, *other, tiny.n_vocab, tokens, 0, {37, 1, 200, 3}) == whole);

    const auto copy = cache->fork(1150);
    REQUIRE(copy != nullptr);
    CHECK(cache->fork(500) == nullptr);
    CHECK(cache->rewind(1101) == 1101);
    std::vector<int32_t> changed = tokens;
    std::reverse(changed.begin() + 1101, changed.end());
    logits_of(*model, *cache, tiny.n_vocab, changed, 1101, {5});
    CHECK(cache->rewind(1101) == 1101);
    const std::vector<float> again = logits_of(*model, *cache, tiny.n_vocab, tokens, 1101, {64});
    CHECK(std::equal(again.begin(), again.end(), whole.begin() + row(1101)));
    const std::vector<float> copied = logits_of(*model, *copy, tiny.n_vocab, tokens, 1150, {1});
    CHECK(std::equal(copied.begin(), copied.end(), whole.begin() + row(1150)));

    CHECK(cache->rewind(300) == 0);  // too far: from the start
    const std::vector<float> anew = logits_of(*model, *cache, tiny.n_vocab, std::span(tokens).first(90), 0, {256});
    CHECK(std::equal(anew.begin(), anew.end(), whole.begin()));
  }
}

TEST_CASE("deepseek_v4: a stored cache goes on with the same bits in another room, and back as far as the stored one could") {
  ThreadPool pool(2);
  for (const Kind& kind : kKinds)
    for (const bool fast : {true, false}) {
      if (!fast && kind.cache == CacheType::kBf16) continue;  // the plain operators keep f32
      CAPTURE(std::string(kind.name));
      CAPTURE(kind.cache == CacheType::kBf16);
      CAPTURE(fast);
      const TinyModel tiny = read_model(kind.name);
      const auto model =
          fast ? tiny.family->make_fast(best_kernels(), pool, true, kind.cache) : tiny.family->make_reference();
      const size_t n_all = fast ? 1300 : 330;
      const std::vector<int32_t> tokens = some_tokens(n_all, tiny.n_vocab);
      const auto row = [&](size_t t) { return static_cast<std::ptrdiff_t>(t * static_cast<size_t>(tiny.n_vocab)); };
      const auto cache = model->make_cache(static_cast<int64_t>(n_all));
      const std::vector<float> whole = logits_of(*model, *cache, tiny.n_vocab, tokens, 0, {256});
      for (const size_t n : {n_all, n_all - 9, n_all - 10}) {
        // From a timeline that went further and came back.
        REQUIRE(cache->rewind(static_cast<int64_t>(n)) == static_cast<int64_t>(n));
        std::vector<std::byte> stored;
        REQUIRE(cache->write(static_cast<int64_t>(n), [&](std::span<const std::byte> bytes) {
          stored.insert(stored.end(), bytes.begin(), bytes.end());
          return base::ok();
        }));
        REQUIRE(stored.size() == cache->stored_bytes(static_cast<int64_t>(n)));
        for (const size_t n_ctx : {n_all, 2 * n_all}) {
          const auto other = model->make_cache(static_cast<int64_t>(n_ctx));
          CHECK(other->layout() == cache->layout());
          REQUIRE(other->stored_bytes(static_cast<int64_t>(n)) == stored.size());
          other->read(static_cast<int64_t>(n), stored);
          if (n < n_all) {
            const std::vector<float> rest = logits_of(*model, *other, tiny.n_vocab, tokens, n, {7, 1});
            CHECK(std::equal(rest.begin(), rest.end(), whole.begin() + row(n)));
          }
          const auto back = static_cast<int64_t>(n) - 20;
          CHECK(other->rewind(back) == back);
          const std::vector<float> again = logits_of(*model, *other, tiny.n_vocab, tokens, static_cast<size_t>(back), {5});
          CHECK(std::equal(again.begin(), again.end(), whole.begin() + row(static_cast<size_t>(back))));
          CHECK(other->rewind(3) == 0);
        }
        // A file that says it could go back further is not believed.
        const auto forged = model->make_cache(static_cast<int64_t>(n_all));
        std::fill(stored.begin(), stored.begin() + 8, std::byte{0});
        forged->read(static_cast<int64_t>(n), stored);
        CHECK(forged->rewind(3) == 0);
      }
    }
}

TEST_CASE("deepseek_v4: timelines of different lengths share a step") {
  ThreadPool pool(2);
  for (const Kind& kind : kKinds) {
    CAPTURE(std::string(kind.name));
    CAPTURE(kind.cache == CacheType::kBf16);
    const TinyModel tiny = read_model(kind.name);
    const auto model = tiny.family->make_fast(best_kernels(), pool, true, kind.cache);
    const auto n_vocab = static_cast<size_t>(tiny.n_vocab);
    const size_t lengths[] = {3, 15,
                              60};  // the next token completes an entry of the first, and both kinds of the second
    std::vector<std::unique_ptr<Cache>> caches;
    std::vector<BatchPlace> places;
    std::vector<int32_t> next;
    std::vector<float> alone, logits(3 * n_vocab);
    for (const size_t n : lengths) {
      caches.push_back(model->make_cache(75));
      logits_of(*model, *caches.back(), tiny.n_vocab, std::span(tiny.tokens).first(n), 0, {75});
      const std::vector<float> one =
          logits_of(*model, *caches.back(), tiny.n_vocab, std::span(tiny.tokens).first(n + 1), n, {1});
      alone.insert(alone.end(), one.begin(), one.end());
      REQUIRE(caches.back()->rewind(static_cast<int64_t>(n)) == static_cast<int64_t>(n));
      places.push_back({caches.back().get(), static_cast<int64_t>(n)});
      next.push_back(tiny.tokens[n]);
    }
    ForwardRequest request;
    request.tokens = next;
    request.batch = places;
    request.all_logits = true;
    request.logits = logits.data();
    REQUIRE(model->forward(request));
    CHECK(logits == alone);
  }
}

TEST_CASE("deepseek_v4: a longer context takes more entries and nothing else") {
  ThreadPool pool(1);
  const TinyModel tiny = read_model("deepseek_v4");
  const auto model = tiny.family->make_fast(best_kernels(), pool, false);
  ModelInfo info;
  tiny.family->describe(info);
  CHECK(info.family == "deepseek_v4");
  CHECK(info.notes.empty());
  CHECK(info.kv_bytes_per_token == 4 * (2 * (32 + 16) / 4 + 2 * 32 / 16));  // two sparse layers, two heavy ones
  CHECK(model->cache_bytes(1 << 20) - model->cache_bytes(1 << 19) == info.kv_bytes_per_token << 19);

  const TinyModel shared = read_model("deepseek_v41");
  const auto other = shared.family->make_fast(best_kernels(), pool, false);
  shared.family->describe(info);
  CHECK(info.family == "deepseek_v41");
  REQUIRE(!info.notes.empty());
  CHECK(info.notes.front().find("never run") != std::string::npos);
  CHECK(info.kv_bytes_per_token == 4 * ((32 + 16) / 2 + (32 + 16) + 1));  // two layers make entries; a folded id
  CHECK(other->cache_bytes(1 << 20) - other->cache_bytes(1 << 19) == info.kv_bytes_per_token << 19);
}
