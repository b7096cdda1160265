// SPDX-License-Identifier: Apache-2.0
// engine/kernels/silu_gate.h: y = g / (1 + e^(-alpha g)) * (u + shift), where g is the gate, at most `limit`, and u is up, held in
// +-limit. With the plain form: silu(gate) * up.
//
// Shapes   gate, up, y [n] f32; y may be gate
// Error    fast paths: e^x to 2 units in the last place, so 1e-6 relative to |gate * up|
// Source   SwiGLU, arXiv:2002.05202, section 2; limits as in transformers `deepseek_v4` and `gpt_oss`
#pragma once
#include <cstdint>
#include <limits>

namespace engine {

struct GateForm {
  float limit = std::numeric_limits<float>::infinity();
  float alpha = 1.0f, shift = 0.0f;
};
inline constexpr GateForm kPlainGate;

void silu_gate_cpu_reference(const GateForm& form, const float* gate, const float* up, int64_t n, float* y);

}  // namespace engine
