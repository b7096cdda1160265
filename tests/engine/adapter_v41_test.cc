// SPDX-License-Identifier: Apache-2.0
// LoRA adapters of DeepSeek V4.1, which transformers and so PEFT do not have: held against weights that hold the same
// change.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/json.h"
#include "engine/formats/dequantize.h"
#include "engine/sampling.h"
#include "tests/engine/adapter_kit.h"
#include "tests/engine/synthetic_model.h"
#include "tests/engine/tiny_model.h"
#include "tests/support/temp_dir.h"

namespace {

using namespace engine;
using namespace engine::test;

constexpr int kRank = 5;
constexpr float kScale = 2.0f;  // lora_alpha / r
const nlohmann::json kConfig = {{"peft_type", "LORA"}, {"r", kRank}, {"lora_alpha", 10}};
const std::string kPrefix = "base_model.model.";

// A module's name without its layer and expert.
std::string kind_of(const std::string& module) {
  std::string kind;
  for (size_t i = 0; i < module.size(); ++i) {
    const bool number = i > 0 && module[i - 1] == '.' && module[i] >= '0' && module[i] <= '9';
    if (!number) {
      kind += module[i];
      continue;
    }
    while (i + 1 < module.size() && module[i + 1] != '.') ++i;
    kind += 'N';
  }
  return kind;
}

// The model with W + scale * B * A in place of each W that `matrices` change, in f32.
struct Merged {
  TensorTable tensors;
  std::map<std::string, std::vector<float>> values;
  std::unique_ptr<const Family> family;
};

std::unique_ptr<Merged> merge(const TinyModel& tiny, const std::string& folder,
                              const std::vector<NamedMatrix>& matrices) {
  auto merged = std::make_unique<Merged>();
  merged->tensors = tiny.folder.tensors;
  for (size_t i = 0; i + 1 < matrices.size(); i += 2) {
    const NamedMatrix &a = matrices[i], &b = matrices[i + 1];
    std::string name = a.name.substr(kPrefix.size());
    name = name.substr(0, name.find(".lora_A")) + ".weight";
    CAPTURE(name);
    REQUIRE(merged->tensors.contains(name));
    TensorView& view = merged->tensors.find(name)->second.view;
    const int64_t n_out = view.n_rows(), n_in = view.n_in();
    REQUIRE(b.n_rows == n_out);
    REQUIRE(a.n_in == n_in);
    std::vector<float>& w = merged->values[name];
    w.resize(static_cast<size_t>(n_out * n_in));
    for (int64_t o = 0; o < n_out; ++o) {
      float* row = w.data() + o * n_in;
      dequantize_row(view, o, {row, static_cast<size_t>(n_in)});
      for (int64_t j = 0; j < n_in; ++j) {
        double sum = 0;
        for (int64_t r = 0; r < kRank; ++r)
          sum += static_cast<double>(b.values[static_cast<size_t>(o * kRank + r)]) *
                 static_cast<double>(a.values[static_cast<size_t>(r * n_in + j)]);
        row[j] += kScale * static_cast<float>(sum);
      }
    }
    view.type = DType::kF32;
    view.data = reinterpret_cast<const std::byte*>(w.data());
    view.scales = {};
  }
  const auto config = base::parse_json(*base::read_file(
      std::string(GRAFT_SOURCE_DIR) + "/tests/data/engine/families/" + folder + "/config.json", 1 << 20));
  REQUIRE(config);
  auto family = family_from_hf(*config, merged->tensors, &*tiny.tokenizer);
  REQUIRE_MESSAGE(family, family.error().message);
  merged->family = std::move(*family);
  return merged;
}

std::vector<float> whole_logits(Model& model, const TinyModel& tiny, const AdapterWeights* adapter) {
  const auto cache = model.make_cache(static_cast<int64_t>(tiny.tokens.size()));
  return logits_of(model, *cache, tiny.n_vocab, tiny.tokens, 0, {tiny.tokens.size()}, adapter);
}

PeftAdapter read_back(const std::vector<NamedMatrix>& matrices, const std::vector<LinearModule>& modules) {
  const ::test::TempDir dir;
  write_adapter(dir.path(), kConfig, matrices);
  auto adapter = read_peft_adapter(dir.path(), modules);
  REQUIRE_MESSAGE(adapter, adapter.error().message);
  return std::move(*adapter);
}

// Gives `tiny` the logits and greedy text of the merged model.
void expect(TinyModel& tiny, const Merged& merged) {
  const auto model = merged.family->make_reference();
  const size_t n_greedy = tiny.greedy.size(), n_vocab = static_cast<size_t>(tiny.n_vocab);
  tiny.logits = whole_logits(*model, tiny, nullptr);
  tiny.greedy.clear();
  std::vector<int32_t> tokens = tiny.tokens;
  const auto cache = model->make_cache(static_cast<int64_t>(tokens.size() + n_greedy));
  size_t done = 0;
  for (size_t i = 0; i < n_greedy; ++i) {
    const std::vector<float> logits =
        logits_of(*model, *cache, tiny.n_vocab, tokens, done, {tokens.size() - done}, nullptr);
    done = tokens.size();
    tiny.greedy.push_back(argmax(std::span(logits).last(n_vocab)));
    tokens.push_back(tiny.greedy.back());
  }
}

}  // namespace

