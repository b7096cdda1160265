// SPDX-License-Identifier: Apache-2.0
// Drafts by a model's own layer (multi-token prediction): the layer against tests/data/engine/make_drafts.py and
// make_drafts_v4.py, and the same tokens with and without it, whatever it guesses.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>

#include "base/file.h"
#include "engine/sampling.h"
#include "tests/engine/layer_drafts_kit.h"
#include "tests/engine/session_kit.h"
#include "tests/support/temp_dir.h"

namespace {

using namespace engine;
using namespace engine::test;

// The model with some of its tensors written over.
void write_changed(
    const ::test::TempDir& dir, const std::string& name,
    const std::function<void(const std::string& tensor, const TensorView& view, std::span<uint16_t> bf16)>& change) {
  auto bytes = base::read_file(kFamilies / name / "model.safetensors", 1 << 24);
  REQUIRE(bytes);
  TensorTable tensors;
  REQUIRE(read_safetensors(std::as_bytes(std::span(*bytes)), "model.safetensors", tensors));
  std::string changed = *bytes;
  for (const auto& [tensor, stored] : tensors) {
    std::vector<uint16_t> values(static_cast<size_t>(stored.view.size_bytes()) / 2);
    std::memcpy(values.data(), bytes->data() + stored.file_offset, values.size() * 2);
    change(tensor, stored.view, values);
    std::memcpy(changed.data() + stored.file_offset, values.data(), values.size() * 2);
  }
  dir.write("config.json", *base::read_file(kFamilies / name / "config.json", 1 << 20));
  dir.write("model.safetensors", changed);
}

constexpr uint16_t kOne = 0x3f80;  // 1 in bf16

// A model in which the next token depends on the last alone, and whose draft layer knows it.
void write_agreeing(const ::test::TempDir& dir, const std::string& name) {
  std::map<std::string, std::vector<uint16_t>> of_model;
  write_changed(dir, name, [&](const std::string& tensor, const TensorView&, std::span<uint16_t> values) {
    if (tensor.ends_with("norm.weight") || tensor.starts_with("hc_head_")) of_model[tensor].assign(values.begin(), values.end());
  });
  // Of the draft layer's tensors, those that are to be the model's.
  const auto twin = [](const std::string& tensor) -> std::string {
    if (tensor.ends_with("shared_head.norm.weight")) return "model.norm.weight";
    return tensor.starts_with("mtp.0.hc_head_") || tensor == "mtp.0.norm.weight" ? tensor.substr(6) : "";
  };
  write_changed(dir, name, [&](const std::string& tensor, const TensorView& view, std::span<uint16_t> values) {
    const auto has = [&](std::string_view part) { return tensor.find(part) != std::string::npos; };
    const bool zero = has("o_proj.weight") || has("down_proj") || has("wo_b.weight") || has(".w2.weight") || has(".h_proj.weight");
    const bool one = has("enorm.weight") || has("hc_attn_base") || has("hc_ffn_base");
    const bool join = has(".e_proj.weight") || has(".eh_proj.weight");
    if (zero || join) std::fill(values.begin(), values.end(), uint16_t{0});
    if (one) std::fill(values.begin(), values.end(), kOne);
    if (has("hc_attn_fn") || has("hc_ffn_fn")) std::fill(values.begin(), values.end(), uint16_t{0});
    if (const auto from = of_model.find(twin(tensor)); from != of_model.end())
      std::copy(from->second.begin(), from->second.end(), values.begin());
    for (int64_t i = 0; join && i < view.n_rows(); ++i) values[static_cast<size_t>(i * view.n_in() + i)] = kOne;
  });
}

}  // namespace

TEST_CASE("layer drafts: the layer's logits are those of the description, in every division, on every path") {
  ThreadPool pool(2);
  for (const char* name : {"deepseek_v3_draft", "deepseek_v32_draft", "deepseek_v4_draft", "deepseek_v4_renamed_draft"}) {
    CAPTURE(std::string(name));
    const TinyModel tiny = read_model(name);
    const std::vector<float> golden = golden_of(name);
    check_drafts(*tiny.family->make_reference(), tiny, golden);
    for (const FastKernels* kernels : all_kernels()) {
      CAPTURE(std::string(kernels->name));
      check_drafts(*tiny.family->make_fast(*kernels, pool, true), tiny, golden);
    }
    check_drafts(*tiny.family->make_fast(best_kernels(), pool, false), tiny, golden);
    check_model(*tiny.family->make_fast(best_kernels(), pool, true), tiny);
  }
}

