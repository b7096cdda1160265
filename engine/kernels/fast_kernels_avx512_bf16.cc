// SPDX-License-Identifier: Apache-2.0
// What AVX-512 with VNNI and BF16 does in another way than fast_kernels_avx512.cc. Compiled with those flags: nothing
// here may be inlined elsewhere, so this file includes no standard header that defines functions beyond <cmath>.
#include "engine/kernels/fast_attention.h"
#include "engine/kernels/simd_avx512_bf16.h"

namespace engine {
namespace detail {

void attention_avx512_bf16(const AttentionRowsOf<Bf16>& rows);
void attention_avx512_bf16(const AttentionRowsOf<Bf16>& rows) {
  FastAttention<Avx512Bf16>::run<Bf16>(rows);
}

}  // namespace detail
}  // namespace engine
