// SPDX-License-Identifier: Apache-2.0
#include "engine/plain_ops.h"

#include <algorithm>

#include "engine/formats/dequantize.h"
#include "engine/kernels/matmul.h"
#include "engine/kernels/rms_norm.h"
#include "engine/kernels/silu_gate.h"

namespace engine::plain {

Values embed(const TensorView& table, std::span<const int32_t> tokens) {
  const int64_t d = table.n_in();
  Values hidden(tokens.size() * at(d));
  for (size_t t = 0; t < tokens.size(); ++t) dequantize_row(table, tokens[t], {hidden.data() + t * at(d), at(d)});
  return hidden;
}

Values matmul(const TensorView& w, const Values& x, const AdapterWeights* adapter) {
  const int64_t n = static_cast<int64_t>(x.size()) / w.n_in();
  Values y(at(n * w.n_rows()));
  matmul_cpu_reference(w, x.data(), n, y.data());
  const LowRank* product = adapter ? adapter->find(w.data) : nullptr;
  if (product) add_low_rank_cpu_reference(*product, x.data(), n, y.data());
  return y;
}

void add(Values& to, const Values& values) {
  for (size_t i = 0; i < to.size(); ++i) to[i] += values[i];
}

Values rms_norm(const Values& x, const TensorView& gain, float eps, int64_t stride) {
  const int64_t width = gain.n_in();
  if (stride == 0) stride = width;
  Values g(at(width)), y(x.size() / at(stride) * at(width));
  dequantize_row(gain, 0, g);
  for (int64_t t = 0; t < static_cast<int64_t>(x.size()) / stride; ++t)
    rms_norm_cpu_reference(x.data() + t * stride, g.data(), width, eps, y.data() + t * width);
  return y;
}

Values layer_norm(const Values& x, const TensorView& gain, const TensorView& bias, float eps) {
  const int64_t width = gain.n_in();
  Values g(at(width)), b(at(width)), y(x.size());
  dequantize_row(gain, 0, g);
  dequantize_row(bias, 0, b);
  for (size_t t = 0; t < x.size() / at(width); ++t)
    layer_norm_cpu_reference(x.data() + t * at(width), g.data(), b.data(), width, eps, y.data() + t * at(width));
  return y;
}

void add_bias(Values& to, const TensorView& bias) {
  if (!bias) return;
  Values row(at(bias.n_in()));
  dequantize_row(bias, 0, row);
  for (size_t i = 0; i < to.size(); ++i) to[i] += row[i % row.size()];
}

namespace {

// down . gated(gate . x, up . x)
Values gated(const GateForm& form, const TensorView& gate, const TensorView& gate_bias, const TensorView& up, const TensorView& up_bias,
             const TensorView& down, const TensorView& down_bias, const Values& x, const AdapterWeights* adapter) {
  Values g = matmul(gate, x, adapter), u = matmul(up, x, adapter);
  add_bias(g, gate_bias);
  add_bias(u, up_bias);
  silu_gate_cpu_reference(form, g.data(), u.data(), static_cast<int64_t>(g.size()), g.data());
  Values y = matmul(down, g, adapter);
  add_bias(y, down_bias);
  return y;
}

}  // namespace

Values feed_forward(const FeedForwardViews& w, const RouterSettings& router, const GateForm& form, const Values& x,
                    std::span<const int32_t> tokens, const AdapterWeights* adapter) {
  if (!w.router) return gated(form, w.gate, w.gate_bias, w.up, w.up_bias, w.down, w.down_bias, x, adapter);
  const int64_t d = w.router.n_in(), n_experts = router.n_experts, k = router.n_experts_used;
  Values y = w.shared_gate ? gated(form, w.shared_gate, {}, w.shared_up, {}, w.shared_down, {}, x, adapter) : Values(x.size());
  Values logits = matmul(w.router, x, adapter), bias(at(w.selection_bias ? n_experts : 0)), scratch(at(2 * n_experts)), chosen(at(k));
  add_bias(logits, w.router_bias);
  if (w.selection_bias) dequantize_row(w.selection_bias, 0, bias);
  std::vector<int32_t> ids(at(k));
  const auto one = [](const std::vector<TensorView>& views, size_t e) { return views.empty() ? TensorView() : views[e]; };
  for (int64_t t = 0; t < static_cast<int64_t>(x.size()) / d; ++t) {
    if (w.experts_of.empty()) {
      moe_router(router, logits.data() + t * n_experts, bias.empty() ? nullptr : bias.data(), scratch.data(), ids.data(), chosen.data());
    } else {
      std::copy_n(w.experts_of.begin() + tokens[at(t)] * k, k, ids.begin());
      moe_weights(router, logits.data() + t * n_experts, scratch.data(), ids.data(), chosen.data());
    }
    const Values token(x.begin() + t * d, x.begin() + (t + 1) * d);
    for (int64_t i = 0; i < k; ++i) {
      const size_t e = at(ids[at(i)]);
      const Values out = gated(form, w.expert_gate[e], one(w.expert_gate_bias, e), w.expert_up[e], one(w.expert_up_bias, e),
                               w.expert_down[e], one(w.expert_down_bias, e), token, adapter);
      for (int64_t j = 0; j < d; ++j) y[at(t * d + j)] += chosen[at(i)] * out[at(j)];
    }
  }
  return y;
}

}  // namespace engine::plain
