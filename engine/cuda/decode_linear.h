// SPDX-License-Identifier: Apache-2.0
// engine/cuda/decode_linear.h: the linear layers of one token, each read at the speed of memory.
//
// Shapes   D hidden, F expert width, S width of the shared expert, k experts of the token. Vectors are f32 on the device.
// Note     Every kernel prepares its input anew in each block (norm, 8-bit rounding): that costs less than a launch.
#pragma once
#include <cuda_runtime.h>

#include <cstdint>

#include "engine/cuda/matrix.h"
#include "engine/kernels/moe_router.h"
#include "engine/kernels/silu_gate.h"

namespace engine::cuda {

// What changes from step to step; lies on the device, so that a captured graph serves every step.
struct StepState {
  int32_t token = 0;
  int32_t position = 0;
  int32_t pad[2] = {};
  void* cache = nullptr;
  int64_t layer_stride = 0;  // values of the cache from layer to layer
};

// Rotary angles, made on the device in double (kernels/rope.h says why).
using Turn = float2;  // cos, sin
struct Turns {
  const double* frequencies = nullptr;  // [n_pairs]
  int n_pairs = 0;
  float amplitude = 1.0f;
};

struct Norm {
  const float* gain = nullptr;  // null: the input as it is
  float eps = 0.0f;
};

// y[m] = W[m] . norm(x) (+ bias[m]) for up to three layers with one input; with `add`, y += .
struct Projection {
  Matrix w[3];
  float* y[3] = {};
  const float* bias[3] = {};
  int n = 0;
  bool add = false;
};
void project(const Projection& projection, const float* x, const Norm& norm, cudaStream_t stream);

// As project(), where w[0] is the router: the block that ends last with its rows chooses the experts.
struct Routing {
  RouterSettings settings;
  const float* selection_bias = nullptr;
  int32_t* ids = nullptr;     // [k]
  float* weights = nullptr;   // [k]
  int32_t* done = nullptr;    // a counter, 0 before and after
};
void project_and_route(const Projection& projection, const Routing& routing, const float* x, const Norm& norm, cudaStream_t stream);

// h[slot, f] = gated(gate[e] . norm(x), up[e] . norm(x)) for the k experts `ids` (null: expert 0 alone, k = 1). `up` follows
// `gate` in memory: both are one run of rows [2 E F, D].
struct GateUp {
  Matrix gate, up;
  const float* gate_bias = nullptr;  // [E, F]
  const float* up_bias = nullptr;
  GateForm form;
  const int32_t* ids = nullptr;
  int k = 1;
  float* h = nullptr;  // [k, F]
};
void gate_up(const GateUp& layer, const float* x, const Norm& norm, cudaStream_t stream);

// hidden += sum_i weights[i] * (down[ids[i]] . h_i + bias[ids[i]]) + shared_down . gated(shared[0..S), shared[S..2S)).
struct Down {
  Matrix down;
  const float* bias = nullptr;  // [E, D]
  const int32_t* ids = nullptr;
  const float* weights = nullptr;
  int k = 1;
  const float* h = nullptr;
  Matrix shared_down;             // may be empty
  const float* shared = nullptr;  // [2 S]: gate, then up
  GateForm form;
};
void down(const Down& layer, float* hidden, cudaStream_t stream);

// x [n_in]: the table's row of the step's token; and the turns of the step's position.
void begin_token(const Matrix& table, const Turns& turns, const StepState* state, float* x, Turn* out, cudaStream_t stream);

}  // namespace engine::cuda
