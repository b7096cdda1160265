// SPDX-License-Identifier: Apache-2.0
// config.json of the grouped-query family: what is missing, mistyped, impossible or not computed is named.
#include <doctest/doctest.h>

#include "base/json.h"
#include "base/strings.h"
#include "engine/families/grouped/read_config.h"
#include "tests/engine/family_config.h"

namespace {

using test::config_of;

std::string error_with(const std::string& name, const std::string& pointer, const base::Json& value) {
  base::Json config = config_of(name);
  config[base::Json::json_pointer(pointer)] = value;
  const auto description = engine::grouped_from_json(config);
  return description ? std::string() : description.error().message;
}

void check_mentions(const std::string& message, std::string_view part) {
  CHECK_MESSAGE(message.find(part) != std::string::npos, message, " lacks ", part);
}

}  // namespace

TEST_CASE("grouped configuration: each missing, mistyped or impossible value is named") {
  for (const char* key : {"num_hidden_layers", "hidden_size", "num_attention_heads", "vocab_size", "max_position_embeddings",
                          "rms_norm_eps", "intermediate_size"}) {
    const std::string pointer = base::cat("/", key);
    check_mentions(error_with("llama", pointer, nullptr), key);
    check_mentions(error_with("llama", pointer, "7"), key);
    CHECK_FALSE(error_with("llama", pointer, -5).empty());
    CHECK_FALSE(error_with("llama", pointer, uint64_t{1} << 63).empty());
    CHECK_FALSE(error_with("llama", pointer, 1e300).empty());
  }
  check_mentions(error_with("llama", "/num_key_value_heads", 4), "share");
  check_mentions(error_with("llama", "/head_dim", 7), "even");
  check_mentions(error_with("llama", "/hidden_act", "gelu"), "gelu");
  check_mentions(error_with("qwen3", "/mlp_bias", true), "mlp_bias");
  check_mentions(error_with("llama", "/rope_parameters/rope_type", "dynamic"), "dynamic");
  check_mentions(error_with("llama", "/rope_parameters/high_freq_factor", 0.5), "high_freq_factor");
  check_mentions(
      error_with("llama", "/layer_types", base::Json::array({"full_attention", "full_attention", "sliding_attention"})),
      "layer_types");
  check_mentions(error_with("mistral", "/sliding_window", 0), "sliding_window");
  check_mentions(error_with("gpt_oss", "/sliding_window", nullptr), "sliding_window");
  check_mentions(error_with("qwen2", "/use_sliding_window", false), "sliding_window");
  check_mentions(error_with("qwen2", "/layer_types", base::Json::array({"full_attention"})), "layer_types");
  check_mentions(error_with("qwen2", "/layer_types/1", "linear_attention"), "linear_attention");
  check_mentions(error_with("qwen2", "/sliding_window", nullptr), "sliding_window");
  check_mentions(error_with("qwen3_moe", "/num_experts_per_tok", 9), "experts used");
  check_mentions(error_with("qwen3_moe", "/mlp_only_layers", base::Json::array({7})), "mlp_only_layers");
  check_mentions(error_with("qwen3_moe", "/decoder_sparse_step", 0), "decoder_sparse_step");
  check_mentions(error_with("gpt_oss", "/num_local_experts", nullptr), "num_local_experts");
  check_mentions(error_with("gpt_oss", "/quantization_config", {{"quant_method", "awq"}}), "GGUF");
  CHECK_FALSE(engine::grouped_from_json(base::Json::array()));
}

TEST_CASE("grouped configuration: windows, experts and biases are read as each family means them") {
  const auto read = [](const std::string& name) {
    auto description = engine::grouped_from_json(config_of(name));
    REQUIRE(description);
    return description->config;
  };
  CHECK(read("llama").window == std::vector<int>{0, 0, 0});
  CHECK(read("mistral").window == std::vector<int>{9, 9, 9});
  CHECK(read("qwen2").window == std::vector<int>{0, 7, 7});
  CHECK(read("gpt_oss").window == std::vector<int>{8, 0, 8});
  CHECK(read("qwen3_moe_one").window == std::vector<int>{9, 9});
  CHECK(read("qwen3_moe").sparse == std::vector<bool>{true, false, true});
  CHECK(read("qwen2").qkv_bias);
  CHECK_FALSE(read("qwen2").output_bias);
  CHECK(read("llama_biased").output_bias);
  CHECK(read("llama_mlp_biased").dense_biases);
  CHECK_FALSE(read("llama_biased").dense_biases);
  CHECK(read("gpt_oss").sinks);
}

