// SPDX-License-Identifier: Apache-2.0
// LoRA adapters against Hugging Face's PEFT and merged weights (tests/data/engine/adapters), alone and side by side.
#include <doctest/doctest.h>

#include <algorithm>

#include "engine/families/deepseek_v2/family.h"
#include "engine/session_pool.h"
#include "tests/engine/adapter_kit.h"
#include "tests/engine/synthetic_model.h"
#include "tests/engine/tiny_model.h"
#include "tests/support/temp_dir.h"

namespace {

using namespace engine;
using namespace engine::test;

const std::string kData = std::string(GRAFT_SOURCE_DIR) + "/tests/data/engine/";

std::shared_ptr<const Adapter> load(const std::shared_ptr<const Engine>& engine, const std::filesystem::path& folder) {
  auto adapter = engine->load_adapter(folder);
  REQUIRE_MESSAGE(adapter, adapter.error().message);
  return *adapter;
}

std::unique_ptr<Session> open(const std::shared_ptr<const Engine>& engine, int n_ctx,
                              const std::shared_ptr<const Adapter>& adapter) {
  auto session = engine->open_session_with(n_ctx, {adapter});
  REQUIRE_MESSAGE(session, session.error().message);
  CHECK((*session)->adapter() == adapter);
  return std::move(*session);
}

std::vector<float> logits_alone(const std::shared_ptr<const Engine>& engine,
                                const std::shared_ptr<const Adapter>& adapter, const std::vector<Token>& tokens) {
  const auto session = open(engine, 256, adapter);
  REQUIRE(session->append(tokens, {}, {}));
  return copy(session->logits());
}

const nlohmann::json kConfig = {{"peft_type", "LORA"}, {"r", 5}, {"lora_alpha", 10}};

}  // namespace

TEST_CASE("adapter: logits and greedy text are those of the merged weights, in every family, on every path") {
  ThreadPool pool(2);
  for (const char* name :
       {"llama", "qwen2", "qwen3", "mistral", "gpt_oss", "qwen3_moe", "deepseek_v3", "deepseek_v32", "deepseek_v4_renamed"}) {
    CAPTURE(std::string(name));
    const AdaptedModel adapted = read_adapted(name);
    const AdapterWeights* adapter = &adapted.adapter.weights;
    check_model(*adapted.tiny.family->make_reference(), adapted.tiny, adapter);
    for (const FastKernels* kernels : all_kernels()) {
      CAPTURE(std::string(kernels->name));
      check_model(*adapted.tiny.family->make_fast(*kernels, pool, true), adapted.tiny, adapter);
    }
    check_model(*adapted.tiny.family->make_fast(best_kernels(), pool, false), adapted.tiny, adapter);
  }
}

TEST_CASE("adapter: a model from GGUF takes the same files, whatever order its rows are in") {
  ThreadPool pool(2);
  for (const char* name : {"llama", "deepseek_v3"}) {
    CAPTURE(std::string(name));
    const AdaptedModel adapted = read_adapted(name, Container::kGguf);
    check_model(*adapted.tiny.family->make_reference(), adapted.tiny, &adapted.adapter.weights);
    check_model(*adapted.tiny.family->make_fast(best_kernels(), pool, true), adapted.tiny, &adapted.adapter.weights);
  }
}