TEST_CASE("layer drafts: DeepSeek V4's layer sees nothing before the first pair that a request names") {
  ThreadPool pool(2);
  const TinyModel tiny = read_model("deepseek_v4_draft");
  const auto n_vocab = static_cast<size_t>(tiny.n_vocab);
  for (const auto& model : {tiny.family->make_reference(), tiny.family->make_fast(best_kernels(), pool, true)}) {
    const Guesses all = guesses_of(*model, tiny, 0, {64});
    const size_t n = tiny.tokens.size() - 1, first = n - 3, width = static_cast<size_t>(model->draft_width());
    const auto last_pair = [&](Cache& cache, size_t from, size_t seen_from) {
      std::vector<float> logits(n_vocab);
      DraftRequest request;
      request.tokens = std::span(tiny.tokens).subspan(from + 1, n - from);
      request.states = all.states.data() + from * width;
      request.position = static_cast<int64_t>(from);
      request.first = static_cast<int64_t>(seen_from);
      request.cache = &cache;
      request.logits = logits.data();
      REQUIRE(model->draft(request));
      return logits;
    };
    const auto full = model->make_draft_cache(static_cast<int64_t>(n)), fresh = model->make_draft_cache(static_cast<int64_t>(n));
    for (size_t at = 0; at < n; at += 16) {  // all pairs before
      DraftRequest request;
      const size_t piece = std::min<size_t>(16, n - at);
      request.tokens = std::span(tiny.tokens).subspan(at + 1, piece);
      request.states = all.states.data() + at * width;
      request.position = static_cast<int64_t>(at);
      request.cache = full.get();
      REQUIRE(model->draft(request));
    }
    const std::vector<float> seeing_all = last_pair(*full, n - 1, 0), cut = last_pair(*full, n - 1, first);
    CHECK(last_pair(*fresh, first, first) == cut);
    CHECK(cut != seeing_all);
  }
}

TEST_CASE("layer drafts: the same tokens and log-probabilities with and without, for every seed") {
  for (const char* name : {"families/deepseek_v3_draft", "families/deepseek_v32_draft", "families/deepseek_v4_draft"})
    for (const auto& [numerics, cache] : {std::pair{Numerics::kFast, CacheType::kF32},
                                          {Numerics::kFast, CacheType::kBf16},
                                          {Numerics::kReference, CacheType::kAuto}}) {
      CAPTURE(std::string(name));
      CAPTURE(numerics);
      CAPTURE(cache);
      const auto engine = tiny(name, numerics, cache);
      CHECK(engine->info().has_draft_layer);
      int64_t drafted = 0;
      for (const float temperature : {0.0f, 0.7f})
        for (uint64_t seed = 0; seed < 2; ++seed) {
          GenerateOptions options;
          options.max_tokens = 40;
          options.sampling.temperature = temperature;
          options.sampling.seed = seed;
          const std::vector<Token> prompt = tokens_from(static_cast<int>(seed), 45, 96);
          const auto plain = open(engine, 128);
          const Run want = run(*plain, prompt, options, 4);
          CHECK(want.generated.n_drafted == 0);  // this session keeps nothing for the layer
          for (const int drafts : {1, 3, 1000})
            for (const int copies : {0, 8}) {
              const auto session = open_drafting(*engine, 128);
              const Run with = run(*session, prompt, options, drafts, copies);
              check_same(with, want);
              check_same(run(*session, prompt, options, drafts, copies),
                         want);  // once more, from the middle of its own timeline
              drafted += with.generated.n_drafted;
            }
        }
      CHECK(drafted > 0);
    }
}

