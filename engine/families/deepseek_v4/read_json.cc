// SPDX-License-Identifier: Apache-2.0
// config.json to DeepseekV4Config.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/strings.h"
#include "engine/families/deepseek_v4/read_config.h"
#include "engine/load/config_members.h"
#include "engine/load/limits.h"
#include "engine/load/rope_members.h"
#include "engine/load/stored_scales.h"

namespace engine {
namespace {

using base::Json;

void refuse_unsupported(ConfigMembers& m, const Json& config) {
  if (const std::string act = m.text("hidden_act", "silu"); act != "silu")
    m.refuse("hidden_act", base::cat("is \"", act, "\"; only \"silu\" is supported"));
  for (const char* key : {"attention_bias", "mlp_bias"})
    if (m.truth(key, false)) m.refuse(key, "is true; biases are not supported");
  if (m.truth("tie_word_embeddings", false)) m.refuse("tie_word_embeddings", "is true, which is not supported");
  if (m.integer("num_key_value_heads", 1) != 1) m.refuse("num_key_value_heads", "is not 1, which is not supported");
  if (!m.truth("norm_topk_prob", true)) m.refuse("norm_topk_prob", "is false, which is not supported");
  if (const std::string method = m.text("topk_method", "noaux_tc"); method != "noaux_tc")
    m.refuse("topk_method", base::cat("is \"", method, "\"; Graft computes \"noaux_tc\""));
  check_quantization(m, config);
}

// A list of one member for each layer; more may follow for blocks behind the last layer where `longer`.
const Json* list_of_layers(ConfigMembers& m, const Json& config, const char* key, int n_layers, bool longer) {
  const Json& list = config[key];
  const auto n = static_cast<size_t>(std::max(0, n_layers));
  if (list.is_array() && (longer ? list.size() >= n : list.size() == n)) return &list;
  return m.fail(key, "must be a list of one member for each layer"), nullptr;
}

// compress_ratios of the layers; more may follow for blocks behind them.
std::vector<int> ratios_of_layers(ConfigMembers& m, const Json& config, int n_layers) {
  const Json* list = list_of_layers(m, config, "compress_ratios", n_layers, true);
  std::vector<int> ratios;
  for (int l = 0; list && l < n_layers; ++l) {
    const Json& ratio = (*list)[static_cast<size_t>(l)];
    if (!ratio.is_number_unsigned() || ratio.get<uint64_t>() > static_cast<uint64_t>(kMaxContext))
      return m.fail("compress_ratios", "must hold whole numbers"), ratios;
    ratios.push_back(ratio.get<int>());
  }
  return ratios;
}

void read_kinds(ConfigMembers& m, const Json& config, DeepseekV4Config& c) {
  if (m.has("layer_types")) {
    const Json* list = list_of_layers(m, config, "layer_types", c.n_layers, true);
    for (int l = 0; list && l < c.n_layers; ++l) {
      const Json& kind = (*list)[static_cast<size_t>(l)];
      if (kind != "sliding_attention" && kind != "compressed_sparse_attention" &&
          kind != "heavily_compressed_attention")
        m.refuse("layer_types", base::cat("names ", base::dump_json(kind)));
      c.kinds.push_back(kind == "compressed_sparse_attention"    ? V4LayerKind::kSparse
                        : kind == "heavily_compressed_attention" ? V4LayerKind::kHeavy
                                                                 : V4LayerKind::kSliding);
    }
    if (!m.has("compress_rates")) return;
    const Json& rates = config["compress_rates"];
    if (!rates.is_object()) return m.fail("compress_rates", "must be an object");
    ConfigMembers r(rates, "config.json: compress_rates");
    c.sparse_ratio = r.integer("compressed_sparse_attention", c.sparse_ratio);
    c.heavy_ratio = r.integer("heavily_compressed_attention", c.heavy_ratio);
    if (r.error()) m.take(*r.error());
    return;
  }
  if (!m.has("compress_ratios")) return m.fail("compress_ratios", "is missing, and so is \"layer_types\"");
  const std::vector<int> ratios = ratios_of_layers(m, config, c.n_layers);
  if (m.error()) return;
  if (const std::string problem = set_kinds(ratios, c); !problem.empty()) m.refuse("compress_ratios", problem);
}

void read_routing(ConfigMembers& m, const Json& config, DeepseekV4Config& c) {
  c.n_experts = m.integer("n_routed_experts");
  c.n_experts_used = m.integer("num_experts_per_tok");
  c.n_shared_experts = m.integer("n_shared_experts", 1);
  c.expert_intermediate = m.integer("moe_intermediate_size");
  c.expert_weight_scale = m.real("routed_scaling_factor");
  const std::string scoring = m.text("scoring_func", "sqrtsoftplus");
  if (scoring == "softmax")
    c.scoring = Scoring::kSoftmax;
  else if (scoring == "sigmoid")
    c.scoring = Scoring::kSigmoid;
  else if (scoring != "sqrtsoftplus")
    m.refuse("scoring_func",
             base::cat("is \"", scoring, "\"; Graft computes \"sqrtsoftplus\", \"softmax\" and \"sigmoid\""));
  if (const float limit = m.real("swiglu_limit"); limit > 0.0f) c.gate.limit = limit;
  if (m.has("mlp_layer_types")) {
    const Json* list = list_of_layers(m, config, "mlp_layer_types", c.n_layers, true);
    for (int l = 0; list && l < c.n_layers; ++l) {
      const Json& kind = (*list)[static_cast<size_t>(l)];
      if (kind != "hash_moe" && kind != "moe") m.refuse("mlp_layer_types", base::cat("names ", base::dump_json(kind)));
      c.by_token.push_back(kind == "hash_moe");
    }
    return;
  }
  const int n_by_token =
      m.integer("num_hash_layers", c.delayed ? std::optional<int>(0) : std::nullopt);  // V4.1 has none
  for (int l = 0; l < c.n_layers; ++l) c.by_token.push_back(l < n_by_token);
}

void read_rotation(ConfigMembers& m, const Json& config, DeepseekV4Config& c) {
  if (m.has("qk_rope_head_dim")) {
    c.rope_dim = m.integer("qk_rope_head_dim");
  } else {
    const float wanted = m.real("partial_rotary_factor") * static_cast<float>(c.head_dim);
    if (!(wanted >= 0.0f && wanted <= static_cast<float>(c.head_dim)))
      return m.fail("partial_rotary_factor", "must lie in 0..1");
    c.rope_dim = static_cast<int>(wanted);
  }
  // Both of transformers' parts in turn, each as if it were a whole configuration.
  Json plain = {{"rope_theta", config.value("rope_theta", Json(10000.0))}}, scaled = config;
  if (m.has("rope_parameters") && config["rope_parameters"].is_object() &&
      config["rope_parameters"].contains("compress")) {
    const Json& both = config["rope_parameters"];
    plain = {{"rope_parameters", both.value("main", Json())}};
    scaled = {{"rope_parameters", both["compress"]}};
  } else {
    scaled["rope_theta"] = config.value("compress_rope_theta", Json());
    scaled.erase("original_max_position_embeddings");  // beside the object it says nothing here
    for (const char* key : {"rope_parameters", "rope_scaling"})
      if (scaled.contains(key) && scaled[key].is_object()) scaled[key].erase("rope_theta");
  }
  const auto read = [&](const Json& part) {
    ConfigMembers members(part, "config.json");
    const RopeMembers rope = read_rope(members, part, c.n_ctx_train, 0.0f);
    if (rope.llama3.factor != 1.0f || rope.linear_factor != 1.0f)
      members.refuse("rope_parameters", "asks for \"llama3\" or \"linear\", which no model of this family has");
    if (members.error()) m.take(*members.error());
    return rope;
  };
  const RopeMembers window = read(plain), entries = read(scaled);
  if (window.yarn.factor != 1.0f)
    m.refuse("rope_parameters", "scales the layers without entries, which is not supported");
  c.rope_theta = window.theta;
  c.compress_rope_theta = entries.theta;
  c.yarn = entries.yarn;
  // The scores are not made larger as in V2: cosines and sines keep their size.
  const bool stated = scaled.contains("rope_parameters") && scaled["rope_parameters"].is_object() &&
                      scaled["rope_parameters"].contains("attention_factor");
  if (stated && scaled["rope_parameters"]["attention_factor"] != 1.0)
    m.refuse("attention_factor", "is not 1, which no model of this family has");
  c.yarn.mscale = c.yarn.mscale_all_dim = 0.0f;
  // transformers does not look there for it; DeepSeek's own code always rounds.
  if (!c.yarn.truncate) m.refuse("truncate", "is false, which no model of this family has");
}

// What V4 and V4.1 have alike, but for kinds of layers.
void read_common(ConfigMembers& m, const Json& config, DeepseekV4Config& c) {
  refuse_unsupported(m, config);
  c.n_layers = m.integer("num_hidden_layers");
  if (c.n_layers < 1 || c.n_layers > kMaxLayers) m.fail("num_hidden_layers", base::cat("must lie in 1..", kMaxLayers));
  c.hidden_size = m.integer("hidden_size");
  c.n_heads = m.integer("num_attention_heads");
  c.head_dim = m.integer("head_dim");
  c.n_vocab = m.integer("vocab_size");
  c.n_ctx_train = m.integer("max_position_embeddings");
  c.q_lora_rank = m.integer("q_lora_rank");
  c.o_groups = m.integer("o_groups");
  c.o_lora_rank = m.integer("o_lora_rank");
  c.window = m.integer("sliding_window");
  c.index_heads = m.integer("index_n_heads", 0);
  c.index_head_dim = m.integer("index_head_dim", 0);
  c.index_topk = m.integer("index_topk", 0);
  c.n_streams = m.integer("hc_mult");
  c.sinkhorn_rounds = m.integer("hc_sinkhorn_iters");
  c.stream_eps = m.real("hc_eps");
  c.rms_eps = m.real("rms_norm_eps");
}

// The numbers of layers, each once and rising.
std::vector<int> layer_ids(ConfigMembers& m, const Json& config, const char* key, int n_layers) {
  std::vector<int> ids;
  if (!m.has(key)) return m.fail(key, "is missing"), ids;
  const Json& list = config[key];
  for (size_t i = 0; list.is_array() && i < list.size(); ++i) {
    if (!list[i].is_number_unsigned() || list[i].get<uint64_t>() >= static_cast<uint64_t>(n_layers)) break;
    if (!ids.empty() && list[i].get<int>() <= ids.back()) break;
    ids.push_back(list[i].get<int>());
  }
  if (!list.is_array() || ids.size() != list.size())
    m.fail(key, base::cat("must be a list of layers in 0..", n_layers - 1, ", rising"));
  return ids;
}

void read_sharing(ConfigMembers& m, const Json& config, DeepseekV4Config& c) {
  if (!m.has("compress_ratios")) return m.fail("compress_ratios", "is missing");
  const std::vector<int> ratios = ratios_of_layers(m, config, c.n_layers);
  const std::vector<int> sources = layer_ids(m, config, "kv_source_layer_ids", c.n_layers),
                         choosers = layer_ids(m, config, "index_source_layer_ids", c.n_layers);
  if (m.error()) return;
  set_sharing(ratios, sources, choosers, c);
  for (const int source : sources)
    if (c.kinds[static_cast<size_t>(source)] == V4LayerKind::kSliding)
      m.fail("kv_source_layer_ids", base::cat("names layer ", source, ", which has no entries"));
  c.candidate_layer = m.integer("candidate_source_layer_id", -1);
  if (c.candidate_layer < 0) return;
  c.candidate_blocks = m.integer("candidate_topk_blocks");
  c.candidate_block_size = m.integer("candidate_block_size");
}

void read_engram(ConfigMembers& m, const Json& config, DeepseekV4Config& c) {
  if (!m.has("engram_layer_ids")) return;
  EngramConfig& e = c.engram;
  e.layers = layer_ids(m, config, "engram_layer_ids", c.n_layers);
  if (e.layers.empty()) return;
  e.ngram = m.integer("engram_max_ngram_size");
  e.n_heads = m.integer("engram_n_heads");
  e.head_dim = m.integer("engram_head_dim");
  e.bucket = m.integer("engram_vocab_size");
  e.pad_token = m.integer("engram_pad_token_id");
  e.n_ids = m.integer("engram_compressed_vocab_size");
}

void read_spark(ConfigMembers& m, const Json& config, DeepseekV4Config& c) {
  if (!m.has("dspark_block_size")) return;
  V4SparkConfig& s = c.spark;
  s.block = m.integer("dspark_block_size");
  s.noise = m.integer("dspark_noise_token_id");
  s.rank = m.integer("dspark_markov_rank");
  s.targets = layer_ids(m, config, "dspark_target_layer_ids", c.n_layers);
  if (s.block < 0 || s.block > kMaxDraftBlock) m.fail("dspark_block_size", base::cat("must lie in 0..", kMaxDraftBlock));
  if (s.noise < 0 || s.noise >= c.n_vocab) m.fail("dspark_noise_token_id", "is no token of the vocabulary");
  if (s.rank < 1 || s.rank > kMaxWidth) m.fail("dspark_markov_rank", base::cat("must lie in 1..", kMaxWidth));
  if (s.targets.empty()) m.fail("dspark_target_layer_ids", "must name a layer");
  s.n_experts = m.integer("dspark_n_routed_experts", 0);
  if (s.n_experts == 0) return;
  s.n_experts_used = m.integer("dspark_num_experts_per_tok");
  if (s.n_experts < 0 || s.n_experts > kMaxExperts) m.fail("dspark_n_routed_experts", base::cat("must lie in 0..", kMaxExperts));
  if (s.n_experts_used < 1 || s.n_experts_used > s.n_experts)
    m.fail("dspark_num_experts_per_tok", base::cat("must lie in 1..", s.n_experts));
}

}  // namespace

base::Result<DeepseekV4Config> deepseek_v4_from_json(const Json& config_json) {
  if (!config_json.is_object()) return base::corrupt("config.json: it is no JSON object");
  ConfigMembers m(config_json, "config.json");
  if (const std::string type = m.text("model_type", ""); type != "deepseek_v4")
    m.refuse("model_type", base::cat("is \"", type, "\"; Graft reads \"deepseek_v4\""));
  DeepseekV4Config c;
  read_common(m, config_json, c);
  if (m.error()) return *m.error();
  read_kinds(m, config_json, c);
  read_spark(m, config_json, c);
  read_routing(m, config_json, c);
  read_rotation(m, config_json, c);
  if (m.error()) return *m.error();
  if (base::Status checked = check_config(c); !checked) return std::move(checked).error().in("config.json");
  return c;
}

base::Result<DeepseekV4Config> deepseek_v41_from_json(const Json& config_json) {
  if (!config_json.is_object()) return base::corrupt("config.json: it is no JSON object");
  ConfigMembers outer(config_json, "config.json");
  const bool nested = outer.has("text_config") && config_json["text_config"].is_object();
  const Json& text = nested ? config_json["text_config"] : config_json;
  check_quantization(outer, config_json);
  if (outer.error()) return *outer.error();
  ConfigMembers m(text, nested ? "config.json: text_config" : "config.json");
  DeepseekV4Config c;
  c.delayed = true;
  c.norm_queries = false;
  read_common(m, text, c);
  if (m.real("gate_temp", 1.0f) != 1.0f) m.refuse("gate_temp", "is not 1, which is not supported");
  if (m.error()) return *m.error();
  read_sharing(m, text, c);
  read_engram(m, text, c);
  read_spark(m, text, c);
  read_routing(m, text, c);
  read_rotation(m, text, c);
  if (m.error()) return *m.error();
  if (base::Status checked = check_config(c); !checked) return std::move(checked).error().in("config.json");
  return c;
}

}  // namespace engine
