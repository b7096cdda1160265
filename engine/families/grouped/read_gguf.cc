// SPDX-License-Identifier: Apache-2.0
// GGUF metadata of architectures "llama", "qwen2", "qwen3", "qwen3moe" and "gpt-oss" to GroupedConfig.
#include <algorithm>

#include "base/strings.h"
#include "engine/families/grouped/read_config.h"
#include "engine/load/gguf_keys.h"

namespace engine {
namespace {

std::string architecture(const GgufFile& gguf) {
  const auto found = gguf.metadata.find("general.architecture");
  const auto* name = found == gguf.metadata.end() ? nullptr : std::get_if<std::string_view>(&found->second.value);
  return name == nullptr ? std::string() : std::string(*name);
}

void read_rope(GgufKeys& k, GroupedConfig& c) {
  c.rope_theta = k.real("rope.freq_base", 10000.0f);
  if (k.integer("rope.dimension_count", c.head_dim) != c.head_dim)
    k.fail("rope.dimension_count", "differs from the head dimension, which is not supported", base::ErrorCode::kInvalidArgument);
  const std::string type = k.text("rope.scaling.type", "none");
  if (type == "none") return;
  if (type == "linear") {
    c.rope_slowdown = k.real("rope.scaling.factor");
    return;
  }
  if (type != "yarn")
    return k.fail("rope.scaling.type",
                  base::cat("is \"", shown_name(type), "\"; Graft computes \"yarn\", \"linear\" and \"none\""),
                  base::ErrorCode::kInvalidArgument);
  c.yarn.factor = k.real("rope.scaling.factor");
  c.yarn.original_context = k.integer("rope.scaling.original_context_length", c.n_ctx_train);
  c.yarn.beta_fast = k.real("rope.scaling.yarn_beta_fast", 32.0f);
  c.yarn.beta_slow = k.real("rope.scaling.yarn_beta_slow", 1.0f);
  c.yarn.truncate = c.family != "gpt_oss";  // no key says it: the one family that does not
}

void read_experts(GgufKeys& k, GroupedConfig& c) {
  c.sparse.assign(c.window.size(), false);
  c.dense_intermediate = k.integer("feed_forward_length", 0);
  c.n_experts = k.integer("expert_count", 0);
  if (c.n_experts == 0) return;
  c.n_experts_used = k.integer("expert_used_count");
  c.expert_intermediate = k.integer("expert_feed_forward_length", c.dense_intermediate);
  c.normalize_expert_weights = true;  // as every program that reads these files takes it
  c.sparse.assign(c.window.size(), true);
  if (c.family != "gpt_oss") return;
  c.scoring = Scoring::kSoftmaxOfChosen;
  c.normalize_expert_weights = false;
  c.expert_biases = true;
  c.gate = {7.0f, 1.702f, 1.0f};
}

}  // namespace

base::Result<GroupedDescription> grouped_from_gguf(const GgufFile& gguf) {
  const std::string arch = architecture(gguf);
  GgufKeys k(gguf, arch + ".");
  GroupedDescription description;
  GroupedConfig& c = description.config;
  c.family = arch == "gpt-oss" ? "gpt_oss" : arch == "qwen3moe" ? "qwen3_moe" : arch;
  c.n_layers = k.integer("block_count");
  c.hidden_size = k.integer("embedding_length");
  c.n_ctx_train = k.integer("context_length");
  c.n_heads = k.integer("attention.head_count");
  c.n_kv_heads = k.integer("attention.head_count_kv", c.n_heads);
  c.rms_eps = k.real("attention.layer_norm_rms_epsilon");
  if (k.error()) return *k.error();
  c.head_dim = k.integer("attention.key_length", c.n_heads > 0 ? c.hidden_size / c.n_heads : 0);
  if (k.integer("attention.value_length", c.head_dim) != c.head_dim)
    k.fail("attention.value_length", "differs from key_length, which is not supported", base::ErrorCode::kInvalidArgument);
  c.window.assign(static_cast<size_t>(std::clamp(c.n_layers, 0, 1 << 16)), 0);
  const int window = k.integer("attention.sliding_window", 0);
  for (size_t l = 0; l < c.window.size(); ++l)
    if (c.family == "gpt_oss" ? l % 2 == 0 : c.family == "llama") c.window[l] = window;
  read_experts(k, c);
  read_rope(k, c);
  const auto has = [&](const char* name) { return gguf.tensors.contains(name); };
  c.qkv_bias = has("blk.0.attn_q.bias");
  c.output_bias = has("blk.0.attn_output.bias");
  c.dense_biases = has("blk.0.ffn_gate.bias");
  c.qk_norm = has("blk.0.attn_q_norm.weight");
  c.sinks = c.family == "gpt_oss";
  c.interleaved_rope = c.family == "llama";
  // The embedding has one row per token, so its shape stands in for the optional key.
  const auto embedding = gguf.tensors.find("token_embd.weight");
  const bool has_embedding = embedding != gguf.tensors.end() && embedding->second.view.n_dims == 2;
  const int64_t rows = has_embedding ? std::min<int64_t>(embedding->second.view.shape[0], INT32_MAX) : 0;
  c.n_vocab = k.integer("vocab_size", static_cast<int>(rows));
  description.tied_head = !has("output.weight");
  if (k.error()) return *k.error();
  if (base::Status checked = check_config(c); !checked) return std::move(checked).error();
  return description;
}

}  // namespace engine
