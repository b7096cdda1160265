// SPDX-License-Identifier: Apache-2.0
// config.json of Hugging Face transformers to GroupedConfig.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/strings.h"
#include "engine/families/grouped/read_config.h"
#include "engine/load/config_members.h"
#include "engine/load/rope_members.h"
#include "engine/load/stored_scales.h"

namespace engine {
namespace {

using base::Json;

void refuse_unsupported(ConfigMembers& m, const Json& config) {
  if (const std::string act = m.text("hidden_act", "silu"); act != "silu")
    m.refuse("hidden_act", base::cat("is \"", act, "\"; only \"silu\" is supported"));
  if (m.truth("mlp_bias", false) && m.text("model_type", "") != "llama")
    m.refuse("mlp_bias", "is true; biases there are supported in \"llama\" alone");
  check_quantization(m, config);
}

// What transformers takes for a key that is not there; 0: it follows from others.
struct Usual {
  int head_dim, n_kv_heads, window;
  float rope_theta;
};
Usual usual(const std::string& family) {
  if (family == "mistral") return {0, 8, 4096, 10000.0f};
  if (family == "qwen2") return {0, 32, 4096, 10000.0f};
  if (family == "qwen3") return {128, 32, 4096, 10000.0f};
  if (family == "qwen3_moe") return {0, 4, 4096, 10000.0f};
  if (family == "gpt_oss") return {64, 8, 128, 150000.0f};
  return {0, 0, 0, 10000.0f};
}

// layer_types, where given: true for a layer that sees a window.
std::vector<bool> listed_windows(ConfigMembers& m, const Json& config, size_t n) {
  std::vector<bool> sliding;
  if (!m.has("layer_types")) return sliding;
  const Json& kinds = config["layer_types"];
  if (!kinds.is_array() || kinds.size() != n)
    return m.fail("layer_types", "must be a list of one kind for each layer"), sliding;
  for (const Json& kind : kinds) {
    if (kind != "sliding_attention" && kind != "full_attention")
      m.refuse("layer_types", base::cat("names ", base::dump_json(kind)));
    sliding.push_back(kind == "sliding_attention");
  }
  return sliding;
}

// Which layers see a window only: all or none, or as listed, else by the family's older keys.
void read_windows(ConfigMembers& m, const Json& config, GroupedConfig& c) {
  const auto n = static_cast<size_t>(std::clamp(c.n_layers, 0, 1 << 16));
  const bool qwen = c.family.starts_with("qwen"), none = c.family == "llama" ||
                                                         (qwen && !m.truth("use_sliding_window", false)) ||
                                                         m.is_null("sliding_window");
  const int window = none ? 0 : m.integer("sliding_window", usual(c.family).window);
  if (!none && window < 1) m.fail("sliding_window", "must be at least 1");
  const std::vector<bool> listed = listed_windows(m, config, n);
  if (c.family == "llama" || c.family == "mistral" || c.family == "qwen3_moe") {
    c.window.assign(n, window);
    if (std::find(listed.begin(), listed.end(), window == 0) != listed.end())
      m.refuse("layer_types", "asks for other windows than models of this type have, which is not supported");
    return;
  }
  c.window.assign(n, 0);
  for (size_t l = 0; l < n; ++l) {
    const bool sliding = !listed.empty() ? listed[l]
                         : qwen          ? window > 0 && static_cast<int>(l) >= m.integer("max_window_layers", 28)
                                         : l % 2 == 0;
    if (sliding && window < 1) m.fail("sliding_window", "is missing for the layers that have one");
    if (sliding) c.window[l] = window;
  }
}

void read_experts(ConfigMembers& m, const Json& config, GroupedConfig& c) {
  c.sparse.assign(c.window.size(), false);
  if (c.family == "gpt_oss") {
    c.n_experts = m.integer("num_local_experts");
    c.n_experts_used = m.integer("num_experts_per_tok");
    c.expert_intermediate = m.integer("intermediate_size");
    c.scoring = Scoring::kSoftmaxOfChosen;
    c.expert_biases = true;
    c.gate = {m.real("swiglu_limit", 7.0f), m.real("swiglu_alpha", 1.702f), 1.0f};
    c.sparse.assign(c.window.size(), true);
    return;
  }
  c.dense_intermediate = m.integer("intermediate_size");
  if (c.family != "qwen3_moe") return;
  c.n_experts = m.has("num_experts") ? m.integer("num_experts") : m.integer("num_local_experts");  // older and newer spelling
  c.n_experts_used = m.integer("num_experts_per_tok");
  c.expert_intermediate = m.integer("moe_intermediate_size");
  c.normalize_expert_weights = m.truth("norm_topk_prob", false);
  const int step = m.integer("decoder_sparse_step", 1);
  if (step < 1) return m.fail("decoder_sparse_step", "must be at least 1");
  for (size_t l = 0; l < c.sparse.size(); ++l) c.sparse[l] = c.n_experts > 0 && (l + 1) % static_cast<size_t>(step) == 0;
  if (!m.has("mlp_only_layers")) return;
  const Json& dense = config["mlp_only_layers"];
  if (!dense.is_array()) return m.fail("mlp_only_layers", "must be a list of layers");
  for (const Json& l : dense) {
    if (!l.is_number_unsigned() || l.get<uint64_t>() >= c.sparse.size()) return m.fail("mlp_only_layers", "names a layer that is not there");
    c.sparse[l.get<size_t>()] = false;
  }
}

}  // namespace

base::Result<GroupedDescription> grouped_from_json(const Json& config_json) {
  if (!config_json.is_object()) return base::corrupt("config.json: it is no JSON object");
  ConfigMembers m(config_json, "config.json");
  GroupedDescription description;
  GroupedConfig& c = description.config;
  c.family = m.text("model_type", "");
  refuse_unsupported(m, config_json);
  c.n_layers = m.integer("num_hidden_layers");
  c.hidden_size = m.integer("hidden_size");
  c.n_heads = m.integer("num_attention_heads");
  const Usual given = usual(c.family);
  const bool all_keys = given.n_kv_heads == 0 || m.is_null("num_key_value_heads");
  c.n_kv_heads = m.integer("num_key_value_heads", all_keys ? c.n_heads : given.n_kv_heads);
  if (m.error()) return *m.error();
  c.head_dim = m.integer("head_dim", given.head_dim != 0 && !m.is_null("head_dim") ? given.head_dim
                                     : c.n_heads > 0                               ? c.hidden_size / c.n_heads
                                                                                   : 0);
  c.n_vocab = m.integer("vocab_size");
  c.n_ctx_train = m.integer("max_position_embeddings");
  c.rms_eps = m.real("rms_norm_eps");
  description.tied_head = m.truth("tie_word_embeddings", false);
  c.qk_norm = c.family.starts_with("qwen3");
  c.sinks = c.family == "gpt_oss";
  const bool bias = m.truth("attention_bias", c.sinks);
  c.qkv_bias = bias || c.family == "qwen2";
  c.output_bias = bias && c.family != "qwen2";
  c.dense_biases = m.truth("mlp_bias", false);
  read_windows(m, config_json, c);
  read_experts(m, config_json, c);
  const RopeMembers rope = read_rope(m, config_json, c.n_ctx_train, given.rope_theta);
  c.rope_theta = rope.theta;
  c.yarn = rope.yarn;
  c.llama3 = rope.llama3;
  c.rope_slowdown = rope.linear_factor;
  if (c.family == "gpt_oss" && !m.has("rope_parameters") && !m.has("rope_scaling"))
    c.yarn.factor = 32.0f, c.yarn.original_context = 4096, c.yarn.truncate = false;
  if (m.error()) return *m.error();
  if (base::Status checked = check_config(c); !checked) return std::move(checked).error().in("config.json");
  return description;
}

}  // namespace engine