TEST_CASE(
    "adapter: each kind of V4.1's linear layers does what its merged weights do, stored in bf16 and as it is "
    "released") {
  for (const char* name : {"deepseek_v41", "deepseek_v41_fp8"}) {
    CAPTURE(std::string(name));
    const TinyModel tiny = read_model(name);
    const std::vector<LinearModule> all = tiny.family->linear_modules();
    std::map<std::string, std::vector<LinearModule>> kinds;
    for (const LinearModule& module : all) kinds[kind_of(module.name)].push_back(module);
    std::set<std::string> names;
    for (const auto& [kind, modules] : kinds) names.insert(kind);
    const std::set<std::string> wanted = {"head",
                                          "layers.N.attn.compressor.wgate",
                                          "layers.N.attn.compressor.wkv",
                                          "layers.N.attn.indexer.weights_proj",
                                          "layers.N.attn.indexer.wk",
                                          "layers.N.attn.indexer.wq_b",
                                          "layers.N.attn.wkv",
                                          "layers.N.attn.wo_b",
                                          "layers.N.attn.wq_a",
                                          "layers.N.attn.wq_b",
                                          "layers.N.engram.wkv",
                                          "layers.N.ffn.experts.N.w1",
                                          "layers.N.ffn.experts.N.w2",
                                          "layers.N.ffn.experts.N.w3",
                                          "layers.N.ffn.shared_experts.w1",
                                          "layers.N.ffn.shared_experts.w2",
                                          "layers.N.ffn.shared_experts.w3"};
    CHECK(names == wanted);
    const std::vector<float> plain = whole_logits(*tiny.family->make_reference(), tiny, nullptr);
    ThreadPool pool(2);
    for (const auto& [kind, modules] : kinds) {
      CAPTURE(kind);
      const std::vector<NamedMatrix> matrices = random_adapter(modules, kRank, 1, 11);
      const auto merged = merge(tiny, name, matrices);
      const std::vector<float> want = whole_logits(*merged->family->make_reference(), tiny, nullptr);
      CHECK(relative_error(plain, want) > 1e-3);
      const PeftAdapter adapter = read_back(matrices, all);
      CHECK(adapter.n_modules == static_cast<int>(modules.size()));
      CHECK(relative_error(whole_logits(*tiny.family->make_reference(), tiny, &adapter.weights), want) <= 1e-4);
      // Experts as they are released meet activations of 8 bits there, which choose others.
      if (name == std::string("deepseek_v41"))
        CHECK(relative_error(whole_logits(*tiny.family->make_fast(best_kernels(), pool, true), tiny, &adapter.weights),
                             want) <= 1e-4);
    }
  }
}

TEST_CASE("adapter: V4.1 on every path, in chunks, token by token and after going back") {
  ThreadPool pool(2);
  TinyModel tiny = read_model("deepseek_v41");
  const std::vector<LinearModule> all = tiny.family->linear_modules();
  const std::vector<NamedMatrix> matrices = random_adapter(all, kRank, 3, 5);
  const auto merged = merge(tiny, "deepseek_v41", matrices);
  expect(tiny, *merged);
  const PeftAdapter adapter = read_back(matrices, all);
  check_model(*tiny.family->make_reference(), tiny, &adapter.weights);
  for (const FastKernels* kernels : all_kernels()) {
    CAPTURE(std::string(kernels->name));
    check_model(*tiny.family->make_fast(*kernels, pool, true), tiny, &adapter.weights);
  }
}

