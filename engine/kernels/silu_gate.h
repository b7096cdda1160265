// SPDX-License-Identifier: Apache-2.0
// engine/kernels/silu_gate.h: y = silu(gate) * up, silu(x) = x / (1 + e^-x).
//
// Shapes   gate, up, y [n] f32; y may be gate
// Error    fast paths: e^x to 2 units in the last place, so 1e-6 relative to |gate * up|
// Source   SwiGLU, arXiv:2002.05202, section 2
#pragma once
#include <cstdint>

namespace engine {

void silu_gate_cpu_reference(const float* gate, const float* up, int64_t n, float* y);

}  // namespace engine
