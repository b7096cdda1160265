// SPDX-License-Identifier: Apache-2.0
// Sessions on the GPU: forked, stored, and carried to the CPU and back.
#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <random>

#include "base/file.h"
#include "engine/session_pool.h"
#include "tests/engine/cuda_kit.h"
#include "tests/engine/one_model.h"
#include "tests/engine/synthetic_model.h"
#include "tests/engine/tiny_model.h"

namespace {

using namespace engine;
using namespace engine::test;

std::vector<std::byte> stored(const Cache& cache, int64_t n) {
  std::vector<std::byte> bytes;
  const base::Status written = cache.write(n, [&](std::span<const std::byte> piece) {
    bytes.insert(bytes.end(), piece.begin(), piece.end());
    return base::ok();
  });
  REQUIRE(written);
  CHECK(bytes.size() == cache.stored_bytes(n));
  return bytes;
}

std::unique_ptr<Cache> cache_of(const Model& model, const TinyModel& tiny) {
  return model.make_cache(static_cast<int64_t>(tiny.tokens.size()));
}

std::span<const float> from(const TinyModel& tiny, std::span<const float> logits, size_t token) {
  return logits.subspan(token * static_cast<size_t>(tiny.n_vocab));
}

std::string saved(const Session& session) {
  std::string name = (std::filesystem::temp_directory_path() / "graft-cuda-session-XXXXXX").string();
  REQUIRE(::mkdtemp(name.data()) != nullptr);
  const std::filesystem::path folder = name;
  const base::Status done = session.save(folder / "one.session");
  CHECK_MESSAGE(done, done.error().message);
  auto bytes = base::read_file(folder / "one.session", 1 << 26);
  std::filesystem::remove_all(folder);
  REQUIRE(bytes);
  return *bytes;
}

}  // namespace

TEST_CASE("cuda sessions: a fork goes on with the same bits, and neither sees what the other writes") {
  Accelerator* device = gpu();
  if (!device) return;
  for (const char* name : {"deepseek_v3", "gpt_oss"}) {
    CAPTURE(std::string(name));
    const TinyModel tiny = read_model(name);
    const auto model = on_gpu(tiny.family->make_accelerated(*device, in_f32()));
    const auto cache = cache_of(*model, tiny);
    logits_of(*model, *cache, tiny.n_vocab, tiny.tokens, 0, {tiny.tokens.size()});
    constexpr size_t kParted = 9;
    const auto fork = cache->fork(kParted);
    REQUIRE(fork);
    CHECK(fork->n_ctx() == cache->n_ctx());
    CHECK(fork->memory_bytes() == model->cache_bytes(cache->n_ctx()));
    const std::vector<int32_t> other(tiny.tokens.rbegin(), tiny.tokens.rend());
    logits_of(*model, *cache, tiny.n_vocab, other, 0, {other.size()});  // into the first one alone
    const std::vector<float> there = logits_of(*model, *fork, tiny.n_vocab, tiny.tokens, kParted, {3, 1});
    CHECK(relative_error(there, from(tiny, tiny.logits, kParted)) <= kExactBound);
    const auto again = fork->fork(kParted);
    logits_of(*model, *fork, tiny.n_vocab, other, 0, {other.size()});
    CHECK(logits_of(*model, *again, tiny.n_vocab, tiny.tokens, kParted, {3, 1}) == there);
    CHECK(cache->fork(0) != nullptr);
  }
}

TEST_CASE("cuda sessions: what either device has stored the other one goes on from") {
  Accelerator* device = gpu();
  if (!device) return;
  ThreadPool pool(2);
  // Latent rows of 24 values that the CPU pads to 32, key heads of 12 that it pads to 16; windows.
  for (const char* name : {"deepseek_v3", "deepseek_v32", "qwen3_moe_sparse", "gpt_oss"}) {
    CAPTURE(std::string(name));
    const TinyModel tiny = read_model(name);
    const auto there = on_gpu(tiny.family->make_accelerated(*device, in_f32()));
    const auto here = tiny.family->make_fast(*portable_kernels(), pool, true, CacheType::kF32);
    const size_t held = tiny.tokens.size() - 4;
    for (Model* first : {there.get(), here.get()}) {
      Model& second = first == there.get() ? *here : *there;
      const auto before = cache_of(*first, tiny), after = cache_of(second, tiny);
      CHECK(before->layout() == after->layout());
      const std::span<const int32_t> known = std::span(tiny.tokens).first(held);
      logits_of(*first, *before, tiny.n_vocab, known, 0, {held});
      const std::vector<std::byte> bytes = stored(*before, static_cast<int64_t>(held));
      after->read(static_cast<int64_t>(held), bytes);
      CHECK(stored(*after, static_cast<int64_t>(held)) == bytes);  // zeros between the values too
      CHECK(relative_error(logits_of(second, *after, tiny.n_vocab, tiny.tokens, held, {2, 1}),
                           from(tiny, tiny.logits, held)) <= kExactBound);
    }
  }
}

