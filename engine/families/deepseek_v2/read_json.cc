// SPDX-License-Identifier: Apache-2.0
// config.json of Hugging Face transformers to DeepseekV2Config.
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/json.h"
#include "base/strings.h"
#include "engine/families/deepseek_v2/checked_config.h"
#include "engine/families/deepseek_v2/read_config.h"
#include "engine/load/config_members.h"
#include "engine/load/rope_members.h"
#include "engine/load/stored_scales.h"

namespace engine {
namespace {

using base::Json;

enum class Generation { kV2, kV3, kV32 };

Generation generation(ConfigMembers& m) {
  const std::string type = m.text("model_type", "");
  if (type == "deepseek_v3") return Generation::kV3;
  if (type == "deepseek_v32") return Generation::kV32;
  if (type != "deepseek_v2")
    m.refuse("model_type", base::cat("is \"", type, "\"; Graft reads \"deepseek_v2\", \"deepseek_v3\" and \"deepseek_v32\""));
  return Generation::kV2;
}

// What transformers takes for a key that is not there.
struct Usual {
  int n_dense_layers, n_shared_experts, n_groups, n_groups_used;
  float expert_weight_scale;
};
constexpr Usual kUsualV2 = {0, 2, 1, 1, 1.0f}, kUsualV3 = {3, 1, 8, 4, 2.5f};

// What the model would need and Graft does not compute.
void refuse_unsupported(ConfigMembers& m, const Json& config) {
  if (!m.truth("rope_interleave", true)) m.refuse("rope_interleave", "is false, which is not supported");
  if (const std::string act = m.text("hidden_act", "silu"); act != "silu")
    m.refuse("hidden_act", base::cat("is \"", act, "\"; only \"silu\" is supported"));
  if (m.truth("attention_bias", false)) m.refuse("attention_bias", "is true; biases are not supported");
  if (m.truth("mlp_bias", false)) m.refuse("mlp_bias", "is true; biases are not supported");
  if (m.integer("moe_layer_freq", 1) != 1) m.refuse("moe_layer_freq", "is not 1, which is not supported");
  check_quantization(m, config);
}

// The leading dense layers, by their number or by a list of all layers' kinds.
int dense_layers(ConfigMembers& m, const Json& config, int n_layers, int usual) {
  if (!m.has("mlp_layer_types")) return std::min(m.integer("first_k_dense_replace", usual), n_layers);
  const Json& kinds = config["mlp_layer_types"];
  if (!kinds.is_array() || kinds.size() != static_cast<size_t>(std::max(0, n_layers)))
    return m.fail("mlp_layer_types", "must be a list of one kind for each layer"), 0;
  int n = 0;
  bool sparse = false;
  for (const Json& kind : kinds) {
    if (kind != "dense" && kind != "sparse") m.refuse("mlp_layer_types", base::cat("names ", base::dump_json(kind)));
    sparse |= kind != "dense";
    if (sparse && kind == "dense") m.refuse("mlp_layer_types", "has a dense layer behind a sparse one, which is not supported");
    n += sparse ? 0 : 1;
  }
  return n;
}

void read_router(ConfigMembers& m, const Json& config, bool v2, DeepseekV2Config& c) {
  c.n_experts = m.integer("n_routed_experts", 0);
  const Usual& usual = v2 ? kUsualV2 : kUsualV3;
  c.n_dense_layers = c.n_experts == 0 ? c.n_layers : dense_layers(m, config, c.n_layers, usual.n_dense_layers);
  if (c.n_experts == 0) return;
  c.n_experts_used = m.integer("num_experts_per_tok");
  c.n_shared_experts = m.is_null("n_shared_experts") ? 0 : m.integer("n_shared_experts", usual.n_shared_experts);
  c.expert_intermediate = m.integer("moe_intermediate_size");
  c.normalize_expert_weights = m.truth("norm_topk_prob", !v2);
  c.expert_weight_scale = m.real("routed_scaling_factor", usual.expert_weight_scale);
  c.n_groups = m.integer("n_group", usual.n_groups);
  c.n_groups_used = m.integer("topk_group", usual.n_groups_used);
  const std::string scoring = m.text("scoring_func", v2 ? "softmax" : "sigmoid");
  if (scoring == "sigmoid")
    c.scoring = Scoring::kSigmoid;
  else if (scoring != "softmax")
    m.refuse("scoring_func", base::cat("is \"", scoring, "\"; Graft computes \"softmax\" and \"sigmoid\""));
  const std::string method = m.text("topk_method", v2 ? "greedy" : "noaux_tc");
  c.selection_bias = method == "noaux_tc";
  if (method == "noaux_tc")
    c.selection = ExpertSelection::kGroupLimitedTopTwo;
  else if (method == "group_limited_greedy")
    c.selection = ExpertSelection::kGroupLimitedGreedy;
  else if (method != "greedy")
    m.refuse("topk_method", base::cat("is \"", method, "\"; Graft computes \"greedy\", \"group_limited_greedy\" and \"noaux_tc\""));
}

}  // namespace

base::Result<DeepseekV2Description> deepseek_v2_from_json(const Json& config_json) {
  if (!config_json.is_object()) return base::corrupt("config.json: it is no JSON object");
  ConfigMembers m(config_json, "config.json");
  const Generation kind = generation(m);
  refuse_unsupported(m, config_json);
  DeepseekV2Description description;
  DeepseekV2Config& c = description.config;
  c.n_layers = m.integer("num_hidden_layers");
  c.hidden_size = m.integer("hidden_size");
  c.n_heads = m.integer("num_attention_heads");
  c.n_vocab = m.integer("vocab_size");
  c.n_ctx_train = m.integer("max_position_embeddings");
  c.q_lora_rank = m.integer("q_lora_rank", 0);
  c.kv_lora_rank = m.integer("kv_lora_rank");
  c.qk_nope_dim = m.integer("qk_nope_head_dim");
  c.qk_rope_dim = m.integer("qk_rope_head_dim");
  c.v_head_dim = m.integer("v_head_dim");
  c.rms_eps = m.real("rms_norm_eps");
  description.tied_head = m.truth("tie_word_embeddings", false);
  if (m.integer("num_key_value_heads", c.n_heads) != c.n_heads)
    m.refuse("num_key_value_heads", "differs from num_attention_heads, which is not supported");
  read_router(m, config_json, kind == Generation::kV2, c);
  if (kind == Generation::kV32) {
    c.index_heads = m.integer("index_n_heads");
    c.index_head_dim = m.integer("index_head_dim");
    c.index_topk = m.integer("index_topk");
    if (c.index_topk < 1) m.fail("index_topk", "must be at least 1");
  }
  c.dense_intermediate = c.n_dense_layers > 0 ? m.integer("intermediate_size") : m.integer("intermediate_size", 0);

  const RopeMembers rope = read_rope(m, config_json, c.n_ctx_train, 10000.0f);
  if (rope.llama3.factor != 1.0f || rope.linear_factor != 1.0f)
    m.refuse("rope_parameters", "asks for \"llama3\" or \"linear\", which no model of this family has");
  c.rope_theta = rope.theta;
  c.yarn = rope.yarn;
  if (m.error()) return *m.error();
  if (base::Status checked = check_config(c); !checked) return std::move(checked).error().in("config.json");
  return description;
}

}  // namespace engine