TEST_CASE("layer drafts: a layer that knows what comes next is believed") {
  std::string name;
  SUBCASE("DeepSeek V3") { name = "deepseek_v3_draft"; }
  SUBCASE("DeepSeek V4") { name = "deepseek_v4_draft"; }
  const ::test::TempDir dir;
  write_agreeing(dir, name);
  const auto engine = Engine::load(dir.path(), {Numerics::kFast, 2});
  REQUIRE_MESSAGE(engine, engine.error().message);
  const std::vector<Token> prompt = tokens_from(4, 50, 96);
  const auto plain = open(*engine, 128);
  REQUIRE(plain->append(prompt, {}, {}));
  std::vector<Token> next = {argmax(plain->logits())};
  while (next.size() < 5) {
    REQUIRE(plain->append({&next.back(), 1}, {}, {}));
    next.push_back(argmax(plain->logits()));
  }
  const auto guess = [&](Session& session) {
    auto guesses = session.draft(next[0], 4, {});
    REQUIRE(guesses);
    return *guesses;
  };
  const std::vector<Token> want(next.begin() + 1, next.end());
  const auto session = open_drafting(**engine, 128);
  CHECK(guess(*session).empty());  // nothing was evaluated yet
  REQUIRE(session->append(prompt, {}, {}));
  CHECK(guess(*session) == want);
  CHECK(guess(*session) == want);  // the timeline is as it was
  CHECK(session->tokens().size() == prompt.size());
  CHECK(plain->draft(next[0], 4, {})->empty());
  CHECK_FALSE(session->draft(96, 4, {}));
  CHECK(session->draft(next[0], 0, {})->empty());
  auto fork = session->fork();
  REQUIRE(fork);
  CHECK(guess(**fork) == want);
  // Guesses go on behind a token that followed as guessed, behind another, and after going back.
  REQUIRE(session->append({&next[0], 1}, {}, {}));
  CHECK(session->draft(next[1], 1, {}).value() == std::vector<Token>{next[2]});
  session->rewind(static_cast<int>(prompt.size()));
  CHECK(guess(*session) == want);
  session->rewind(7);
  CHECK(guess(*session).empty());  // the state behind token 6 is gone
  REQUIRE(session->append(std::span(prompt).subspan(7), {}, {}));
  CHECK(guess(*session) == want);
  CHECK(guess(**fork) == want);
  CHECK(session->memory_bytes() > plain->memory_bytes());
  // Together with others, some of which keep no states.
  const auto other = open(*engine, 128);
  REQUIRE(other->append(prompt, {}, {}));
  const std::vector<Session*> both = {session.get(), other.get(), fork->get()};
  REQUIRE((*engine)->step(both, std::vector<Token>{next[0], next[0], next[0]}, {}));
  CHECK(session->draft(next[1], 3, {}).value() == std::vector<Token>(next.begin() + 2, next.end()));
  CHECK((*fork)->draft(next[1], 3, {}).value() == std::vector<Token>(next.begin() + 2, next.end()));
  CHECK(other->draft(next[1], 3, {}).value().empty());
  // No room beyond the context.
  const auto full = open_drafting(**engine, static_cast<int>(prompt.size()) + 1);
  REQUIRE(full->append(prompt, {}, {}));
  CHECK(guess(*full) == std::vector<Token>(want.begin(), want.begin() + 2));

  GenerateOptions options;
  options.max_tokens = 60;
  const Run without = run(*open(*engine, 128), prompt, options, 0);
  const Run with = run(*open_drafting(**engine, 128), prompt, options, 4);
  check_same(with, without);
  CHECK(with.generated.n_drafted > 0);
  CHECK(with.generated.n_accepted >= with.generated.n_drafted - 4);  // but for the last, beyond what was asked for
}