TEST_CASE("grouped configuration: a key that is not there means what transformers takes for it, a null may mean none") {
  const auto without = [](const std::string& name, std::vector<const char*> keys,
                          base::Json changes = base::Json::object()) {
    base::Json config = config_of(name);
    for (const char* key : keys) config.erase(key);
    config.update(changes);
    auto description = engine::grouped_from_json(config);
    REQUIRE_MESSAGE(description, description.error().message);
    return description->config;
  };
  CHECK(without("qwen3", {"head_dim"}).head_dim == 128);
  CHECK(without("qwen3_moe", {"head_dim"}).head_dim == 6);
  CHECK(without("gpt_oss", {"head_dim"}).head_dim == 64);
  CHECK(without("gpt_oss", {}, {{"head_dim", nullptr}}).head_dim == 6);
  CHECK(without("llama", {"num_key_value_heads"}).n_kv_heads == 6);
  CHECK(without("mistral", {"num_key_value_heads"}, {{"num_attention_heads", 16}}).n_kv_heads == 8);
  CHECK(without("mistral", {}, {{"num_key_value_heads", nullptr}}).n_kv_heads == 6);
  CHECK(without("mistral", {"sliding_window"}).window == std::vector<int>(3, 4096));
  CHECK(without("mistral", {}, {{"sliding_window", nullptr}}).window == std::vector<int>(3, 0));
  CHECK(without("gpt_oss", {"sliding_window", "layer_types"}).window == std::vector<int>{128, 0, 128});
  CHECK(without("qwen2", {"max_window_layers", "layer_types"}).window == std::vector<int>(3, 0));  // 28 layers see all
  CHECK(without("qwen2", {"layer_types"}, {{"sliding_window", nullptr}}).window == std::vector<int>(3, 0));
  const engine::GroupedConfig oss = without("gpt_oss", {"rope_parameters"});
  CHECK(oss.rope_theta == 150000.0f);
  CHECK(oss.yarn.factor == 32.0f);
  CHECK(oss.yarn.original_context == 4096);
  CHECK_FALSE(oss.yarn.truncate);
  CHECK(without("qwen3", {"rope_parameters"}).yarn.factor == 1.0f);
}

TEST_CASE("grouped configuration: rotation is read from both spellings, the older first") {
  const auto with = [](base::Json changes) {
    base::Json config = config_of("llama");
    config.erase("rope_parameters");
    config.update(changes);
    return engine::grouped_from_json(config);
  };
  const auto config = [&](base::Json changes) {
    auto description = with(std::move(changes));
    REQUIRE_MESSAGE(description, description.error().message);
    return description->config;
  };
  CHECK(config({{"rope_scaling", {{"type", "linear"}, {"factor", 4.0}}}, {"rope_theta", 100000}}).rope_slowdown ==
        4.0f);
  CHECK(config({{"rope_scaling", {{"type", "linear"}, {"factor", 4.0}}}, {"rope_theta", 100000}}).rope_theta ==
        100000.0f);
  const base::Json newer = {{"rope_type", "default"}, {"rope_theta", 7.0}};
  CHECK(config({{"rope_scaling", {{"type", "linear"}, {"factor", 4.0}}}, {"rope_parameters", newer}}).rope_theta ==
        10000.0f);
  CHECK(config({{"rope_scaling", base::Json::object()}, {"rope_parameters", newer}}).rope_theta == 7.0f);
  const base::Json yarn = {{"rope_type", "yarn"}, {"factor", 4.0}, {"original_max_position_embeddings", 32}};
  CHECK(config({{"rope_parameters", yarn}}).yarn.original_context == 32);
  CHECK(config({{"rope_parameters", yarn}, {"original_max_position_embeddings", 64}}).yarn.original_context == 64);
  const base::Json llama3 = {
      {"rope_type", "llama3"}, {"factor", 8.0}, {"low_freq_factor", 1.0}, {"high_freq_factor", 4.0}};
  CHECK(config({{"rope_scaling", llama3}}).llama3.original_context == 512);  // max_position_embeddings
  for (const auto& [key, value] : {std::pair{"mscale", 0.5}, std::pair{"mscale_all_dim", 1.0}}) {
    base::Json half = yarn;
    half[key] = value;
    const auto refused = with({{"rope_parameters", half}});
    REQUIRE(!refused);
    check_mentions(refused.error().message, "mscale");
    half["attention_factor"] = 1.25;  // says the amplitude itself
    CHECK(with({{"rope_parameters", half}}));
  }
  base::Json alone = yarn;
  alone["factor"] = 1.0, alone["attention_factor"] = 1.25;
  const auto refused = with({{"rope_parameters", alone}});
  REQUIRE(!refused);
  check_mentions(refused.error().message, "attention_factor");
}
