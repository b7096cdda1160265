// SPDX-License-Identifier: Apache-2.0
#include "engine/kernels/fast_kernels.h"

#if ENGINE_HAS_X86_KERNELS && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace engine {
namespace detail {
extern const FastKernels kPortableKernels;  // fast_kernels_portable.cc
}

#if ENGINE_HAS_X86_KERNELS
namespace detail {
extern const FastKernels kAvx2Kernels, kAvx512Kernels;  // fast_kernels_avx2.cc, fast_kernels_avx512.cc
void attention_avx512_bf16(const AttentionRowsOf<Bf16>& rows);  // fast_kernels_avx512_bf16.cc
void attention_amx_bf16(const AttentionRowsOf<Bf16>& rows);     // fast_kernels_amx.cc

// Tiles are 8 KB of state a thread: Linux saves them only for processes that have asked (Documentation/arch/x86/xstate.rst).
// The answer holds for all threads that follow.
bool may_use_tiles() {
#if defined(__linux__)
  constexpr long kAsk = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return __builtin_cpu_supports("amx-tile") && __builtin_cpu_supports("amx-bf16") && syscall(SYS_arch_prctl, kAsk, kTileData) == 0;
#else
  return false;
#endif
}
}  // namespace detail

// __builtin_cpu_supports also asks whether the operating system saves the registers.
const FastKernels* avx2_kernels() {
  const bool has = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
  return has ? &detail::kAvx2Kernels : nullptr;
}

const FastKernels* avx512_kernels() {
  const bool has = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                   __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                   __builtin_cpu_supports("avx512vnni");
  return has ? &detail::kAvx512Kernels : nullptr;
}

const FastKernels* avx512_bf16_kernels() {
  if (!avx512_kernels() || !__builtin_cpu_supports("avx512bf16")) return nullptr;
  static const FastKernels kernels = [] {
    FastKernels changed = detail::kAvx512Kernels;
    changed.name = "avx512-bf16";
    changed.attention_bf16 = detail::attention_avx512_bf16;
    return changed;
  }();
  return &kernels;
}

const FastKernels* amx_kernels() {
  static const bool may = avx512_bf16_kernels() && detail::may_use_tiles();
  if (!may) return nullptr;
  static const FastKernels kernels = [] {
    FastKernels changed = *avx512_bf16_kernels();
    changed.name = "amx-bf16";
    changed.attention_bf16 = detail::attention_amx_bf16;
    return changed;
  }();
  return &kernels;
}
#else
const FastKernels* amx_kernels() { return nullptr; }
const FastKernels* avx512_bf16_kernels() { return nullptr; }
const FastKernels* avx2_kernels() { return nullptr; }
const FastKernels* avx512_kernels() { return nullptr; }
#endif

const FastKernels* portable_kernels() { return &detail::kPortableKernels; }

const FastKernels& best_kernels() {
  if (const FastKernels* kernels = amx_kernels()) return *kernels;
  if (const FastKernels* kernels = avx512_bf16_kernels()) return *kernels;
  if (const FastKernels* kernels = avx512_kernels()) return *kernels;
  if (const FastKernels* kernels = avx2_kernels()) return *kernels;
  return *portable_kernels();
}

namespace {

FastKernels widened(const FastKernels& kernels) {
  FastKernels changed = kernels;
  for (int form = 0; form < kPanelForms; ++form)
    if (kernels.wide_matmul[form]) changed.matmul[form] = kernels.wide_matmul[form];
  changed.wide = true;
  return changed;
}

}  // namespace

const FastKernels& wide_kernels(const FastKernels& kernels) {
  if (kernels.wide) return kernels;
  // One of each path, made at its first use.
  if (&kernels == amx_kernels()) {
    static const FastKernels wide = widened(kernels);
    return wide;
  }
  if (&kernels == avx512_bf16_kernels()) {
    static const FastKernels wide = widened(kernels);
    return wide;
  }
  if (&kernels == avx512_kernels()) {
    static const FastKernels wide = widened(kernels);
    return wide;
  }
  if (&kernels == avx2_kernels()) {
    static const FastKernels wide = widened(kernels);
    return wide;
  }
  static const FastKernels wide = widened(*portable_kernels());
  return wide;
}

}  // namespace engine
