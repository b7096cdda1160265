// SPDX-License-Identifier: Apache-2.0
#include "engine/plain_ops.h"

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

Values matmul(const TensorView& w, const Values& x) {
  const int64_t n = static_cast<int64_t>(x.size()) / w.n_in();
  Values y(at(n * w.n_rows()));
  matmul_cpu_reference(w, x.data(), n, y.data());
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

Values swiglu(const TensorView& gate, const TensorView& up, const TensorView& down, const Values& x) {
  Values g = matmul(gate, x);
  const Values u = matmul(up, x);
  silu_gate_cpu_reference(g.data(), u.data(), static_cast<int64_t>(g.size()), g.data());
  return matmul(down, g);
}

}  // namespace engine::plain
