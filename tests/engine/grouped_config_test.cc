// SPDX-License-Identifier: Apache-2.0
// config.json of the grouped-query family: what is missing, mistyped, impossible or not computed is named.
#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/strings.h"
#include "engine/families/grouped/read_config.h"

namespace {

base::Json config_of(const std::string& name) {
  std::ifstream in(std::string(GRAFT_SOURCE_DIR) + "/tests/data/engine/families/" + name + "/config.json");
  const auto json = base::parse_json(std::string(std::istreambuf_iterator<char>(in), {}));
  REQUIRE(json);
  return *json;
}

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
  check_mentions(error_with("llama", "/mlp_bias", true), "mlp_bias");
  check_mentions(error_with("llama", "/rope_parameters/rope_type", "dynamic"), "dynamic");
  check_mentions(error_with("llama", "/rope_parameters/high_freq_factor", 0.5), "high_freq_factor");
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
  CHECK(read("qwen3_moe").sparse == std::vector<bool>{true, false, true});
  CHECK(read("qwen2").qkv_bias);
  CHECK_FALSE(read("qwen2").output_bias);
  CHECK(read("llama_biased").output_bias);
  CHECK(read("gpt_oss").sinks);
}