TEST_CASE("cuda sessions: rows of bfloat16 are the CPU's too") {
  Accelerator* device = gpu();
  if (!device) return;
  ThreadPool pool(2);
  const auto made = make_model(small_config(), DType::kBF16);
  const auto there = on_gpu(device->make_deepseek_v2(made->config, made->weights, {}));
  const auto here =
      make_deepseek_v2_fast(made->config, made->weights, *portable_kernels(), pool, true, CacheType::kBf16);
  const int n_vocab = made->config.n_vocab;
  std::vector<int32_t> tokens(20);
  for (size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<int32_t>(i * 37 % 150);
  const std::vector<float> want = run_in_pieces(*here, made->config, tokens, {tokens.size()});
  constexpr size_t kHeld = 16;
  for (Model* first : {there.get(), here.get()}) {
    Model& second = first == there.get() ? *here : *there;
    const auto before = first->make_cache(20), after = second.make_cache(20);
    REQUIRE(before->layout() == after->layout());
    CHECK(before->layout() == "bf16 rows of 48 in 3 layers");
    logits_of(*first, *before, n_vocab, std::span(tokens).first(kHeld), 0, {kHeld});
    after->read(kHeld, stored(*before, kHeld));
    std::vector<float> errors;
    const std::vector<float> got = logits_of(second, *after, n_vocab, tokens, kHeld, {1});
    for (size_t t = 0; t < tokens.size() - kHeld; ++t)
      errors.push_back(static_cast<float>(relative_error(
          std::span(got).subspan(t * static_cast<size_t>(n_vocab), static_cast<size_t>(n_vocab)),
          std::span(want).subspan((kHeld + t) * static_cast<size_t>(n_vocab), static_cast<size_t>(n_vocab)))));
    std::sort(errors.begin(), errors.end());
    CHECK(errors[errors.size() / 2] <= 2e-2f);  // rounded to 8 bits of fraction some ten times from end to end
  }
}

TEST_CASE("cuda sessions: rows beyond what is copied at a time") {
  Accelerator* device = gpu();
  if (!device) return;
  const TinyModel tiny = read_model("deepseek_v2");
  const auto model = on_gpu(tiny.family->make_accelerated(*device, in_f32()));
  constexpr int64_t kRows = 150'000;  // of 128 bytes, 96 of them values
  const auto cache = model->make_cache(kRows);
  std::vector<std::byte> bytes(static_cast<size_t>(cache->stored_bytes(kRows)));
  std::mt19937 random(1);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = i % 128 < 96 ? static_cast<std::byte>(random()) : std::byte{0};
  cache->read(kRows, bytes);
  CHECK(stored(*cache, kRows) == bytes);
  const base::Status stopped = cache->write(kRows, [](auto) { return base::invalid("the disk is full"); });
  REQUIRE(!stopped);
  CHECK(stopped.error().message == "the disk is full");
}

TEST_CASE("cuda sessions: files go from one device to the other, and other types of rows are refused") {
  Accelerator* device = gpu();
  if (!device) return;
  ThreadPool pool(2);
  const TinyModel tiny = read_model("deepseek_v3");
  const auto there =
      std::make_shared<OneModel>(on_gpu(tiny.family->make_accelerated(*device, in_f32())), tiny.n_vocab, true);
  const auto here = std::make_shared<OneModel>(tiny.family->make_fast(*portable_kernels(), pool, true, CacheType::kF32),
                                               tiny.n_vocab, false);
  const std::vector<Token> known(tiny.tokens.begin(), tiny.tokens.end() - 1);
  const auto n_ctx = static_cast<int>(tiny.tokens.size());
  for (const auto& [first, second] : {std::pair(there, here), std::pair(here, there), std::pair(there, there)}) {
    const auto session = first->open_session(n_ctx);
    REQUIRE(session);
    REQUIRE((*session)->append(known, {}, {}));
    const std::string file = saved(**session);
    const auto restored = second->restore(std::as_bytes(std::span(file)));
    REQUIRE_MESSAGE(restored, restored.error().message);
    CHECK(std::ranges::equal((*restored)->tokens(), known));
    CHECK(std::ranges::equal((*restored)->logits(), (*session)->logits()));
    REQUIRE((*restored)->append(std::span(tiny.tokens).last(1), {}, {}));
    CHECK(relative_error((*restored)->logits(), from(tiny, tiny.logits, known.size())) <= kExactBound);
  }
  const auto rounded =
      std::make_shared<OneModel>(on_gpu(tiny.family->make_accelerated(*device, {})), tiny.n_vocab, true);
  const auto session = here->open_session(n_ctx);
  REQUIRE(session);
  REQUIRE((*session)->append(known, {}, {}));
  const std::string file = saved(**session);
  const auto refused = rounded->restore(std::as_bytes(std::span(file)));
  REQUIRE(!refused);
  CHECK(refused.error().message.find("bf16 rows of") != std::string::npos);
}

TEST_CASE("cuda sessions: a pool's prompts go on from forks of a pinned one") {
  Accelerator* device = gpu();
  if (!device) return;
  const TinyModel tiny = read_model("qwen3");
  const auto engine =
      std::make_shared<OneModel>(on_gpu(tiny.family->make_accelerated(*device, in_f32())), tiny.n_vocab, true);
  SessionPool pool(engine, {static_cast<int>(tiny.tokens.size()), uint64_t{64} << 20, 8});
  std::vector<Token> front(tiny.tokens.begin(), tiny.tokens.end() - 2);
  {
    auto lease = pool.take(front);
    REQUIRE(lease);
    REQUIRE((*lease)->sync(front, {}));
    lease->pin();
  }
  for (int round = 0; round < 2; ++round) {
    auto lease = pool.take(tiny.tokens);
    REQUIRE(lease);
    CHECK((*lease)->tokens().size() == (round == 0 ? front.size() : tiny.tokens.size()));  // there already
    REQUIRE((*lease)->sync(tiny.tokens, {}));
    CHECK(relative_error((*lease)->logits(), from(tiny, tiny.logits, tiny.tokens.size() - 1)) <= kExactBound);
    CHECK(pool.n_sessions() == 2);
  }
  CHECK(pool.memory_bytes() >= 2 * engine->session_bytes(static_cast<int>(tiny.tokens.size())) -
                                   2 * static_cast<uint64_t>(tiny.n_vocab) * sizeof(float));
}
