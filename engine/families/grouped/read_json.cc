// SPDX-License-Identifier: Apache-2.0
// config.json of Hugging Face transformers to GroupedConfig.
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
  if (m.truth("mlp_bias", false)) m.refuse("mlp_bias", "is true; biases there are not supported");
  check_quantization(m, config);
}

// Which layers see a window only: as listed, else by the family's older keys.
void read_windows(ConfigMembers& m, const Json& config, GroupedConfig& c) {
  const auto n = static_cast<size_t>(std::clamp(c.n_layers, 0, 1 << 16));
  c.window.assign(n, 0);
  const bool qwen = c.family.starts_with("qwen");
  if (qwen && !m.truth("use_sliding_window", false)) return;
  const int window = m.integer("sliding_window", 0);
  if (m.has("layer_types")) {
    const Json& kinds = config["layer_types"];
    if (!kinds.is_array() || kinds.size() != n) return m.fail("layer_types", "must be a list of one kind for each layer");
    for (size_t l = 0; l < n; ++l) {
      if (kinds[l] == "sliding_attention")
        c.window[l] = window;
      else if (kinds[l] != "full_attention")
        m.refuse("layer_types", base::cat("names ", base::dump_json(kinds[l])));
    }
    if (window < 1 && std::find(kinds.begin(), kinds.end(), "sliding_attention") != kinds.end())
      m.fail("sliding_window", "is missing for the layers that have one");
    return;
  }
  for (size_t l = 0; l < n; ++l)
    if (c.family == "mistral" || (c.family == "gpt_oss" && l % 2 == 0) ||
        (qwen && static_cast<int>(l) >= m.integer("max_window_layers", c.n_layers)))
      c.window[l] = window;
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
  c.n_kv_heads = m.integer("num_key_value_heads", c.n_heads);
  if (m.error()) return *m.error();
  c.head_dim = m.integer("head_dim", c.n_heads > 0 ? c.hidden_size / c.n_heads : 0);
  c.n_vocab = m.integer("vocab_size");
  c.n_ctx_train = m.integer("max_position_embeddings");
  c.rms_eps = m.real("rms_norm_eps");
  description.tied_head = m.truth("tie_word_embeddings", false);
  c.qk_norm = c.family.starts_with("qwen3");
  c.sinks = c.family == "gpt_oss";
  const bool bias = m.truth("attention_bias", c.sinks);
  c.qkv_bias = bias || c.family == "qwen2";
  c.output_bias = bias && c.family != "qwen2";
  read_windows(m, config_json, c);
  read_experts(m, config_json, c);
  const RopeMembers rope = read_rope(m, config_json, c.n_ctx_train, 10000.0f);
  c.rope_theta = rope.theta;
  c.yarn = rope.yarn;
  c.llama3 = rope.llama3;
  if (m.error()) return *m.error();
  if (base::Status checked = check_config(c); !checked) return std::move(checked).error().in("config.json");
  return description;
}

}  // namespace engine