TEST_CASE("adapter: quantised weights and split key heads, fast against plain") {
  ThreadPool pool(2);
  for (const DType type : {DType::kF32, DType::kQ8_0})
    for (const KvForm form : {KvForm::kJoined, KvForm::kSplit}) {
      DeepseekV2Config config = small_config();
      if (type != DType::kF32) {  // no experts: 8 bits could choose others
        config.n_experts = 0;
        config.n_dense_layers = config.n_layers;
      }
      const auto synthetic = make_model(config, type, form);
      const auto family = deepseek_v2_family(synthetic->config, synthetic->weights);
      const std::vector<LinearModule> modules = family->linear_modules();
      const ::test::TempDir dir;
      write_adapter(dir.path(), kConfig, random_adapter(modules, 5, 1, 3));
      auto adapter = read_peft_adapter(dir.path(), modules);
      REQUIRE_MESSAGE(adapter, adapter.error().message);
      const std::vector<int32_t> tokens = tokens_from(3, 20, synthetic->config.n_vocab);
      const auto run = [&](std::unique_ptr<Model> model, const AdapterWeights* weights) {
        const auto cache = model->make_cache(20);
        return logits_of(*model, *cache, synthetic->config.n_vocab, tokens, 0, {20}, weights);
      };
      const std::vector<float> want = run(family->make_reference(), &adapter->weights);
      CHECK(relative_error(run(family->make_reference(), nullptr), want) > 0.2);
      for (const FastKernels* kernels : all_kernels())  // 8-bit activations in the model's own products alone
        CHECK(relative_error(run(family->make_fast(*kernels, pool, true), &adapter->weights), want) <=
              (type == DType::kF32 ? 1e-4 : 0.1));
    }
}

TEST_CASE("adapter: sessions with different adapters step together with the bits that each gets alone") {
  for (const char* name : {"llama", "qwen3_moe", "deepseek_v3", "deepseek_v32", "deepseek_v4_renamed"})
    for (const Numerics numerics : {Numerics::kFast, Numerics::kReference}) {
      CAPTURE(std::string(name));
      const auto engine = tiny(std::string("families/") + name, numerics);
      const TinyModel model = read_model(name);
      const ::test::TempDir dir;
      write_adapter(dir.path() / "other", kConfig, random_adapter(model.family->linear_modules(), 5, 3, 9));
      const std::vector<std::shared_ptr<const Adapter>> adapters = {nullptr, load(engine, kData + "adapters/" + name),
                                                                    load(engine, dir.path() / "other")};
      CHECK(adapters[1]->info().n_modules > 0);
      CHECK(adapters[2]->info().max_rank == 5);
      std::vector<std::unique_ptr<Session>> sessions;
      std::vector<Session*> all;
      std::vector<std::vector<Token>> tokens;
      for (int i = 0; i < 7; ++i) {
        tokens.push_back(tokens_from(i * 11, 3 + i * 13 % 70, model.n_vocab));
        sessions.push_back(open(engine, 128, adapters[static_cast<size_t>(i % 3)]));
        REQUIRE(sessions.back()->append(tokens.back(), {}, {}));
      }
      auto fork = sessions[4]->fork();  // keeps its adapter
      REQUIRE(fork);
      CHECK((*fork)->adapter() == adapters[1]);
      tokens.push_back(tokens[4]);
      sessions.push_back(std::move(*fork));
      for (const auto& session : sessions) all.push_back(session.get());
      for (int s = 0; s < 3; ++s) {
        std::vector<Token> next;
        for (size_t i = 0; i < all.size(); ++i) {
          next.push_back(5 + (static_cast<int>(i) * 7 + s) % 80);
          tokens[i].push_back(next.back());
        }
        REQUIRE(engine->step(all, next, {}));
      }
      for (size_t i = 0; i < all.size(); ++i)
        CHECK(copy(all[i]->logits()) == logits_alone(engine, i == 7 ? adapters[1] : adapters[i % 3], tokens[i]));
      CHECK(copy(all[3]->logits()) ==
            logits_alone(tiny(std::string("families/") + name, numerics), nullptr, tokens[3]));
      // Back to one token, which is evaluated again under the same adapter.
      all[1]->rewind(1);
      REQUIRE(all[1]->sync(tokens[1], {}));
      CHECK(copy(all[1]->logits()) == logits_alone(engine, adapters[1], tokens[1]));
      CHECK(copy(all[1]->logits()) != logits_alone(engine, adapters[2], tokens[1]));
    }
}

