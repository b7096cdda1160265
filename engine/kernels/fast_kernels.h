// SPDX-License-Identifier: Apache-2.0
// engine/kernels/fast_kernels.h: the fast paths of this CPU, chosen once at run time by CPUID.
//
// Shapes, bounds and errors stand in the header of each operator, beside the reference that defines it.
#pragma once
#include <cstdint>

#include "engine/kernels/matmul.h"

namespace engine {

enum class Bf16 : uint16_t;
template <typename T>
struct AttentionRowsOf;
struct GateForm;
template <typename T>
struct IndexRowsOf;
struct AttentionSections;

using MatmulKernel = void (*)(const uint8_t* panels, int64_t n_panels, int64_t n_in, const Activations& x, int64_t first_token,
                              int64_t n_tokens, float* y, int64_t y_stride);

struct FastKernels {
  const char* name;  // "amx-bf16", "avx512-bf16", "avx512-vnni", "avx2", "portable"

  // matmul.h: whole panels; y gets 16 values per panel and token, padding rows included.
  MatmulKernel matmul[kPanelForms];       // by PanelForm
  MatmulKernel wide_matmul[kPanelForms];  // of 16-bit activations; null where a form reads f32
  // quantize.h
  void (*quantize)(const float* x, int64_t n, int8_t* quants, float* scales, int32_t* sums);
  void (*quantize_wide)(const float* x, int64_t n, int16_t* quants, float* scales, int32_t* sums);
  // rms_norm.h, one row
  void (*rms_norm)(const float* x, const float* gain, int64_t n, float eps, float* y);
  // silu_gate.h
  void (*silu_gate)(const GateForm& form, const float* gate, const float* up, int64_t n, float* y);
  // attention.h
  void (*attention)(const AttentionRowsOf<float>& rows);
  void (*attention_bf16)(const AttentionRowsOf<Bf16>& rows);
  void (*join_attention)(const AttentionSections& sections);
  // lightning_indexer.h
  void (*index_scores)(const IndexRowsOf<float>& rows);
  void (*index_scores_bf16)(const IndexRowsOf<Bf16>& rows);
  // softmax.h
  double (*log_sum_exp)(const float* x, int64_t n);
  // Whether matmul takes activations of 16 bits in place of 8.
  bool wide;
};

// All but the last are null where the CPU, the system or the build lacks them. The second is the third with products of bf16, the
// first the second with products of tiles.
const FastKernels* amx_kernels();
const FastKernels* avx512_bf16_kernels();
const FastKernels* avx512_kernels();
const FastKernels* avx2_kernels();
const FastKernels* portable_kernels();

// The best of this CPU.
const FastKernels& best_kernels();

// `kernels`, which is one of the above, with activations of 16 bits.
const FastKernels& wide_kernels(const FastKernels& kernels);

}  // namespace engine