TEST_CASE("adapter: V4.1's sessions with different adapters step together with the bits that each gets alone") {
  for (const Numerics numerics : {Numerics::kFast, Numerics::kReference}) {
    const auto engine = tiny("families/deepseek_v41", numerics);
    const TinyModel model = read_model("deepseek_v41");
    const ::test::TempDir dir;
    std::vector<std::shared_ptr<const Adapter>> adapters = {nullptr};
    for (const uint32_t seed : {3u, 4u}) {
      const auto folder = dir.path() / std::to_string(seed);
      write_adapter(folder, kConfig, random_adapter(model.family->linear_modules(), kRank, 1, seed));
      auto adapter = engine->load_adapter(folder);
      REQUIRE_MESSAGE(adapter, adapter.error().message);
      adapters.push_back(*adapter);
    }
    const auto open = [&](size_t i) {
      auto session = engine->open_session_with(128, {adapters[i % 3]});
      REQUIRE_MESSAGE(session, session.error().message);
      return std::move(*session);
    };
    std::vector<std::unique_ptr<Session>> sessions;
    std::vector<Session*> all;
    std::vector<std::vector<Token>> tokens;
    for (size_t i = 0; i < 7; ++i) {
      tokens.push_back(tokens_from(static_cast<int>(i) * 11, 3 + static_cast<int>(i) * 13 % 70, model.n_vocab));
      sessions.push_back(open(i));
      REQUIRE(sessions.back()->append(tokens.back(), {}, {}));
      all.push_back(sessions.back().get());
    }
    for (int s = 0; s < 4; ++s) {
      std::vector<Token> next;
      for (size_t i = 0; i < all.size(); ++i) {
        next.push_back(5 + (static_cast<int>(i) * 7 + s) % 80);
        tokens[i].push_back(next.back());
      }
      REQUIRE(engine->step(all, next, {}));
    }
    for (size_t i = 0; i < all.size(); ++i) {
      CAPTURE(i);
      const auto alone = open(i);
      REQUIRE(alone->append(tokens[i], {}, {}));
      CHECK(copy(all[i]->logits()) == copy(alone->logits()));
      const auto path = dir.path() / "one.session";
      REQUIRE(sessions[i]->save(path));
      auto back = engine->restore_session(path, 0, {adapters[i % 3]});
      REQUIRE_MESSAGE(back, back.error().message);
      CHECK(copy((*back)->logits()) == copy(all[i]->logits()));
      CHECK_FALSE(engine->restore_session(path, 0, {adapters[(i + 1) % 3]}));
    }
  }
}

TEST_CASE("adapter: what V4.1 has no plain linear layer for is refused by name") {
  const TinyModel tiny = read_model("deepseek_v41");
  const std::vector<LinearModule> modules = tiny.family->linear_modules();
  const auto refused = [&](const std::string& name, int64_t n_out, int64_t n_in) {
    CAPTURE(name);
    std::vector<LinearModule> one = {{name, n_out, n_in, {}}};
    const ::test::TempDir dir;
    write_adapter(dir.path(), kConfig, random_adapter(one, kRank, 1, 1));
    const auto adapter = read_peft_adapter(dir.path(), modules);
    REQUIRE_FALSE(adapter);
    CHECK_MESSAGE(adapter.error().message.find(name) != std::string::npos, adapter.error().message);
    CHECK_MESSAGE(adapter.error().message.find("no linear layer of this name") != std::string::npos,
                  adapter.error().message);
  };
  refused("layers.2.attn.wo_a", 24, 64);
  refused("layers.2.ffn.gate", 8, 32);
  refused("layers.1.engram.embed", 152, 16);
  refused("embed", 304, 32);
  refused("layers.3.attn.indexer.wq_b", 256, 24);  // a layer that follows another's choice
  refused("layers.4.attn.compressor.wgate", 32, 32);
  refused("model.layers.0.self_attn.q_a_proj", 24, 32);  // V4's names
  refused("mtp.0.main_proj", 32, 96);
}