TEST_CASE("adapter: a saved session is restored with its adapter and with no other") {
  const ::test::TempDir dir;
  const std::vector<Token> past = tokens_from(3, 30, 96), more = tokens_from(8, 3, 96);
  const auto path = dir.path() / "one.session", bare = dir.path() / "bare.session";
  std::vector<float> saved, next;
  {
    const auto engine = tiny("families/llama");
    const auto session = open(engine, 64, load(engine, kData + "adapters/llama"));
    REQUIRE(session->append(past, {}, {}));
    saved = copy(session->logits());
    REQUIRE(session->save(path));
    REQUIRE(session->append(more, {}, {}));
    next = copy(session->logits());
    REQUIRE(open(engine, 64, nullptr)->save(bare));
  }
  const auto engine = tiny("families/llama");
  write_adapter(dir.path() / "other", kConfig, random_adapter(read_model("llama").family->linear_modules(), 5, 3, 9));
  const auto adapter = load(engine, kData + "adapters/llama"), other = load(engine, dir.path() / "other");
  auto session = engine->restore_session(path, 0, {adapter});
  REQUIRE_MESSAGE(session, session.error().message);
  CHECK((*session)->adapter() == adapter);
  CHECK(copy((*session)->logits()) == saved);
  REQUIRE((*session)->append(more, {}, {}));
  CHECK(copy((*session)->logits()) == next);
  const auto refused = [&](const std::filesystem::path& file, const std::shared_ptr<const Adapter>& with,
                           const char* words) {
    const auto restored = engine->restore_session(file, 0, {with});
    REQUIRE_FALSE(restored);
    CHECK(restored.error().code == base::ErrorCode::kInvalidArgument);
    CHECK_MESSAGE(restored.error().message.find(words) != std::string::npos, restored.error().message);
  };
  refused(path, nullptr, "held under an adapter");
  refused(path, other, "another adapter");
  refused(bare, adapter, "without an adapter");
  CHECK(engine->restore_session(bare));
  // The scale is part of what an adapter is.
  std::filesystem::copy(kData + "adapters/llama", dir.path() / "louder");
  auto config = nlohmann::json::parse(*base::read_file(dir.path() / "louder/adapter_config.json", 1 << 16));
  config["lora_alpha"] = 7;
  REQUIRE(base::write_file_atomic(dir.path() / "louder/adapter_config.json", config.dump()));
  refused(path, load(engine, dir.path() / "louder"), "another adapter");
}

TEST_CASE("adapter: a pool shares no prompt between adapters") {
  const auto engine = tiny("families/llama");
  const auto adapter = load(engine, kData + "adapters/llama");
  SessionPool pool(engine, {256, uint64_t{64} << 20, 8});
  const std::vector<Token> prompt = tokens_from(1, 60, 96);
  const auto logits = [&](const std::shared_ptr<const Adapter>& with, size_t held) {
    auto lease = pool.take(prompt, with);
    REQUIRE(lease);
    CHECK((*lease)->tokens().size() == held);
    CHECK((*lease)->adapter() == with);
    REQUIRE((*lease)->sync(prompt, {}));
    return copy((*lease)->logits());
  };
  const std::vector<float> plain = logits(nullptr, 0), changed = logits(adapter, 0);
  CHECK(plain != changed);
  CHECK(logits(nullptr, 60) == plain);
  CHECK(logits(adapter, 60) == changed);
  CHECK(pool.n_sessions() == 2);
}

TEST_CASE("adapter: another engine's adapter and another model's are refused") {
  const auto engine = tiny("families/llama"), twin = tiny("families/llama"), v41 = tiny("families/deepseek_v41");
  const auto adapter = load(engine, kData + "adapters/llama");
  const auto opened = twin->open_session_with(16, {adapter});
  REQUIRE_FALSE(opened);
  CHECK(opened.error().message.find("another engine") != std::string::npos);
  const auto none = v41->load_adapter(kData + "adapters/llama");
  REQUIRE_FALSE(none);
  CHECK(none.error().message.find("no linear layer of this name") != std::string::npos);
}