TEST_CASE("layer drafts: where a window of the past was lost, guesses start anew") {
  const ::test::TempDir dir;
  write_agreeing(dir, "deepseek_v4_draft");
  const auto engine = Engine::load(dir.path(), {Numerics::kReference, 1});
  REQUIRE_MESSAGE(engine, engine.error().message);
  const std::vector<Token> prompt = tokens_from(4, 50, 96);
  const auto session = open_drafting(**engine, 128);
  REQUIRE(session->append(prompt, {}, {}));
  const std::vector<Token> want = *session->draft(prompt[0], 4, {});
  REQUIRE(want.size() == 4);
  REQUIRE(session->append({&prompt[0], 1}, {}, {}));  // forgets the states of all pairs before
  CHECK(session->draft(prompt[0], 4, {})->size() == 4);
  // The model can go back to here, the layer with its guesses in the cache no longer.
  session->rewind(20);
  REQUIRE(session->tokens().size() == 20);
  CHECK(session->draft(prompt[0], 4, {})->empty());
  REQUIRE(session->append(std::span(prompt).subspan(20, 3), {}, {}));
  CHECK(*session->draft(prompt[0], 4, {}) == want);
  session->rewind(22);
  CHECK(*session->draft(prompt[0], 4, {}) == want);
  auto fork = session->fork();
  REQUIRE(fork);
  CHECK(*(*fork)->draft(prompt[0], 4, {}) == want);
  session->rewind(3);  // not even the model keeps so much
  CHECK(session->tokens().empty());
  REQUIRE(session->append(prompt, {}, {}));
  CHECK(*session->draft(prompt[0], 4, {}) == want);
}

TEST_CASE("layer drafts: models without the layer, and stored sessions, say so") {
  SessionOptions options;
  options.drafts = true;
  const auto none = tiny("families/deepseek_v3");
  CHECK_FALSE(none->info().has_draft_layer);
  const auto refused = none->open_session_with(16, options);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == base::ErrorCode::kInvalidArgument);
  CHECK(refused.error().message.find("no draft layer") != std::string::npos);
  const auto engine = tiny("families/deepseek_v3_draft");
  const ::test::TempDir dir;
  const auto session = open_drafting(*engine, 64);
  REQUIRE(session->append(tokens_from(1, 20, 96), {}, {}));
  REQUIRE(session->save(dir.path() / "one"));
  CHECK(engine->restore_session(dir.path() / "one"));
  const auto restored = engine->restore_session(dir.path() / "one", 0, options);
  REQUIRE_FALSE(restored);
  CHECK(restored.error().message.find("not stored") != std::string::npos);
}

TEST_CASE("layer drafts: a layer that is there in part, or of other shapes, is named") {
  const ::test::TempDir dir;
  const auto check = [&](const std::string& model, std::initializer_list<const char*> names) {
    const std::string bytes = *base::read_file(kFamilies / model / "model.safetensors", 1 << 24);
    dir.write("config.json", *base::read_file(kFamilies / model / "config.json", 1 << 20));
    for (const std::string name : names) {
      const auto error_of = [&](const std::string& changed) {
        dir.write("model.safetensors", changed);
        const auto engine = Engine::load(dir.path(), {});
        REQUIRE_FALSE(engine);
        CHECK(engine.error().code == base::ErrorCode::kCorrupt);
        CHECK_MESSAGE(engine.error().message.find(name) != std::string::npos, engine.error().message);
      };
      const size_t at = bytes.find('"' + name + '"');
      REQUIRE(at != std::string::npos);
      std::string changed = bytes;
      changed[at + name.size()] = 'x';
      error_of(changed);
      changed = bytes;
      const size_t shape = bytes.find("\"shape\":[", at) + 9;
      if (const size_t comma = bytes.find_first_of(",]", shape); bytes[comma] == ',') {  // [24,32] has as many values as [2432]
        const size_t end = bytes.find(']', shape);
        const std::string rows = bytes.substr(shape, comma - shape), columns = bytes.substr(comma + 1, end - comma - 1);
        if (rows == columns) continue;
        changed.replace(shape, end - shape, columns + "," + rows);
        error_of(changed);
      }
    }
  };
  check("deepseek_v3_draft",
        {"model.layers.2.hnorm.weight", "model.layers.2.self_attn.kv_b_proj.weight", "model.layers.2.mlp.gate.weight"});
  check("deepseek_v4_draft",
        {"mtp.0.e_proj.weight", "mtp.0.h_proj.weight", "mtp.0.norm.weight", "mtp.0.attn.wq_b.weight", "mtp.0.ffn.gate.bias",
         "mtp.0.ffn.experts.7.w2.weight", "mtp.0.hc_head_fn", "mtp.0.hc_attn_base"});
}
