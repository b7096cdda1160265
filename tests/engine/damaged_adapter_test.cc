// SPDX-License-Identifier: Apache-2.0
// Adapters whose files lie, end early, or ask for what is not computed.
#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "engine/lora/peft.h"
#include "tests/engine/adapter_kit.h"
#include "tests/support/temp_dir.h"

namespace {

using namespace engine;
using namespace engine::test;
using nlohmann::json;

const std::vector<LinearModule> kModules = [] {
  static const float weights[2] = {};
  return std::vector<LinearModule>{{"model.layers.0.self_attn.q_proj", 6, 4, {{weights, 0, 6}}},
                                   {"model.layers.1.mlp.up_proj", 3, 4, {{weights + 1, 0, 3}}}};
}();
const json kConfig = {
    {"peft_type", "LORA"}, {"r", 2}, {"lora_alpha", 4}, {"bias", "none"}, {"target_modules", {"q_proj"}}};
const std::string kA = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight",
                  kB = "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight";

std::vector<NamedMatrix> whole() {
  return random_adapter(std::span(kModules).first(1), 2, 1, 1);
}

base::Result<PeftAdapter> load(const json& config, const std::string& tensors) {
  const ::test::TempDir dir;
  dir.write("adapter_config.json", config.is_string() ? config.get<std::string>() : config.dump());
  dir.write("adapter_model.safetensors", tensors);
  return read_peft_adapter(dir.path(), kModules);
}

void refused(const base::Result<PeftAdapter>& adapter, base::ErrorCode code,
             std::initializer_list<std::string_view> words) {
  REQUIRE_FALSE(adapter);
  CHECK_MESSAGE(adapter.error().code == code, adapter.error().message);
  for (const std::string_view word : words)
    CHECK_MESSAGE(adapter.error().message.find(word) != std::string::npos, adapter.error().message);
}

constexpr auto kInvalid = base::ErrorCode::kInvalidArgument;
constexpr auto kCorrupt = base::ErrorCode::kCorrupt;

}  // namespace

TEST_CASE("damaged adapter: a whole one is read; a file that ends early is corrupt at every byte") {
  const std::string bytes = safetensors_bytes(whole());
  const auto adapter = load(kConfig, bytes);
  REQUIRE_MESSAGE(adapter, adapter.error().message);
  CHECK(adapter->n_modules == 1);
  CHECK(adapter->max_rank == 2);
  CHECK(adapter->size_bytes == (64 + 32) * 4);  // rows and columns in whole panels
  CHECK(adapter->weights.find(kModules[0].parts[0].key) != nullptr);
  CHECK(adapter->weights.find(kModules[1].parts[0].key) == nullptr);
  CHECK(adapter->weights.find(nullptr) == nullptr);
  for (size_t n = 0; n < bytes.size(); ++n) {
    const auto cut = load(kConfig, bytes.substr(0, n));
    REQUIRE_FALSE(cut);
    CHECK(cut.error().code == kCorrupt);
  }
}

TEST_CASE("damaged adapter: settings that would change results are refused by name") {
  const std::string bytes = safetensors_bytes(whole());
  const auto with = [&](const char* key, const json& value) {
    json config = kConfig;
    config[key] = value;
    return load(config, bytes);
  };
  refused(with("peft_type", "ADALORA"), kInvalid, {"peft_type", "ADALORA"});
  refused(with("bias", "all"), kInvalid, {"bias"});
  refused(with("use_dora", true), kInvalid, {"use_dora", "DoRA"});
  refused(with("modules_to_save", {"lm_head"}), kInvalid, {"modules_to_save"});
  refused(with("trainable_token_indices", {1, 2}), kInvalid, {"trainable_token_indices"});
  refused(with("target_parameters", {"experts.gate_up_proj"}), kInvalid, {"target_parameters"});
  refused(with("layer_replication", {{0, 1}}), kInvalid, {"layer_replication"});
  refused(with("alora_invocation_tokens", {5}), kInvalid, {"alora_invocation_tokens"});
  refused(with("fan_in_fan_out", true), kInvalid, {"fan_in_fan_out"});
  refused(with("lora_bias", true), kInvalid, {"lora_bias"});
  refused(with("init_lora_weights", "pissa_niter_4"), kInvalid, {"init_lora_weights", "pissa_niter_4"});
  CHECK(with("init_lora_weights", "gaussian"));
  CHECK(with("init_lora_weights", true));
  CHECK(with("modules_to_save", json()));
  CHECK(with("use_dora", false));
}

