// SPDX-License-Identifier: Apache-2.0
// What AMX does in another way than fast_kernels_avx512_bf16.cc. Compiled with that file's flags, and as it is: no standard
// header that defines functions beyond <cmath>.
#include "engine/kernels/fast_attention.h"
#include "engine/kernels/fast_attention_tiles.h"
#include "engine/kernels/simd_amx.h"

namespace engine {
namespace detail {

void attention_amx_bf16(const AttentionRowsOf<Bf16>& rows);
void attention_amx_bf16(const AttentionRowsOf<Bf16>& rows) {
  FastAttention<AmxBf16>::run<Bf16>(rows);
}

}  // namespace detail
}  // namespace engine
