// SPDX-License-Identifier: Apache-2.0
#include "engine/families/grouped/write_gguf.h"

#include <cmath>

#include "base/strings.h"
#include "engine/families/gguf_parts.h"

namespace engine {
namespace {

base::Error cannot(std::string_view what) {
  return base::invalid(base::cat("GGUF cannot say that ", what));
}

base::Status check_sayable(const GroupedConfig& c) {
  const bool oss = c.family == "gpt_oss";
  for (size_t l = 0; l < c.window.size(); ++l) {
    const bool may = oss ? l % 2 == 0 : c.family == "llama" || c.family == "mistral";
    if ((c.window[l] != 0 && !may) || (c.window[l] != c.window[0] && may))
      return cannot(base::cat("layer ", l, " sees a window of ", c.window[l], " tokens"));
    if (c.sparse[l] != (c.n_experts > 0)) return cannot("some layers have experts and others have none");
  }
  const bool usual_amplitude = std::fabs(c.yarn.mscale - 1.0f) < 1e-4f && c.yarn.mscale_all_dim == 0.0f;
  if (c.yarn.factor != 1.0f && (!usual_amplitude || c.yarn.truncate == oss))
    return cannot("YaRN has another amplitude than its factor gives, or other ends than the family's");
  if (oss && (c.gate.limit != 7.0f || c.gate.alpha != 1.702f))
    return cannot("the gate of gpt-oss has another limit than 7");
  if (!oss && c.n_experts > 0 && !c.normalize_expert_weights)
    return cannot("the weights of the chosen experts do not sum to 1");
  return base::ok();
}

void put_config(const GroupedConfig& c, GgufContent& out) {
  const auto n = [](int value) { return static_cast<uint32_t>(value); };
  out.put(".block_count", n(c.n_layers));
  out.put(".context_length", n(c.n_ctx_train));
  out.put(".embedding_length", n(c.hidden_size));
  out.put(".feed_forward_length", n(c.dense_intermediate > 0 ? c.dense_intermediate : c.expert_intermediate));
  out.put(".attention.head_count", n(c.n_heads));
  out.put(".attention.head_count_kv", n(c.n_kv_heads));
  out.put(".attention.key_length", n(c.head_dim));
  out.put(".attention.value_length", n(c.head_dim));
  out.put(".attention.layer_norm_rms_epsilon", c.rms_eps);
  if (!c.window.empty() && c.window[0] != 0) out.put(".attention.sliding_window", n(c.window[0]));
  out.put(".rope.dimension_count", n(c.head_dim));
  out.put(".rope.freq_base", c.rope_theta);
  out.put(".vocab_size", n(c.n_vocab));
  put_yarn(c.yarn, out);
  if (c.rope_slowdown != 1.0f) {
    out.put(".rope.scaling.type", std::string("linear"));
    out.put(".rope.scaling.factor", c.rope_slowdown);
  }
  if (c.n_experts == 0) return;
  out.put(".expert_count", n(c.n_experts));
  out.put(".expert_used_count", n(c.n_experts_used));
  out.put(".expert_feed_forward_length", n(c.expert_intermediate));
}

// How many times slower Llama 3.1's scaling turns each pair, as llama.cpp takes it.
GgufTensor rope_factors(const GroupedConfig& c) {
  const RopeTable scaled(c.head_dim, c.rope_theta, c.llama3), plain(c.head_dim, c.rope_theta, Llama3Scaling());
  GgufTensor tensor;
  tensor.name = "rope_freqs.weight";
  tensor.shape = {c.head_dim / 2};
  tensor.exact = true;
  tensor.row = [scaled, plain](int64_t, std::span<float> out) {
    for (size_t i = 0; i < out.size(); ++i)
      out[i] = static_cast<float>(plain.frequencies()[i] / scaled.frequencies()[i]);
  };
  return tensor;
}

void add_layer(const GroupedConfig& c, const GroupedLayer& l, const std::string& p, bool turn, GgufContent& out) {
  // Half-split pairs (i, i + d/2) of each head become neighbours (2i, 2i + 1), which "llama" files hold.
  std::function<int64_t(int64_t)> order;
  if (turn) order = [d = int64_t{c.head_dim}](int64_t row) { return row / d * d + row % d / 2 + row % 2 * (d / 2); };
  // A bias is one row: its values move as the rows of its matrix do.
  const auto add_bias = [&](const std::string& name, const TensorView& bias, bool ordered) {
    out.add_exact(name, {bias}, false);
    if (!bias || !ordered || !order) return;
    GgufTensor& tensor = out.tensors.back();
    tensor.stored_row = {};
    tensor.row = [row = std::move(tensor.row), order](int64_t, std::span<float> values) {
      std::vector<float> stored(values.size());
      row(0, stored);
      for (size_t i = 0; i < values.size(); ++i)
        values[i] = stored[static_cast<size_t>(order(static_cast<int64_t>(i)))];
    };
  };
  out.add_exact(p + "attn_norm.weight", {l.attn_norm}, false);
  out.add(p + "attn_q.weight", {l.q}, false, order);
  out.add(p + "attn_k.weight", {l.k}, false, order);
  out.add(p + "attn_v.weight", {l.v}, false);
  add_bias(p + "attn_q.bias", l.q_bias, true);
  add_bias(p + "attn_k.bias", l.k_bias, true);
  add_bias(p + "attn_v.bias", l.v_bias, false);
  out.add_exact(p + "attn_q_norm.weight", {l.q_norm}, false);
  out.add_exact(p + "attn_k_norm.weight", {l.k_norm}, false);
  out.add_exact(p + "attn_sinks.weight", {l.sinks}, false);
  out.add(p + "attn_output.weight", {l.o}, false);
  add_bias(p + "attn_output.bias", l.o_bias, false);
  out.add_exact(p + (c.family == "gpt_oss" ? "post_attention_norm.weight" : "ffn_norm.weight"), {l.ff.norm}, false);
  add_feed_forward(l.ff, p, out);
}

}  // namespace

base::Result<GgufContent> grouped_to_gguf(const GroupedConfig& c, const GroupedWeights& w) {
  if (base::Status sayable = check_sayable(c); !sayable) return std::move(sayable).error();
  GgufContent out;
  out.architecture = c.family == "gpt_oss"     ? "gpt-oss"
                     : c.family == "qwen3_moe" ? "qwen3moe"
                     : c.family == "mistral"   ? "llama"
                                               : c.family;
  put_config(c, out);
  add_ends(w.embedding, w.norm, w.head, out);
  if (w.rope_factors)
    out.add_exact("rope_freqs.weight", {w.rope_factors}, false);
  else if (c.llama3.factor != 1.0f)
    out.tensors.push_back(rope_factors(c));
  const bool turn = out.architecture == "llama" && !c.interleaved_rope;
  for (size_t l = 0; l < w.layers.size(); ++l) add_layer(c, w.layers[l], base::cat("blk.", l, "."), turn, out);
  return out;
}

}  // namespace engine