TEST_CASE("damaged adapter: ranks and scales that are none") {
  const std::string bytes = safetensors_bytes(whole());
  const auto with = [&](const char* key, const json& value) {
    json config = kConfig;
    config[key] = value;
    return load(config, bytes);
  };
  for (const json& rank : {json(0), json(-3), json(5000)}) refused(with("r", rank), kCorrupt, {"rank", "1..4096"});
  refused(with("r", 2.5), kCorrupt, {"\"r\""});
  refused(with("r", json()), kCorrupt, {"\"r\"", "missing"});
  refused(with("r", 3), kCorrupt, {kA, "[2, 4]", "[3, 4]"});
  refused(with("lora_alpha", "loud"), kCorrupt, {"lora_alpha"});
  refused(with("lora_alpha", 1e30), kCorrupt, {"scale"});
  refused(with("lora_alpha", 1e39), kCorrupt, {"scale"});  // infinite in f32
  refused(load(json(R"({"r": 2, "lora_alpha": NaN})"), bytes), kCorrupt, {"adapter_config.json"});
  refused(load(json(R"({"r": 2, "r": 2, "lora_alpha": 1})"), bytes), kCorrupt, {"adapter_config.json"});
  refused(load(json("[]"), bytes), kCorrupt, {"no JSON object"});
  refused(with("rank_pattern", {{"q_proj", 0}}), kCorrupt, {"rank", "q_proj"});
  refused(with("rank_pattern", {{"q_proj", 1.5}}), kCorrupt, {"rank", "1.5"});
  refused(with("rank_pattern", {{"q_proj", "2"}}), kCorrupt, {"rank_pattern"});
  refused(with("rank_pattern", {{"", 2}}), kCorrupt, {"rank_pattern"});
  refused(with("rank_pattern", {"q_proj"}), kCorrupt, {"rank_pattern"});
  refused(with("rank_pattern", {{".*q_proj", 2}}), kInvalid, {"rank_pattern", "regular expression"});
  refused(with("alpha_pattern", {{"q_proj", 2}, {"self_attn.q_proj", 3}}), kInvalid, {"alpha_pattern", "two numbers"});
  CHECK(with("alpha_pattern", {{"q_proj", 2}, {"self_attn.q_proj", 2}}));
  CHECK(with(
      "rank_pattern",
      {{"proj", 7}, {"^q_proj", 7}, {"_proj", 7}, {"layers.1.self_attn.q_proj", 7}}));  // none of these is the module
}

TEST_CASE("damaged adapter: tensors of wrong shapes, kinds, values and names") {
  const auto changed = [](const std::function<void(std::vector<NamedMatrix>&)>& change) {
    std::vector<NamedMatrix> matrices = whole();
    change(matrices);
    return load(kConfig, safetensors_bytes(matrices));
  };
  refused(changed([](auto& m) { m[0].n_rows = 4, m[0].n_in = 2; }), kCorrupt, {kA, "[4, 2]", "[2, 4]"});
  refused(changed([](auto& m) { m[1].n_rows = 4, m[1].n_in = 3; }), kCorrupt, {kB, "[4, 3]", "[6, 2]"});
  refused(changed([](auto& m) { m[0].values[5] = std::nanf(""); }), kCorrupt, {kA, "row 1", "not finite"});
  refused(changed([](auto& m) { m[1].values[0] = std::numeric_limits<float>::infinity(); }), kCorrupt, {kB, "row 0"});
  refused(changed([](auto& m) { m[1].values[0] = 3e38f; }), kCorrupt, {kB, "after its scale"});
  refused(changed([](auto& m) { m.pop_back(); }), kCorrupt, {"lora_A", "no lora_B"});
  refused(changed([](auto& m) { m.clear(); }), kCorrupt, {"no tensors"});
  const auto renamed = [&](const std::string& name) {
    return changed([&](auto& m) { m.push_back({name, 1, 1, {1.0f}}); });
  };
  refused(renamed("base_model.model.model.embed_tokens.lora_embedding_A"), kInvalid, {"embedding"});
  refused(renamed("base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector"), kInvalid, {"DoRA"});
  refused(renamed("base_model.model.lm_head.modules_to_save.weight"), kInvalid, {"saved whole"});
  refused(renamed("base_model.model.model.layers.0.self_attn.q_proj.lora_B.bias"), kInvalid, {"bias"});
  refused(renamed("model.layers.0.self_attn.q_proj.lora_A.weight"), kInvalid, {"base_model.model."});
  refused(renamed(".lora_A.weight"), kInvalid, {"no part"});
  refused(renamed("base_model.model..lora_A.weight"), kInvalid, {"no part"});
  refused(changed([](auto& m) {
            for (auto& matrix : m) matrix.name.replace(matrix.name.find("layers.0"), 8, "layers.9");
          }),
          kInvalid, {"layers.9", "no linear layer"});
  std::string whole_numbers = safetensors_bytes(whole());
  whole_numbers.replace(whole_numbers.find("F32"), 3, "I32");
  CHECK_FALSE(load(kConfig, whole_numbers));
}

TEST_CASE("damaged adapter: files that are missing, and a pickle") {
  const ::test::TempDir dir;
  const auto nothing = read_peft_adapter(dir.path(), kModules);
  REQUIRE_FALSE(nothing);
  CHECK(nothing.error().code == base::ErrorCode::kNotFound);
  CHECK(nothing.error().message.find(dir.path().string()) != std::string::npos);
  dir.write("adapter_config.json", kConfig.dump());
  CHECK_FALSE(read_peft_adapter(dir.path(), kModules));
  dir.write("adapter_model.bin", "PK");
  refused(read_peft_adapter(dir.path(), kModules), kInvalid, {"pickle"});
}
