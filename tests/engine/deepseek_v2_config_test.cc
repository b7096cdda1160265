// SPDX-License-Identifier: Apache-2.0
// config.json of DeepSeek-V2, V3 and V3.2: keys that are not there mean what transformers takes for them.
#include <doctest/doctest.h>

#include "base/json.h"
#include "engine/families/deepseek_v2/read_config.h"
#include "tests/engine/family_config.h"

namespace {

using test::config_of;

engine::DeepseekV2Config read(const base::Json& config) {
  auto description = engine::deepseek_v2_from_json(config);
  REQUIRE_MESSAGE(description, description.error().message);
  return description->config;
}

engine::DeepseekV2Config without(const std::string& name, const std::vector<const char*>& keys) {
  base::Json config = config_of(name);
  for (const char* key : keys) config.erase(key);
  return read(config);
}

}  // namespace

TEST_CASE("DeepSeek configuration: V3's numbers stand in for keys that a V3 file leaves out, V2's for V2's") {
  base::Json v3 = config_of("deepseek_v3");
  v3["n_routed_experts"] = 32, v3["num_hidden_layers"] = 5;
  for (const char* key : {"n_group", "topk_group", "n_shared_experts", "routed_scaling_factor", "first_k_dense_replace",
                          "norm_topk_prob"})
    v3.erase(key);
  const engine::DeepseekV2Config c = read(v3);
  CHECK(c.n_groups == 8);
  CHECK(c.n_groups_used == 4);
  CHECK(c.n_shared_experts == 1);
  CHECK(c.expert_weight_scale == 2.5f);
  CHECK(c.n_dense_layers == 3);
  CHECK(c.normalize_expert_weights);
  CHECK(without("deepseek_v32", {"mlp_layer_types", "first_k_dense_replace"}).n_dense_layers == 3);

  const engine::DeepseekV2Config v2 =
      without("deepseek_v2", {"n_group", "topk_group", "n_shared_experts", "routed_scaling_factor",
                              "first_k_dense_replace", "norm_topk_prob", "topk_method"});
  CHECK(v2.n_groups == 1);
  CHECK(v2.n_shared_experts == 2);
  CHECK(v2.expert_weight_scale == 1.0f);
  CHECK(v2.n_dense_layers == 0);
  CHECK_FALSE(v2.normalize_expert_weights);
  CHECK(v2.selection == engine::ExpertSelection::kGreedy);
}

TEST_CASE("DeepSeek configuration: the norms of latents have an epsilon of their own; a null means no shared expert") {
  CHECK(read(config_of("deepseek_v2")).rms_eps == 0.02f);
  CHECK(read(config_of("deepseek_v2")).latent_eps == 1e-6f);
  base::Json config = config_of("deepseek_v2");
  config["n_shared_experts"] = nullptr;
  CHECK(read(config).n_shared_experts == 0);
}

TEST_CASE("DeepSeek configuration: an amplitude below what the factor gives is taken as it is") {
  base::Json config = config_of("deepseek_v2");
  config["rope_parameters"] = {
      {"rope_type", "yarn"}, {"factor", 16.0}, {"original_max_position_embeddings", 32}, {"attention_factor", 0.8}};
  const engine::DeepseekV2Config c = read(config);
  CHECK(engine::RopeTable(c.qk_rope_dim, c.rope_theta, c.yarn).amplitude() == doctest::Approx(0.8));
  config["rope_parameters"] = {{"rope_type", "linear"}, {"factor", 2.0}};
  CHECK_FALSE(engine::deepseek_v2_from_json(config));
}
