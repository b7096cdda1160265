// SPDX-License-Identifier: Apache-2.0
#include "engine/families/gguf_parts.h"

namespace engine {

void put_yarn(const YarnScaling& yarn, GgufContent& out) {
  if (yarn.factor == 1.0f) return;
  out.put(".rope.scaling.type", std::string("yarn"));
  out.put(".rope.scaling.factor", yarn.factor);
  out.put(".rope.scaling.original_context_length", static_cast<uint32_t>(yarn.original_context));
  out.put(".rope.scaling.yarn_beta_fast", yarn.beta_fast);
  out.put(".rope.scaling.yarn_beta_slow", yarn.beta_slow);
}

void add_ends(const TensorView& embedding, const TensorView& norm, const TensorView& head, GgufContent& out) {
  out.add("token_embd.weight", {embedding}, false);
  out.add_exact("output_norm.weight", {norm}, false);
  if (head.data != embedding.data) out.add("output.weight", {head}, false);
}

void add_feed_forward(const FeedForwardViews& ff, const std::string& prefix, GgufContent& out) {
  const std::string p = prefix + "ffn_";
  out.add(p + "gate.weight", {ff.gate}, false);
  out.add(p + "up.weight", {ff.up}, false);
  out.add(p + "down.weight", {ff.down}, false);
  out.add_exact(p + "gate.bias", {ff.gate_bias}, false);
  out.add_exact(p + "up.bias", {ff.up_bias}, false);
  out.add_exact(p + "down.bias", {ff.down_bias}, false);
  out.add_exact(p + "gate_inp.weight", {ff.router}, false);
  out.add_exact(p + "gate_inp.bias", {ff.router_bias}, false);
  out.add_exact(prefix + "exp_probs_b.bias", {ff.selection_bias}, false);
  out.add(p + "gate_exps.weight", ff.expert_gate, true);
  out.add(p + "up_exps.weight", ff.expert_up, true);
  out.add(p + "down_exps.weight", ff.expert_down, true);
  out.add_exact(p + "gate_exps.bias", ff.expert_gate_bias, true);
  out.add_exact(p + "up_exps.bias", ff.expert_up_bias, true);
  out.add_exact(p + "down_exps.bias", ff.expert_down_bias, true);
  out.add(p + "gate_shexp.weight", {ff.shared_gate}, false);
  out.add(p + "up_shexp.weight", {ff.shared_up}, false);
  out.add(p + "down_shexp.weight", {ff.shared_down}, false);
}

}  // namespace engine
